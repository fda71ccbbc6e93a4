//! What became of the envelopes of an input.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Fault;
use crate::container::{Contents, Position, RowHeader};
use crate::time::Hlc;

/// Kinds of faults that are told apart, at most: each key id is one of its own.
const KINDS: usize = 1024;
/// Key ids that a message lists, at most.
const LISTED: usize = 16;
/// Bytes of an encoded key that a message shows.
const SHOWN: usize = 256;

/// Counts of opened envelopes and of faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Envelopes that were opened.
    pub opened: u64,
    /// Rows with a fault.
    pub faulty: u64,
    /// The same by kind; at most 1024 kinds.
    pub faults: BTreeMap<Fault, u64>,
    /// The first row of the input with a fault.
    pub first: Option<FirstFault>,
    /// Data keys for Raft log entries under which values were sealed; at most 1024.
    pub raft_keys: BTreeSet<u32>,
}

/// A row whose envelope cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstFault {
    /// Where the row is in the input.
    pub position: Position,
    /// The same in words, where the row is in a table: which one, and where in its block.
    pub place: Option<String>,
    /// What is wrong with it.
    pub fault: Fault,
    /// Encoded key in hex, its first 256 bytes.
    pub key_hex: String,
    /// When the row was committed, an HLC timestamp.
    pub commit_ts: Hlc,
}

impl fmt::Display for FirstFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, place, fault, key_hex, commit_ts } = self;
        let offset = position.offset();
        write!(f, "{fault}, encoded key {key_hex}, commit_ts {commit_ts} (")?;
        if let Some(place) = place {
            write!(f, "in {place}, ")?;
        }
        write!(f, "at offset {offset:#x})")
    }
}

impl FirstFault {
    /// Describes a row.
    #[must_use]
    pub fn new(position: Position, fault: Fault, user_key: &[u8], head: &RowHeader) -> Self {
        let shown = user_key.get(..SHOWN).unwrap_or(user_key);
        let mut key_hex = hex::encode(shown);
        if shown.len() == user_key.len() {
            key_hex.push_str(&hex::encode(head.commit_ts.suffix()));
        } else {
            key_hex.push_str("...");
        }
        Self { position, place: None, fault, key_hex, commit_ts: head.commit_ts }
    }

    /// Adds the place in words, if the row is in a table.
    #[must_use]
    pub fn within(self, contents: &Contents) -> Self {
        Self { place: contents.locate(self.position), ..self }
    }
}

impl Counters {
    /// Counts an envelope that was opened; `raft`: under a key that is meant for log entries.
    pub(super) fn opened(&mut self, key_id: u32, raft: bool) {
        self.opened += 1;
        if raft && self.raft_keys.len() < KINDS {
            self.raft_keys.insert(key_id);
        }
    }

    /// Counts a row with a fault.
    #[cold]
    pub(super) fn fault(&mut self, position: Position, fault: Fault, user_key: &[u8], head: &RowHeader) {
        self.faulty += 1;
        if self.faults.len() < KINDS || self.faults.contains_key(&fault) {
            *self.faults.entry(fault).or_default() += 1;
        }
        if self.first.as_ref().is_none_or(|first| position < first.position) {
            self.first = Some(FirstFault::new(position, fault, user_key, head));
        }
    }

    /// Adds the counts of other rows of the same input.
    pub(super) fn add(&mut self, other: Self) {
        self.opened += other.opened;
        self.faulty += other.faulty;
        for (fault, rows) in other.faults {
            if self.faults.len() < KINDS || self.faults.contains_key(&fault) {
                *self.faults.entry(fault).or_default() += rows;
            }
        }
        if let Some(found) = other.first
            && self.first.as_ref().is_none_or(|first| found.position < first.position)
        {
            self.first = Some(found);
        }
        self.raft_keys.extend(other.raft_keys);
    }

    /// Adds the place of the first fault in words, if it is in a table.
    #[must_use]
    pub fn within(self, contents: &Contents) -> Self {
        Self { first: self.first.map(|first| first.within(contents)), ..self }
    }

    /// Says what is wrong, by kind, with counts and key ids.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut kinds: Vec<(&str, u64, Vec<u64>)> = Vec::new();
        for (fault, &rows) in &self.faults {
            let (words, value) = match *fault {
                Fault::Integrity(id) => ("do not authenticate under their data keys", Some(id)),
                Fault::Relabelled(id) => ("are envelopes marked as cleartext, of the data keys", Some(id)),
                Fault::UnknownKeyId(id) => ("name data keys that no key file holds,", Some(id)),
                Fault::ReservedKeyId => ("name the reserved key id 0", None),
                Fault::TooShort => ("are shorter than an envelope", None),
                Fault::UnknownVersion(version) => ("have unknown envelope versions", Some(version.into())),
                Fault::UnsupportedFlag(flag) => ("have unsupported envelope flags", Some(flag.into())),
            };
            match kinds.last_mut().filter(|kind| kind.0 == words) {
                Some(kind) => {
                    kind.1 += rows;
                    kind.2.extend(value.map(u64::from));
                }
                None => kinds.push((words, rows, value.map(u64::from).into_iter().collect())),
            }
        }
        let say = |(words, rows, values): (&str, u64, Vec<u64>)| match values.as_slice() {
            [] => format!("{rows} {words}"),
            values if values.len() > LISTED => {
                let shown = values.get(..LISTED).unwrap_or_default();
                format!("{rows} {words} {shown:?} and {} more", values.len() - LISTED)
            }
            values => format!("{rows} {words} {values:?}"),
        };
        kinds.into_iter().map(say).collect::<Vec<_>>().join(", ")
    }
}
