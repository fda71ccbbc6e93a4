//! Tables as lines of JSON: a row a line, members in the order of the columns, those that are null left out.

use base64::engine::general_purpose::STANDARD;

use super::schema::{Cell, Column};
use crate::error::Result;
use crate::export::parts::{Packing, Parts};
use crate::layout::dynamodb::item_text;
use crate::layout::output::{Output, base64, text_as};
use crate::tree::Tree;
use crate::tree::json::{self, Html};

/// Writes the lines of one table.
pub(super) struct Jsonl {
    parts: Parts,
    /// Names of the columns as they stand before their values: `"name":`.
    names: Vec<Vec<u8>>,
}

impl Jsonl {
    pub(super) fn new(folder: &[u8], columns: &[Column], packing: Packing, limit: u64) -> Self {
        let name = |column: &Column| {
            let mut name = Vec::new();
            json::string(&mut name, &column.name, Html::Raw);
            name.push(b':');
            name
        };
        Self {
            parts: Parts::new(folder, ".jsonl", packing, limit),
            names: columns.iter().map(name).collect(),
        }
    }

    /// Writes a row: a cell for each column.
    pub(super) fn row(&mut self, tree: &mut Tree, cells: &[Cell<'_>]) -> Result<()> {
        let mut out = self.parts.begin(tree, cells.iter().map(Cell::len).sum())?;
        let mut separator = b'{';
        for (name, cell) in self.names.iter().zip(cells) {
            if !matches!(cell, Cell::Null) {
                out.buffer().push(separator);
                out.buffer().extend_from_slice(name);
                value(&mut out, cell)?;
                separator = b',';
            }
        }
        out.buffer().extend_from_slice(if separator == b'{' { b"{}\n" } else { b"}\n" });
        out.end()
    }

    /// Ends the last file; returns their number.
    pub(super) fn finish(self, tree: &mut Tree) -> Result<usize> {
        Ok(self.parts.finish(tree)?.len())
    }
}

fn value(out: &mut impl Output, cell: &Cell<'_>) -> Result<()> {
    match *cell {
        Cell::Null => out.buffer().extend_from_slice(b"null"),
        Cell::Text(text) => text_as(out, text, Html::Raw)?,
        Cell::Bytes(bytes) => base64(out, bytes, &STANDARD)?,
        Cell::Json(text) => out.buffer().extend_from_slice(text),
        Cell::Item(item) => item_text(item, out)?,
        Cell::Int(number) => json::compact(out.buffer(), &number, Html::Raw),
        Cell::UInt(number) => json::compact(out.buffer(), &number, Html::Raw),
        // JSON has no number for it; readers of a column of doubles take these texts.
        Cell::Float(number) if number.is_infinite() => {
            let text: &[u8] = if number > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" };
            out.buffer().extend_from_slice(text);
        }
        // A number without a point is whole to some readers, and has no sign then.
        Cell::Float(number) if number == 0.0 && number.is_sign_negative() => {
            out.buffer().extend_from_slice(b"-0.0");
        }
        Cell::Float(number) => json::compact(out.buffer(), &number, Html::Raw),
        Cell::Bool(value) => json::compact(out.buffer(), &value, Html::Raw),
    }
    out.flush_if_full()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_one_form() {
        let text = |cell: Cell<'_>| {
            let mut out = Vec::new();
            value(&mut out, &cell).unwrap();
            String::from_utf8(out).unwrap()
        };
        for (cell, wanted) in [
            (Cell::Text("a\"<\n"), r#""a\"<\n""#),
            (Cell::Bytes(b"\xff\xfe"), "\"//4=\""),
            (Cell::Json(b"[1]"), "[1]"),
            (Cell::Int(-1), "-1"),
            (Cell::UInt(u64::MAX), "18446744073709551615"),
            (Cell::Float(0.5), "0.5"),
            (Cell::Float(-0.0), "-0.0"),
            (Cell::Float(f64::INFINITY), "\"Infinity\""),
            (Cell::Float(f64::NEG_INFINITY), "\"-Infinity\""),
            (Cell::Bool(true), "true"),
        ] {
            assert_eq!(text(cell), wanted);
        }
    }
}
