//! One line of `side_records.jsonl` (`tree/sqs.md#side-records`).
//!
//! In: a row of a family that the server keeps beside the messages. Out: the line, newline included. All of
//! it is ASCII that JSON never escapes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::model::sqs::SideRecord;

/// Replaces the content of `out` by the line of a row. The prefix is the classic one, whatever the key's form.
pub(super) fn set(out: &mut Vec<u8>, record: &SideRecord<'_>) {
    let (key, value) = (hex::encode(record.key), URL_SAFE_NO_PAD.encode(record.value));
    out.clear();
    for part in ["{\"prefix\":\"", record.family.name(), "\",\"key_hex\":\"", &key] {
        out.extend_from_slice(part.as_bytes());
    }
    for part in ["\",\"value_b64\":\"", &value, "\"}\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::Family;
    use crate::model::sqs::Namespace;

    #[test]
    fn the_line_is_that_of_the_document() {
        let mut out = b"stale".to_vec();
        let key = b"!sqs|msg|vis|cQ\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\x03\xe8bTI";
        let family = Family::SqsVisibility;
        set(&mut out, &SideRecord { queue: b"q", of: Namespace::Queue, family, key, value: b"m2" });
        let expected = r#"{"prefix":"!sqs|msg|vis|","key_hex":"217371737c6d73677c7669737c6351000000000000000200000000000003e8625449","value_b64":"bTI"}"#;
        assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}\n"));
    }
}
