//! One object out of a dump.

use std::io::{self, BufReader, Read};

use serde::Deserialize;
use serde_json::Value;

use super::{Got, Wanted};
use crate::error::{Error, Result};
use crate::keyspace::Namespace;
use crate::layout::paths;
use crate::limits;
use crate::model::dynamodb::KeyValue;
use crate::name::{ItemKey, Literal};
use crate::tree::keymap::Reader as Keymap;
use crate::tree::lines::{Line, Lines};
use crate::tree::{Dump, Output};

/// Bytes that are read at once.
const BUFFER: usize = 64 << 10;

/// Passes one object of a dump to `out`: a name first, then a path.
pub(super) fn pick(dump: &Dump, wanted: &Wanted, mut out: Output) -> Result<Got> {
    if let Some(literal) = &wanted.literal {
        if literal.service == Namespace::Sqs && literal.key.is_some() {
            if let Some(got) = message(dump, literal, &mut out)? {
                return Ok(got);
            }
        } else if let Some(key) = &literal.item {
            if let Some(got) = item(dump, &literal.scope, key, &mut out)? {
                return Ok(got);
            }
        } else {
            for path in object_paths(dump, literal)? {
                if let Some(got) = file(dump, &path, &mut out)? {
                    return Ok(got);
                }
            }
        }
    }
    for path in &wanted.paths {
        if let Some(got) = file(dump, path, &mut out)? {
            return Ok(got);
        }
    }
    Ok(Got::default())
}

fn object_paths(dump: &Dump, literal: &Literal) -> Result<Vec<Vec<u8>>> {
    let (scope, key) = (&*literal.scope, literal.key.as_deref());
    let mut all = Vec::new();
    match (literal.service, key) {
        (Namespace::S3, Some(key)) => {
            for keymap in paths::of(Namespace::S3, scope, Some(b"KEYMAP.jsonl")) {
                // With a sidecar it is an object of that key, and says what it likes.
                let sidecar = [&*keymap, b".elastickv-meta.json"].concat();
                if dump.read(&sidecar, |_| ())?.is_some() {
                    continue;
                }
                if let Some(renamed) = dump.read(&keymap, |file| renamed(file, key))?.transpose()?.flatten() {
                    all.extend(paths::of(Namespace::S3, scope, Some(&renamed)));
                }
            }
            // A reserved name is not that of an object, unless it was renamed.
            if all.is_empty() {
                all = paths::of(Namespace::S3, scope, Some(key));
            }
        }
        _ => all = paths::of(literal.service, scope, key),
    }
    Ok(all)
}

/// Finds an item: of paths that items of several types can have, the one whose file has the key.
fn item(dump: &Dump, table: &[u8], key: &ItemKey, out: &mut Output) -> Result<Option<Got>> {
    let schema = paths::of(Namespace::Dynamodb, table, None);
    let [schema] = schema.as_slice() else { return Ok(None) };
    let Some((hash, range)) = dump.read(schema, key_names)?.flatten() else { return Ok(None) };
    let mut candidates = Vec::new();
    key.each((&hash, range.as_deref()), |keys| {
        let names = [Some(&hash), range.as_ref()].into_iter().flatten().cloned();
        let values: Vec<_> = names.zip(keys.iter().map(is_of)).collect();
        candidates.extend(paths::of_item(table, keys).into_iter().map(|path| (path, values.clone())));
    })?;
    for (path, values) in candidates {
        let text = dump.read(&path, |file| {
            let mut text = Vec::new();
            file.take(limits::ITEM_FRAME).read_to_end(&mut text).map(|_| text).map_err(Error::Read)
        });
        let Some(text) = text?.transpose()? else { continue };
        let item: Value = serde_json::from_slice(&text).unwrap_or_default();
        let is_own = values.iter().all(|(name, (kind, value))| {
            let stored = item.get(name).and_then(|attribute| attribute.get(kind)?.as_str());
            stored.is_some_and(|stored| value.as_ref().is_none_or(|value| value == stored))
        });
        if is_own {
            let bytes = copy(dump, &mut text.as_slice(), out)?;
            return Ok(Some(Got { bytes: Some(bytes), ..Got::default() }));
        }
    }
    Ok(None)
}

/// Returns the type of a value, and its text where there is but one spelling of it.
fn is_of(value: KeyValue<'_>) -> (&'static str, Option<String>) {
    match value {
        KeyValue::S(text) => ("S", Some(text.to_owned())),
        KeyValue::N(_) => ("N", None),
        KeyValue::B(_) => ("B", None),
    }
}

/// Reads the names of the key attributes from `_schema.json`.
fn key_names(file: &mut dyn Read) -> Option<(String, Option<String>)> {
    let schema: Value = serde_json::from_reader(file.take(limits::MANIFEST)).ok()?;
    let name = |role: &str| Some(schema.get("primary_key")?.get(role)?.get("name")?.as_str()?.to_owned());
    Some((name("hash_key")?, name("range_key").filter(|name| !name.is_empty())))
}

/// Finds the path below the bucket's directory of an object that is not at its key.
fn renamed(file: &mut dyn Read, key: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut keymap = Keymap::new(BufReader::new(file));
    while let Some(record) = keymap.read().map_err(|error| Error::Read(io::Error::other(error)))? {
        if record.original == key {
            return Ok(Some(record.encoded.into_bytes()));
        }
    }
    Ok(None)
}

fn file(dump: &Dump, path: &[u8], out: &mut Output) -> Result<Option<Got>> {
    let copied = dump.read(path, |file| copy(dump, file, out))?.transpose()?;
    Ok(copied.map(|bytes| Got { bytes: Some(bytes), ..Got::default() }))
}

fn copy(dump: &Dump, file: &mut dyn Read, out: &mut Output) -> Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0_u64;
    loop {
        dump.interrupt().check()?;
        let read = file.read(&mut buffer).map_err(Error::Read)?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        out.write_all(piece).map_err(Error::Output)?;
        bytes = bytes.saturating_add(u64::try_from(read).unwrap_or_default());
    }
    out.flush().map_err(Error::Output)?;
    Ok(bytes)
}

/// Finds the line of a message.
fn message(dump: &Dump, literal: &Literal, out: &mut Output) -> Result<Option<Got>> {
    #[derive(Deserialize)]
    struct Head {
        message_id: String,
    }
    let bound = usize::try_from(limits::LENGTH).unwrap_or(usize::MAX);
    for path in paths::of(literal.service, &literal.scope, literal.key.as_deref()) {
        let found = dump.read(&path, |file| {
            let mut lines = Lines::new(BufReader::new(file), bound);
            while let Some(line) = lines.next().map_err(Error::Read)? {
                let Line::Text(line) = line else {
                    return Err(Error::Read(io::Error::other("a line is longer than any of a dump")));
                };
                let id = serde_json::from_slice(line).ok().map(|head: Head| head.message_id.into_bytes());
                if id == literal.key {
                    return copy(dump, &mut [line, b"\n"].concat().as_slice(), out).map(Some);
                }
            }
            Ok(None)
        });
        if let Some(bytes) = found?.transpose()?.flatten() {
            return Ok(Some(Got { bytes: Some(bytes), ..Got::default() }));
        }
    }
    Ok(None)
}
