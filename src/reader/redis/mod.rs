//! `redis/db_0/`: a file a key, and the sidecars (`tree/redis.md#files-of-redis`, `encoding.md#rows-of-redis`); in the JSONL layout a line a key.

mod collection;
pub(super) mod element;
mod expiry;
mod line;
mod stream;

use super::{File, MEMORY, Reader};
use crate::error::Result;
use crate::keyspace::Namespace;
use crate::limits;
use crate::model::Object;
use crate::model::redis::{Collection, DATABASE, Key, Value};
use crate::service::Scope;
use crate::sort::Sorter;
use crate::time::UnixMs;
use crate::tree::part;

const SERVICE: &[u8] = b"redis/";
pub(super) const DIRECTORY: &[u8] = b"redis/db_0/";

/// What a file is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    String,
    Hll,
    Collection(Collection),
}

/// Directory and suffix of each kind, in the order in which a snapshot passes on what is of one key.
const KINDS: [(Kind, &[u8], &[u8]); 7] = [
    (Kind::String, b"strings/", b".bin"),
    (Kind::Hll, b"hll/", b".bin"),
    (Kind::Collection(Collection::List), b"lists/", b".json"),
    (Kind::Collection(Collection::Hash), b"hashes/", b".json"),
    (Kind::Collection(Collection::Set), b"sets/", b".json"),
    (Kind::Collection(Collection::Zset), b"zsets/", b".json"),
    (Kind::Collection(Collection::Stream), b"streams/", b".jsonl"),
];

/// Passes the keys on.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> Result<Scope> {
    let mut scope = Scope::new();
    let (mut keys, mut own) = (Sorter::new(reader.scratch, MEMORY), Sorter::new(reader.scratch, MEMORY));
    let (mut at, mut has_parts) = (0, false);
    while let Some(file) = reader.next_file(SERVICE, &mut at)? {
        let Some(name) = file.path.strip_prefix(DIRECTORY) else {
            return Err(reader.unsound(&file.path, &"there is no other database than db_0"));
        };
        scope.insert(DATABASE.as_bytes().to_vec(), 0);
        let found = KINDS.iter().zip(0_u8..).find_map(|((_, directory, suffix), number)| {
            Some((number, name.strip_prefix(*directory)?.strip_suffix(*suffix)?))
        });
        match (found, name) {
            (Some((number, segment)), _) => match reader.name(DIRECTORY, segment, &file.path)? {
                Some(key) => {
                    keys.push(&key, &[&[number], &*file.record()].concat())?;
                    own.push(&[&[number], &*key].concat(), b"")?;
                }
                None => reader.nameless(Namespace::Redis.name(), DATABASE.as_bytes(), &file)?,
            },
            (None, b"KEYMAP.jsonl") => {}
            (None, _) if part::of(&file.path).is_some() => has_parts = true,
            (None, b"strings_ttl.jsonl") => expiry::read(reader, &file, false, &mut keys)?,
            (None, b"hll_ttl.jsonl") => expiry::read(reader, &file, true, &mut keys)?,
            _ => return Err(reader.unsound(&file.path, &"is no file of a key")),
        }
    }
    let mut count = 0;
    if has_parts {
        count += line::read(reader, &mut super::originals::table(own, reader.scratch)?)?;
    }
    let mut keys = keys.into_sorted()?;
    let (mut key, mut files) = (Vec::new(), Files::default());
    while let Some((next, record)) = keys.next()? {
        if next != key {
            count += files.read(reader, &key)?;
            key = next.to_vec();
        }
        files.add(reader, record)?;
    }
    count += files.read(reader, &key)?;
    if let Some(keys) = scope.get_mut(DATABASE.as_bytes()) {
        *keys = count;
    }
    reader.sink.end_service(reader.report, Namespace::Redis)?;
    Ok(scope)
}

/// What there is of one key.
#[derive(Debug, Default)]
struct Files {
    /// By their places in [`KINDS`].
    files: Vec<(u8, File)>,
    /// Of the string and of the HLL, Unix ms.
    expiries: [Option<UnixMs>; 2],
}

impl Files {
    fn add(&mut self, reader: &Reader<'_, '_>, record: &[u8]) -> Result<()> {
        let (number, record) = record.split_first().ok_or(super::ROW)?;
        if let Some(is_hll) = expiry::kind(*number) {
            let [string, hll] = &mut self.expiries;
            *if is_hll { hll } else { string } = expiry::take(record)?;
            return Ok(());
        }
        let file = File::read(record)?;
        if let Some((_, other)) = self.files.iter().find(|(other, _)| other == number) {
            return Err(reader.twice(&file.path, &other.path));
        }
        self.files.push((*number, file));
        Ok(())
    }

    /// Passes on what there is of a key; returns how many objects were taken.
    fn read(&mut self, reader: &mut Reader<'_, '_>, key: &[u8]) -> Result<u64> {
        let mut files = std::mem::take(&mut self.files);
        let [string, hll] = std::mem::take(&mut self.expiries);
        files.sort_by_key(|(number, _)| *number);
        let mut count = 0;
        for (number, file) in files {
            let Some((kind, ..)) = KINDS.get(usize::from(number)) else { return Err(super::ROW.into()) };
            let is_taken = match kind {
                Kind::Collection(collection) => collection::read(reader, key, *collection, &file)?,
                Kind::String | Kind::Hll => {
                    let mut bytes = Vec::new();
                    reader.whole(&file, limits::LENGTH, &mut bytes)?;
                    let (value, expiry_ms) = match kind {
                        Kind::Hll => (Value::Hll(&bytes), hll),
                        _ => (Value::String(&bytes), string),
                    };
                    reader.put(Object::Redis(&Key::of_dump(key, value, expiry_ms)), &file)?
                }
            };
            count += u64::from(is_taken);
        }
        Ok(count)
    }
}
