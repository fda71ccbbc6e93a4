//! Transactions that were cut in the middle (`reading/transactions.md#what-a-server-does-with-a-lock`, `reading/transactions.md#deciding-without-a-server`).
//!
//! In: the visible locks of a store. Out: claims of the writes that were committed and not yet applied to their keys,
//! and the locks that nothing in the inputs decides. Locks are those of transactions in flight: few as a rule, and
//! whatever their number, sorted on disk.

mod committed;
mod intent;
mod lock;
mod lookup;
mod resolve;
mod scan;

use crate::container::{ErrorKind, Excerpt};

use crate::time::Hlc;
pub(super) use committed::{Write, committed};
pub(super) use intent::Intent;
pub use lock::Lock;
pub(super) use resolve::resolve;

/// A lock of which no input tells whether its transaction was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InDoubt {
    /// The locked key, a user key.
    pub key: Vec<u8>,
    /// The transaction's primary key, a user key.
    pub primary: Vec<u8>,
    /// Start of the transaction, an HLC timestamp.
    pub start_ts: Hlc,
    /// Whether the primary's own lock is in the inputs: then the transaction was under way when the snapshot was
    /// cut. Else the primary is in another group's snapshot.
    pub pending: bool,
}

/// Returns the error that a record under this user key is.
fn corrupt(what: &str, user_key: &[u8]) -> ErrorKind {
    ErrorKind::CorruptRow { what: what.to_owned(), key: Excerpt::of(user_key) }
}
