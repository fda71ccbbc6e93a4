//! Body and sidecar of an object, as one record of a table.

use super::super::{File, ROW};
use crate::cursor;
use crate::error::Result;

/// The files of an object.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) body: File,
    pub(super) sidecar: File,
}

impl Pair {
    /// Returns the record that [`Pair::read`] reads.
    pub(super) fn record(&self) -> Result<Vec<u8>> {
        let body = self.body.record();
        let length = u32::try_from(body.len()).map_err(|_| ROW)?.to_be_bytes();
        Ok([&length[..], &body, &self.sidecar.record()].concat())
    }

    pub(super) fn read(mut record: &[u8]) -> Result<Self> {
        let length = cursor::take_u32_be(&mut record).and_then(|length| usize::try_from(length).ok());
        let body = length.and_then(|length| cursor::take(&mut record, length)).ok_or(ROW)?;
        Ok(Self { body: File::read(body)?, sidecar: File::read(record)? })
    }
}
