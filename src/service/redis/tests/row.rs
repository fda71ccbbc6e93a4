//! Visible rows of every family, and how they stand in a snapshot (`format/redis.md#keys`, `format/redis.md#values`).

use super::snapshot::COMMIT_TS;

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
