//! `extra/kv/`: keys that no service owns (`reading/keys.md#keys-without-a-prefix`), a file or a line each.

use super::{File, MEMORY, Reader};
use crate::codec::gojson::read::Binary;
use crate::error::Result;
use crate::event::Class;
use crate::keyspace::Namespace;
use crate::limits;
use crate::model::Object;
use crate::model::kv::Pair;
use crate::service::Scope;
use crate::sort::{Sorter, Table};
use crate::time::Hlc;
use crate::tree::part;

const DIRECTORY: &[u8] = b"extra/kv/";
const KEYMAP: &[u8] = b"extra/kv/KEYMAP.jsonl";
const PARTS: &[u8] = b"extra/kv/data-";

/// Passes the keys on: those of no prefix first, then those of unknown families.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> Result<Scope> {
    let (mut keys, mut own) = (Sorter::new(reader.scratch, MEMORY), Sorter::new(reader.scratch, MEMORY));
    let (mut at, mut has_parts) = (0, false);
    while let Some(file) = reader.next_file(DIRECTORY, &mut at)? {
        if file.path == KEYMAP {
            continue;
        }
        if part::of(&file.path).is_some() {
            has_parts = true;
            continue;
        }
        let segment = file.path.strip_prefix(DIRECTORY).and_then(|name| name.strip_suffix(b".bin"));
        let segment = segment.ok_or_else(|| reader.unsound(&file.path, &"is no file of a key"))?;
        match reader.name(DIRECTORY, segment, &file.path)? {
            Some(key) => {
                own.push(&key, b"")?;
                let is_of_a_family = key.starts_with(b"!");
                keys.push(&[&[is_of_a_family.into()], &*key].concat(), &file.record())?;
            }
            None => reader.nameless(Namespace::Kv.name(), b"", &file)?,
        }
    }
    if has_parts {
        lines(reader, &mut super::originals::table(own, reader.scratch)?)?;
    }
    let (mut value, mut last) = (Vec::new(), None::<(Vec<u8>, Vec<u8>)>);
    let mut sorted = keys.sort()?;
    while let Some((key, record)) = sorted.next()? {
        let (key, file) = (key.get(1..).unwrap_or_default(), File::read(record)?);
        if let Some((_, other)) = last.as_ref().filter(|(last, _)| last == key) {
            return Err(reader.twice(&file.path, other));
        }
        reader.whole(&file, limits::LENGTH, &mut value)?;
        reader.put(Object::Kv(&Pair { key, value: &value, commit_ts: Hlc::ZERO }), &file)?;
        last = Some((key.to_vec(), file.path));
    }
    reader.sink.end_service(reader.report, Namespace::Kv)?;
    Ok(Scope::new())
}

/// Passes the keys of all lines on. `own` has the keys that have files.
fn lines(reader: &mut Reader<'_, '_>, own: &mut Table) -> Result<()> {
    reader.each_line(PARTS, &mut |reader, file, record| {
        let key = &*record.key.0;
        if !own.is_empty() && own.find(key)?.is_some() {
            let what = format!("has a line of {:?}, which has a file too", String::from_utf8_lossy(key));
            return Err(reader.unsound(&file.path, &what));
        }
        match serde_json::from_str(record.value.get()) {
            Ok(Binary(value)) => {
                reader.put(Object::Kv(&Pair { key, value: &value, commit_ts: Hlc::ZERO }), file)?;
                Ok(())
            }
            Err(error) => {
                let named = (Namespace::Kv.name(), &b""[..], key);
                reader.problem(named, Class::KV_INVALID_LINE, file, &error.to_string())
            }
        }
    })
}
