//! One object out of a dump.

use std::io::{self, BufReader, Read, Write};

use serde::Deserialize;
use serde_json::Value;

use super::{Got, Wanted};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::keyspace::Namespace;
use crate::layout::paths;
use crate::limits;
use crate::model::dynamodb::KeyValues;
use crate::model::dynamodb::key::OrderedKey;
use crate::name::line::key_attributes;
use crate::name::{ItemKey, KeyPart, Literal, is_one_of};
use crate::tree::keymap::Reader as Keymap;
use crate::tree::lines::{Line, Lines};
use crate::tree::part::{self, Of, Part, Record};
use crate::tree::{Dump, ErrorKind, Output};

/// Bytes that are read at once.
const BUFFER: usize = 64 << 10;

/// Passes one object of a dump to `out`: a name first, then a path.
pub(super) fn pick(dump: &mut Dump, wanted: &Wanted, mut out: Output) -> Result<Got> {
    let mut paths = Vec::new();
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
            paths = object_paths(dump, literal)?;
        }
    }
    if let Some(literal) = &wanted.literal
        && dump.listed(&paths)?.is_empty()
        && let Some(got) = of_line(dump, literal, &mut out)?
    {
        return Ok(got);
    }
    paths.extend_from_slice(&wanted.paths);
    file(dump, &paths, &mut out)
}

/// Finds the line of a key of Redis or of no service, and passes on what its file would hold.
fn of_line(dump: &mut Dump, literal: &Literal, out: &mut Output) -> Result<Option<Got>> {
    let Some(key) = literal.key.as_deref() else { return Ok(None) };
    let mut parts = Vec::new();
    dump.each_row(|_, path, digest| {
        let is_own = |part: &Part<'_>| match part.of {
            Of::Redis(..) => literal.service == Namespace::Redis,
            Of::Kv => literal.service == Namespace::Kv,
            Of::S3(_) => false,
        };
        if part::of(path).as_ref().is_some_and(is_own) {
            parts.push((path.to_vec(), *digest));
        }
        Ok(())
    })?;
    let interrupt = dump.interrupt().clone();
    let is_own = |line: &[u8]| serde_json::from_slice::<Record<'_>>(line).map(|record| *record.key.0 == *key);
    for (path, digest) in parts {
        let mut line = Vec::new();
        let mut file = dump.proved(&path, &digest)?;
        let found = self::line(&interrupt, (&path, &mut file), is_own, &mut line)?;
        if found.is_none() {
            continue;
        }
        let Some(Part { of, .. }) = part::of(&path) else { continue };
        let mut text = Vec::new();
        let read = serde_json::from_slice::<Record<'_>>(&line).and_then(|record| record.file(of, &mut text));
        read.map_err(|error| unsound(&path, error))?;
        let bytes = copy(&interrupt, &mut text.as_slice(), out)?;
        return Ok(Some(Got { bytes: Some(bytes), ..Got::default() }));
    }
    Ok(None)
}

fn object_paths(dump: &mut Dump, literal: &Literal) -> Result<Vec<Vec<u8>>> {
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

/// Finds an item: the file, or the line of a bundle, that has the key.
fn item(dump: &mut Dump, table: &[u8], key: &ItemKey, out: &mut Output) -> Result<Option<Got>> {
    let schema = paths::of(Namespace::Dynamodb, table, None);
    let [schema] = schema.as_slice() else { return Ok(None) };
    let Some(names) = dump.read(schema, |file| key_attributes(file))? else { return Ok(None) };
    let names: Vec<_> =
        names.map_err(|error| unsound(schema, error))?.into_iter().map(|(name, _)| name).collect();
    let [hash, range @ ..] = names.as_slice() else { return Err(unsound(schema, "no hash key")) };
    let range = range.first();
    let interrupt = dump.interrupt().clone();
    let (mut candidates, mut identities) = (Vec::new(), Vec::new());
    let mut ordered = OrderedKey::default();
    key.each((hash, range.map(String::as_str)), |keys| {
        candidates.extend(paths::of_item(table, keys));
        identities.push(ordered.identity(keys).to_vec());
    })?;
    let is_own = |text: &[u8]| -> serde_json::Result<bool> {
        let item: Value = serde_json::from_slice(text)?;
        let part = |name: &str| item.get(name).and_then(KeyPart::of_attribute);
        let Some(hash) = part(hash) else { return Ok(false) };
        let own = range.map(|name| part(name));
        if matches!(own, Some(None)) {
            return Ok(false);
        }
        let own = own.flatten();
        let keys = KeyValues { hash: hash.borrow(), range: own.as_ref().map(KeyPart::borrow) };
        Ok(is_one_of(&keys, &identities))
    };
    for (path, digest) in dump.listed(&candidates)? {
        let mut text = Vec::new();
        let file = dump.proved(&path, &digest)?;
        file.take(limits::ITEM_FRAME).read_to_end(&mut text).map_err(Error::Read)?;
        if is_own(&text).map_err(|error| unsound(&path, error))? {
            let bytes = copy(&interrupt, &mut text.as_slice(), out)?;
            return Ok(Some(Got { bytes: Some(bytes), ..Got::default() }));
        }
    }
    for part in 1_u64.. {
        let file = format!("items/data-{part:05}.jsonl");
        let path = [schema.strip_suffix(b"_schema.json").unwrap_or(schema), file.as_bytes()].concat();
        match dump.read(&path, |file| line(&interrupt, (&path, file), is_own, out))?.transpose()? {
            None => break,
            Some(None) => {}
            Some(bytes) => return Ok(Some(Got { bytes, ..Got::default() })),
        }
    }
    Ok(None)
}

/// Returns the error of a file of a dump that does not parse.
fn unsound(path: &[u8], detail: impl std::fmt::Display) -> Error {
    let path = String::from_utf8_lossy(path).into_owned().into();
    crate::tree::Error { path, kind: ErrorKind::Unsound(detail.to_string()) }.into()
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

/// Passes on the first of some files that is there.
fn file(dump: &mut Dump, paths: &[Vec<u8>], out: &mut Output) -> Result<Got> {
    let listed = dump.listed(paths)?;
    let Some((path, digest)) = listed.first() else { return Ok(Got::default()) };
    let bytes = copy(&dump.interrupt().clone(), &mut dump.proved(path, digest)?, out)?;
    Ok(Got { bytes: Some(bytes), ..Got::default() })
}

fn copy(interrupt: &Interrupt, file: &mut dyn Read, out: &mut dyn Write) -> Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0_u64;
    loop {
        interrupt.check()?;
        let read = file.read(&mut buffer).map_err(Error::Read)?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        out.write_all(piece).map_err(Error::Output)?;
        bytes = bytes.saturating_add(u64::try_from(read).unwrap_or_default());
    }
    out.flush().map_err(Error::Output)?;
    Ok(bytes)
}

/// Finds the line of a message.
fn message(dump: &mut Dump, literal: &Literal, out: &mut Output) -> Result<Option<Got>> {
    #[derive(Deserialize)]
    struct Head {
        message_id: String,
    }
    let is_own = |line: &[u8]| {
        serde_json::from_slice(line).map(|head: Head| Some(head.message_id.into_bytes()) == literal.key)
    };
    let interrupt = dump.interrupt().clone();
    for path in paths::of(literal.service, &literal.scope, literal.key.as_deref()) {
        let found = dump.read(&path, |file| line(&interrupt, (&path, file), is_own, out))?;
        if let Some(bytes) = found.transpose()?.flatten() {
            return Ok(Some(Got { bytes: Some(bytes), ..Got::default() }));
        }
    }
    Ok(None)
}

/// Passes the first line that is wanted to `out`. Where there is none, one that does not parse is an error: it may be the
/// one.
fn line(
    interrupt: &Interrupt,
    (path, file): (&[u8], &mut dyn Read),
    is_own: impl Fn(&[u8]) -> serde_json::Result<bool>,
    out: &mut dyn Write,
) -> Result<Option<u64>> {
    let bound = usize::try_from(limits::LENGTH).unwrap_or(usize::MAX);
    let mut lines = Lines::new(BufReader::new(file), bound);
    let mut failed = None;
    for number in 1_u64.. {
        interrupt.check()?;
        match lines.next().map_err(Error::Read)? {
            None => break,
            Some(Line::TooLong | Line::Endless) => {
                return Err(unsound(path, format!("line {number}: longer than any of a dump")));
            }
            Some(Line::Text(line)) => match is_own(line) {
                Ok(true) => return copy(interrupt, &mut [line, b"\n"].concat().as_slice(), out).map(Some),
                Ok(false) => {}
                Err(error) => failed = failed.or(Some((number, error))),
            },
        }
    }
    failed.map_or(Ok(None), |(number, error)| Err(unsound(path, format!("line {number}: {error}"))))
}
