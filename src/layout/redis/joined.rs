//! The sidecars of a dump in shares, made one again.
//!
//! In: the lines of all shares' sidecars, and the paths of all files. Out: the sidecars of one dump. A line that has a
//! fallback name tells neither key nor type: those are known when its record of KEYMAP and its file were met too.

use serde::Deserialize;

use super::sidecars::{HLL_TTL, KEYMAP, STRINGS_TTL, Sidecars};
use crate::bug::Bug;
use crate::error::Result;
use crate::model::redis::{Collection, Key, Value};
use crate::time::{Hlc, UnixMs};
use crate::tree::segment::{self, Segment};
use crate::tree::{Error, ErrorKind, Scratch, Sorter, Tree, keymap};

/// Memory for the fallback names, bytes.
const MEMORY: usize = 4 << 20;
/// Directories of the types, with the suffix of their files.
const TYPES: [(&[u8], &[u8], Option<Collection>); 7] = [
    (b"redis/db_0/hll/", b".bin", None),
    (b"redis/db_0/strings/", b".bin", None),
    (b"redis/db_0/hashes/", b".json", Some(Collection::Hash)),
    (b"redis/db_0/lists/", b".json", Some(Collection::List)),
    (b"redis/db_0/sets/", b".json", Some(Collection::Set)),
    (b"redis/db_0/zsets/", b".json", Some(Collection::Zset)),
    (b"redis/db_0/streams/", b".jsonl", Some(Collection::Stream)),
];
/// Marks of what is known of a fallback name; that of its type is the type's number.
const ORIGINAL: u8 = 0x10;
const EXPIRY: u8 = 0x11;

/// The sidecars so far.
#[derive(Debug)]
pub(crate) struct Joined {
    sidecars: Sidecars,
    /// Fallback name -> mark, and what is known.
    names: Sorter,
}

#[derive(Deserialize)]
struct TtlLine {
    key: String,
    expire_at_ms: UnixMs,
}

/// What was noted of a name does not read back.
const RECORD: Bug = Bug::new("what is known of a Redis name does not read back");

/// What is known of a fallback name.
#[derive(Debug, Default)]
struct Known {
    text: Vec<u8>,
    number: Option<u8>,
    original: Option<Vec<u8>>,
    expiry_ms: Option<UnixMs>,
}

impl Joined {
    /// Returns sidecars without lines, of a dump whose manifest has this `last_commit_ts`.
    pub(crate) fn new(scratch: &Scratch, last_commit_ts: Hlc) -> Self {
        Self { sidecars: Sidecars::new(scratch, last_commit_ts), names: Sorter::new(scratch, MEMORY) }
    }

    /// Whether a file is a sidecar.
    pub(crate) fn is_sidecar(path: &[u8]) -> bool {
        [HLL_TTL, STRINGS_TTL, KEYMAP].contains(&path)
    }

    /// Hears of a file.
    pub(crate) fn file(&mut self, path: &[u8]) -> Result<()> {
        for ((directory, suffix, _), number) in TYPES.iter().zip(0_u8..) {
            if let Some(name) = path.strip_prefix(*directory).and_then(|name| name.strip_suffix(*suffix))
                && segment::looks_like_fallback(name)
            {
                self.names.push(name, &[number])?;
            }
        }
        Ok(())
    }

    /// Takes a line of a sidecar.
    pub(crate) fn line(&mut self, sidecar: &[u8], line: &[u8]) -> Result<()> {
        if sidecar == KEYMAP {
            let record = keymap::parse(line).map_err(|error| unsound(sidecar, error.to_string()))?;
            let value = [&[ORIGINAL], record.original.as_slice()].concat();
            return Ok(self.names.push(record.encoded.as_bytes(), &value)?);
        }
        let TtlLine { key: text, expire_at_ms } =
            serde_json::from_slice(line).map_err(|error| unsound(sidecar, error.to_string()))?;
        if segment::looks_like_fallback(text.as_bytes()) {
            let value = [&[EXPIRY][..], &expire_at_ms.0.to_be_bytes()].concat();
            return Ok(self.names.push(text.as_bytes(), &value)?);
        }
        let key = segment::decode(text.as_bytes()).map_err(|error| unsound(sidecar, error.to_string()))?;
        let value = if sidecar == HLL_TTL { Value::Hll(b"") } else { Value::String(b"") };
        let key = Key::of_dump(&key, value, Some(expire_at_ms));
        self.sidecars.record_whole(&key, &Segment { text, fallback: false })
    }

    /// Writes the sidecars that have a line.
    pub(crate) fn write(mut self, tree: &mut Tree) -> Result<()> {
        let mut known = Known::default();
        let mut names = self.names.sort()?;
        while let Some((name, value)) = names.next()? {
            if name != known.text {
                std::mem::replace(&mut known, Known { text: name.to_vec(), ..Known::default() })
                    .record(&mut self.sidecars)?;
            }
            match value.split_first() {
                Some((&ORIGINAL, original)) => known.original = Some(original.to_vec()),
                Some((&EXPIRY, time)) => {
                    let time = time.try_into().map_err(|_| RECORD)?;
                    known.expiry_ms = Some(UnixMs(u64::from_be_bytes(time)));
                }
                Some((&number, _)) => known.number = Some(number),
                None => return Err(RECORD.into()),
            }
        }
        drop(names);
        known.record(&mut self.sidecars)?;
        self.sidecars.write(tree)
    }
}

impl Known {
    fn record(self, sidecars: &mut Sidecars) -> Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&self.text).into_owned();
        let what = |what: &str| unsound(KEYMAP, format!("{text} has {what}"));
        let number = self.number.ok_or_else(|| what("no file"))?;
        let original = self.original.ok_or_else(|| what("no record"))?;
        let segment = Segment { text: text.clone(), fallback: true };
        let of_type = TYPES.get(usize::from(number));
        if let Some(collection) = of_type.and_then(|(_, _, collection)| *collection) {
            return sidecars.record_collection(collection, &original, &segment);
        }
        let value = if number == 0 { Value::Hll(b"") } else { Value::String(b"") };
        let key = Key::of_dump(&original, value, self.expiry_ms);
        sidecars.record_whole(&key, &segment)
    }
}

fn unsound(path: &[u8], what: String) -> crate::Error {
    Error::at(path, ErrorKind::Unsound(what)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fallback_name_needs_its_record_and_its_file() {
        let name = format!("{}__k", "a".repeat(32));
        let record = format!(r#"{{"encoded":"{name}","original":"a2s","kind":"sha-fallback"}}"#);
        let joined = |lines: &[(&[u8], &str)], files: &[String]| {
            let mut joined = Joined::new(&Scratch::default(), Hlc::ZERO);
            for (path, line) in lines {
                joined.line(path, line.as_bytes())?;
            }
            files.iter().try_for_each(|path| joined.file(path.as_bytes()))?;
            joined.write(&mut Tree::digests(&Scratch::default()))
        };
        let file = [format!("redis/db_0/sets/{name}.json")];
        let why = |result: Result<()>| result.unwrap_err().to_string();
        assert!(joined(&[(KEYMAP, &record)], &file).is_ok());
        assert!(why(joined(&[(KEYMAP, &record)], &[])).ends_with("has no file"));
        assert!(why(joined(&[], &file)).ends_with("has no record"));
        assert!(joined(&[(STRINGS_TTL, r#"{"key":"a","expire_at_ms":1}"#)], &[]).is_ok());
        assert!(
            why(joined(&[(STRINGS_TTL, r#"{"key":"a b","expire_at_ms":1}"#)], &[])).contains("strings_ttl")
        );
        assert!(why(joined(&[(HLL_TTL, "{}")], &[])).contains("hll_ttl"));
    }
}
