//! Elements of hashes and zsets (`tree/redis.md#json-of-keys`).

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::value::RawValue;

use crate::codec::gojson::read::Binary;

/// A field of a hash.
#[derive(Debug, Deserialize)]
pub(super) struct Field<'a> {
    #[serde(borrow)]
    pub(super) name: Binary<'a>,
    #[serde(borrow)]
    pub(super) value: Binary<'a>,
}

/// A member of a zset.
#[derive(Debug, Deserialize)]
pub(super) struct Scored<'a> {
    #[serde(borrow)]
    pub(super) member: Binary<'a>,
    pub(super) score: Score,
}

/// A score: no NaN. Its sign counts where it is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score(pub(super) f64);

impl<'de> Deserialize<'de> for Score {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let score = match text {
            "\"+inf\"" => Some(f64::INFINITY),
            "\"-inf\"" => Some(f64::NEG_INFINITY),
            // Only a number is one to both: a JSON number never spells infinity.
            _ => text.parse().ok().filter(|score: &f64| score.is_finite()),
        };
        score.map(Self).ok_or_else(|| D::Error::custom("a score is a number, \"+inf\" or \"-inf\""))
    }
}
