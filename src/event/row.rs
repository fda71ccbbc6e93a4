//! A row of the table, and the names that only rows make.

use std::fmt;

use serde::Serialize;

/// One event or one problem class.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Stable name.
    pub name: &'static str,
    /// `warning`, or `problem`.
    pub kind: &'static str,
    /// Fields of a warning in their order; one with `?` is not always there. A problem has those of its line.
    pub fields: &'static [&'static str],
    /// Page below `docs/` and its heading, for example `reading/redis.md#warnings-and-errors`.
    pub section: &'static str,
    /// What it says, in Markdown.
    pub sentence: &'static str,
}

impl Row {
    /// Whether a warning of this row may have the fields `names`, in their order. One that stands for those of a
    /// capped event that are not shown has `count` alone.
    pub fn allows<'n>(&self, names: impl Iterator<Item = &'n str> + Clone) -> bool {
        let mut rest = names.clone().peekable();
        for field in self.fields {
            let name = field.strip_suffix('?');
            if rest.next_if(|found| *found == name.unwrap_or(field)).is_none() && name.is_none() {
                return self.fields.contains(&"count?") && names.eq(["count"]);
            }
        }
        rest.next().is_none()
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $type(pub(super) &'static Row);

        impl $type {
            pub(super) const KIND: &str = $kind;

            /// Returns its row of the table.
            #[must_use]
            pub fn row(self) -> &'static Row {
                self.0
            }

            /// Returns the name.
            #[must_use]
            pub fn name(self) -> &'static str {
                self.0.name
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0.name)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.0.name, f)
            }
        }

        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.name)
            }
        }

        impl PartialEq<&str> for $type {
            fn eq(&self, name: &&str) -> bool {
                self.0.name == *name
            }
        }
    };
}

name! {
    /// The name of a warning: what a reader of the dump should know.
    Event "warning"
}
name! {
    /// The class of a problem: why an object is missing or altered.
    Class "problem"
}

impl Class {
    /// Returns the class of a name.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let mut rows = super::TABLES.iter().flat_map(|(_, rows)| *rows);
        rows.find(|row| row.kind == Self::KIND && row.name.as_bytes() == name).map(Self)
    }
}

/// Makes a constant of each row, and `ROWS` of all: type, constant, name, fields of a warning, section, sentence.
macro_rules! table {
    ($($type:ident $constant:ident = $name:literal [$($field:literal)*] $section:literal $sentence:literal)*) => {
        $(impl $crate::event::$type {
            #[doc = $sentence]
            pub const $constant: Self = Self(&$crate::event::Row {
                name: $name,
                kind: Self::KIND,
                fields: &[$($field),*],
                section: $section,
                sentence: $sentence,
            });
        })*
        pub(super) const ROWS: &[$crate::event::Row] = &[$(*$crate::event::$type::$constant.0),*];
    };
}
pub(super) use table;
