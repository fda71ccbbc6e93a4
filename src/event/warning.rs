//! What a run has to say of its input besides the objects in it.

use serde::Serialize;
use serde_json::Value;

use super::Event;
use crate::excerpt;

/// One warning: a stable event name and its fields, in the order that the documents list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Warning {
    /// Its name.
    pub event: Event,
    /// Names and values of the fields that its row of the table has. Keys stand in hex, names as text.
    #[serde(serialize_with = "as_map")]
    pub fields: Vec<(&'static str, Value)>,
}

fn as_map<S: serde::Serializer>(fields: &[(&'static str, Value)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
}

impl Warning {
    /// Returns a warning without fields.
    #[must_use]
    pub fn new(event: Event) -> Self {
        Self { event, fields: Vec::new() }
    }

    /// Adds a field behind the others.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Adds the field `key`: the front of the key that the warning is about; with `key_hex` where that is no text.
    #[must_use]
    pub fn with_key(self, key: &[u8]) -> Self {
        let named = self.with("key", excerpt::key(key));
        if excerpt::needs_hex(key) { named.with("key_hex", excerpt::hex(key)) } else { named }
    }

    /// Whether the fields are those of the event's row.
    pub(crate) fn is_allowed(&self) -> bool {
        self.event.row().allows(self.fields.iter().map(|(name, _)| *name))
    }

    /// Returns the number of all warnings of the event, which the last one of a capped event has alone.
    pub(crate) fn total(&self) -> Option<u64> {
        match self.fields.as_slice() {
            [("count", count)] => count.as_u64(),
            _ => None,
        }
    }
}
