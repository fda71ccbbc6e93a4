//! The data keys of a run, and what is done with them.

use std::fmt;
use std::path::{Path, PathBuf};

use aes_gcm::aead::{AeadInOut, inout::InOutBuf};
use aes_gcm::{Aes256Gcm, KeyInit};
use zeroize::Zeroizing;

use super::envelope::{Envelope, HEAD, OVERHEAD, Sealed, VERSION, write_aad};
use super::kek::{KEY, Kek};
use super::key_file::{KeyFile, Purpose, Record};
use super::{Error, ErrorKind, Fault, key_file_near};
use crate::container::RowHeader;
use crate::event::Warning;
use crate::time::Hlc;

/// Length of a data key that a KEK file wrapped, bytes (`format/encryption.md#wrapped-data-keys`).
const WRAPPED: usize = 12 + KEY + 16;
/// A buffer larger than this is not kept for smaller bodies, bytes.
const KEPT: usize = 4 << 20;

/// Where keys come from.
#[derive(Clone, Debug, Default)]
pub struct KeyFiles {
    /// KEK files; none: nothing is decrypted.
    pub keks: Vec<PathBuf>,
    /// Key files, of one node or several; none: each input's own is looked for.
    pub key_files: Vec<PathBuf>,
}

/// Data keys by id, of all key files.
pub struct Keyring {
    /// Ascending by id.
    keys: Vec<DataKey>,
    cutovers: Vec<u64>,
    warnings: Vec<Warning>,
}

/// On purpose it cannot be shown.
struct DataKey {
    id: u32,
    purpose: Purpose,
    /// In a place of its own: a key that moves would leave copies behind.
    cipher: Box<Aes256Gcm>,
}

/// A data key while key files are read.
struct Unwrapped {
    id: u32,
    purpose: Purpose,
    bytes: Zeroizing<[u8; KEY]>,
    /// The key file that it came from.
    from: PathBuf,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("ids", &self.ids()).finish_non_exhaustive()
    }
}

impl Keyring {
    /// Reads KEK files and key files and unwraps every data key; `None` when no KEK was given. Without key files,
    /// the one near each of `inputs` is taken ([`key_file_near`]).
    pub fn load<'p>(
        files: &KeyFiles,
        inputs: impl IntoIterator<Item = &'p Path>,
    ) -> Result<Option<Self>, Error> {
        let mut warnings = Vec::new();
        let keks =
            files.keks.iter().map(|path| Kek::read(path, &mut warnings)).collect::<Result<Vec<_>, _>>()?;
        if keks.is_empty() {
            return Ok(None);
        }
        let mut key_files = files.key_files.clone();
        if key_files.is_empty() {
            let mut inputs = inputs.into_iter().peekable();
            let first = inputs.peek().map(|path| (*path).to_owned()).unwrap_or_default();
            for found in inputs.filter_map(key_file_near) {
                if !key_files.contains(&found) {
                    key_files.push(found);
                }
            }
            if key_files.is_empty() {
                return Err(Error { path: first, kind: ErrorKind::NoKeyFile });
            }
        }
        let mut cutovers = Vec::new();
        let mut unwrapped: Vec<Unwrapped> = Vec::new();
        for path in &key_files {
            let file = KeyFile::read(path)?;
            cutovers.push(file.raft_cutover_index);
            for record in file.records.iter().filter(|record| !record.wrapped.is_empty()) {
                let bytes = unwrap(&keks, record).map_err(|kind| Error { path: path.clone(), kind })?;
                add(&mut unwrapped, record, bytes, path)?;
            }
        }
        unwrapped.sort_by_key(|key| key.id);
        let ciphers = unwrapped
            .iter()
            .map(|key| DataKey {
                id: key.id,
                purpose: key.purpose,
                cipher: Box::new(Aes256Gcm::new((&*key.bytes).into())),
            })
            .collect();
        Ok(Some(Self { keys: ciphers, cutovers, warnings }))
    }

    /// Lists the ids of the data keys, ascending.
    #[must_use]
    pub fn ids(&self) -> Vec<u32> {
        self.keys.iter().map(|key| key.id).collect()
    }

    /// Lists what reading the files found worth a warning.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Lists `raft_envelope_cutover_index` of each key file, in their order.
    #[must_use]
    pub fn raft_cutovers(&self) -> &[u64] {
        &self.cutovers
    }

    /// Whether a data key of this id is meant for Raft log entries alone.
    #[must_use]
    pub fn is_raft(&self, key_id: u32) -> bool {
        self.find(key_id).is_some_and(|key| key.purpose == Purpose::Raft)
    }

    fn find(&self, key_id: u32) -> Option<&DataKey> {
        self.keys.get(self.keys.binary_search_by_key(&key_id, |key| key.id).ok()?)
    }

    /// Opens the envelope of a row into `plain`; returns the id of its data key. `aad` is a buffer that is used
    /// again. When it fails, `plain` holds nothing of the value.
    pub fn open(
        &self,
        user_key: &[u8],
        head: &RowHeader,
        body: &[u8],
        aad: &mut Vec<u8>,
        plain: &mut Vec<u8>,
    ) -> Result<u32, Fault> {
        plain.clear();
        let envelope = Envelope::parse(body)?;
        let key = self.find(envelope.key_id).ok_or(Fault::UnknownKeyId(envelope.key_id))?;
        write_aad(aad, *envelope.head, head, user_key);
        if !key.open(envelope.sealed, aad, plain) {
            return Err(Fault::Integrity(envelope.key_id));
        }
        if envelope.flag != 0 {
            plain.clear();
            return Err(Fault::UnsupportedFlag(envelope.flag));
        }
        Ok(envelope.key_id)
    }

    /// Looks at a row that claims to be cleartext: fails when its body is an envelope (`reading/encryption.md#cleartext-that-is-really-an-envelope`).
    pub fn check_cleartext(
        &self,
        user_key: &[u8],
        head: &RowHeader,
        body: &[u8],
        aad: &mut Vec<u8>,
        plain: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if body.len() < OVERHEAD {
            return Ok(());
        }
        let Some(sealed) = Sealed::behind_head(body) else { return Ok(()) };
        for key in &self.keys {
            let [a, b, c, d] = key.id.to_be_bytes();
            let canonical: [u8; HEAD] = [VERSION, 0, a, b, c, d];
            for expire_at in [Some(head.expire_at), (head.expire_at != Hlc::ZERO).then_some(Hlc::ZERO)]
                .into_iter()
                .flatten()
            {
                let as_written = RowHeader { tombstone: false, encrypted: true, expire_at, ..*head };
                write_aad(aad, canonical, &as_written, user_key);
                if key.open(sealed, aad, plain) {
                    plain.clear();
                    return Err(Fault::Relabelled(key.id));
                }
            }
        }
        Ok(())
    }
}

impl DataKey {
    /// Opens what is sealed into `plain`; `false`, and nothing in `plain`, when the tag does not match.
    fn open(&self, sealed: Sealed<'_>, aad: &[u8], plain: &mut Vec<u8>) -> bool {
        let len = sealed.ciphertext.len();
        if plain.capacity() > KEPT && len < KEPT {
            *plain = Vec::new();
        }
        if plain.capacity() < len {
            plain.clear();
            plain.reserve_exact(len);
        }
        plain.resize(len, 0);
        let opened = InOutBuf::new(sealed.ciphertext, plain).is_ok_and(|buffers| {
            self.cipher.decrypt_inout_detached(sealed.nonce.into(), aad, buffers, sealed.tag.into()).is_ok()
        });
        if !opened {
            plain.clear();
        }
        opened
    }
}

/// Unwraps a data key with the KEK that wrapped it (`format/encryption.md#wrapped-data-keys`).
fn unwrap(keks: &[Kek], record: &Record) -> Result<Zeroizing<[u8; KEY]>, ErrorKind> {
    let Record { key_id, purpose, ref wrapped, by } = *record;
    let sealed = wrapped.first_chunk::<WRAPPED>().filter(|_| wrapped.len() == WRAPPED);
    let parts = sealed.and_then(|bytes| {
        let (nonce, rest) = bytes.split_first_chunk::<12>()?;
        let (ciphertext, tag) = rest.split_last_chunk::<16>()?;
        Some((nonce, ciphertext, tag))
    });
    let Some((nonce, ciphertext, tag)) = parts else {
        return Err(ErrorKind::WrappedLength { key_id, purpose, found: wrapped.len(), by });
    };
    for kek in keks {
        let mut bytes = Zeroizing::new([0; KEY]);
        let opened = InOutBuf::new(ciphertext, bytes.as_mut_slice()).is_ok_and(|buffers| {
            kek.cipher().decrypt_inout_detached(nonce.into(), &[], buffers, tag.into()).is_ok()
        });
        if opened {
            return Ok(bytes);
        }
    }
    Err(ErrorKind::Mismatch { key_id, purpose })
}

/// Adds a data key, which another file may hold already.
fn add(
    keys: &mut Vec<Unwrapped>,
    record: &Record,
    bytes: Zeroizing<[u8; KEY]>,
    path: &Path,
) -> Result<(), Error> {
    match keys.iter().find(|key| key.id == record.key_id) {
        // Both were authenticated under KEKs at hand: what their comparison takes tells nobody anything.
        Some(known) if *known.bytes == *bytes => Ok(()),
        Some(known) => {
            let other = known.from.display().to_string();
            let kind = ErrorKind::Conflict { key_id: record.key_id, other };
            Err(Error { path: path.to_owned(), kind })
        }
        None => {
            keys.push(Unwrapped { id: record.key_id, purpose: record.purpose, bytes, from: path.to_owned() });
            Ok(())
        }
    }
}
