//! A slow model of `reading/redis.md#redis-what-a-server-would-serve`, `tree/redis.md#files-of-redis`: all objects in memory, one Redis key after another.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::row::Row;
use super::snapshot::COMMIT_TS;
use crate::tree::json::{self, Binary, Html};
use crate::tree::segment;

type Pair<'a> = BTreeMap<&'static str, Binary<'a>>;

/// The file of a collection. The order of members is that of the layout.
fn document<T: Serialize>(member: &str, elements: &[T], expiry: Option<u64>) -> Vec<u8> {
    let mut body = Vec::new();
    json::indented(&mut body, elements, Html::Escaped);
    let body = String::from_utf8(body).unwrap().replace('\n', "\n  ");
    let expiry = expiry.map_or("null".to_owned(), |ms| ms.to_string());
    format!("{{\n  \"format_version\": 1,\n  \"{member}\": {body},\n  \"expire_at_ms\": {expiry}\n}}").into()
}

#[derive(Serialize)]
struct Scored<'a> {
    member: Binary<'a>,
    score: f64,
}

/// Returns the files of `redis/db_0/` and the number of keys whose expiry no file can express.
pub(super) fn files(rows: &[Row]) -> (BTreeMap<String, Vec<u8>>, usize) {
    let mut files = BTreeMap::new();
    let (mut strings, mut hlls) = (BTreeMap::new(), BTreeMap::new());
    let mut impossible = 0;
    let keys: BTreeSet<&[u8]> = rows.iter().map(Row::key).collect();
    for key in keys {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.key() == key).collect();
        let name = segment::encode(key).text;
        let index = rows.iter().find_map(|row| match row {
            Row::Index { expiry, .. } => Some(*expiry),
            _ => None,
        });
        let of = |legacy: bool, expiry: Option<u64>| if legacy { index } else { expiry };
        let string = rows.iter().find_map(|row| match row {
            Row::Str { legacy, expiry, body, .. } => Some((of(*legacy, *expiry), body)),
            _ => None,
        });
        let hll = rows.iter().find_map(|row| match row {
            Row::Hll { legacy, expiry, body, .. } => Some((of(*legacy, *expiry), body)),
            _ => None,
        });
        let order = [key, &(!COMMIT_TS).to_be_bytes()].concat();
        for (object, directory, lines) in [(string, "strings", &mut strings), (hll, "hll", &mut hlls)] {
            let Some((expiry, body)) = object else { continue };
            if directory == "hll" && string.is_some_and(|(expiry, _)| expired(expiry)) {
                continue;
            }
            if expiry == Some(0) {
                impossible += 1;
                continue;
            }
            files.insert(format!("{directory}/{name}.bin"), body.clone());
            if let Some(ms) = expiry {
                lines.insert(order.clone(), format!("{{\"key\":\"{name}\",\"expire_at_ms\":{ms}}}\n"));
            }
        }
        if string.is_some() || hll.is_some() {
            continue;
        }
        let Some(object) = Parts::of(&rows).object() else { continue };
        let expiry = object.inline.map_or(index, |ms| (ms > 0).then_some(ms));
        if expiry == Some(0) {
            impossible += 1;
        } else if let Some((path, body)) = object.file(&name, expiry) {
            files.insert(path, body);
        }
    }
    for (file, lines) in [("strings_ttl.jsonl", strings), ("hll_ttl.jsonl", hlls)] {
        if !lines.is_empty() {
            files.insert(file.to_owned(), lines.into_values().collect::<String>().into());
        }
    }
    (files, impossible)
}

fn expired(expiry: Option<u64>) -> bool {
    expiry.is_some_and(|ms| ms <= (COMMIT_TS >> 16) - 10_000)
}

/// Base meta, with the expiry that it may tell, and deltas of one type.
#[derive(Clone, Copy, Default)]
struct Count {
    has_meta: bool,
    inline: Option<u64>,
    has_deltas: bool,
}

impl Count {
    fn add_meta(&mut self, inline: Option<u64>) {
        self.has_meta = true;
        self.inline = inline;
    }

    fn makes(self, elements: usize) -> bool {
        self.has_meta || self.has_deltas || elements > 0
    }
}

/// The rows of one Redis key.
#[derive(Default)]
struct Parts<'a> {
    list: Count,
    from: i64,
    length: i64,
    items: BTreeMap<i64, Binary<'a>>,
    hash: Count,
    fields: BTreeMap<&'a [u8], &'a [u8]>,
    hash_blob: Option<BTreeMap<&'a [u8], &'a [u8]>>,
    set: Count,
    members: BTreeSet<&'a [u8]>,
    set_blob: Option<BTreeSet<&'a [u8]>>,
    zset: Count,
    scored: BTreeMap<&'a [u8], f64>,
    /// Last ID, trim cursor, expiry.
    stream: Option<(u8, u8, Option<u64>)>,
    entries: BTreeMap<u8, &'a str>,
}

/// A collection, and whether it exists without elements.
struct Object<'a> {
    content: Content<'a>,
    inline: Option<u64>,
    stands_empty: bool,
}

enum Content<'a> {
    List(Vec<Binary<'a>>),
    Hash(Vec<Pair<'a>>),
    Set(Vec<Binary<'a>>),
    Zset(Vec<Scored<'a>>),
    Stream { last: u8, entries: BTreeMap<u8, &'a str> },
}

impl<'a> Parts<'a> {
    fn of(rows: &[&'a Row]) -> Self {
        let mut parts = Self::default();
        for row in rows {
            parts.add(row);
        }
        parts
    }

    fn count(&mut self, family: char) -> &mut Count {
        match family {
            'h' => &mut self.hash,
            's' => &mut self.set,
            _ => &mut self.zset,
        }
    }

    fn add(&mut self, row: &'a Row) {
        match row {
            Row::Str { .. } | Row::Hll { .. } | Row::Index { .. } => {}
            Row::Meta { family, expiry, .. } => self.count(*family).add_meta(*expiry),
            Row::Delta { family, .. } => self.count(*family).has_deltas = true,
            Row::ListMeta { head, length, expiry, .. } => {
                self.list.add_meta(*expiry);
                self.from += i64::from(*head);
                self.length += i64::from(*length);
            }
            Row::ListDelta { head, length, .. } => {
                self.list.has_deltas = true;
                self.from += i64::from(*head);
                self.length += i64::from(*length);
            }
            Row::Item { seq, value, .. } => {
                self.items.insert((*seq).into(), Binary(value));
            }
            Row::Field { name, value, .. } => {
                self.fields.insert(name, value);
            }
            Row::Member { name, .. } => {
                self.members.insert(name);
            }
            Row::Scored { name, score, .. } => {
                self.scored.insert(name, *score);
            }
            Row::HashBlob { fields, .. } => {
                let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
                self.hash_blob = Some(fields.collect());
            }
            Row::SetBlob { members, .. } => {
                self.set_blob = Some(members.iter().map(String::as_bytes).collect());
            }
            Row::StreamMeta { last, cursor, expiry, .. } => {
                self.stream = Some((*last, expiry.map_or(0, |_| *cursor), *expiry));
            }
            Row::Entry { ms, value, .. } => {
                self.entries.insert(*ms, value);
            }
        }
    }

    /// The list of `reading/redis.md#type-of-a-key` from its second line on.
    fn object(mut self) -> Option<Object<'a>> {
        let is_hash = self.hash.makes(self.fields.len());
        let is_set = self.set.makes(self.members.len());
        let is_zset = self.zset.makes(self.scored.len());
        if self.list.makes(0) {
            let window = self.items.range(self.from..self.from + self.length.max(0));
            let content = Content::List(window.map(|(_, item)| *item).collect());
            return Some(object(content, self.list, false));
        }
        if is_hash || (self.hash_blob.is_some() && !is_set && !is_zset) {
            let has_blob = self.hash_blob.is_some();
            let blob = self.hash_blob.unwrap_or_default();
            let fields = if self.fields.is_empty() { blob } else { self.fields };
            let pair = |(name, value)| Pair::from([("name", Binary(name)), ("value", Binary(value))]);
            return Some(object(Content::Hash(fields.into_iter().map(pair).collect()), self.hash, has_blob));
        }
        if is_set || (self.set_blob.is_some() && !is_zset) {
            let has_blob = self.set_blob.is_some();
            let blob = self.set_blob.unwrap_or_default();
            let members = if self.members.is_empty() { blob } else { self.members };
            return Some(object(Content::Set(members.into_iter().map(Binary).collect()), self.set, has_blob));
        }
        if is_zset {
            let scored = |(name, score)| Scored { member: Binary(name), score };
            let content = Content::Zset(self.scored.into_iter().map(scored).collect());
            return Some(object(content, self.zset, false));
        }
        let (last, cursor, inline) = self.stream?;
        self.entries.retain(|&ms, _| cursor == 0 || ms > cursor);
        Some(Object { content: Content::Stream { last, entries: self.entries }, inline, stands_empty: true })
    }
}

fn object(content: Content<'_>, count: Count, has_blob: bool) -> Object<'_> {
    Object { content, inline: count.inline, stands_empty: count.has_meta || has_blob }
}

impl Object<'_> {
    /// Returns path and body; `None` for a collection that has only deltas left.
    fn file(&self, name: &str, expiry: Option<u64>) -> Option<(String, Vec<u8>)> {
        let (length, directory, body) = match &self.content {
            Content::List(items) => (items.len(), "lists", document("items", items, expiry)),
            Content::Hash(fields) => (fields.len(), "hashes", document("fields", fields, expiry)),
            Content::Set(members) => (members.len(), "sets", document("members", members, expiry)),
            Content::Zset(members) => (members.len(), "zsets", document("members", members, expiry)),
            Content::Stream { last, entries } => {
                return Some((format!("streams/{name}.jsonl"), lines(*last, entries, expiry)));
            }
        };
        (length > 0 || self.stands_empty).then(|| (format!("{directory}/{name}.json"), body))
    }
}

fn lines(last: u8, entries: &BTreeMap<u8, &str>, expiry: Option<u64>) -> Vec<u8> {
    let mut lines = String::new();
    for (ms, value) in entries {
        let fields = format!("[{{\"name\":\"f\",\"value\":\"{value}\"}}]");
        lines.extend(["{\"id\":\"", &ms.to_string(), "-0\",\"fields\":", &fields, "}\n"]);
    }
    let last = entries.keys().last().map_or(last, |&highest| last.max(highest));
    let length = entries.len();
    let expiry = expiry.map_or("null".to_owned(), |ms| ms.to_string());
    let meta = format!("{{\"_meta\":true,\"length\":{length},\"last_ms\":{last},\"last_seq\":0");
    lines.extend([&meta, ",\"expire_at_ms\":", &expiry, "}\n"]);
    lines.into_bytes()
}
