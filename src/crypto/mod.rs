//! Envelopes to plaintext (`format/encryption.md`): key encryption keys, key files, and the values of an encrypted node.
//!
//! In: paths of KEK files and `keys.json`s, then envelopes with the rows that they belong to. Out: a [`Keyring`],
//! plaintext bodies, or a [`Fault`] that says why there is none. Keys are wiped when they are dropped; no type that
//! holds one shows it, and no error quotes a file that may hold one.

mod checker;
mod counters;
mod envelope;
mod error;
mod kek;
mod key_file;
mod keyring;
mod nearby;
#[cfg(test)]
mod tests;

pub use checker::Checker;
pub use counters::{Counters, FirstFault};
pub use envelope::{Fault, OVERHEAD};
pub use error::{Error, ErrorKind};
pub use keyring::{KeyFiles, Keyring};
pub use nearby::key_file_near;
