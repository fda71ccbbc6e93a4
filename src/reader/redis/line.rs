//! Keys as lines of the JSONL layout (`docs/tree/commands.md`): the value of each is what its own file would hold.

use super::super::Reader;
use super::{DIRECTORY, KINDS, Kind, collection};
use crate::codec::gojson::read::Binary;
use crate::error::Result;
use crate::event::Class;
use crate::keyspace::Namespace;
use crate::model::Object;
use crate::model::redis::{Collection, DATABASE, Key, Value};
use crate::sort::Table;
use crate::time::UnixMs;
use crate::tree::part::{Of, REDIS};

/// Passes the keys of all lines on, type by type; returns how many were taken. `own` has the keys that have files, behind the
/// numbers of their kinds.
pub(super) fn read(reader: &mut Reader<'_, '_>, own: &mut Table) -> Result<u64> {
    let (mut count, mut text) = (0, Vec::new());
    for ((kind, ..), (number, name)) in KINDS.iter().zip((0_u8..).zip(REDIS)) {
        let front = [DIRECTORY, name.as_bytes(), b"-"].concat();
        reader.each_line(&front, &mut |reader, file, record| {
            let key = &*record.key.0;
            if !own.is_empty() && own.find(&[&[number], key].concat())?.is_some() {
                let what = format!("has a line of {:?}, which has a file too", String::from_utf8_lossy(key));
                return Err(reader.unsound(&file.path, &what));
            }
            let invalid = |reader: &mut Reader<'_, '_>, error: serde_json::Error| {
                let named = (Namespace::Redis.name(), DATABASE.as_bytes(), key);
                reader.problem(named, Class::REDIS_INVALID_FILE, file, &error.to_string())
            };
            let is_taken = match kind {
                Kind::Collection(Collection::Stream) => {
                    match record.file(Of::Redis(b"", number.into()), &mut text) {
                        Ok(()) => collection::read_text(reader, key, Collection::Stream, file, Some(&text))?,
                        Err(error) => return invalid(reader, error),
                    }
                }
                Kind::Collection(collection) => {
                    let text = record.value.get().as_bytes();
                    collection::read_text(reader, key, *collection, file, Some(text))?
                }
                Kind::String | Kind::Hll => {
                    let Binary(bytes) = match serde_json::from_str(record.value.get()) {
                        Ok(value) => value,
                        Err(error) => return invalid(reader, error),
                    };
                    let is_hll = *kind == Kind::Hll;
                    let value = if is_hll { Value::Hll(&bytes) } else { Value::String(&bytes) };
                    let expiry_ms = record.expire_at_ms.filter(|expiry| *expiry != UnixMs(0));
                    reader.put(Object::Redis(&Key::of_dump(key, value, expiry_ms)), file)?
                }
            };
            count += u64::from(is_taken);
            Ok(())
        })?;
    }
    Ok(count)
}
