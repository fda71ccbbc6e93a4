//! Whether protobuf bytes are a table's schema (`format/dynamodb.md#messages`), before anything is made of them.

use crate::codec::protobuf::{Fields, Malformed, Value, text};

/// What a known field holds.
enum Kind {
    Text,
    Number,
    Message(&'static Shape),
}

/// Known fields of a message.
struct Shape(&'static [(u32, Kind)]);

const TEXTS: Shape = Shape(&[(1, Kind::Text), (2, Kind::Text)]);
const INDEX: Shape = Shape(&[(1, Kind::Message(&TEXTS)), (2, Kind::Message(&TEXTS))]);
const INDEX_ENTRY: Shape = Shape(&[(1, Kind::Text), (2, Kind::Message(&INDEX))]);
const SCHEMA: Shape = Shape(&[
    (1, Kind::Text),
    (2, Kind::Message(&TEXTS)),
    (3, Kind::Message(&TEXTS)),
    (4, Kind::Message(&INDEX_ENTRY)),
    (5, Kind::Number),
    (6, Kind::Number),
    (7, Kind::Number),
]);

/// Checks a `TableSchema`; returns the number of fields that are skipped: unknown ones, and known ones of another wire
/// type than their own.
pub(crate) fn check_schema(message: &[u8]) -> Result<u64, Malformed> {
    SCHEMA.check(message)
}

impl Shape {
    fn check(&self, message: &[u8]) -> Result<u64, Malformed> {
        let mut unknown = 0;
        for field in Fields::new(message) {
            let (number, value) = field?;
            let known = self.0.iter().find(|(known, _)| *known == number).map(|(_, kind)| kind);
            match (known, value) {
                (Some(Kind::Text), Value::Bytes(bytes)) => _ = text(bytes)?,
                (Some(Kind::Number), Value::Varint(_)) => {}
                (Some(Kind::Message(shape)), Value::Bytes(bytes)) => unknown += shape.check(bytes)?,
                _ => unknown += 1,
            }
        }
        Ok(unknown)
    }
}
