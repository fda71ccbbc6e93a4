//! Envelopes in the store: how many count, and their way out of it as plaintext (`reading/encryption.md#reading-an-encrypted-row`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Result;
use super::entry::{EntryBuf, RowLocation};
use super::{Error, Snapshot};
use crate::container::{Contents, Row};
use crate::crypto::{Counters, Fault, FirstFault, Keyring};
use crate::event::{Event, Warning};

/// Ids of data keys that are told apart, at most.
const KEY_IDS: usize = 1024;

/// Envelopes among the versions that count.
#[derive(Clone, Debug, Default)]
pub struct Encrypted {
    /// Visible rows that are encrypted; a row marked as encrypted and as a tombstone too, which no server writes.
    pub rows: u64,
    /// The same by the data key that they name; at most 1024 keys.
    pub by_key: BTreeMap<u32, u64>,
    /// The first of them.
    pub first: Option<FirstEncrypted>,
    /// With keys: what became of all versions that count, visible or not.
    pub counters: Counters,
}

/// Where an encrypted row is.
#[derive(Clone, Debug, Default)]
pub struct FirstEncrypted {
    /// The input.
    pub path: PathBuf,
    /// Offset of the row in it, in a table of the row's block, bytes.
    pub offset: u64,
    /// In a table: which one, and where in its block.
    pub place: Option<String>,
}

/// Buffers for the plaintext of one row.
#[derive(Debug, Default)]
pub(super) struct Plaintext {
    aad: Vec<u8>,
    body: Vec<u8>,
}

impl Encrypted {
    /// Counts a row.
    #[cold]
    pub(super) fn count(&mut self, key_id: u32) {
        self.rows += 1;
        if self.by_key.len() < KEY_IDS || self.by_key.contains_key(&key_id) {
            *self.by_key.entry(key_id).or_default() += 1;
        }
    }

    /// Adds the counts of another input; the first row stays that of the first input which has one.
    pub(super) fn add(&mut self, other: Self) {
        self.rows += other.rows;
        for (key_id, rows) in other.by_key {
            if self.by_key.len() < KEY_IDS || self.by_key.contains_key(&key_id) {
                *self.by_key.entry(key_id).or_default() += rows;
            }
        }
        self.first = self.first.take().or(other.first);
        self.counters.opened += other.counters.opened;
        self.counters.raft_keys.extend(other.counters.raft_keys);
    }

    fn without_keys(&self) -> Error {
        let FirstEncrypted { path, offset, place } = self.first.clone().unwrap_or_default();
        let key_ids = self.by_key.keys().copied().collect();
        Error::Encrypted { path, rows: self.rows, key_ids, offset, place }
    }
}

impl Snapshot {
    /// Fails when a version that counts needs a key and there is none.
    pub(super) fn refuse_without_keys(&self) -> Result<()> {
        if self.can_read_all() { Ok(()) } else { Err(self.encrypted.without_keys()) }
    }

    /// Whether the body of every version that counts can be had.
    pub(super) fn can_read_all(&self) -> bool {
        self.encrypted.rows == 0 || self.keyring.is_some()
    }

    /// Returns the body of a row of the input with this path: as it is, or out of its envelope.
    pub(super) fn plain<'b>(
        &self,
        path: &Path,
        row: &Row<'b>,
        plaintext: &'b mut Plaintext,
    ) -> Result<&'b [u8]> {
        if !row.head.encrypted {
            return Ok(row.body);
        }
        let Plaintext { aad, body } = plaintext;
        self.open_envelope(path, row, aad, body)?;
        Ok(body)
    }

    /// The same, where an envelope that cannot be opened is no error.
    pub(super) fn plain_if_possible<'b>(
        &self,
        row: &Row<'b>,
        plaintext: &'b mut Plaintext,
    ) -> Option<&'b [u8]> {
        let Plaintext { aad, body } = plaintext;
        self.keyring.as_ref()?.open(row.key, &row.head, row.body, aad, body).ok()?;
        Some(body)
    }

    /// Copies a row of an input into `entry`, its body out of its envelope.
    pub(super) fn copy_plain(&self, input: u16, row: &Row<'_>, entry: &mut EntryBuf) -> Result<()> {
        if !row.head.encrypted {
            entry.set(input, row);
            return Ok(());
        }
        entry.set(input, &Row { body: &[], ..*row });
        entry.place = Some(RowLocation::of(input, row));
        self.open_envelope(self.path(input), row, &mut Vec::new(), &mut entry.body)
    }

    /// Returns the path of an input.
    pub(super) fn path(&self, input: u16) -> &Path {
        self.infos.get(usize::from(input)).map_or(Path::new(""), |info| info.path.as_path())
    }

    fn contents(&self, path: &Path) -> Option<&Contents> {
        let input = self.inputs.iter().find(|input| input.source.path() == path)?;
        Some(&input.catalog.contents)
    }

    fn open_envelope(
        &self,
        path: &Path,
        row: &Row<'_>,
        aad: &mut Vec<u8>,
        plain: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(keyring) = &self.keyring else {
            let mut id = row.body.get(2..).unwrap_or_default();
            let key_ids = vec![crate::cursor::take_u32_be(&mut id).unwrap_or_default()];
            return Err(Error::Encrypted {
                path: path.to_owned(),
                rows: 1,
                key_ids,
                offset: row.position.offset(),
                place: self.contents(path).and_then(|contents| contents.locate(row.position)),
            });
        };
        let Err(fault) = keyring.open(row.key, &row.head, row.body, aad, plain) else { return Ok(()) };
        let counters = single(row, fault);
        let counters = match self.contents(path) {
            Some(contents) => counters.within(contents),
            None => counters,
        };
        Err(undecryptable(path.to_owned(), counters))
    }
}

/// Returns the error that the faults of an input are.
pub(super) fn undecryptable(path: PathBuf, counters: Counters) -> Error {
    Error::Undecryptable { path, counters: Box::new(counters) }
}

fn single(row: &Row<'_>, fault: Fault) -> Counters {
    Counters {
        faulty: 1,
        faults: BTreeMap::from([(fault, 1)]),
        first: Some(FirstFault::new(row.position, fault, row.key, &row.head)),
        ..Counters::default()
    }
}

/// Lists what keys and inputs together give to warn of (`format/encryption.md#key-file`, `format/encryption.md#log-entries-and-the-header`). `header_cutovers`: of each input with
/// an FSM header, 0 where the header has none.
pub(super) fn warnings(
    keyring: &Keyring,
    encrypted: &Encrypted,
    header_cutovers: impl Iterator<Item = u64>,
) -> Vec<Warning> {
    let mut warnings = keyring.warnings().to_vec();
    let key_files = keyring.raft_cutovers();
    for header in header_cutovers {
        if let Some(&newest) = key_files.iter().max()
            && !key_files.contains(&header)
        {
            warnings.push(
                Warning::new(Event::RAFT_CUTOVER_MISMATCH).with("header", header).with("key_file", newest),
            );
        }
    }
    let raft_keys = encrypted.counters.raft_keys.iter();
    warnings.extend(raft_keys.map(|&id| Warning::new(Event::ENVELOPE_KEY_PURPOSE).with("key_id", id)));
    warnings
}
