//! One input after the first pass, and single rows of it.

use std::sync::Arc;

use super::clock::Clock;
use super::probe::Probe;
use super::survey::Survey;
use crate::container::{self, ErrorKind, Head, Payload, Rows, Source};
use crate::error::Result;
use crate::interrupt::Interrupt;

/// A source and what the first pass learnt about it.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) source: Arc<Source>,
    pub(super) survey: Survey,
}

impl Input {
    /// Whether rows stand in the order of encoded keys; else in that of user keys.
    #[inline]
    pub(super) fn is_native(&self) -> bool {
        self.survey.payload != Payload::Memory
    }

    /// Returns where a walk must begin to meet every row from the key `target` on: an encoded key, or a
    /// beginning of one; in `EKVMVCC2` a user key.
    pub(super) fn seek(&self, target: &[u8]) -> u64 {
        self.survey.index.at_or_before(target).unwrap_or(self.survey.start)
    }

    /// Returns the error that the input is when it reads otherwise than in the first pass.
    #[cold]
    pub(super) fn differs(&self, offset: u64, what: &str) -> container::Error {
        self.source.error(offset, ErrorKind::Changed { what: what.to_owned() })
    }

    /// Takes the result of a second reading: bytes that cannot be rows were rows in the first pass.
    #[inline]
    pub(super) fn again<T>(&self, result: Result<T, container::Error>) -> Result<T, container::Error> {
        match result {
            Err(error) if error.kind.is_structure() => {
                Err(self.differs(error.offset, &error.kind.to_string()))
            }
            result => result,
        }
    }

    /// Makes the row at `offset` current, where the first pass or a scan saw one begin.
    pub(super) fn row_at(&self, offset: u64) -> Result<(Rows<'_>, Head)> {
        let Survey { payload, end, .. } = self.survey;
        let start = if self.is_native() { Some(offset) } else { self.survey.index.mark_before(offset) };
        let gone = || self.differs(offset, "a row is not where it was");
        let start = start.filter(|_| offset < end).ok_or_else(gone)?;
        let mut rows = Rows::between(&self.source, payload, start, end);
        while self.again(rows.advance())? && rows.span().0 <= offset {
            if rows.offset() == offset {
                let head = self.again(rows.head(&self.source))?;
                return Ok((rows, head));
            }
        }
        Err(gone().into())
    }

    /// Finds the version of a user key that counts; a tombstone too, and one that has expired.
    pub(super) fn find(
        &self,
        key: &[u8],
        clock: Clock,
        interrupt: &Interrupt,
    ) -> Result<Option<(Rows<'_>, Head)>> {
        let mut probe = Probe::new(self);
        let head = probe.find(key, clock, interrupt)?;
        Ok(head.map(|head| (probe.rows, head)))
    }
}
