//! DynamoDB: tables and their items (`format/dynamodb.md#values`).
//!
//! What is stored of both stays where it was read: schema and attributes are protobuf bytes that were found valid, and
//! are walked as often as somebody likes.

mod biguint;
pub(crate) mod canonical;
pub(crate) mod check;
pub(crate) mod item;
pub(crate) mod key;
pub(crate) mod members;
#[cfg(test)]
pub(crate) mod messages;
pub(crate) mod number;
pub(crate) mod schema;
pub(crate) mod shape;
pub(crate) mod value;
pub(crate) mod write;

use std::borrow::Cow;
use std::cell::Cell;

pub use item::Attributes;
pub use key::{KeyValue, KeyValues};
pub use schema::Schema;
pub use value::Unservable;

use super::Summary;
use crate::snapshot::RowLocation;
use crate::time::Hlc;

/// An object of the service.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    /// A table; its items follow until the scope ends.
    Table(&'a Table<'a>),
    /// An item of the table at hand, whole.
    Item(&'a Item<'a>),
}

/// A table.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// Name, as its users spell it.
    pub name: &'a [u8],
    /// What it says of its keys and indexes.
    pub schema: &'a Schema,
    /// Commit time of its schema, HLC.
    pub commit_ts: Hlc,
}

/// An item.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// Name of its table.
    pub table: &'a [u8],
    /// Values of its key attributes.
    pub keys: KeyValues<'a>,
    /// All attributes, those of the key among them.
    pub attributes: Attributes<'a>,
    /// Why a server would fail on its attributes: whoever goes through all of them sets it.
    pub unservable: Cell<Option<Unservable>>,
    /// The whole user key of its row.
    pub row_key: &'a [u8],
    /// Where the row is; a dump has none.
    pub place: Option<RowLocation>,
    /// Commit time, HLC.
    pub commit_ts: Hlc,
}

impl Object<'_> {
    pub(super) fn summary(&self) -> Summary<'_> {
        match self {
            Self::Table(table) => Summary {
                service: "dynamodb",
                scope: table.name.into(),
                kind: "table",
                commit_ts: table.commit_ts.known(),
                ..Summary::default()
            },
            Self::Item(item) => Summary {
                service: "dynamodb",
                scope: item.table.into(),
                hash_len: item.keys.range.map(|_| item.keys.hash.named().len()),
                name: item.name(),
                kind: "item",
                bytes: u64::try_from(item.attributes.message.len()).ok(),
                commit_ts: item.commit_ts.known(),
                ..Summary::default()
            },
        }
    }
}

impl<'a> Item<'a> {
    /// Returns `<hash>` or `<hash>/<range>`: numbers in lowest terms.
    fn name(&self) -> Cow<'a, [u8]> {
        let hash = self.keys.hash.named();
        match self.keys.range {
            None => hash,
            Some(range) => [hash, range.named()].join(&b'/').into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_hash_and_range() {
        let mut item = Item {
            table: b"t",
            keys: KeyValues { hash: KeyValue::N("1.0"), range: None },
            attributes: Attributes { message: b"12345", unknown_fields: 0 },
            unservable: None.into(),
            row_key: b"",
            place: None,
            commit_ts: Hlc(7),
        };
        let want = Summary {
            service: "dynamodb",
            scope: b"t"[..].into(),
            name: b"1"[..].into(),
            kind: "item",
            bytes: Some(5),
            commit_ts: Some(Hlc(7)),
            ..Summary::default()
        };
        assert_eq!(Object::Item(&item).summary(), want);
        item.keys.range = Some(KeyValue::B(b"\xff"));
        assert_eq!(Object::Item(&item).summary().name, &b"1/\xff"[..]);
    }
}
