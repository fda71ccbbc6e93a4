//! Values of elements: texts, and bytes that are none (`redis.md` 4.2).

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A text, or an object with the base64url form of bytes.
#[derive(Debug)]
pub(in crate::reader) struct Binary<'a>(pub(in crate::reader) Cow<'a, [u8]>);

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

impl<'de: 'a, 'a> Deserialize<'de> for Binary<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Binary<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or {\"base64\":…}")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Binary(text.as_bytes().into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Binary(text.as_bytes().to_vec().into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (Some((name, text)), None) =
                    (map.next_entry::<String, Cow<'de, str>>()?, map.next_key::<String>()?)
                else {
                    return Err(A::Error::custom("expected the one member base64"));
                };
                if name != "base64" {
                    return Err(A::Error::custom("expected the member base64"));
                }
                let bytes = URL_SAFE_NO_PAD.decode(&*text);
                Ok(Binary(bytes.map_err(|_| A::Error::custom("not base64url without padding"))?.into()))
            }
        }
        deserializer.deserialize_any(Bytes)
    }
}

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
