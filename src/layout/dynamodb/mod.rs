//! `dynamodb/<table>/`: `_schema.json`, and the items in one of two layouts (`tree/dynamodb.md#files-of-dynamodb`, `tree/dynamodb.md#options`).
//!
//! In: tables, each followed by its items. Out: their files; records and warnings of names in SHA form.

mod claims;
mod fallback;
#[cfg(test)]
mod fixture;
mod hashed;
mod line;
mod name;
mod per_item;
pub(crate) mod render;
pub(crate) mod schema;
#[cfg(test)]
mod tests;

use super::Root;
use super::file_writer::{FileBuffer, FileWriter};
use super::output::Output;
use super::parts::Parts;
use crate::bug::Bug;
use crate::error::{Error, Result};
use crate::event::{Class, Event, Warning};
use crate::excerpt;
use crate::limits;
use crate::model::dynamodb::{Attributes, Item, KeyValues, Object, Schema, Table};
use crate::model::{Answer, Refusal};
use crate::report::Report;
use crate::tree::{keymap, segment};

use fallback::{Fallbacks, Reason};
use name::{ItemName, Originals};
use per_item::PerItem;

/// Items of a table above which one file an item is worth a warning.
const LARGE: u64 = 1_000_000;

const NO_TABLE: Bug = Bug::new("an item of DynamoDB comes without its table");

/// Writes the files.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    table: Option<OpenTable>,
    /// A line of a bundle.
    line: Vec<u8>,
}

/// The table at hand.
#[derive(Debug)]
struct OpenTable {
    name: Vec<u8>,
    files: Files,
    fallbacks: Fallbacks,
    /// Whether any file of it was written.
    has_files: bool,
}

#[derive(Debug)]
enum Files {
    PerItem(Box<PerItem>),
    Parts(Box<Parts>),
}

impl Layout {
    /// Writes what an object has of files.
    pub(crate) fn object(&mut self, root: &mut Root, object: Object<'_>) -> Result<Answer> {
        match object {
            Object::Table(table) => self.table(root, table, true),
            Object::Item(item) => self.item(root, item).map_err(|error| match error {
                Error::Internal(bug) => match item.place {
                    Some(place) => bug.or_at(place).into(),
                    None => bug.into(),
                },
                error => error,
            }),
        }
    }

    /// Hears of an object of another share: items of this share may follow a table, and may have to leave a name to an item.
    pub(crate) fn other(&mut self, root: &mut Root, object: Object<'_>) -> Result<Answer> {
        match object {
            Object::Table(table) => self.table(root, table, false),
            Object::Item(item) => {
                if let Files::PerItem(files) = &mut self.table.as_mut().ok_or(NO_TABLE)?.files {
                    files.reserve(item)?;
                }
                Ok(Answer::Left)
            }
        }
    }

    fn table(&mut self, root: &mut Root, table: &Table<'_>, is_own: bool) -> Result<Answer> {
        let name = table.name;
        if let Some(message) = keymap::too_long(&[b'n'; limits::FILE_NAME], name) {
            return Ok(Answer::Refused(Refusal { class: Class::KEYMAP_LINE_TOO_LONG, message }));
        }
        let mut fallbacks = Fallbacks::new(root.tree.scratch());
        let mut directory = b"dynamodb/".to_vec();
        if let Some(segment) = segment::encode_directory(name) {
            directory.extend_from_slice(segment.text.as_bytes());
            if segment.fallback {
                let dot = matches!(name, b"." | b"..");
                let reason = if dot { Reason::DotTable } else { Reason::Encoding };
                fallbacks.push(&directory, name, reason, 0)?;
            }
        }
        let path = [&directory[..], b"/_schema.json"].concat();
        if is_own {
            let buffer = &mut FileBuffer::default();
            let mut file = FileWriter { buffer, tree: &mut root.tree, path: &path };
            schema::write(&mut file, table.schema.message())?;
            file.finish()?;
        }
        let files = match root.options.dynamodb_bundle {
            None => Files::PerItem(Box::new(PerItem::new(&root.tree, &directory, root.options.sharded))),
            Some(size) => {
                Files::Parts(Box::new(Parts::new([&directory[..], b"/items/data-"].concat(), size)))
            }
        };
        self.table = Some(OpenTable { name: name.to_vec(), files, fallbacks, has_files: is_own });
        Ok(Answer::Taken)
    }

    fn item(&mut self, root: &mut Root, item: &Item<'_>) -> Result<Answer> {
        let OpenTable { files, fallbacks, has_files, .. } = self.table.as_mut().ok_or(NO_TABLE)?;
        match files {
            Files::PerItem(files) => {
                let answer = files.put(&mut root.tree, fallbacks, item)?;
                *has_files |= answer == Answer::Taken;
                Ok(answer)
            }
            Files::Parts(parts) => {
                let unservable = line::write(&mut root.tree, parts, &item.attributes, &mut self.line)?;
                item.unservable.set(unservable);
                Ok(Answer::Taken)
            }
        }
    }

    /// Returns the path of the last item's file.
    #[must_use]
    pub(crate) fn place(&self) -> &[u8] {
        match self.table.as_ref().map(|table| &table.files) {
            Some(Files::PerItem(files)) => files.path(),
            Some(Files::Parts(parts)) => parts.path(),
            None => b"",
        }
    }

    /// Finishes the last part, and says what there is to say of the names.
    pub(crate) fn end_table(&mut self, root: &mut Root, report: &mut Report<'_>) -> Result<()> {
        let OpenTable { name, files, mut fallbacks, has_files } = self.table.take().ok_or(NO_TABLE)?;
        let shown = excerpt::name(&name);
        match files {
            Files::Parts(parts) => parts.finish(&mut root.tree)?,
            Files::PerItem(files) => {
                let items = files.finish(&mut root.tree, &mut fallbacks, report, &name)?;
                warn_large(report, &shown, items);
            }
        }
        let keymap = (!root.options.no_extra && has_files).then_some(&mut root.keymap);
        fallbacks.finish(keymap, report, &shown)
    }
}

/// Returns the path of a file of a table.
pub(crate) fn table_path(table: &[u8], file: &[u8]) -> Vec<u8> {
    let segment = segment::encode_directory(table).map(|segment| format!("{}/", segment.text));
    [b"dynamodb/", segment.unwrap_or_default().as_bytes(), file].concat()
}

/// Lists the paths that an item can have below its table's directory, the one that it has by itself first.
pub(crate) fn item_paths(keys: &KeyValues<'_>) -> Vec<Vec<u8>> {
    [ItemName::plain, ItemName::taken]
        .map(|name| {
            let mut path = b"items/".to_vec();
            name(Originals::of(keys)).push(&mut path);
            path
        })
        .into()
}

/// Writes the attributes of an item on one line.
pub(crate) fn item_text(attributes: &Attributes<'_>, out: &mut impl Output) -> Result<()> {
    render::item(out, attributes, render::Layout::Compact).map(drop)
}

/// Writes `_schema.json`.
pub(crate) fn schema_text(schema: &Schema, out: &mut Vec<u8>) -> Result<()> {
    schema::write(out, schema.message())
}

fn warn_large(report: &mut Report<'_>, table: &str, items: u64) {
    if items > LARGE {
        let warning = Warning::new(Event::DDB_LARGE_TABLE).with("table", table).with("items", items);
        report.warn(warning.with("hint", "--dynamodb-layout jsonl writes few files instead of one an item"));
    }
}
