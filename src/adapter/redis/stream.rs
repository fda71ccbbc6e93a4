//! Lines of a stream's file (`redis.md` 4.3).

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use super::blob::StreamEntry;
use crate::dump::json::{self, Html};
use crate::keyspace::redis::StreamId;

#[derive(Serialize)]
struct EntryLine<'a> {
    id: String,
    #[serde(serialize_with = "pairs")]
    fields: &'a StreamEntry<'a>,
}

#[derive(Serialize)]
struct Field<'a> {
    name: &'a str,
    value: &'a str,
}

fn pairs<S: Serializer>(entry: &StreamEntry<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut fields = serializer.serialize_seq(None)?;
    let mut texts = entry.texts();
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        fields.serialize_element(&Field { name, value })?;
    }
    fields.end()
}

#[derive(Serialize)]
struct MetaLine {
    #[serde(rename = "_meta")]
    meta: bool,
    length: u64,
    last_ms: u64,
    last_seq: u64,
    expire_at_ms: Option<u64>,
}

/// Appends the line of an entry. Its ID is the one of the row key, however the stored one is spelt.
pub(super) fn write_entry(out: &mut Vec<u8>, id: StreamId, entry: &StreamEntry<'_>) {
    let line = EntryLine { id: format!("{}-{}", id.ms, id.seq), fields: entry };
    json::compact(out, &line, Html::Escaped);
    out.push(b'\n');
}

/// Appends the line that every stream ends in. The expiry is Unix ms.
pub(super) fn write_meta(out: &mut Vec<u8>, length: u64, last: StreamId, expiry: Option<u64>) {
    let line = MetaLine { meta: true, length, last_ms: last.ms, last_seq: last.seq, expire_at_ms: expiry };
    json::compact(out, &line, Html::Escaped);
    out.push(b'\n');
}

/// Whether a stored ID is a spelling, canonical or not, of this one.
pub(super) fn spells(stored: &str, id: StreamId) -> bool {
    let parse = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    stored.split_once('-').and_then(|(ms, seq)| Some(StreamId { ms: parse(ms)?, seq: parse(seq)? }))
        == Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_line() {
        let entry =
            StreamEntry::parse(b"\0RXE\x01\x0a\x03x-y\x12\x01f\x12\x02v1\x12\x01f\x12\x03v&2").unwrap();
        let mut out = Vec::new();
        write_entry(&mut out, StreamId { ms: 200, seq: 3 }, &entry);
        let want = concat!(
            r#"{"id":"200-3","fields":[{"name":"f","value":"v1"},{"name":"f","value":"v\u00262"}]}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn an_entry_without_fields_has_an_empty_array() {
        let entry = StreamEntry::parse(b"\0RXE\x01").unwrap();
        let mut out = Vec::new();
        write_entry(&mut out, StreamId::default(), &entry);
        assert_eq!(out, b"{\"id\":\"0-0\",\"fields\":[]}\n");
    }

    #[test]
    fn the_last_line_tells_length_and_last_id() {
        let mut out = Vec::new();
        write_meta(&mut out, 1, StreamId { ms: u64::MAX, seq: 3 }, None);
        write_meta(&mut out, 0, StreamId::default(), Some(7));
        let want = concat!(
            r#"{"_meta":true,"length":1,"last_ms":18446744073709551615,"last_seq":3,"expire_at_ms":null}"#,
            "\n",
            r#"{"_meta":true,"length":0,"last_ms":0,"last_seq":0,"expire_at_ms":7}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn an_id_may_be_spelt_with_zeros_in_front() {
        let id = StreamId { ms: 7, seq: 1 };
        assert!(spells("7-1", id));
        assert!(spells("007-1", id));
        for other in ["7-2", "7", "", "-", "+7-1", "7-1-1", "99999999999999999999-1"] {
            assert!(!spells(other, id), "{other}");
        }
    }
}
