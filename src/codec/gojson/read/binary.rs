//! Bytes in JSON: texts, and bytes that are none (`tree/redis.md#json-of-keys`).

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// A text, or an object with the base64url form of bytes: what the [`Binary`](super::super::Binary) of the writer makes.
#[derive(Debug)]
pub struct Binary<'a>(pub Cow<'a, [u8]>);

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
