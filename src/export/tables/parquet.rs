//! Tables as Parquet: row groups of bounded size, compressed with Snappy, each column optional.
//!
//! In: rows. Out: `part-00000.parquet`, …. In memory are the values of one row group, and its pages while they are written.

use std::io;
use std::sync::Arc;

use base64::engine::general_purpose::STANDARD;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::schema::{Cell, Column, Kind};
use crate::bug::Bug;
use crate::error::{Error, Result};
use crate::export::parts;
use crate::layout::dynamodb::item_text;
use crate::layout::output::append_base64;
use crate::tree::{Tree, TreeFile};
use crate::worker::{self, Stage};

/// What the files are called behind their numbers.
pub(super) const SUFFIX: &str = ".parquet";
/// Bytes of the values of a row group; one value can be larger.
const GROUP: usize = 16 << 20;
/// What a value takes beside its bytes.
const VALUE: usize = 8;
/// Values that are handed over at a time.
const BATCH: usize = 1024;
/// Bytes of different values up to which a column has a dictionary.
const DICTIONARY: usize = 128 << 10;
/// Texts that hardly repeat.
const UNLIKE: [&str; 6] = ["value", "body", "sha256", "etag", "message_id", "md5_of_body"];
/// Bytes of a row group from which on another thread writes it.
const WORTH_A_THREAD: usize = 1 << 20;
const COLUMN: Bug = Bug::new("a row of a table has a cell that its column does not take");

/// Writes the files of one table.
pub(super) struct Parquet {
    front: Vec<u8>,
    schema: TypePtr,
    properties: Arc<WriterProperties>,
    limit: u64,
    columns: Vec<Values>,
    /// Rows and bytes of the row group.
    rows: usize,
    held: usize,
    open: Option<Part>,
    /// Columns without values.
    spare: Option<Vec<Values>>,
    kinds: Vec<Kind>,
    files: usize,
}

struct Part {
    file: TreeFile,
    groups: Groups,
    bytes: u64,
}

/// Who writes the row groups of a file.
enum Groups {
    Here(Box<SerializedFileWriter<Vec<u8>>>),
    /// Another thread: values go to it, those of no group at the end, and come back emptied, with bytes of the file.
    Beside(Stage<Vec<Values>, Written>),
}

/// Bytes of the file, and columns without values.
type Written = Result<(Vec<u8>, Vec<Values>), ParquetError>;

/// The values of a column in one row group.
struct Values {
    /// 1 for each row that has a value, else 0.
    levels: Vec<i16>,
    data: Data,
    /// Bytes go in as base64 text.
    is_base64: bool,
}

enum Data {
    /// All values, and where each ends.
    Bytes(Vec<u8>, Vec<usize>),
    Numbers(Vec<i64>),
    Floats(Vec<f64>),
    Bools(Vec<bool>),
}

impl Parquet {
    pub(super) fn new(folder: &[u8], columns: &[Column], limit: u64) -> Result<Self> {
        let fields: Result<Vec<_>, _> = columns.iter().map(field).collect();
        let schema = Type::group_type_builder("schema").with_fields(fields.map_err(failed)?).build();
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by("ekv-backup".to_owned())
            .set_dictionary_page_size_limit(DICTIONARY)
            .set_offset_index_disabled(true)
            .set_statistics_enabled(EnabledStatistics::Chunk);
        for column in columns {
            let path = ColumnPath::from(vec![column.name.to_string()]);
            let is_large = matches!(column.kind, Kind::Json | Kind::Base64 | Kind::Bytes);
            if column.kind != Kind::Text || UNLIKE.contains(&&*column.name) {
                properties = properties.set_column_dictionary_enabled(path.clone(), false);
            }
            if is_large {
                properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
            }
        }
        Ok(Self {
            front: parts::front(folder),
            schema: Arc::new(schema.map_err(failed)?),
            properties: Arc::new(properties.build()),
            limit,
            columns: columns.iter().map(|column| Values::new(column.kind)).collect(),
            spare: None,
            kinds: columns.iter().map(|column| column.kind).collect(),
            rows: 0,
            held: 0,
            open: None,
            files: 0,
        })
    }

    /// Writes a row: a cell for each column.
    pub(super) fn row(&mut self, tree: &mut Tree, cells: &[Cell<'_>]) -> Result<()> {
        for (values, cell) in self.columns.iter_mut().zip(cells) {
            self.held += values.push(cell)? + VALUE;
        }
        self.rows += 1;
        let most = usize::try_from(self.limit).unwrap_or(GROUP).min(GROUP);
        if self.held < most { Ok(()) } else { self.end_group(tree) }
    }

    /// Ends the last file; returns their number.
    pub(super) fn finish(mut self, tree: &mut Tree) -> Result<usize> {
        self.end_group(tree)?;
        self.end_file(tree)?;
        Ok(self.files)
    }

    fn end_group(&mut self, tree: &mut Tree) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let part = match &mut self.open {
            Some(part) => part,
            slot @ None => {
                let (schema, properties) = (Arc::clone(&self.schema), Arc::clone(&self.properties));
                let groups = Groups::new(schema, properties, self.held).map_err(failed)?;
                let file = tree.file(&parts::path(&self.front, self.files, SUFFIX))?;
                self.files += 1;
                slot.insert(Part { file, groups, bytes: 0 })
            }
        };
        part.bytes = part.bytes.saturating_add(u64::try_from(self.held).unwrap_or(u64::MAX));
        (self.rows, self.held) = (0, 0);
        match &mut part.groups {
            Groups::Here(writer) => {
                write_group(writer, &mut self.columns).map_err(failed)?;
                pass_on(writer, &mut part.file)?;
            }
            Groups::Beside(stage) => {
                let empty = self
                    .spare
                    .take()
                    .unwrap_or_else(|| self.kinds.iter().copied().map(Values::new).collect());
                stage.send(std::mem::replace(&mut self.columns, empty))?;
                // One group is filled while one is written.
                if stage.under_way() > 1
                    && let Some(result) = stage.next()?
                {
                    let (bytes, columns) = result.map_err(failed)?;
                    self.spare = Some(columns);
                    part.file.write(&bytes)?;
                }
            }
        }
        if part.bytes >= self.limit { self.end_file(tree) } else { Ok(()) }
    }

    fn end_file(&mut self, tree: &mut Tree) -> Result<()> {
        let Some(mut part) = self.open.take() else { return Ok(()) };
        match &mut part.groups {
            Groups::Here(writer) => {
                write_group(writer, &mut []).map_err(failed)?;
                pass_on(writer, &mut part.file)?;
            }
            Groups::Beside(stage) => {
                stage.send(Vec::new())?;
                while let Some(result) = stage.next()? {
                    let (bytes, columns) = result.map_err(failed)?;
                    self.spare = Some(columns).filter(|columns| !columns.is_empty()).or(self.spare.take());
                    part.file.write(&bytes)?;
                }
            }
        }
        Ok(part.file.finish(tree)?)
    }
}

impl Groups {
    /// Begins a file whose first group has so many bytes.
    fn new(schema: TypePtr, properties: Arc<WriterProperties>, held: usize) -> Result<Self, ParquetError> {
        let open =
            move || SerializedFileWriter::new(Vec::new(), Arc::clone(&schema), Arc::clone(&properties));
        if held < WORTH_A_THREAD || !worker::has_second() {
            return Ok(Self::Here(Box::new(open()?)));
        }
        let mut writer = open()?;
        let reopen = open.clone();
        let run = move |mut columns: Vec<Values>| {
            write_group(&mut writer, &mut columns)?;
            Ok((std::mem::take(writer.inner_mut()), columns))
        };
        Ok(match Stage::start(1, run) {
            Some(stage) => Self::Beside(stage),
            None => Self::Here(Box::new(reopen()?)),
        })
    }
}

/// Writes a row group, and empties its columns; without any, the end of the file.
fn write_group(
    writer: &mut SerializedFileWriter<Vec<u8>>,
    columns: &mut [Values],
) -> Result<(), ParquetError> {
    if columns.is_empty() {
        writer.finish()?;
    } else {
        let mut group = writer.next_row_group()?;
        for values in columns {
            let mut column = group.next_column()?.ok_or_else(|| ParquetError::General(COLUMN.to_string()))?;
            values.write(&mut column)?;
            column.close()?;
        }
        group.close()?;
    }
    Ok(writer.flush()?)
}

/// Writes into the file what is complete; the writer counts what it has passed on.
fn pass_on(writer: &mut SerializedFileWriter<Vec<u8>>, file: &mut TreeFile) -> Result<()> {
    let bytes = writer.inner_mut();
    file.write(bytes)?;
    bytes.clear();
    bytes.shrink_to(GROUP);
    Ok(())
}

impl Values {
    fn new(kind: Kind) -> Self {
        let data = match kind {
            Kind::Text | Kind::Base64 | Kind::Bytes | Kind::Json => Data::Bytes(Vec::new(), Vec::new()),
            Kind::Int | Kind::UInt => Data::Numbers(Vec::new()),
            Kind::Float => Data::Floats(Vec::new()),
            Kind::Bool => Data::Bools(Vec::new()),
        };
        let is_base64 = kind == Kind::Base64;
        Self { levels: Vec::new(), data, is_base64 }
    }

    /// Adds the value of a row; returns its bytes.
    fn push(&mut self, cell: &Cell<'_>) -> Result<usize> {
        self.levels.push(i16::from(!matches!(cell, Cell::Null)));
        match (&mut self.data, cell) {
            (_, Cell::Null) => {}
            (Data::Bytes(bytes, ends), cell) => {
                let start = bytes.len();
                match cell {
                    Cell::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                    Cell::Json(text) => bytes.extend_from_slice(text),
                    Cell::Bytes(value) if self.is_base64 => {
                        append_base64(bytes, value, &STANDARD)?;
                    }
                    Cell::Bytes(value) => bytes.extend_from_slice(value),
                    Cell::Item(item) => item_text(item, bytes)?,
                    _ => return Err(COLUMN.into()),
                }
                ends.push(bytes.len());
                return Ok(bytes.len() - start);
            }
            (Data::Numbers(values), Cell::Int(number)) => values.push(*number),
            (Data::Numbers(values), Cell::UInt(number)) => values.push(number.cast_signed()),
            (Data::Floats(values), Cell::Float(number)) => values.push(*number),
            (Data::Bools(values), Cell::Bool(value)) => values.push(*value),
            _ => return Err(COLUMN.into()),
        }
        Ok(0)
    }

    /// Writes the column, and empties it.
    fn write(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(&*self.levels);
        match &mut self.data {
            Data::Bytes(bytes, ends) => {
                let all = ByteArray::from(std::mem::take(bytes));
                let column = column.typed::<ByteArrayType>();
                let (mut ends, mut start) = (std::mem::take(ends).into_iter(), 0);
                // As many rows at a time as have some values: so that not all of them have a place of their own at once.
                for levels in self.levels.chunks(BATCH) {
                    let count = levels.iter().filter(|&&level| level == 1).count();
                    let value = |end| {
                        let from = std::mem::replace(&mut start, end);
                        all.slice(from, end - from)
                    };
                    let values: Vec<_> = ends.by_ref().take(count).map(value).collect();
                    column.write_batch(&values, Some(levels), None)?;
                }
            }
            Data::Numbers(values) => {
                column.typed::<Int64Type>().write_batch(values, levels, None)?;
                values.clear();
            }
            Data::Floats(values) => {
                column.typed::<DoubleType>().write_batch(values, levels, None)?;
                values.clear();
            }
            Data::Bools(values) => {
                column.typed::<BoolType>().write_batch(values, levels, None)?;
                values.clear();
            }
        }
        self.levels.clear();
        Ok(())
    }
}

fn field(column: &Column) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match column.kind {
        Kind::Text | Kind::Base64 => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        Kind::Bytes => (Physical::BYTE_ARRAY, None),
        Kind::Int => (Physical::INT64, None),
        Kind::UInt => (Physical::INT64, Some(LogicalType::integer(64, false))),
        Kind::Float => (Physical::DOUBLE, None),
        Kind::Bool => (Physical::BOOLEAN, None),
    };
    let field = Type::primitive_type_builder(&column.name, physical)
        .with_logical_type(logical)
        .with_repetition(Repetition::OPTIONAL);
    Ok(Arc::new(field.build()?))
}

fn failed(error: ParquetError) -> Error {
    Error::Output(io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;
    use crate::tree::TreeOptions;

    #[test]
    fn rows_read_back_whatever_the_groups_and_files() {
        let kinds = [
            Kind::Text,
            Kind::Base64,
            Kind::Bytes,
            Kind::Json,
            Kind::Int,
            Kind::UInt,
            Kind::Float,
            Kind::Bool,
        ];
        let columns: Vec<_> = kinds.iter().map(|&kind| Column::new(format!("{kind:?}.\"x"), kind)).collect();
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out");
        let mut tree = Tree::disk(&target, &TreeOptions::default()).unwrap();
        let mut parquet = Parquet::new(b"t", &columns, 20_000).unwrap();
        let mut wanted = Vec::new();
        for number in 0..5000_i64 {
            let text = format!("text {} é\0", number % 7);
            let mut cells = [
                Cell::Text(&text),
                Cell::Bytes(b"\xff\xfe"),
                Cell::Bytes(b"\xff\0"),
                Cell::Json(b"[1]"),
                Cell::Int(-number),
                Cell::UInt(u64::MAX - number.cast_unsigned()),
                Cell::Float(if number == 3 { f64::NEG_INFINITY } else { 0.5 }),
                Cell::Bool(number % 2 == 0),
            ];
            let null = usize::try_from(number % 9).unwrap();
            if let Some(cell) = cells.get_mut(null) {
                *cell = Cell::Null;
            }
            parquet.row(&mut tree, &cells).unwrap();
            let float = if number == 3 { "-inf".to_owned() } else { "0.5".to_owned() };
            let values = [
                text,
                "//4=".to_owned(),
                "[255, 0]".to_owned(),
                "[1]".to_owned(),
                (-number).to_string(),
                (u64::MAX - number.cast_unsigned()).to_string(),
                float,
                (number % 2 == 0).to_string(),
            ];
            wanted.push((null, values));
        }
        let files = parquet.finish(&mut tree).unwrap();
        assert!(files > 10, "{files}");
        tree.publish().unwrap();
        let mut found = wanted.iter();
        for number in 0..files {
            let path = target.join(format!("t/part-{number:05}.parquet"));
            let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
            for row in reader.get_row_iter(None).unwrap() {
                let (null, values) = found.next().unwrap();
                for (at, (_, field)) in row.unwrap().get_column_iter().enumerate() {
                    let text = match field {
                        parquet::record::Field::Str(text) => text.clone(),
                        parquet::record::Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
                            Ok(text) => text.to_owned(),
                            Err(_) => format!("{:?}", bytes.data()),
                        },
                        parquet::record::Field::Double(value) => value.to_string(),
                        field => field.to_string(),
                    };
                    assert_eq!(text, if at == *null { "null" } else { &values[at] }, "{at}");
                }
            }
        }
        assert!(found.next().is_none());
    }
}
