//! Lines of a stream's file (`tree/redis.md#shapes`).

use serde::Serialize;

use super::super::output::{Output, text};
use crate::bug::Bug;
use crate::codec::protobuf::Malformed;
use crate::error::Result;
use crate::keyspace::redis::StreamId;
use crate::time::UnixMs;
use crate::tree::json::{self, Html};

#[derive(Serialize)]
struct MetaLine {
    #[serde(rename = "_meta")]
    meta: bool,
    length: u64,
    last_ms: u64,
    last_seq: u64,
    expire_at_ms: Option<UnixMs>,
}

/// Appends the line of an entry.
pub(super) fn write_entry<'t>(
    out: &mut impl Output,
    id: StreamId,
    fields: impl Iterator<Item = Result<(&'t str, &'t str), Malformed>>,
) -> Result<()> {
    let head = format!(r#"{{"id":"{}-{}","fields":["#, id.ms, id.seq);
    out.buffer().extend_from_slice(head.as_bytes());
    let mut separator: &[u8] = b"";
    for field in fields {
        let (name, value) = field.map_err(|_| Bug::new("an entry of a Redis stream does not read back"))?;
        out.buffer().extend_from_slice(separator);
        out.buffer().extend_from_slice(br#"{"name":"#);
        text(out, name)?;
        out.buffer().extend_from_slice(br#","value":"#);
        text(out, value)?;
        out.buffer().push(b'}');
        separator = b",";
        out.flush_if_full()?;
    }
    out.buffer().extend_from_slice(b"]}\n");
    out.flush_if_full()
}

/// Appends the line that every stream ends in. The expiry is Unix ms.
pub(super) fn write_meta(out: &mut impl Output, length: u64, last: StreamId, expiry: Option<UnixMs>) {
    let line = MetaLine { meta: true, length, last_ms: last.ms, last_seq: last.seq, expire_at_ms: expiry };
    json::compact(out.buffer(), &line, Html::Escaped);
    out.buffer().push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_line() {
        let mut out = Vec::new();
        write_entry(&mut out, StreamId { ms: 200, seq: 3 }, [Ok(("f", "v1")), Ok(("f", "v&2"))].into_iter())
            .unwrap();
        let want = concat!(
            r#"{"id":"200-3","fields":[{"name":"f","value":"v1"},{"name":"f","value":"v\u00262"}]}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn an_entry_without_fields_has_an_empty_array() {
        let mut out = Vec::new();
        write_entry(&mut out, StreamId::default(), std::iter::empty()).unwrap();
        assert_eq!(out, b"{\"id\":\"0-0\",\"fields\":[]}\n");
    }

    #[test]
    fn the_last_line_tells_length_and_last_id() {
        let mut out = Vec::new();
        write_meta(&mut out, 1, StreamId { ms: u64::MAX, seq: 3 }, None);
        write_meta(&mut out, 0, StreamId::default(), Some(UnixMs(7)));
        let want = concat!(
            r#"{"_meta":true,"length":1,"last_ms":18446744073709551615,"last_seq":3,"expire_at_ms":null}"#,
            "\n",
            r#"{"_meta":true,"length":0,"last_ms":0,"last_seq":0,"expire_at_ms":7}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
