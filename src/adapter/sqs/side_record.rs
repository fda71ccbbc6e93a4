//! One line of `side_records.jsonl` (`sqs.md` 4.4).
//!
//! In: a row of a family that the server keeps beside the messages. Out: the line, newline included. All of
//! it is ASCII that JSON never escapes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::keyspace::Family;

/// Replaces the content of `out` by the line of a row. The prefix is the classic one, whatever the key's form.
pub fn set(out: &mut String, family: Family, key: &[u8], value: &[u8]) {
    out.clear();
    out.push_str("{\"prefix\":\"");
    out.push_str(family.name());
    out.push_str("\",\"key_hex\":\"");
    for byte in key {
        for nibble in [byte >> 4, byte & 0xf] {
            out.push(char::from_digit(nibble.into(), 16).unwrap_or('0'));
        }
    }
    out.push_str("\",\"value_b64\":\"");
    URL_SAFE_NO_PAD.encode_string(value, out);
    out.push_str("\"}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_that_of_the_document() {
        let mut out = "stale".to_owned();
        let key = b"!sqs|msg|vis|cQ\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\x03\xe8bTI";
        set(&mut out, Family::SqsVisibility, key, b"m2");
        let expected = r#"{"prefix":"!sqs|msg|vis|","key_hex":"217371737c6d73677c7669737c6351000000000000000200000000000003e8625449","value_b64":"bTI"}"#;
        assert_eq!(out, format!("{expected}\n"));
    }
}
