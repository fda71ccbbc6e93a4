//! Files of text: where they are, for errors; line by line; whole.

use std::io::{self, BufReader};
use std::path::PathBuf;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::limits;
use crate::tree::lines::{Line as Read, Lines as Reader};
use crate::tree::{self, Changed, DumpFile, ErrorKind};

/// Where a file is, for errors.
#[derive(Clone, Debug)]
pub(super) struct Place(pub(super) PathBuf);

impl Place {
    /// Returns the error of a file that breaks a rule.
    pub(super) fn unsound(&self, what: &impl ToString) -> Error {
        tree::Error { path: self.0.clone(), kind: ErrorKind::Unsound(what.to_string()) }.into()
    }

    /// Returns the error of a file that could not be read to its end, or is not what it should be.
    pub(super) fn failed(&self, error: io::Error) -> Error {
        match error.get_ref() {
            Some(inner) if error.kind() == io::ErrorKind::InvalidData || inner.is::<Changed>() => {
                self.unsound(&inner.to_string())
            }
            _ => tree::Error { path: self.0.clone(), kind: error.into() }.into(),
        }
    }
}

/// The lines of a file.
#[derive(Debug)]
pub(super) struct Lines {
    inner: Reader<BufReader<DumpFile>>,
    place: Place,
    number: u64,
}

/// A line.
#[derive(Debug)]
pub(super) struct Line<'l> {
    /// Without its newline.
    pub(super) text: &'l [u8],
    /// From 1 on.
    pub(super) number: u64,
    place: &'l Place,
}

impl Lines {
    pub(super) fn new(file: DumpFile, place: Place) -> Self {
        let bound = usize::try_from(limits::DIFF_LINE).unwrap_or(usize::MAX);
        Self { inner: Reader::new(BufReader::with_capacity(64 << 10, file), bound), place, number: 0 }
    }

    /// Lends the next line, `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>> {
        self.number += 1;
        let (number, place) = (self.number, &self.place);
        match self.inner.next().map_err(|error| place.failed(error))? {
            None => Ok(None),
            Some(Read::Text(text)) => Ok(Some(Line { text, number, place })),
            Some(Read::TooLong | Read::Endless) => {
                Err(place.unsound(&format!("line {number}: longer than {} bytes", limits::DIFF_LINE)))
            }
        }
    }
}

impl<'l> Line<'l> {
    /// Reads the line as JSON.
    pub(super) fn parse<T: Deserialize<'l>>(&self) -> Result<T> {
        serde_json::from_slice(self.text).map_err(|error| self.unsound(&error))
    }

    /// Returns the error of a line that is not what it should be.
    pub(super) fn unsound(&self, what: &impl ToString) -> Error {
        self.place.unsound(&format!("line {}: {}", self.number, what.to_string()))
    }
}
