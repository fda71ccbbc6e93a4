//! Body and sidecar of an object, as one record of a table.

use super::super::{File, ROW};
use crate::cursor;
use crate::error::Result;

/// The files of an object.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) body: File,
    pub(super) sidecar: File,
    /// What it says, where it stands in a line of that file.
    pub(super) line: Option<Vec<u8>>,
    /// Its parts, as [`super::parts`] keeps them; empty where none are told.
    pub(super) parts: Vec<u8>,
}

impl Pair {
    /// Returns the record that [`Pair::read`] reads.
    pub(super) fn record(&self) -> Result<Vec<u8>> {
        let mut record = Vec::new();
        for part in [&self.body.record(), &self.sidecar.record(), &self.parts] {
            record.extend(u32::try_from(part.len()).map_err(|_| ROW)?.to_be_bytes());
            record.extend_from_slice(part);
        }
        // No sidecar is empty.
        record.extend_from_slice(self.line.as_deref().unwrap_or_default());
        Ok(record)
    }

    pub(super) fn read(mut record: &[u8]) -> Result<Self> {
        let mut part = || {
            let length = cursor::take_u32_be(&mut record).and_then(|length| usize::try_from(length).ok());
            length.and_then(|length| cursor::take(&mut record, length)).ok_or(ROW)
        };
        let (body, sidecar, parts) = (File::read(part()?)?, File::read(part()?)?, part()?.to_vec());
        Ok(Self { body, sidecar, parts, line: Some(record.to_vec()).filter(|line| !line.is_empty()) })
    }
}
