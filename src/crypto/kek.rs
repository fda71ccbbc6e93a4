//! Key encryption keys: one file of 32 bytes each (`format/encryption.md#where-the-outermost-key-is-kept`).

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aes_gcm::{Aes256Gcm, KeyInit};
use zeroize::Zeroizing;

use super::{Error, ErrorKind};
use crate::container::read_full;
use crate::event::{Event, Warning};

/// Length of a key, bytes (`format/encryption.md#limits-of-encryption`).
pub(super) const KEY: usize = 32;
/// What the file is called in messages.
const WHAT: &str = "KEK file";

/// Beginnings of names that stand for a KEK that is no file, and who holds it.
const SERVICES: [(&str, &str); 16] = [
    ("aws-kms:", "AWS KMS"),
    ("awskms:", "AWS KMS"),
    ("aws:", "AWS KMS"),
    ("arn:aws", "AWS KMS"),
    ("gcp-kms:", "GCP KMS"),
    ("gcpkms:", "GCP KMS"),
    ("gcp:", "GCP KMS"),
    ("projects/", "GCP KMS"),
    ("azure-kms:", "Azure Key Vault"),
    ("azurekeyvault:", "Azure Key Vault"),
    ("https:", "a service on the network"),
    ("hashivault:", "HashiCorp Vault"),
    ("vault:", "HashiCorp Vault"),
    ("env:", "an environment variable"),
    ("pkcs11:", "a PKCS #11 token"),
    ("kms:", "a KMS"),
];

/// Returns who holds the KEK that `text` stands for, when that is no file.
pub(super) fn service_of(text: &str) -> Option<&'static str> {
    let names = |&&(begin, _): &&(&str, &str)| {
        text.get(..begin.len()).is_some_and(|head| head.eq_ignore_ascii_case(begin))
    };
    SERVICES.iter().find(names).map(|&(_, service)| service)
}

/// A key encryption key. On purpose it cannot be shown.
pub(super) struct Kek(Aes256Gcm);

impl Kek {
    /// Reads a KEK file; a file that others can read is warned about, although a server refuses it.
    pub(super) fn read(path: &Path, warnings: &mut Vec<Warning>) -> Result<Self, Error> {
        let error = |kind| Error { path: path.to_owned(), kind };
        let io = |source| error(ErrorKind::Io { what: WHAT, error: source });
        let file = match open(path) {
            Err(_) if let Some(service) = service(path) => return Err(error(ErrorKind::Service { service })),
            opened => opened.map_err(io)?,
        };
        let meta = file.metadata().map_err(io)?;
        if !meta.is_file() {
            return Err(error(ErrorKind::NotRegular { what: WHAT }));
        }
        // One byte more than a key, so that a longer file is told from one that fits.
        let mut bytes = Zeroizing::new([0; KEY + 1]);
        let length = read_full(&file, &mut *bytes).map_err(io)?;
        let key = bytes.first_chunk::<KEY>().filter(|_| length == KEY).ok_or_else(|| {
            let found = if length > KEY { "more".to_owned() } else { length.to_string() };
            error(ErrorKind::KekLength { found })
        })?;
        let mode = meta.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            warnings.push(
                Warning::new(Event::KEK_FILE_MODE)
                    .with("path", path.to_string_lossy().into_owned())
                    .with("mode", format!("{mode:04o}")),
            );
        }
        Ok(Self(Aes256Gcm::new(key.into())))
    }

    /// Returns the cipher that wraps data keys.
    pub(super) fn cipher(&self) -> &Aes256Gcm {
        &self.0
    }
}

/// Tells a service's name from the path of a file.
fn service(path: &Path) -> Option<&'static str> {
    service_of(&path.to_string_lossy())
}

/// Opens a file for reading; a pipe without a writer does not block.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
}
