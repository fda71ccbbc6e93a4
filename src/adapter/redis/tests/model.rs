//! A slow model of `redis.md` 3 and 4: all objects in memory, one Redis key after another.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::snapshot::COMMIT_TS;
use crate::dump::json::{self, Binary, Html};
use crate::dump::segment;

/// One visible row, before it was encoded. Expiries are Unix ms.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Row {
    Str {
        key: Vec<u8>,
        legacy: bool,
        expiry: Option<u64>,
        body: Vec<u8>,
    },
    Hll {
        key: Vec<u8>,
        legacy: bool,
        expiry: Option<u64>,
        body: Vec<u8>,
    },
    Index {
        key: Vec<u8>,
        expiry: u64,
    },
    /// `h`, `s` or `z`; the expiry 0 is none, no expiry is the short form.
    Meta {
        family: char,
        key: Vec<u8>,
        length: u32,
        expiry: Option<u64>,
    },
    Delta {
        family: char,
        key: Vec<u8>,
        seq: u32,
        length: i8,
    },
    Field {
        key: Vec<u8>,
        name: Vec<u8>,
        value: Vec<u8>,
    },
    Member {
        key: Vec<u8>,
        name: Vec<u8>,
    },
    Scored {
        key: Vec<u8>,
        name: Vec<u8>,
        score: f64,
    },
    ListMeta {
        key: Vec<u8>,
        head: i8,
        length: u8,
        expiry: Option<u64>,
    },
    ListDelta {
        key: Vec<u8>,
        seq: u32,
        head: i8,
        length: i8,
    },
    Item {
        key: Vec<u8>,
        seq: i8,
        value: Vec<u8>,
    },
    StreamMeta {
        key: Vec<u8>,
        last: u8,
        cursor: u8,
        expiry: Option<u64>,
    },
    Entry {
        key: Vec<u8>,
        ms: u8,
        value: String,
    },
    HashBlob {
        key: Vec<u8>,
        fields: Vec<(String, String)>,
    },
    SetBlob {
        key: Vec<u8>,
        members: Vec<String>,
    },
}

fn prefixed(prefix: &str, key: &[u8], rest: &[u8]) -> Vec<u8> {
    [prefix.as_bytes(), &u32::try_from(key.len()).unwrap().to_be_bytes(), key, rest].concat()
}

fn plain(prefix: &str, key: &[u8], rest: &[u8]) -> Vec<u8> {
    [prefix.as_bytes(), key, rest].concat()
}

fn words(words: &[i64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn with_expiry(mut value: Vec<u8>, expiry: Option<u64>) -> Vec<u8> {
    value.extend(expiry.into_iter().flat_map(u64::to_be_bytes));
    value
}

fn envelope(version: u8, legacy: bool, expiry: Option<u64>, body: &[u8]) -> Vec<u8> {
    if legacy {
        return body.to_vec();
    }
    let head = with_expiry(vec![0xff, version, u8::from(expiry.is_some())], expiry);
    [&head, body].concat()
}

fn text(field: u8, text: &str) -> Vec<u8> {
    [&[field << 3 | 2, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

impl Row {
    /// Returns user key and value.
    pub(super) fn encode(&self) -> (Vec<u8>, Vec<u8>) {
        match self {
            Row::Str { key, legacy, expiry, body } => {
                (plain("!redis|str|", key, b""), envelope(1, *legacy, *expiry, body))
            }
            Row::Hll { key, legacy, expiry, body } => {
                (plain("!redis|hll|", key, b""), envelope(2, *legacy, *expiry, body))
            }
            Row::Index { key, expiry } => (plain("!redis|ttl|", key, b""), expiry.to_be_bytes().to_vec()),
            Row::Meta { family, key, length, expiry } => (
                prefixed(&format!("!{family}s|meta|").replace("ss", "st"), key, b""),
                with_expiry(words(&[(*length).into()]), *expiry),
            ),
            Row::Delta { family, key, seq, length } => (
                prefixed(
                    &format!("!{family}s|meta|d|").replace("ss", "st"),
                    key,
                    &[&COMMIT_TS.to_be_bytes()[..], &seq.to_be_bytes()].concat(),
                ),
                words(&[(*length).into()]),
            ),
            Row::Field { key, name, value } => (prefixed("!hs|fld|", key, name), value.clone()),
            Row::Member { key, name } => (prefixed("!st|mem|", key, name), Vec::new()),
            Row::Scored { key, name, score } => {
                (prefixed("!zs|mem|", key, name), score.to_be_bytes().to_vec())
            }
            Row::ListMeta { key, head, length, expiry } => {
                let (head, length) = (i64::from(*head), i64::from(*length));
                (plain("!lst|meta|", key, b""), with_expiry(words(&[head, head + length, length]), *expiry))
            }
            Row::ListDelta { key, seq, head, length } => (
                prefixed("!lst|meta|d|", key, &[&COMMIT_TS.to_be_bytes()[..], &seq.to_be_bytes()].concat()),
                words(&[(*head).into(), (*length).into()]),
            ),
            Row::Item { key, seq, value } => {
                (plain("!lst|itm|", key, &words(&[i64::from(*seq) ^ i64::MIN])), value.clone())
            }
            Row::StreamMeta { key, last, cursor, expiry } => {
                let value = words(&[1, (*last).into(), 0]);
                let value = with_expiry(value, *expiry);
                let cursor = if expiry.is_some() { words(&[(*cursor).into(), 0]) } else { Vec::new() };
                (prefixed("!stream|meta|", key, b""), [value, cursor].concat())
            }
            Row::Entry { key, ms, value } => {
                let message = [b"\0RXE\x01".to_vec(), text(1, "0-0"), text(2, "f"), text(2, value)].concat();
                (prefixed("!stream|entry|", key, &words(&[(*ms).into(), 0])), message)
            }
            Row::HashBlob { key, fields } => {
                let mut blob = b"\0RH\x01".to_vec();
                for (name, value) in fields {
                    let entry = [text(1, name), text(2, value)].concat();
                    blob.extend([10, u8::try_from(entry.len()).unwrap()]);
                    blob.extend(entry);
                }
                (plain("!redis|hash|", key, b""), blob)
            }
            Row::SetBlob { key, members } => {
                let members = members.iter().flat_map(|member| text(1, member));
                (plain("!redis|set|", key, b""), b"\0RS\x01".iter().copied().chain(members).collect())
            }
        }
    }

    pub(super) fn key(&self) -> &[u8] {
        match self {
            Row::Str { key, .. }
            | Row::Hll { key, .. }
            | Row::Index { key, .. }
            | Row::Meta { key, .. }
            | Row::Delta { key, .. }
            | Row::Field { key, .. }
            | Row::Member { key, .. }
            | Row::Scored { key, .. }
            | Row::ListMeta { key, .. }
            | Row::ListDelta { key, .. }
            | Row::Item { key, .. }
            | Row::StreamMeta { key, .. }
            | Row::Entry { key, .. }
            | Row::HashBlob { key, .. }
            | Row::SetBlob { key, .. } => key,
        }
    }
}

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
        if let Some(object) = collection(&rows) {
            let expiry = object.inline.map_or(index, |ms| (ms > 0).then_some(ms));
            if expiry == Some(0) {
                impossible += 1;
            } else if let Some(body) = (object.body)(expiry) {
                files.insert(format!("{}/{name}.{}", object.directory, object.suffix), body);
            }
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

struct Object<'a> {
    directory: &'static str,
    suffix: &'static str,
    inline: Option<u64>,
    body: Box<dyn Fn(Option<u64>) -> Option<Vec<u8>> + 'a>,
}

fn collection<'a>(rows: &[&'a Row]) -> Option<Object<'a>> {
    let count = |wanted: char| {
        let meta = rows.iter().find_map(|row| match row {
            Row::Meta { family, expiry, .. } if *family == wanted => Some(*expiry),
            _ => None,
        });
        let deltas = rows.iter().any(|row| matches!(row, Row::Delta { family, .. } if *family == wanted));
        (meta, deltas)
    };
    let stands_empty = |meta: bool, blob: bool| meta || blob;

    let mut list_meta = None;
    let (mut from, mut length, mut has_deltas) = (0, 0, false);
    let mut items = BTreeMap::new();
    let mut fields = BTreeMap::new();
    let mut members = BTreeSet::new();
    let mut scored = BTreeMap::new();
    let (mut hash_blob, mut set_blob) = (None, None);
    let (mut stream_meta, mut entries) = (None, BTreeMap::new());
    for row in rows {
        match *row {
            Row::ListMeta { head, length: n, expiry, .. } => {
                list_meta = Some(*expiry);
                from += i64::from(*head);
                length += i64::from(*n);
            }
            Row::ListDelta { head, length: n, .. } => {
                has_deltas = true;
                from += i64::from(*head);
                length += i64::from(*n);
            }
            Row::Item { seq, value, .. } => {
                items.insert(i64::from(*seq), value);
            }
            Row::Field { name, value, .. } => {
                fields.insert(&name[..], &value[..]);
            }
            Row::Member { name, .. } => {
                members.insert(&name[..]);
            }
            Row::Scored { name, score, .. } => {
                scored.insert(name, *score);
            }
            Row::HashBlob { fields, .. } => {
                hash_blob = Some(fields.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect());
            }
            Row::SetBlob { members, .. } => {
                set_blob = Some(members.iter().map(String::as_bytes).collect::<BTreeSet<_>>());
            }
            Row::StreamMeta { last, cursor, expiry, .. } => {
                stream_meta = Some((u64::from(*last), expiry.map_or(0, |_| u64::from(*cursor)), *expiry));
            }
            Row::Entry { ms, value, .. } => {
                entries.insert(u64::from(*ms), value);
            }
            _ => {}
        }
    }

    if list_meta.is_some() || has_deltas {
        let items: Vec<_> = items.range(from..from + length.max(0)).map(|(_, value)| Binary(value)).collect();
        let exists = list_meta.is_some() || !items.is_empty();
        let body = move |expiry| exists.then(|| document("items", &items, expiry));
        return Some(Object {
            directory: "lists",
            suffix: "json",
            inline: list_meta.flatten(),
            body: Box::new(body),
        });
    }
    let (meta, deltas) = count('h');
    let is_hash = !fields.is_empty() || meta.is_some() || deltas;
    let (set_meta, set_deltas) = count('s');
    let is_set = !members.is_empty() || set_meta.is_some() || set_deltas;
    let (zset_meta, zset_deltas) = count('z');
    let is_zset = !scored.is_empty() || zset_meta.is_some() || zset_deltas;
    if is_hash || (hash_blob.is_some() && !is_set && !is_zset) {
        let exists = stands_empty(meta.is_some(), hash_blob.is_some()) || !fields.is_empty();
        let fields: BTreeMap<&[u8], &[u8]> =
            if fields.is_empty() { hash_blob.unwrap_or_default() } else { fields };
        let fields: Vec<Pair<'_>> = fields
            .into_iter()
            .map(|(name, value)| Pair::from([("name", Binary(name)), ("value", Binary(value))]))
            .collect();
        let body = move |expiry| exists.then(|| document("fields", &fields, expiry));
        return Some(Object {
            directory: "hashes",
            suffix: "json",
            inline: meta.flatten(),
            body: Box::new(body),
        });
    }
    if is_set || (set_blob.is_some() && !is_zset) {
        let exists = stands_empty(set_meta.is_some(), set_blob.is_some()) || !members.is_empty();
        let members = if members.is_empty() { set_blob.unwrap_or_default() } else { members };
        let members: Vec<_> = members.into_iter().map(Binary).collect();
        let body = move |expiry| exists.then(|| document("members", &members, expiry));
        return Some(Object {
            directory: "sets",
            suffix: "json",
            inline: set_meta.flatten(),
            body: Box::new(body),
        });
    }
    if is_zset {
        let exists = zset_meta.is_some() || !scored.is_empty();
        let scored: Vec<_> =
            scored.into_iter().map(|(name, score)| Scored { member: Binary(name), score }).collect();
        let body = move |expiry| exists.then(|| document("members", &scored, expiry));
        return Some(Object {
            directory: "zsets",
            suffix: "json",
            inline: zset_meta.flatten(),
            body: Box::new(body),
        });
    }
    let (last, cursor, inline) = stream_meta?;
    entries.retain(|&ms, _| cursor == 0 || ms > cursor);
    let body = move |expiry: Option<u64>| {
        let mut lines = String::new();
        for (ms, value) in &entries {
            let fields = format!("[{{\"name\":\"f\",\"value\":\"{value}\"}}]");
            lines.extend(["{\"id\":\"", &ms.to_string(), "-0\",\"fields\":", &fields, "}\n"]);
        }
        let last = entries.keys().last().map_or(last, |&highest| last.max(highest));
        let length = entries.len();
        let expiry = expiry.map_or("null".to_owned(), |ms| ms.to_string());
        let meta = format!("{{\"_meta\":true,\"length\":{length},\"last_ms\":{last},\"last_seq\":0");
        lines.extend([&meta, ",\"expire_at_ms\":", &expiry, "}\n"]);
        Some(lines.into_bytes())
    };
    Some(Object { directory: "streams", suffix: "jsonl", inline, body: Box::new(body) })
}
