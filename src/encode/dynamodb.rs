//! Rows of DynamoDB tables and items (`encoding.md#rows-of-dynamodb`).

use super::rows::Rows;
use crate::error::Result;
use crate::event::{Class, Event, Warning};
use crate::keyspace::Family;
use crate::keyspace::dynamodb as keys;
use crate::model::dynamodb::key::{KeyValue, push_ordered};
use crate::model::dynamodb::members::checked;
use crate::model::dynamodb::{Item, Object, Table, write};
use crate::model::{Answer, Refusal};
use crate::report::Report;

/// Generation of all tables: that of the source is not in a dump, and none refers to it.
const GENERATION: u64 = 1;

/// The table at hand.
#[derive(Debug, Default)]
pub(super) struct Dynamodb {
    name: Vec<u8>,
    /// What the keys of its items begin with.
    item_prefix: Vec<u8>,
    indexes: Vec<Index>,
    body: Vec<u8>,
    key: Vec<u8>,
}

#[derive(Debug)]
struct Index {
    name: String,
    hash_key: String,
    range_key: Option<String>,
    /// What the keys of its rows begin with.
    prefix: Vec<u8>,
    /// Items whose attribute cannot be in a key.
    left_out: u64,
}

impl Dynamodb {
    /// Adds the rows of a table or an item.
    pub(super) fn object(&mut self, rows: &mut Rows, object: Object<'_>) -> Result<Answer> {
        match object {
            Object::Table(table) => self.table(rows, table),
            Object::Item(item) => self.item(rows, item),
        }
    }

    fn table(&mut self, rows: &mut Rows, table: &Table<'_>) -> Result<Answer> {
        self.name = table.name.to_vec();
        self.item_prefix = keys::item_prefix(table.name, GENERATION);
        self.indexes.clear();
        for index in write::indexes(table.schema.message())? {
            let mut prefix = Vec::new();
            keys::write_index(&mut prefix, (table.name, GENERATION), index.name.as_bytes());
            self.indexes.push(Index {
                name: index.name.to_owned(),
                hash_key: index.hash_key.to_owned(),
                range_key: index.range_key.map(str::to_owned),
                prefix,
                left_out: 0,
            });
        }
        self.body.clear();
        write::schema(&mut self.body, table.schema, GENERATION)?;
        let key = |family| move |out: &mut Vec<u8>| keys::write_table(out, family, table.name);
        rows.row(key(Family::DynamodbTable), |out| out.extend_from_slice(&self.body))?;
        rows.row(key(Family::DynamodbGeneration), |out| {
            out.extend_from_slice(GENERATION.to_string().as_bytes());
        })?;
        Ok(Answer::Taken)
    }

    fn item(&mut self, rows: &mut Rows, item: &Item<'_>) -> Result<Answer> {
        self.key.clear();
        self.key.extend_from_slice(&self.item_prefix);
        let start = self.key.len();
        for value in item.keys.iter() {
            if !push_ordered(&mut self.key, value) {
                let message =
                    "a key attribute is no number, and no generation with ordered keys has such an item";
                return Ok(Answer::Refused(Refusal::new(Class::DDB_INVALID_ITEM, message)));
            }
        }
        self.body.clear();
        write::item(&mut self.body, &item.attributes)?;
        let key = |out: &mut Vec<u8>| out.extend_from_slice(&self.key);
        rows.row(key, |out| out.extend_from_slice(&self.body))?;
        let primary = self.key.get(start..).unwrap_or_default();
        for index in &mut self.indexes {
            let mut segments = Vec::new();
            match index.segments(item, &mut segments)? {
                Indexed::Row => rows.row(
                    |out| {
                        for part in [&*index.prefix, &segments, primary] {
                            out.extend_from_slice(part);
                        }
                    },
                    |out| out.extend_from_slice(&self.key),
                )?,
                Indexed::Absent => {}
                Indexed::LeftOut => index.left_out += 1,
            }
        }
        Ok(Answer::Taken)
    }

    /// Ends the table at hand.
    pub(super) fn end_table(&mut self, report: &mut Report<'_>) {
        for index in self.indexes.iter_mut().filter(|index| index.left_out > 0) {
            report.warn(
                Warning::new(Event::ENCODE_INDEX_ATTRIBUTE)
                    .with("table", String::from_utf8_lossy(&self.name))
                    .with("index", index.name.as_str())
                    .with("count", std::mem::take(&mut index.left_out)),
            );
        }
    }
}

/// What an index holds of an item.
enum Indexed {
    Row,
    /// It has not all attributes.
    Absent,
    /// An attribute is of no key's type, or a number that is none.
    LeftOut,
}

impl Index {
    /// Appends the key attributes of an item as they are in the index.
    fn segments(&self, item: &Item<'_>, out: &mut Vec<u8>) -> Result<Indexed> {
        for name in std::iter::once(&self.hash_key).chain(&self.range_key) {
            let found = checked(item.attributes.value(name))?;
            let Some(value) = found else { return Ok(Indexed::Absent) };
            if !KeyValue::of_value(value).is_some_and(|value| push_ordered(out, value)) {
                return Ok(Indexed::LeftOut);
            }
        }
        Ok(Indexed::Row)
    }
}
