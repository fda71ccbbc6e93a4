//! What is said of an object that differs.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::excerpt;

/// Most changes of one object that are listed; all are counted.
const LISTED: usize = 100;

/// On which side something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sign {
    /// On the new side only.
    #[serde(rename = "+")]
    Added,
    /// On the old side only.
    #[serde(rename = "-")]
    Removed,
    /// On both, and not the same.
    #[serde(rename = "M")]
    Changed,
}

impl Sign {
    /// Returns the sign as it is printed.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Added => "+",
            Self::Removed => "-",
            Self::Changed => "M",
        }
    }

    /// Returns what it means that something is there on the old and on the new side.
    pub(super) fn of(old: bool, new: bool) -> Self {
        match (old, new) {
            (false, true) => Self::Added,
            (true, false) => Self::Removed,
            _ => Self::Changed,
        }
    }
}

/// One thing about an object that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whether it came, went, or is another.
    pub sign: Sign,
    /// What it is: `field`, `attribute`, `member`, `header`, `body`, `type`, …
    pub what: String,
    /// Its name, where there are several of its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it was; the first 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// What it is now; the first 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

impl Change {
    /// Returns the change of something from `old` to `new`; not there is `None`.
    pub(super) fn new(what: &str, name: Option<String>, old: Option<&str>, new: Option<&str>) -> Self {
        let sign = Sign::of(old.is_some(), new.is_some());
        let shown = |text: &str| excerpt::name(text.as_bytes());
        Self {
            sign,
            what: what.to_owned(),
            name: name.map(|name| shown(&name)),
            old: old.map(shown),
            new: new.map(shown),
        }
    }
}

/// The first changes of an object, and the number of all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Changes {
    listed: Vec<Change>,
    count: u64,
}

impl Changes {
    /// Adds a change, which is only made if it is listed.
    pub(super) fn push(&mut self, change: impl FnOnce() -> Change) {
        self.count += 1;
        if self.listed.len() < LISTED {
            self.listed.push(change());
        }
    }
}

impl Changes {
    /// Whether nothing changed.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Lists the first changes.
    #[cfg(test)]
    pub(super) fn listed(&self) -> &[Change] {
        &self.listed
    }
}

/// What differs in one file, or one line, of an object.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) sign: Sign,
    /// Whether the object is there if, and only if, this is.
    pub(super) is_main: bool,
    /// Path of the file.
    pub(super) file: String,
    pub(super) changes: Changes,
}

impl Record {
    pub(super) fn write(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|_| RECORD.into())
    }

    pub(super) fn read(text: &[u8]) -> Result<Self> {
        serde_json::from_slice(text).map_err(|_| RECORD.into())
    }
}

const RECORD: crate::bug::Bug = crate::bug::Bug::new("a record of a difference does not read back");

/// An object that differs.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Whether it came, went, or is another.
    pub sign: Sign,
    /// Its name.
    pub name: String,
    /// Files of a dump that differ for it, the first hundred.
    pub files: Vec<String>,
    /// What changed, the first hundred.
    pub changes: Vec<Change>,
    /// Number of all changes.
    pub changes_count: u64,
    /// Whether it is on the old side, and on the new one, as far as is known.
    #[serde(skip)]
    is_there: (bool, bool),
    /// Directories that hold it on the old side, and on the new one, where that tells its type.
    #[serde(skip)]
    types: (Option<String>, Option<String>),
}

impl Difference {
    pub(super) fn new(name: &[u8], record: Record) -> Result<Self> {
        let name = String::from_utf8(name.to_vec()).map_err(|_| RECORD)?;
        let mut difference = Self {
            sign: Sign::Changed,
            name,
            files: Vec::new(),
            changes: Vec::new(),
            changes_count: 0,
            is_there: (false, false),
            types: (None, None),
        };
        difference.add(record);
        Ok(difference)
    }

    /// Adds what differs in another of its files.
    pub(super) fn add(&mut self, record: Record) {
        if record.is_main {
            let (old, new) = (record.sign != Sign::Added, record.sign != Sign::Removed);
            self.is_there = (self.is_there.0 || old, self.is_there.1 || new);
            if let Some(kind) = redis_type(&record.file) {
                let types = &mut self.types;
                types.0 = types.0.take().or_else(|| old.then(|| kind.to_owned()));
                types.1 = types.1.take().or_else(|| new.then(|| kind.to_owned()));
            }
        }
        let room = LISTED.saturating_sub(self.changes.len());
        self.changes.extend(record.changes.listed.into_iter().take(room));
        self.changes_count += record.changes.count;
        if self.files.last() != Some(&record.file) && self.files.len() < LISTED {
            self.files.push(record.file);
        }
    }

    /// Says what it is about the object as a whole.
    pub(super) fn end(&mut self) {
        self.sign = match self.is_there {
            (false, false) => Sign::Changed,
            (old, new) => Sign::of(old, new),
        };
        if let (Some(old), Some(new)) = &self.types
            && old != new
        {
            self.changes.insert(0, Change::new("type", None, Some(old), Some(new)));
            self.changes_count += 1;
        }
        if self.sign != Sign::Changed {
            // All of it came or went.
            self.changes.clear();
            self.changes_count = 0;
        }
    }
}

/// Returns the type of a Redis key as its file tells it.
fn redis_type(file: &str) -> Option<&str> {
    let mut parts = file.strip_prefix("redis/")?.splitn(3, '/').skip(1);
    let (kind, _) = (parts.next()?, parts.next()?);
    Some(match kind {
        "strings" => "string",
        "hll" => "hll",
        "hashes" => "hash",
        kind => kind.strip_suffix('s')?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sign: Sign, is_main: bool, file: &str) -> Record {
        let mut changes = Changes::default();
        if sign == Sign::Changed || !is_main {
            changes.push(|| Change::new("x", None, Some("1"), Some("2")));
        }
        Record::read(&Record { sign, is_main, file: file.to_owned(), changes }.write().unwrap()).unwrap()
    }

    fn merged(records: &[(Sign, bool, &str)]) -> Difference {
        let mut records = records.iter().map(|&(sign, is_main, file)| record(sign, is_main, file));
        let mut difference = Difference::new(b"redis/k", records.next().unwrap()).unwrap();
        records.for_each(|record| difference.add(record));
        difference.end();
        difference
    }

    #[test]
    fn an_object_is_what_its_files_are() {
        use Sign::{Added, Changed, Removed};
        let string = "redis/db_0/strings/k.bin";
        for (records, sign, changes) in [
            (vec![(Added, true, string)], Added, 0),
            (vec![(Added, true, string), (Added, false, "redis/db_0/strings_ttl.jsonl")], Added, 0),
            (vec![(Added, false, "redis/db_0/strings_ttl.jsonl")], Changed, 1),
            (vec![(Changed, true, string), (Removed, false, "redis/db_0/strings_ttl.jsonl")], Changed, 2),
            (vec![(Removed, true, string)], Removed, 0),
            (vec![(Removed, true, string), (Added, true, "redis/db_0/hashes/k.json")], Changed, 1),
        ] {
            let found = merged(&records);
            assert_eq!((found.sign, found.changes_count), (sign, changes), "{records:?}");
            assert_eq!(found.files.len(), records.len());
        }
        let change =
            &merged(&[(Removed, true, string), (Added, true, "redis/db_0/hashes/k.json")]).changes[0];
        assert_eq!((change.old.as_deref(), change.new.as_deref()), (Some("string"), Some("hash")));
    }

    #[test]
    fn changes_are_counted_and_the_first_are_listed() {
        let mut changes = Changes::default();
        for number in 0..1000 {
            changes.push(|| Change::new("field", Some(number.to_string()), None, Some(&"v".repeat(1000))));
        }
        let record = Record { sign: Sign::Changed, is_main: true, file: "f".to_owned(), changes };
        let found = Difference::new(b"n", record).unwrap();
        assert_eq!((found.changes_count, found.changes.len()), (1000, LISTED));
        assert!(found.changes[7].new.as_ref().unwrap().len() < excerpt::NAME + 8);
    }
}
