//! Parts of the JSONL layout: each line is of an object, the keys ascend through all parts, and no part is missing.
//!
//! In: parts, in any order and by several threads. Out: findings. What spans several parts is joined by sorting.

use std::io::{self, BufReader};

use super::check::{ENDLESS, Read};
use super::{FindingKind, Result, Shared, lock};
use crate::bug::Bug;
use crate::codec::gojson::read::Binary;
use crate::cursor;
use crate::limits;
use crate::tree::lines::{Line, Lines};
use crate::tree::part::{self, Of, Part, Record};
use crate::tree::{Error, segment};

/// What is known of a part: that it is there, and its first and last key.
const THERE: u8 = 0;
const KEYS: u8 = 1;

/// Whether a path of the dump is a file.
pub(super) type IsThere<'i> = &'i mut dyn FnMut(&[u8]) -> Result<bool>;

/// Remembers that a part is there.
pub(super) fn push(shared: &Shared, path: &[u8]) -> Result<()> {
    part::of(path).map_or(Ok(()), |part| push_record(shared, &part, &[THERE]))
}

fn push_record(shared: &Shared, part: &Part<'_>, value: &[u8]) -> Result<()> {
    let key = [part.front, b"\0", &part.number.to_be_bytes()].concat();
    Ok(lock(&shared.parts).push(&key, value)?)
}

/// Lends the lines of a list with their numbers; what is none is a finding, and nothing follows one without an end.
pub(super) fn records(
    shared: &Shared,
    file: &mut dyn io::Read,
    path: &[u8],
    mut each: impl FnMut(u64, &[u8]) -> Result<()>,
) -> Result<io::Result<Read>> {
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, file), limits::RECORD_LINE);
    for number in 1_u64.. {
        shared.check_interrupt()?;
        match lines.next() {
            Ok(Some(Line::Text(line))) => each(number, line)?,
            Ok(Some(Line::TooLong)) => shared.add(FindingKind::BadLine, path, number, "line too long"),
            Ok(Some(Line::Endless)) => {
                shared.add(FindingKind::BadLine, path, number, ENDLESS);
                return Ok(Ok(Read::Partly));
            }
            Ok(None) => break,
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(Read::Whole))
}

/// Reads a part and checks its lines.
pub(super) fn read(
    shared: &Shared,
    file: &mut dyn io::Read,
    path: &[u8],
    is_there: IsThere<'_>,
) -> Result<io::Result<Read>> {
    let Some(part) = part::of(path) else { return Ok(Ok(Read::Partly)) };
    // Most dumps have no files of a type: then no line asks for its own.
    let may_have_file = match part.of {
        Of::Redis(..) => is_there(part.front.strip_suffix(b"-").unwrap_or(part.front))?,
        Of::Kv | Of::S3(_) => true,
    };
    let mut first: Option<Vec<u8>> = None;
    let mut last = Vec::new();
    let read = records(shared, file, path, |number, line| {
        let add = |kind, detail: &str| shared.add(kind, path, number, detail);
        let record = match serde_json::from_slice::<Record<'_>>(line) {
            Ok(record) => record,
            Err(error) => {
                add(FindingKind::BadLine, &error.to_string());
                return Ok(());
            }
        };
        let key = &*record.key.0;
        if let Some(detail) = fault(part.of, &record) {
            add(FindingKind::BadLine, detail);
        }
        if first.is_some() && last.as_slice() >= key {
            add(FindingKind::UnsortedLines, "");
        }
        if may_have_file
            && let Some(own) = own_file(&part, key)
            && is_there(&own)?
        {
            add(FindingKind::DuplicateObject, &String::from_utf8_lossy(&own));
        }
        first.get_or_insert_with(|| key.to_vec());
        last.clear();
        last.extend_from_slice(key);
        Ok(())
    })?;
    if !matches!(read, Ok(Read::Whole)) {
        return Ok(read);
    }
    match first {
        Some(first) => {
            let length = u64::try_from(first.len()).unwrap_or(u64::MAX).to_be_bytes();
            push_record(shared, &part, &[&[KEYS], &length[..], &first, &last].concat())?;
        }
        None => shared.add(FindingKind::BadLine, path, 0, "no line"),
    }
    Ok(Ok(Read::Whole))
}

/// Says what is wrong with the value of a line.
fn fault(of: Of<'_>, record: &Record<'_>) -> Option<&'static str> {
    let value = record.value.get();
    match of {
        Of::Kv | Of::Redis(_, 0 | 1) => {
            serde_json::from_str::<Binary<'_>>(value).is_err().then_some("value is neither text nor base64")
        }
        Of::Redis(_, 6) => (!value.starts_with('[')).then_some("value is no array"),
        Of::Redis(..) | Of::S3(_) => (!value.starts_with('{')).then_some("value is no object"),
    }
}

/// Returns the path of the file that an object would have, had it no line.
fn own_file(part: &Part<'_>, key: &[u8]) -> Option<Vec<u8>> {
    let (directory, suffix): (&[u8], _) = match part.of {
        Of::Kv => (b"extra/kv", ".bin"),
        Of::Redis(_, kind) => {
            let suffix = [".bin", ".bin", ".json", ".json", ".json", ".json", ".jsonl"].get(kind)?;
            (part.front.strip_suffix(b"-")?, *suffix)
        }
        Of::S3(_) => return None,
    };
    // `strings-` is beside `strings/`.
    Some([directory, b"/", segment::encode(key).text.as_bytes(), suffix.as_bytes()].concat())
}

/// Compares what the parts say of one another, once all were read.
pub(super) fn join(shared: &Shared) -> Result<()> {
    const RECORD: Bug = Bug::new("a record of a part of lines does not read back");
    let broken = |key: &[u8]| Error::at(key, RECORD);
    let mut parts = lock(&shared.parts);
    let mut lent = parts.sort()?;
    let (mut front, mut number, mut last) = (Vec::new(), 0_u64, None::<Vec<u8>>);
    while let Some((key, value)) = lent.next()? {
        let (name, bytes) = key.split_last_chunk::<8>().ok_or_else(|| broken(key))?;
        let (name, next) = (name.strip_suffix(b"\0").ok_or_else(|| broken(key))?, u64::from_be_bytes(*bytes));
        if front != name {
            (front, number, last) = (name.to_vec(), 0, None);
        }
        if next > number.saturating_add(1) {
            let path = part::path(&front, number + 1);
            shared.add(FindingKind::MissingPart, &path, 0, format!("there is a part {next}"));
            last = None;
        }
        number = next;
        let Some((&KEYS, mut rest)) = value.split_first() else { continue };
        let length = cursor::take_u64_be(&mut rest).and_then(|length| usize::try_from(length).ok());
        let first = length.and_then(|length| cursor::take(&mut rest, length)).ok_or_else(|| broken(key))?;
        if last.as_deref().is_some_and(|last| last >= first) {
            let detail = "expected a greater key than the last of the part before";
            shared.add(FindingKind::UnsortedLines, &part::path(&front, number), 1, detail);
        }
        last = Some(rest.to_vec());
    }
    Ok(())
}
