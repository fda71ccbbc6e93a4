//! The tables that are open, and the lists of all: `tables.jsonl`, and `duckdb.sql` with a view of each.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::jsonl::Jsonl;
#[cfg(feature = "parquet")]
use super::parquet::Parquet;
use super::schema::{Cell, Column, Kind, Table};
use crate::error::Result;
use crate::export::{Format, Settings};
use crate::limits;
use crate::tree::json::{self, Html, Lossy};
use crate::tree::{Tree, TreeFile};

const LIST: &[u8] = b"tables.jsonl";
const VIEWS: &[u8] = b"duckdb.sql";

/// Writes tables.
pub(super) struct Store {
    /// Where they go.
    pub tree: Tree,
    format: Format,
    settings: Settings,
    list: TreeFile,
    views: TreeFile,
    /// Names of the views in lower case, which are all the same to the engine.
    names: BTreeSet<String>,
    open: Vec<Writer>,
}

/// Writes one table.
pub(super) struct Writer {
    name: &'static str,
    folder: Vec<u8>,
    columns: Vec<Column>,
    rows: u64,
    form: Form,
}

/// The files of a table in one of the forms.
enum Form {
    Jsonl(Box<Jsonl>),
    #[cfg(feature = "parquet")]
    Parquet(Box<Parquet>),
}

/// A line of the list.
#[derive(Serialize)]
struct Line<'a> {
    table: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Lossy<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
    folder: Lossy<'a>,
    view: &'a str,
    files: usize,
    rows: u64,
    columns: Vec<ColumnLine<'a>>,
}

#[derive(Serialize)]
struct ColumnLine<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl Store {
    pub(super) fn new(mut tree: Tree, format: Format, settings: Settings) -> Result<Self> {
        let (list, mut views) = (tree.file(LIST)?, tree.file(VIEWS)?);
        views.write(b"-- Views of all tables. Read where this file is: duckdb -init duckdb.sql\n")?;
        Ok(Self { tree, format, settings, list, views, names: BTreeSet::new(), open: Vec::new() })
    }

    /// Returns a table of its own columns.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(clippy::unnecessary_wraps, reason = "Parquet checks its schema")
    )]
    pub(super) fn writer(&self, name: &'static str, folder: Vec<u8>, columns: Vec<Column>) -> Result<Writer> {
        let Settings { packing, part_size, .. } = self.settings;
        let form = match self.format {
            #[cfg(feature = "parquet")]
            Format::Parquet => Form::Parquet(Box::new(Parquet::new(&folder, &columns, part_size)?)),
            _ => Form::Jsonl(Box::new(Jsonl::new(&folder, &columns, packing, part_size))),
        };
        Ok(Writer { name, folder, columns, rows: 0, form })
    }

    /// Writes a row of a table, which begins with its first.
    pub(super) fn row(&mut self, table: &Table, cells: &[Cell<'_>]) -> Result<()> {
        if let Some(writer) = self.open.iter_mut().find(|writer| writer.name == table.name) {
            return writer.row(&mut self.tree, cells);
        }
        let mut writer = self.writer(table.name, table.name.as_bytes().to_vec(), table.columns())?;
        let written = writer.row(&mut self.tree, cells);
        self.open.push(writer);
        written
    }

    /// Ends a table; `of` is the name of what it is of.
    pub(super) fn end(&mut self, writer: Writer, of: Option<&[u8]>) -> Result<()> {
        let Writer { name, folder, columns, rows, form } = writer;
        let files = match form {
            Form::Jsonl(jsonl) => jsonl.finish(&mut self.tree)?,
            #[cfg(feature = "parquet")]
            Form::Parquet(parquet) => parquet.finish(&mut self.tree)?,
        };
        let view_name = self.view_name(&String::from_utf8_lossy(&folder));
        if files > 0 && self.names.len() < limits::EXPORT_VIEWS {
            let folder = String::from_utf8_lossy(&folder);
            self.views.write(view(&view_name, &folder, self.format, &columns).as_bytes())?;
        }
        let columns =
            columns.iter().map(|column| ColumnLine { name: &column.name, kind: column.kind.name() });
        let line = Line {
            table: name,
            name: of.map(Lossy),
            name_base64: of.filter(|of| std::str::from_utf8(of).is_err()).map(|of| STANDARD.encode(of)),
            folder: Lossy(&folder),
            view: &view_name,
            files,
            rows,
            columns: columns.collect(),
        };
        let mut text = Vec::new();
        json::compact(&mut text, &line, Html::Raw);
        text.push(b'\n');
        Ok(self.list.write(&text)?)
    }

    /// Returns the name of a view, that of the folder unless another differs from it in case alone.
    fn view_name(&mut self, folder: &str) -> String {
        let mut name = folder.to_owned();
        let mut number = 1;
        while self.names.len() < limits::EXPORT_VIEWS && !self.names.insert(name.to_lowercase()) {
            number += 1;
            name = format!("{folder} {number}");
        }
        name
    }

    /// Ends the tables of a service.
    pub(super) fn end_all(&mut self) -> Result<()> {
        for writer in std::mem::take(&mut self.open) {
            self.end(writer, None)?;
        }
        Ok(())
    }

    /// Ends the list.
    pub(super) fn finish(mut self) -> Result<Tree> {
        self.list.finish(&mut self.tree)?;
        self.views.finish(&mut self.tree)?;
        Ok(self.tree)
    }
}

impl Writer {
    /// Writes a row: a cell for each column.
    pub(super) fn row(&mut self, tree: &mut Tree, cells: &[Cell<'_>]) -> Result<()> {
        self.rows += 1;
        match &mut self.form {
            Form::Jsonl(jsonl) => jsonl.row(tree, cells),
            #[cfg(feature = "parquet")]
            Form::Parquet(parquet) => parquet.row(tree, cells),
        }
    }
}

/// Returns the statement that makes the view of the table in a folder.
fn view(name: &str, folder: &str, format: Format, columns: &[Column]) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let files = format!("'{}/*.{}*'", folder.replace('\'', "''"), format.name());
    let view = quoted(name);
    if format != Format::Jsonl {
        return format!("CREATE VIEW {view} AS SELECT * FROM read_parquet({files});\n");
    }
    let mut types = String::new();
    let mut bytes = String::new();
    for column in columns {
        let name = quoted(&column.name);
        let kind = match column.kind {
            Kind::Text | Kind::Base64 | Kind::Bytes => "VARCHAR",
            Kind::Json => "JSON",
            Kind::Int => "BIGINT",
            Kind::UInt => "UBIGINT",
            Kind::Float => "DOUBLE",
            Kind::Bool => "BOOLEAN",
        };
        let _ = write!(types, "{}{name}: '{kind}'", if types.is_empty() { "" } else { ", " });
        if column.kind == Kind::Bytes {
            let _ =
                write!(bytes, "{}from_base64({name}) AS {name}", if bytes.is_empty() { "" } else { ", " });
        }
    }
    let replaced = if bytes.is_empty() { bytes } else { format!(" REPLACE ({bytes})") };
    format!("CREATE VIEW {view} AS SELECT *{replaced} FROM read_json({files}, columns = {{{types}}});\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_has_the_types_and_quotes_of_its_table() {
        let columns = [Column::new("a\"b", Kind::Bytes), Column::new("n", Kind::UInt)];
        assert_eq!(
            view("items/it's", "items/it's", Format::Jsonl, &columns),
            "CREATE VIEW \"items/it's\" AS SELECT * REPLACE (from_base64(\"a\"\"b\") AS \"a\"\"b\") FROM \
             read_json('items/it''s/*.jsonl*', columns = {\"a\"\"b\": 'VARCHAR', \"n\": 'UBIGINT'});\n"
        );
        assert_eq!(
            view("kv", "kv", Format::Parquet, &columns),
            "CREATE VIEW \"kv\" AS SELECT * FROM read_parquet('kv/*.parquet*');\n"
        );
    }
}
