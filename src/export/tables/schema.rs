//! What the tables are: their columns and types, which every form of them has.

use std::borrow::Cow;

use crate::model::dynamodb::Attributes;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What is in it.
    pub kind: Kind,
}

/// What is in a column, where it is not null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text that is valid UTF-8.
    Text,
    /// Bytes that are no UTF-8, as base64 text.
    Base64,
    /// Bytes: in lines as base64 text.
    Bytes,
    /// JSON text: in lines as it is.
    Json,
    /// A signed number.
    Int,
    /// An unsigned number.
    UInt,
    /// A number that may have a fraction or be infinite.
    Float,
    /// True or false.
    Bool,
}

/// A value of a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Cell<'a> {
    /// None.
    #[default]
    Null,
    /// Of [`Kind::Text`].
    Text(&'a str),
    /// Of [`Kind::Base64`] or [`Kind::Bytes`].
    Bytes(&'a [u8]),
    /// Of [`Kind::Json`], on one line.
    Json(&'a [u8]),
    /// An item, of [`Kind::Json`].
    Item(&'a Attributes<'a>),
    /// Of [`Kind::Int`].
    Int(i64),
    /// Of [`Kind::UInt`].
    UInt(u64),
    /// Of [`Kind::Float`].
    Float(f64),
    /// Of [`Kind::Bool`].
    Bool(bool),
}

/// A table of which the columns are always the same.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name, and that of its folder.
    pub name: &'static str,
    columns: &'static [(&'static str, Kind)],
}

/// Name of the tables of items: each table of `DynamoDB` is one of its own.
pub(super) const ITEMS: &str = "items";

pub(super) const REDIS_KEYS: Table = Table {
    name: "redis_keys",
    columns: &[
        ("key", Kind::Text),
        ("key_base64", Kind::Base64),
        ("type", Kind::Text),
        ("value", Kind::Text),
        ("value_base64", Kind::Base64),
        ("elements", Kind::UInt),
        ("last_id", Kind::Text),
        ("expires_ms", Kind::UInt),
        ("commit_ts", Kind::UInt),
    ],
};

pub(super) const REDIS_ELEMENTS: Table = Table {
    name: "redis_elements",
    columns: &[
        ("key", Kind::Text),
        ("key_base64", Kind::Base64),
        ("type", Kind::Text),
        ("position", Kind::UInt),
        ("name", Kind::Text),
        ("name_base64", Kind::Base64),
        ("value", Kind::Text),
        ("value_base64", Kind::Base64),
        ("score", Kind::Float),
        ("fields", Kind::Json),
    ],
};

pub(super) const BUCKETS: Table = Table {
    name: "buckets",
    columns: &[
        ("bucket", Kind::Text),
        ("bucket_base64", Kind::Base64),
        ("created_ms", Kind::UInt),
        ("owner", Kind::Text),
        ("region", Kind::Text),
        ("acl", Kind::Text),
        ("commit_ts", Kind::UInt),
    ],
};

pub(super) const OBJECTS: Table = Table {
    name: "objects",
    columns: &[
        ("bucket", Kind::Text),
        ("bucket_base64", Kind::Base64),
        ("key", Kind::Text),
        ("key_base64", Kind::Base64),
        ("size", Kind::Int),
        ("etag", Kind::Text),
        ("sha256", Kind::Text),
        ("last_modified_ms", Kind::UInt),
        ("content_type", Kind::Text),
        ("content_encoding", Kind::Text),
        ("cache_control", Kind::Text),
        ("content_disposition", Kind::Text),
        ("user_metadata", Kind::Json),
        ("parts", Kind::Json),
        ("commit_ts", Kind::UInt),
    ],
};

pub(super) const QUEUES: Table = Table {
    name: "queues",
    columns: &[
        ("queue", Kind::Text),
        ("queue_base64", Kind::Base64),
        ("fifo", Kind::Bool),
        ("content_based_deduplication", Kind::Bool),
        ("visibility_timeout_seconds", Kind::Int),
        ("message_retention_seconds", Kind::Int),
        ("delay_seconds", Kind::Int),
        ("receive_message_wait_seconds", Kind::Int),
        ("maximum_message_size", Kind::Int),
        ("redrive_policy", Kind::Text),
        ("redrive_allow_policy", Kind::Text),
        ("tags", Kind::Json),
        ("partition_count", Kind::UInt),
        ("created_ms", Kind::Int),
        ("last_modified_ms", Kind::Int),
        ("last_purged_ms", Kind::Int),
        ("commit_ts", Kind::UInt),
    ],
};

pub(super) const MESSAGES: Table = Table {
    name: "messages",
    columns: &[
        ("queue", Kind::Text),
        ("queue_base64", Kind::Base64),
        ("message_id", Kind::Text),
        ("body", Kind::Text),
        ("body_base64", Kind::Base64),
        ("md5_of_body", Kind::Text),
        ("attributes", Kind::Json),
        ("md5_of_attributes", Kind::Text),
        ("sender_id", Kind::Text),
        ("group_id", Kind::Text),
        ("deduplication_id", Kind::Text),
        ("sequence_number", Kind::UInt),
        ("sent_ms", Kind::Int),
        ("available_ms", Kind::Int),
        ("visible_ms", Kind::Int),
        ("receive_count", Kind::Int),
        ("first_received_ms", Kind::Int),
        ("dead_letter_source_arn", Kind::Text),
        ("partition", Kind::UInt),
        ("commit_ts", Kind::UInt),
    ],
};

pub(super) const INODES: Table = Table {
    name: "inodes",
    columns: &[
        ("path", Kind::Text),
        ("path_base64", Kind::Base64),
        ("inode", Kind::UInt),
        ("type", Kind::Text),
        ("size", Kind::UInt),
        ("sha256", Kind::Text),
        ("mode", Kind::UInt),
        ("uid", Kind::UInt),
        ("gid", Kind::UInt),
        ("nlink", Kind::UInt),
        ("generation", Kind::UInt),
        ("accessed_ns", Kind::Int),
        ("modified_ns", Kind::Int),
        ("changed_ns", Kind::Int),
        ("commit_ts", Kind::UInt),
    ],
};

pub(super) const KV: Table = Table {
    name: "kv",
    columns: &[
        ("key", Kind::Text),
        ("key_base64", Kind::Base64),
        ("value", Kind::Text),
        ("value_base64", Kind::Base64),
        ("commit_ts", Kind::UInt),
    ],
};

impl Column {
    /// Returns a column.
    pub(super) fn new(name: impl Into<Cow<'static, str>>, kind: Kind) -> Self {
        Self { name: name.into(), kind }
    }
}

impl Table {
    /// Lists the columns.
    pub(super) fn columns(&self) -> Vec<Column> {
        self.columns.iter().map(|&(name, kind)| Column::new(name, kind)).collect()
    }
}

impl Kind {
    /// Returns the name that `tables.jsonl` has of it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Base64 => "base64",
            Self::Bytes => "bytes",
            Self::Json => "json",
            Self::Int => "int64",
            Self::UInt => "uint64",
            Self::Float => "double",
            Self::Bool => "boolean",
        }
    }
}

impl<'a> Cell<'a> {
    /// Returns bytes as the text that they are, and in base64 where they are none.
    pub(super) fn pair(bytes: &'a [u8]) -> [Self; 2] {
        match std::str::from_utf8(bytes) {
            Ok(text) => [Self::Text(text), Self::Null],
            Err(_) => [Self::Null, Self::Bytes(bytes)],
        }
    }

    /// Returns a text, of which the empty one is none.
    pub(super) fn given(text: &'a str) -> Self {
        if text.is_empty() { Self::Null } else { Self::Text(text) }
    }

    /// Returns a number, of which 0 is none.
    pub(super) fn known(number: u64) -> Self {
        if number == 0 { Self::Null } else { Self::UInt(number) }
    }

    /// Returns the bytes that it is about.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) | Self::Json(bytes) => bytes.len(),
            Self::Item(item) => item.message.len(),
            Self::Int(_) | Self::UInt(_) | Self::Float(_) | Self::Bool(_) => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns_are_unique_whatever_their_case() {
        for table in [REDIS_KEYS, REDIS_ELEMENTS, BUCKETS, OBJECTS, QUEUES, MESSAGES, INODES, KV] {
            let mut names: Vec<_> = table.columns().iter().map(|column| column.name.to_lowercase()).collect();
            names.sort();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all, "{}", table.name);
        }
    }

    #[test]
    fn bytes_are_text_or_base64() {
        assert!(matches!(Cell::pair("é\0".as_bytes()), [Cell::Text("é\0"), Cell::Null]));
        assert!(matches!(Cell::pair(b"\xff"), [Cell::Null, Cell::Bytes(b"\xff")]));
    }
}
