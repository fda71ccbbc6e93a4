//! `list` of a dump: the objects that its files are of, by the names that paths, KEYMAPs and lines tell.
//!
//! In: the rows of CHECKSUMS, sorted. Out: an object a file, or a line of a file that holds several, with the bytes of
//! that; what no file says (times of commits, expiries) stays unknown. What lines and KEYMAPs say is proved first.

use std::io::{BufReader, Read};

use crate::error::Result;
use crate::limits;
use crate::model::Summary;
use crate::name;
use crate::name::file::{self, Contents, FileName, Lines as Kind};
use crate::name::line::{LineNames, is_schema_of, key_attributes};
use crate::reader::originals;
use crate::sort::{Scratch, Table};
use crate::tree::Dump;
use crate::tree::lines::{Line, Lines};

type Digest = [u8; 32];

/// Passes all objects to `each`, by their names. `reaches`: whether any object below a table, bucket or queue is wanted.
pub(in crate::run) fn objects(
    dump: &mut Dump,
    scratch: &Scratch,
    reaches: impl Fn(&str) -> bool,
    each: &mut dyn FnMut(&str, &Summary<'_>) -> Result<()>,
) -> Result<()> {
    let keymaps = originals::keymaps(dump)?;
    let mut originals = Originals { table: originals::read(dump, &keymaps, scratch)?, failed: None };
    let mut rows = dump.rows()?;
    let mut schema = (Vec::new(), Vec::new());
    let mut has_inodes = false;
    while let Some((path, digest)) = rows.next()? {
        let digest = Digest::try_from(digest).map_err(|_| ROW)?;
        if keymaps.contains_key(path) {
            continue;
        }
        let file = file::of_file(path, &mut |path| originals.of(path));
        originals.check()?;
        let Some(FileName { name, mut summary, contents, is_main: true }) = file else { continue };
        if summary.kind == "table" && matches!(contents, Contents::Document(_)) {
            let keys = key_attributes(dump.proved(path, &digest)?);
            schema = (path.to_vec(), keys.map_err(|error| dump.unsound(path, &error.to_string()))?);
        }
        let keys = if is_schema_of(&schema.0, path) { schema.1.as_slice() } else { &[] };
        let is_exact = is_exact(&summary, keys);
        let keys = keys.iter().map(|(name, _)| name.clone()).collect();
        match contents {
            Contents::Lines(kind) => {
                has_inodes |= kind == Kind::Inodes;
                if reaches(&name) {
                    let names = LineNames { kind, scope: summary, keys };
                    lines((dump, path, &digest), &names, &mut originals, each)?;
                }
            }
            Contents::Document(_) if !is_exact => {
                let names = LineNames { kind: Kind::Items, scope: summary, keys };
                let mut text = Vec::new();
                let mut file = dump.file(path, &digest)?.take(limits::DIFF_LINE);
                file.read_to_end(&mut text).map_err(|error| dump.failed(path, error))?;
                let item = names.object(&text, &mut |path| originals.of(path));
                let mut item = item.ok_or_else(|| dump.unsound(path, "is no item of its table"))?;
                item.bytes = Some(dump.length(path)?);
                pass(&item, each)?;
            }
            // The lines of all inodes have the files among them.
            _ if summary.service == "fs" && has_inodes => {}
            _ => {
                summary.bytes = Some(dump.length(path)?);
                each(&name, &summary)?;
            }
        }
    }
    Ok(())
}

/// Whether the path of an item tells its name: an empty hash key is no directory.
fn is_exact(object: &Summary<'_>, keys: &[(String, String)]) -> bool {
    keys.is_empty() || object.hash_len.is_some() == (keys.len() > 1)
}

fn pass(object: &Summary<'_>, each: &mut dyn FnMut(&str, &Summary<'_>) -> Result<()>) -> Result<()> {
    let mut name = String::new();
    name::of(object, &mut name);
    each(&name, object)
}

const ROW: crate::bug::Bug = crate::bug::Bug::new("a row of CHECKSUMS has no digest");

/// Passes on the objects of a file of lines.
fn lines(
    (dump, path, digest): (&mut Dump, &[u8], &Digest),
    names: &LineNames,
    originals: &mut Originals,
    each: &mut dyn FnMut(&str, &Summary<'_>) -> Result<()>,
) -> Result<()> {
    let bound = usize::try_from(limits::DIFF_LINE).unwrap_or(usize::MAX);
    let mut lines = Lines::new(BufReader::new(dump.proved(path, digest)?), bound);
    for number in 1_u64.. {
        let object = match lines.next().map_err(|error| dump.failed(path, error))? {
            None => break,
            Some(Line::Text(line)) => names.object(line, &mut |path| originals.of(path)),
            Some(Line::TooLong | Line::Endless) => None,
        };
        originals.check()?;
        let Some(object) = object else {
            return Err(dump.unsound(path, &format!("line {number} is of no object")).into());
        };
        pass(&object, each)?;
    }
    Ok(())
}

/// What names in SHA form stand for.
struct Originals {
    table: Table,
    failed: Option<crate::sort::Error>,
}

impl Originals {
    fn of(&mut self, path: &[u8]) -> Option<Vec<u8>> {
        let found = self.table.find(path);
        found.unwrap_or_else(|error| {
            self.failed = Some(error);
            None
        })
    }

    /// Fails where something was not found because the disk cannot be read.
    fn check(&mut self) -> Result<()> {
        self.failed.take().map_or(Ok(()), |error| Err(error.into()))
    }
}
