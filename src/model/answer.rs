//! What becomes of an object in a [sink](crate::sink).

use crate::event::Class;
/// What a sink makes of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing more is wanted of it.
    Taken,
    /// Its contents are wanted: pieces, then the end.
    Open,
    /// It has no place in this sink, and that is as it was asked for.
    Left,
    /// It has no place in this sink: a problem, which the service reports with the row that is to blame.
    Refused(Refusal),
}

/// Why a sink has no place for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Class of the problem.
    pub class: Class,
    /// The same in words: lower case, no full stop.
    pub message: String,
}

impl Refusal {
    /// Returns a refusal.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}
