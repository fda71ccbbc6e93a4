//! Parts of the JSONL layout but those of `DynamoDB`: their paths, and their lines (`docs/tree/commands.md`).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::codec::gojson::read::Binary;
use crate::time::UnixMs;

/// The types of Redis as the parts of their keys are called, in the order in which they are written.
pub(crate) const REDIS: [&str; 7] = ["strings", "hll", "lists", "hashes", "sets", "zsets", "streams"];

/// A part by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part<'p> {
    /// What the paths of all parts begin with that its lines are sorted among.
    pub(crate) front: &'p [u8],
    /// From 1 on.
    pub(crate) number: u64,
    pub(crate) of: Of<'p>,
}

/// What lines are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of<'p> {
    /// Keys of Redis: their database, and the place of their type in [`REDIS`].
    Redis(&'p [u8], usize),
    /// Keys of no service.
    Kv,
    /// Headers of the objects of a bucket, whose directory is called so.
    S3(&'p [u8]),
}

/// A line: an object by its own key.
#[derive(Debug, Deserialize)]
pub(crate) struct Record<'l> {
    #[serde(borrow)]
    pub(crate) key: Binary<'l>,
    #[serde(borrow)]
    pub(crate) value: &'l RawValue,
    /// Of strings and HLLs: Unix ms.
    #[serde(default)]
    pub(crate) expire_at_ms: Option<UnixMs>,
}

impl Record<'_> {
    /// Puts what the object's own file would hold in place of what `out` holds.
    pub(crate) fn file(&self, of: Of<'_>, out: &mut Vec<u8>) -> serde_json::Result<()> {
        out.clear();
        match of {
            Of::Kv | Of::Redis(_, 0 | 1) => {
                out.extend_from_slice(&serde_json::from_str::<Binary<'_>>(self.value.get())?.0);
            }
            Of::Redis(_, 6) => self.lines(out)?,
            Of::Redis(..) | Of::S3(_) => indent(self.value.get().as_bytes(), out),
        }
        Ok(())
    }

    /// Appends the elements of an array, each on a line.
    pub(crate) fn lines(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let elements: Vec<&RawValue> = serde_json::from_str(self.value.get())?;
        for element in elements {
            // Between tokens a newline is as good as a space, and in strings there is none.
            out.extend(element.get().bytes().map(|byte| if byte == b'\n' { b' ' } else { byte }));
            out.push(b'\n');
        }
        Ok(())
    }
}

/// Appends sound JSON as Go indents it: an element or member a line, two spaces a level, nothing within empty brackets.
fn indent(text: &[u8], out: &mut Vec<u8>) {
    fn newline(out: &mut Vec<u8>, depth: usize) {
        out.push(b'\n');
        out.resize(out.len() + 2 * depth, b' ');
    }
    let (mut depth, mut rest) = (0_usize, text);
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'"' => {
                let length = string_length(behind);
                let (string, behind) = behind.split_at_checked(length).unwrap_or((behind, &[]));
                out.push(b'"');
                out.extend_from_slice(string);
                rest = behind;
            }
            b'{' | b'[' => {
                out.push(byte);
                rest = rest.trim_ascii_start();
                if !matches!(rest.first(), Some(b'}' | b']')) {
                    depth += 1;
                    newline(out, depth);
                }
            }
            b'}' | b']' => {
                if !matches!(out.last(), Some(b'{' | b'[')) {
                    depth = depth.saturating_sub(1);
                    newline(out, depth);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                newline(out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            byte if byte.is_ascii_whitespace() => {}
            byte => out.push(byte),
        }
    }
}

/// Returns the length of what is left of a string, its last quote included.
pub(crate) fn string_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
        at += found + 1;
        if text.get(at - 1) == Some(&b'"') {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// Returns the path of a part.
pub(crate) fn path(front: &[u8], number: u64) -> Vec<u8> {
    [front, format!("{number:05}.jsonl").as_bytes()].concat()
}

/// Reads a path; `None` for one of anything else.
pub(crate) fn of(path: &[u8]) -> Option<Part<'_>> {
    let end = memchr::memrchr(b'-', path)? + 1;
    let (front, rest) = path.split_at_checked(end)?;
    let digits = std::str::from_utf8(rest.strip_suffix(b".jsonl")?).ok()?;
    let number: u64 = digits.parse().ok()?;
    if number == 0 || format!("{number:05}") != digits {
        return None;
    }
    let mut components = front.split(|&byte| byte == b'/');
    let components: [Option<&[u8]>; 6] = std::array::from_fn(|_| components.next());
    let of = match components {
        [Some(b"redis"), Some(database), Some(name), None, ..] => {
            let kind = name.strip_suffix(b"-")?;
            Of::Redis(database, REDIS.iter().position(|name| name.as_bytes() == kind)?)
        }
        [Some(b"extra"), Some(b"kv"), Some(b"data-"), None, ..] => Of::Kv,
        [Some(b"extra"), Some(b"s3"), Some(b"objects"), Some(bucket), Some(b"data-"), None] => Of::S3(bucket),
        _ => return None,
    };
    Some(Part { front, number, of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_their_paths() {
        let found = |text: &'static str| of(text.as_bytes()).map(|part| (part.number, part.of));
        assert_eq!(found("redis/db_0/strings-00001.jsonl"), Some((1, Of::Redis(b"db_0", 0))));
        assert_eq!(found("redis/db_0/streams-123456.jsonl"), Some((123_456, Of::Redis(b"db_0", 6))));
        assert_eq!(found("extra/kv/data-00020.jsonl"), Some((20, Of::Kv)));
        assert_eq!(found("extra/s3/objects/a-b/data-00003.jsonl"), Some((3, Of::S3(b"a-b"))));
        for other in [
            "redis/db_0/strings-1.jsonl",
            "redis/db_0/strings-000001.jsonl",
            "redis/db_0/strings-00000.jsonl",
            "redis/db_0/strings-+0001.jsonl",
            "redis/db_0/strings_ttl.jsonl",
            "redis/db_0/streams/data-00001.jsonl",
            "redis/db_0/others-00001.jsonl",
            "extra/kv/data-00001.bin",
            "extra/kv/x/data-00001.jsonl",
            "extra/s3/objects/data-00001.jsonl",
            "extra/s3/objects/b/c/data-00001.jsonl",
            "dynamodb/t/items/data-00001.jsonl",
            "s3/b/data-00001.jsonl",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
        let part = of(b"redis/db_0/hll-00012.jsonl").unwrap();
        assert_eq!(path(part.front, part.number), b"redis/db_0/hll-00012.jsonl");
    }

    #[test]
    fn a_line_holds_what_the_file_of_its_object_would() {
        let file = |of, value: &str| {
            let line = format!("{{\"key\":\"k\",\"value\":{value}}}");
            let mut out = b"stale".to_vec();
            let read = serde_json::from_str::<Record<'_>>(&line).unwrap().file(of, &mut out);
            read.map(|()| String::from_utf8(out).unwrap()).map_err(|_| ())
        };
        assert_eq!(file(Of::Kv, r#""a\n""#).unwrap(), "a\n");
        assert_eq!(file(Of::Redis(b"", 1), r#"{"base64":"YQ"}"#).unwrap(), "a");
        assert_eq!(file(Of::Redis(b"", 0), "1"), Err(()));
        assert_eq!(
            file(Of::Redis(b"", 6), "[{\"a\":[1,2]}, {\"b\":\n1}]").unwrap(),
            "{\"a\":[1,2]}\n{\"b\": 1}\n"
        );
        assert_eq!(file(Of::Redis(b"", 6), "{}"), Err(()));
        let document = r#"{"a":["x\"}",{"b":-1.5e+300}],"c":[], "d": { }}"#;
        let want = "{\n  \"a\": [\n    \"x\\\"}\",\n    {\n      \"b\": -1.5e+300\n    }\n  ],\n  \"c\": [],\n  \"d\": {}\n}";
        assert_eq!(file(Of::Redis(b"", 2), document).unwrap(), want);
    }

    #[test]
    fn a_line_has_a_key_and_a_value() {
        let read = |line: &'static str| serde_json::from_str::<Record<'_>>(line);
        let line = read(r#"{"key":{"base64":"_w"},"value":[1, 2],"expire_at_ms":7,"more":1}"#).unwrap();
        assert_eq!(
            (&*line.key.0, line.value.get(), line.expire_at_ms),
            (&b"\xff"[..], "[1, 2]", Some(UnixMs(7)))
        );
        for wrong in [
            "",
            "{}",
            r#"{"key":"k"}"#,
            r#"{"value":1}"#,
            r#"{"key":1,"value":1}"#,
            r#"{"key":"k","key":"k","value":1}"#,
            r#"{"key":"k","value":1} x"#,
            r#"{"key":"k","value":{"a"}}"#,
            r#"{"key":"k","value":1,"expire_at_ms":-1}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
