//! What has to be read of a payload before its rows can be.

use std::sync::Arc;

use super::sst::{Bundle, Manifest};
use super::{Error, ErrorKind, Layout, Payload, Position, Source, memory, native};

/// A payload, and where its tables are if it has any.
#[derive(Clone, Debug)]
pub struct Contents {
    payload: Payload,
    bundle: Option<Arc<Bundle>>,
}

impl Contents {
    /// Reads the manifest of an SST-ingest bundle and the ends of its tables. Of other payloads nothing.
    pub fn open(source: &Source, layout: &Layout) -> Result<Self, Error> {
        let bundle = match layout.payload {
            Payload::Sst => Some(Arc::new(Bundle::open(source, layout)?)),
            _ => None,
        };
        Ok(Self { payload: layout.payload, bundle })
    }

    /// Returns which payload it is.
    #[must_use]
    pub fn payload(&self) -> Payload {
        self.payload
    }

    /// Returns the manifest of an SST-ingest bundle.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.bundle().map(Bundle::manifest)
    }

    pub(super) fn bundle(&self) -> Option<&Bundle> {
        self.bundle.as_deref()
    }

    /// Returns the position of the first row.
    #[must_use]
    pub fn start(&self, layout: &Layout) -> Position {
        Position::at(match layout.payload {
            Payload::Native => layout.payload_offset + native::START as u64,
            Payload::Memory => layout.payload_offset + memory::START as u64,
            Payload::Sst => self.bundle().map_or(layout.payload_end, Bundle::start),
            Payload::Empty | Payload::Oracle { .. } => layout.payload_end,
        })
    }

    /// Says which table a row is in, and where in its block; `None` where there are no tables.
    #[must_use]
    pub fn locate(&self, position: Position) -> Option<String> {
        Some(self.bundle()?.locate(position))
    }

    /// Returns the error that the row at a position is.
    #[must_use]
    pub fn error(&self, source: &Source, position: Position, kind: ErrorKind) -> Error {
        match self.bundle() {
            Some(bundle) => bundle.error(source, position, kind),
            None => source.error(position.offset(), kind),
        }
    }
}
