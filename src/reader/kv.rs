//! `extra/kv/`: keys that no service owns (`keyspaces.md` 9).

use super::{File, MEMORY, Reader};
use crate::error::Result;
use crate::keyspace::Namespace;
use crate::limits;
use crate::model::Object;
use crate::model::kv::Pair;
use crate::service::Scope;
use crate::sort::Sorter;

const DIRECTORY: &[u8] = b"extra/kv/";
const KEYMAP: &[u8] = b"extra/kv/KEYMAP.jsonl";

/// Passes the keys on: those of no prefix first, then those of unknown families.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> Result<Scope> {
    let mut keys = Sorter::new(reader.scratch, MEMORY);
    let mut at = 0;
    while let Some(file) = reader.next_file(DIRECTORY, &mut at)? {
        if file.path == KEYMAP {
            continue;
        }
        let segment = file.path.strip_prefix(DIRECTORY).and_then(|name| name.strip_suffix(b".bin"));
        let segment = segment.ok_or_else(|| reader.unsound(&file.path, &"is no file of a key"))?;
        match reader.name(DIRECTORY, segment, &file.path)? {
            Some(key) => {
                let is_of_a_family = key.starts_with(b"!");
                keys.push(&[&[is_of_a_family.into()], &*key].concat(), &file.record())?;
            }
            None => reader.nameless(Namespace::Kv.name(), b"", &file)?,
        }
    }
    let (mut value, mut last) = (Vec::new(), None::<(Vec<u8>, Vec<u8>)>);
    let mut sorted = keys.sort()?;
    while let Some((key, record)) = sorted.next()? {
        let (key, file) = (key.get(1..).unwrap_or_default(), File::read(record)?);
        if let Some((_, other)) = last.as_ref().filter(|(last, _)| last == key) {
            return Err(reader.twice(&file.path, other));
        }
        reader.whole(&file, limits::LENGTH, &mut value)?;
        reader.put(Object::Kv(&Pair { key, value: &value, commit_ts: 0 }), &file)?;
        last = Some((key.to_vec(), file.path));
    }
    reader.sink.end_service(reader.report, Namespace::Kv)?;
    Ok(Scope::new())
}
