//! `keys.json`: a node's wrapped data keys (`format/encryption.md#key-file`).

use std::fmt;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use serde_json::{Map, Value};

use super::{Error, ErrorKind, kek};
use crate::codec::gojson::read::{Folded, folded};
use crate::limits;

/// What the file is called in messages.
const WHAT: &str = "key file";

/// What a data key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Values in the store, so in snapshots.
    Storage,
    /// Raft log entries.
    Raft,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Purpose {
    const ALL: [Self; 2] = [Self::Storage, Self::Raft];

    fn name(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Raft => "raft",
        }
    }
}

/// A data key as the file holds it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) key_id: u32,
    pub(super) purpose: Purpose,
    /// The wrapped key; empty: there is none.
    pub(super) wrapped: Vec<u8>,
    /// The service that seems to have wrapped it.
    pub(super) by: Option<&'static str>,
}

/// What a key file says.
#[derive(Debug)]
pub(super) struct KeyFile {
    /// Ascending by id; more than one where an id is written in several ways.
    pub(super) records: Vec<Record>,
    /// Raft index from which log entries are enveloped; 0 is never.
    pub(super) raft_cutover_index: u64,
}

impl KeyFile {
    /// Reads and checks a key file.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let error = |kind| Error { path: path.to_owned(), kind };
        let io = |source| error(ErrorKind::Io { what: WHAT, error: source });
        let file = kek::open(path).map_err(io)?;
        if !file.metadata().map_err(io)?.is_file() {
            return Err(error(ErrorKind::NotRegular { what: WHAT }));
        }
        let mut text = Vec::new();
        file.take(limits::KEY_FILE + 1).read_to_end(&mut text).map_err(io)?;
        if text.len() as u64 > limits::KEY_FILE {
            return Err(error(ErrorKind::TooLarge { limit: limits::KEY_FILE }));
        }
        Self::parse(&text).map_err(error)
    }

    /// Parses and checks the text of a key file. As with the server, names of members but those of `keys` count in either
    /// case, the last of equal members counts, unknown ones are ignored, and `null` is the same as absent.
    pub(super) fn parse(text: &[u8]) -> Result<Self, ErrorKind> {
        // What the parser says may quote what it found, which may be a key that was given in the wrong place.
        let Folded { value, .. } = folded(text, &["keys"]).map_err(|error| {
            let front = text.get(..error.at).unwrap_or(text);
            let line = memchr::memchr_iter(b'\n', front).count() + 1;
            let column = front.len() - memchr::memrchr(b'\n', front).map_or(0, |end| end + 1) + 1;
            ErrorKind::NotJson { line, column }
        })?;
        let top = Members { path: String::new(), map: object("content", &value)? };
        let version = top.version()?;
        if !matches!(version, 1 | 2) {
            return Err(ErrorKind::Version { found: version });
        }
        top.number("raft_applied_index", u64::MAX)?;
        top.number("storage_envelope_cutover_index", u64::MAX)?;
        top.boolean("storage_envelope_active")?;
        let raft_cutover_index = top.number("raft_envelope_cutover_index", u64::MAX)?;
        let empty = Map::new();
        let keys = top.object("keys")?.unwrap_or(&empty);
        let mut records = Vec::new();
        for (name, value) in keys {
            records.push(record(name, value)?);
        }
        records.sort_by_key(|record| record.key_id);
        if let Some(active) = top.object("active")? {
            let active = Members { path: "active.".to_owned(), map: active };
            for purpose in Purpose::ALL {
                let key_id = active.number(purpose.name(), u64::from(u32::MAX))?;
                check_active(purpose, key_id, keys)?;
            }
        }
        Ok(Self { records, raft_cutover_index })
    }
}

/// Members of an object, each of which may be absent or `null`.
struct Members<'a> {
    /// What stands before a member's name in messages.
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    fn error(&self, name: &str, expected: &'static str) -> ErrorKind {
        ErrorKind::Member { member: format!("{}{name}", self.path), expected }
    }

    /// Returns the version, 0 when it is absent.
    fn version(&self) -> Result<i64, ErrorKind> {
        let Some(value) = self.get("version") else { return Ok(0) };
        value.as_i64().ok_or_else(|| self.error("version", "a whole number"))
    }

    /// Returns a whole number from 0 to `most`, 0 when it is absent.
    fn number(&self, name: &str, most: u64) -> Result<u64, ErrorKind> {
        let Some(value) = self.get(name) else { return Ok(0) };
        value.as_u64().filter(|number| *number <= most).ok_or_else(|| {
            let expected = match most {
                u64::MAX => "a whole number of 64 bits",
                65_535 => "a whole number of 16 bits",
                _ => "a whole number of 32 bits",
            };
            self.error(name, expected)
        })
    }

    fn boolean(&self, name: &str) -> Result<(), ErrorKind> {
        match self.get(name) {
            None | Some(Value::Bool(_)) => Ok(()),
            Some(_) => Err(self.error(name, "true or false")),
        }
    }

    fn text(&self, name: &str) -> Result<&'a str, ErrorKind> {
        match self.get(name) {
            None => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(self.error(name, "text")),
        }
    }

    fn object(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, ErrorKind> {
        self.get(name).map(|value| object(&format!("{}{name}", self.path), value)).transpose()
    }
}

fn object<'a>(member: &str, value: &'a Value) -> Result<&'a Map<String, Value>, ErrorKind> {
    value.as_object().ok_or_else(|| ErrorKind::Member { member: member.to_owned(), expected: "an object" })
}

/// Reads one member of `keys`.
fn record(name: &str, value: &Value) -> Result<Record, ErrorKind> {
    // A name may be anything; what is no number is not repeated.
    let key_id = (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| name.parse::<u32>().ok())
        .flatten()
        .filter(|key_id| *key_id != 0);
    let Some(key_id) = key_id else {
        let expected = "named by decimal key ids from 1 to 4294967295";
        return Err(ErrorKind::Member { member: "keys".to_owned(), expected });
    };
    let path = format!("keys.{key_id}");
    let empty = Map::new();
    let map = if value.is_null() { &empty } else { object(&path, value)? };
    let members = Members { path: format!("{path}."), map };
    let purpose = members.text("purpose")?;
    let purpose = Purpose::ALL
        .into_iter()
        .find(|known| known.name() == purpose)
        .ok_or_else(|| members.error("purpose", "\"storage\" or \"raft\""))?;
    members.text("created")?;
    members.number("local_epoch", u64::from(u16::MAX))?;
    let text = members.text("wrapped")?;
    if let Some(service) = kek::service_of(text) {
        return Err(ErrorKind::WrappedLength { key_id, purpose, found: text.len(), by: Some(service) });
    }
    let wrapped = base64::engine::general_purpose::STANDARD
        .decode(text)
        .map_err(|_| members.error("wrapped", "standard base64 with padding"))?;
    // A ciphertext of AWS KMS names its own format in front.
    let by = wrapped.starts_with(&[1, 2, 2, 0]).then_some("AWS KMS");
    Ok(Record { key_id, purpose, wrapped, by })
}

/// Checks that an active key is there, under its canonical name.
fn check_active(purpose: Purpose, key_id: u64, keys: &Map<String, Value>) -> Result<(), ErrorKind> {
    if key_id == 0 {
        return Ok(());
    }
    let wrong = match keys.get(&key_id.to_string()) {
        None => "is not among its keys",
        Some(value) if value.get("purpose").and_then(Value::as_str) != Some(purpose.name()) => {
            "has another purpose"
        }
        Some(_) => return Ok(()),
    };
    Err(ErrorKind::Active { purpose, key_id, wrong })
}
