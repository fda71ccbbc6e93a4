//! DynamoDB: tables in the form that its own import from S3 reads.
//!
//! In: tables and items. Out: by table `create-table.json`, `data/part-….json.gz` of `{"Item":…}` lines with the manifests
//! of an export, and `batch-write.jsonl`. What DynamoDB refuses is left out and named.

mod create;
mod fit;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::parts::{Done, Packing, Parts};
use super::{Export, Settings, Target};
use crate::bug::Bug;
use crate::error::{Error, Result};
use crate::event::{Class, Event, Warning};
use crate::excerpt;
use crate::layout::dynamodb::{item_text, schema_text, table_path};
use crate::model::dynamodb::value::Value;
use crate::model::dynamodb::{Item, KeyValue, Object as Row, Table};
use crate::model::{Answer, Object, Refusal, ScopeEnd};
use crate::report::Report;
use crate::sink::{Sink, Wants};
use crate::time::Hlc;
use crate::tree::json::{self, Html};
use crate::tree::{Tree, TreeFile};
use create::{Altered, Key, SCHEMA, Schema};
use fit::Reason;

/// Longest message of an item that is looked at, bytes: none of 400 KiB has so many, whatever its attributes.
const MESSAGE: usize = 8 << 20;
/// Most items of one request, and most bytes of its text.
const BATCH: usize = 25;
const BATCH_BYTES: usize = 12 << 20;
const NO_TABLE: Bug = Bug::new("an item of DynamoDB comes without its table");
const NO_MD5: Bug = Bug::new("a part of an export of DynamoDB has no MD5");
const CHECKED: Bug = Bug::new("an item of DynamoDB that was checked does not read back");

/// Writes tables.
pub(super) struct Dynamodb {
    tree: Tree,
    settings: Settings,
    read_ts: Hlc,
    table: Option<OpenTable>,
    line: Vec<u8>,
}

/// The table at hand.
struct OpenTable {
    name: Vec<u8>,
    schema: Schema,
    keys: Vec<Key>,
    altered: Vec<Altered>,
    parts: Parts,
    batch: Option<Batch>,
}

/// Requests that hold up to 25 items each.
struct Batch {
    file: TreeFile,
    /// Items of the request at hand, and their number.
    puts: Vec<u8>,
    count: usize,
}

impl Dynamodb {
    pub(super) fn new(tree: Tree, settings: Settings) -> Self {
        Self { tree, settings, read_ts: Hlc::ZERO, table: None, line: Vec::new() }
    }

    fn table(&mut self, table: &Table<'_>) -> Result<Answer> {
        let refusal = |message: &str| Answer::Refused(Refusal::new(Class::DDB_INVALID_SCHEMA, message));
        if table.schema.message().len() > SCHEMA {
            return Ok(refusal("the schema is too large for any table of DynamoDB"));
        }
        let mut text = Vec::new();
        schema_text(table.schema, &mut text)?;
        let mut schema: Schema = serde_json::from_slice(&text).map_err(|_| CHECKED)?;
        let mut altered = Vec::new();
        let keys = schema.keys(&mut altered);
        let batch = if self.settings.batch {
            Some(Batch {
                file: self.tree.file(&table_path(table.name, b"batch-write.jsonl"))?,
                puts: Vec::new(),
                count: 0,
            })
        } else {
            None
        };
        self.table = Some(OpenTable {
            name: table.name.to_vec(),
            schema,
            keys,
            altered,
            parts: Parts::new(
                &table_path(table.name, b"data"),
                ".json",
                Packing::Gzip,
                self.settings.part_size,
            ),
            batch,
        });
        Ok(Answer::Taken)
    }

    fn item(&mut self, report: &mut Report<'_>, item: &Item<'_>) -> Result<Answer> {
        let table = self.table.as_mut().ok_or(NO_TABLE)?;
        if let Some(reason) = table.refuses(item)? {
            let warning = Warning::new(Event::EXPORT_DDB_ITEM)
                .with("table", excerpt::name(&table.name))
                .with("reason", reason);
            report.warn(warning.with_key(&Object::Dynamodb(Row::Item(item)).summary().name));
            return Ok(Answer::Left);
        }
        let line = &mut self.line;
        line.clear();
        line.extend_from_slice(b"{\"Item\":");
        item_text(&item.attributes, line)?;
        line.push(b'}');
        if let Some(batch) = &mut table.batch {
            batch.put(line, &table.schema.table_name)?;
        }
        line.push(b'\n');
        table.parts.line(&mut self.tree, line)?;
        // One large item does not keep its room for ever.
        line.shrink_to(MESSAGE);
        Ok(Answer::Taken)
    }

    fn end_table(&mut self, report: &mut Report<'_>) -> Result<()> {
        // A table of another share.
        let Some(table) = self.table.take() else { return Ok(()) };
        let OpenTable { name, schema, keys, mut altered, parts, batch } = table;
        let tree = &mut self.tree;
        let parts = parts.finish(tree)?;
        if let Some(mut batch) = batch {
            batch.send(&schema.table_name)?;
            batch.file.finish(tree)?;
        }
        let request = schema.request(&keys, &mut altered);
        tree.write(&table_path(&name, b"create-table.json"), &request)?;
        for (what, attribute) in altered {
            let warning =
                Warning::new(Event::EXPORT_DDB_TABLE).with("table", excerpt::name(&name)).with("what", what);
            report.warn(match attribute {
                Some(attribute) => warning.with("name", excerpt::name(attribute.as_bytes())),
                None => warning,
            });
        }
        manifests(tree, &name, &parts, self.read_ts)
    }
}

impl OpenTable {
    /// Says why DynamoDB refuses an item. The first one tells the types that the schema does not.
    fn refuses(&mut self, item: &Item<'_>) -> Result<Option<Reason>> {
        if item.attributes.message.len() > MESSAGE {
            return Ok(Some("larger than 400 KiB"));
        }
        if let Some(reason) = fit::item(&item.attributes).map_err(|_| CHECKED)? {
            return Ok(Some(reason));
        }
        for key in &mut self.keys {
            let value = match item.attributes.value(&key.name).map_err(|_| CHECKED)? {
                Some(Value::S(text)) => KeyValue::S(text),
                Some(Value::N(text)) => KeyValue::N(text),
                Some(Value::B(bytes)) => KeyValue::B(bytes),
                // An item without the keys of an index is not in it.
                None if !key.is_primary => continue,
                _ => return Ok(Some("a key of another type than the table's or index's")),
            };
            let longest = if key.is_range { fit::RANGE } else { fit::HASH };
            let kind = key.kind.get_or_insert_with(|| fit::kind(value).to_owned());
            if let Some(reason) = fit::key(value, kind, longest) {
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }
}

impl Batch {
    /// Adds `{"Item":…}` to the request.
    fn put(&mut self, item: &[u8], table: &str) -> Result<()> {
        if self.count == BATCH || self.puts.len() + item.len() > BATCH_BYTES {
            self.send(table)?;
        }
        self.puts.extend_from_slice(if self.count == 0 { b"{\"PutRequest\":" } else { b",{\"PutRequest\":" });
        self.puts.extend_from_slice(item);
        self.puts.push(b'}');
        self.count += 1;
        Ok(())
    }

    fn send(&mut self, table: &str) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let mut head = b"{\"RequestItems\":{".to_vec();
        json::string(&mut head, table, Html::Raw);
        head.extend_from_slice(b":[");
        self.file.write(&head)?;
        self.file.write(&self.puts)?;
        self.file.write(b"]}}\n")?;
        self.puts.clear();
        self.count = 0;
        Ok(())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileLine<'a> {
    item_count: u64,
    md5_checksum: String,
    etag: String,
    data_file_s3_key: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestSummary<'a> {
    version: &'static str,
    export_time: String,
    manifest_files_s3_key: &'a str,
    item_count: u64,
    output_format: &'static str,
    export_type: &'static str,
}

/// Writes the manifests that DynamoDB's own exports have; paths are from the root of this one.
fn manifests(tree: &mut Tree, table: &[u8], parts: &[Done], read_ts: Hlc) -> Result<()> {
    let mut lines = Vec::new();
    for part in parts {
        let md5 = part.md5.ok_or(NO_MD5)?;
        let line = FileLine {
            item_count: part.lines,
            md5_checksum: STANDARD.encode(md5),
            etag: hex::encode(md5),
            data_file_s3_key: &String::from_utf8_lossy(&part.path),
        };
        json::compact(&mut lines, &line, Html::Raw);
        lines.push(b'\n');
    }
    let path = table_path(table, b"manifest-files.json");
    tree.write(&path, &lines)?;
    let summary = ManifestSummary {
        version: "2020-06-30",
        export_time: read_ts.ms().rfc3339().unwrap_or_default(),
        manifest_files_s3_key: &String::from_utf8_lossy(&path),
        item_count: parts.iter().map(|part| part.lines).sum(),
        output_format: "DYNAMODB_JSON",
        export_type: "FULL_EXPORT",
    };
    let mut text = Vec::new();
    json::indented(&mut text, &summary, Html::Raw);
    text.push(b'\n');
    Ok(tree.write(&table_path(table, b"manifest-summary.json"), &text)?)
}

impl<'w> Export<'w> for Dynamodb {
    fn finish(self: Box<Self>) -> Result<Target<'w>> {
        Ok(Target::Tree(self.tree))
    }
}

impl Sink for Dynamodb {
    fn wants(&self) -> Wants {
        Wants::Contents
    }

    fn begin(&mut self, last_commit_ts: Hlc) {
        self.read_ts = last_commit_ts;
    }

    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        match object {
            Object::Dynamodb(Row::Table(table)) => self.table(table),
            Object::Dynamodb(Row::Item(item)) => self.item(report, item).map_err(|error| match error {
                Error::Internal(bug) => match item.place {
                    Some(place) => bug.or_at(place).into(),
                    None => bug.into(),
                },
                error => error,
            }),
            _ => Ok(Answer::Left),
        }
    }

    fn end_scope(&mut self, report: &mut Report<'_>, end: ScopeEnd) -> Result<()> {
        if end == ScopeEnd::Table { self.end_table(report) } else { Ok(()) }
    }
}
