//! `dynamodb/<table>/`: schemas, and items in one of two layouts (`tree/dynamodb.md#files-of-dynamodb`, `tree/dynamodb.md#options`, `encoding.md#rows-of-dynamodb`).

mod item;
mod schema;

use std::collections::BTreeMap;

use super::{File, Reader};
use crate::codec::gojson::read::replace_invalid;
use crate::error::Result;
use crate::event::Class;
use crate::keyspace::Namespace;
use crate::keyspace::dynamodb::item_prefix;
use crate::limits;
use crate::model::dynamodb::key::OrderedKey;
use crate::model::dynamodb::{Attributes, Item, Object, Schema, Table};
use crate::model::{self, ScopeEnd};
use crate::service::Scope;
use crate::time::Hlc;
use crate::tree::manifest::DynamodbLayout;
use crate::tree::segment;

const DIRECTORY: &[u8] = b"dynamodb/";
/// Generation of a table that a dump is restored as; a dump does not hold its own.
const GENERATION: u64 = 1;

/// Passes the tables on.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> Result<Scope> {
    let mut tables = BTreeMap::<Vec<u8>, File>::new();
    for directory in reader.directories(DIRECTORY)? {
        let file = reader.file(&[&directory, &b"_schema.json"[..]].concat())?;
        let name = schema::name(reader, &file)?;
        reader.check_directory(&directory, DIRECTORY, &name, &file)?;
        if let Some(other) = tables.get(&name) {
            return Err(reader.twice(&file.path, &other.path));
        }
        tables.insert(name, file);
    }
    let mut scope = Scope::new();
    for (name, file) in tables {
        if !reader.options.in_scope(Namespace::Dynamodb, &name) {
            continue;
        }
        let schema = schema::read(reader, &file, &name, GENERATION)?;
        let table = Table { name: &name, schema: &schema, commit_ts: Hlc::ZERO };
        if !reader.put(model::Object::Dynamodb(Object::Table(&table)), &file)? {
            continue;
        }
        let directory = file.path.strip_suffix(b"_schema.json").unwrap_or_default();
        let mut items = Items::new(&name, &schema);
        items.read(reader, directory)?;
        scope.insert(name.clone(), items.count);
        reader.sink.end_scope(reader.report, ScopeEnd::Table)?;
    }
    reader.sink.end_service(reader.report, Namespace::Dynamodb)?;
    Ok(scope)
}

/// The items of one table.
struct Items<'t> {
    table: &'t [u8],
    schema: &'t Schema,
    /// What the keys of their rows begin with.
    prefix: Vec<u8>,
    ordered: OrderedKey,
    /// The file of the item at hand.
    text: Vec<u8>,
    /// Body of its row.
    body: Vec<u8>,
    row_key: Vec<u8>,
    count: u64,
}

impl<'t> Items<'t> {
    fn new(table: &'t [u8], schema: &'t Schema) -> Self {
        let prefix = item_prefix(table, GENERATION);
        let (text, body, row_key) = (Vec::new(), Vec::new(), Vec::new());
        Self { table, schema, prefix, ordered: OrderedKey::default(), text, body, row_key, count: 0 }
    }

    /// Passes on the items below `directory`, the table's: of several that would have one name first the one that has it.
    fn read(&mut self, reader: &mut Reader<'_, '_>, directory: &[u8]) -> Result<()> {
        let schema = [directory, b"_schema.json"].concat();
        let mut others = false;
        for is_in_sha_form in [false, true] {
            let mut at = 0;
            while let Some(file) = reader.next_file(directory, &mut at)?.filter(|_| !is_in_sha_form || others)
            {
                let name = file.path.get(directory.len()..).unwrap_or_default();
                let in_sha_form = name.split(|&byte| byte == b'/').any(segment::looks_like_fallback);
                others |= in_sha_form;
                if in_sha_form == is_in_sha_form && file.path != schema {
                    self.file(reader, &file, name)?;
                }
            }
        }
        Ok(())
    }

    /// Passes on the items of a file that is called `name` below the table's directory.
    fn file(&mut self, reader: &mut Reader<'_, '_>, file: &File, name: &[u8]) -> Result<()> {
        let levels = name.strip_prefix(b"items/").map_or(0, |name| name.split(|&byte| byte == b'/').count());
        match reader.layout {
            DynamodbLayout::PerItem if (1..=2).contains(&levels) && name.ends_with(b".json") => {
                let mut text = std::mem::take(&mut self.text);
                reader.whole(file, limits::DIFF_LINE, &mut text)?;
                self.item(reader, &text, file, None)?;
                self.text = text;
            }
            DynamodbLayout::Jsonl if levels == 1 && name.ends_with(b".jsonl") => {
                let mut lines = reader.lines(file)?;
                while let Some(line) = lines.next()? {
                    self.item(reader, line.text, file, Some(line.number))?;
                }
            }
            _ => {
                let what = "is no file of an item in the layout that MANIFEST.json says";
                return Err(reader.unsound(&file.path, &what));
            }
        }
        Ok(())
    }

    /// Passes on the item of a text, which may be a line of its file.
    fn item(
        &mut self,
        reader: &mut Reader<'_, '_>,
        text: &[u8],
        file: &File,
        line: Option<u64>,
    ) -> Result<()> {
        reader.dump.interrupt().check()?;
        let refused = |reader: &mut Reader<'_, '_>, table: &[u8], what: &dyn ToString| {
            let line = line.map_or(String::new(), |line| format!("line {line}: "));
            let object = (Namespace::Dynamodb.name(), table, file.path.as_slice());
            reader.problem(object, Class::DDB_INVALID_ITEM, file, &(line + &what.to_string()))
        };
        if let Err(error) = item::body(text, &mut self.body) {
            return refused(reader, self.table, &error);
        }
        let (attributes, keys) = match Attributes::parse_keyed(&self.body, self.schema) {
            Ok(read) => read,
            Err(error) => return refused(reader, self.table, &error),
        };
        self.row_key.clear();
        self.row_key.extend_from_slice(&self.prefix);
        self.row_key.extend_from_slice(self.ordered.identity(&keys));
        let item = Item {
            table: self.table,
            keys,
            attributes,
            unservable: None.into(),
            row_key: &self.row_key,
            place: None,
            commit_ts: Hlc::ZERO,
        };
        self.count += u64::from(reader.put(model::Object::Dynamodb(Object::Item(&item)), file)?);
        Ok(())
    }
}

impl Reader<'_, '_> {
    /// Lists the directories of a service, those of tables, buckets or queues, each with its slash.
    pub(super) fn directories(&mut self, service: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut directories = Vec::new();
        let mut at = self.files.lower_bound(service)?;
        while let Some((path, _)) = self.files.get(at)?.filter(|(path, _)| path.starts_with(service)) {
            let name = path.get(service.len()..).unwrap_or_default();
            let Some(end) = memchr::memchr(b'/', name) else {
                return Err(self.unsound(&path, &"stands in no directory of a table, bucket or queue"));
            };
            let mut directory = path.get(..service.len() + end).unwrap_or_default().to_vec();
            // Behind everything in it.
            directory.push(b'/' + 1);
            at = self.files.lower_bound(&directory)?;
            directory.pop();
            directory.push(b'/');
            directories.push(directory);
        }
        Ok(directories)
    }

    /// Returns a file that must be there.
    pub(super) fn file(&mut self, path: &[u8]) -> Result<File> {
        let digest = self.files.find(path)?.ok_or_else(|| self.unsound(path, &"is not in the dump"))?;
        Ok(File { path: path.to_vec(), digest: digest.as_slice().try_into().map_err(|_| super::ROW)? })
    }

    /// Returns the name of a bucket or queue whose file says it as `text`: bytes that are no UTF-8 stand in its directory
    /// alone, or in a KEYMAP.
    pub(super) fn scope_name(
        &mut self,
        directory: &[u8],
        service: &[u8],
        text: &str,
        file: &File,
    ) -> Result<Vec<u8>> {
        if text.contains(char::REPLACEMENT_CHARACTER) {
            let segment = directory.get(service.len()..directory.len() - 1).unwrap_or_default();
            let name = self.name(service, segment, &file.path)?;
            if let Some(name) = name.filter(|name| replace_invalid(name) == text) {
                return Ok(name);
            }
        }
        self.check_directory(directory, service, text.as_bytes(), file)?;
        Ok(text.as_bytes().to_vec())
    }

    /// Fails where a directory is not called as that of `name` is, by its segment or a fallback form of it.
    pub(super) fn check_directory(
        &self,
        directory: &[u8],
        service: &[u8],
        name: &[u8],
        file: &File,
    ) -> Result<()> {
        let found =
            directory.strip_prefix(service).and_then(|name| name.strip_suffix(b"/")).unwrap_or_default();
        let plain = segment::encode(name).text;
        let dots = name.iter().all(|&byte| byte == b'.').then(|| plain.replace('.', "%2E"));
        let names = [Some(segment::fallback(name)), Some(plain), dots];
        if !found.is_empty() && names.into_iter().flatten().any(|name| name.as_bytes() == found) {
            return Ok(());
        }
        let shown = String::from_utf8_lossy(name);
        Err(self.unsound(&file.path, &format!("names {shown:?}, whose directory is not called so")))
    }
}
