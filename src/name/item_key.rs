//! The key of an item: as JSON, `{"customer":"user-1","no":3}` or with types, `{"no":{"N":"3"}}`; or as a name has it,
//! `user-1/3`.
//!
//! In: text, then the schema of a table. Out: the identities that an item of this key can have.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::unescape;
use crate::error::{Error, Result};
use crate::model::dynamodb::canonical;
use crate::model::dynamodb::key::OrderedKey;
use crate::model::dynamodb::{KeyValue, KeyValues, Schema};

/// What was typed.
#[derive(Clone, Debug)]
pub enum ItemKey {
    /// Values by attribute.
    Json(Map<String, Value>),
    /// The part of a name behind the table.
    Text(String),
}

/// A value of a key attribute, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// A text.
    S(String),
    /// A number.
    N(String),
    /// Bytes.
    B(Vec<u8>),
}

impl ItemKey {
    /// Reads a key.
    ///
    /// # Errors
    ///
    /// [`Error::ItemKey`] for what is no JSON object.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).map(Self::Json).map_err(|error| Error::ItemKey(error.to_string()))
    }

    /// Returns the primary keys of row keys that the key can have: ordered ones (`format/dynamodb.md#ordered-primary-key`), and legacy ones of the
    /// same spelling (`format/dynamodb.md#legacy-primary-key`).
    ///
    /// # Errors
    ///
    /// As for [`ItemKey::identities`].
    pub fn primaries(&self, schema: &Schema) -> Result<Vec<Vec<u8>>> {
        let mut primaries = self.identities(schema)?;
        self.each((schema.hash_key(), schema.range_key()), |keys| {
            let hash = URL_SAFE_NO_PAD.encode(keys.hash.stored_bytes());
            let range = keys.range.map(|range| URL_SAFE_NO_PAD.encode(range.stored_bytes()));
            primaries.push(format!("{hash}|{}", range.as_deref().unwrap_or_default()).into_bytes());
            primaries.extend(range.is_none().then(|| hash.into_bytes()));
        })?;
        primaries.sort_unstable();
        primaries.dedup();
        Ok(primaries)
    }

    /// Calls `take` with all that the key can mean in a table with these key attributes.
    ///
    /// # Errors
    ///
    /// As for [`ItemKey::identities`].
    pub fn each(&self, names: (&str, Option<&str>), take: impl FnMut(&KeyValues<'_>)) -> Result<()> {
        let (hashes, ranges) = match self {
            Self::Json(values) => of_json(values, names)?,
            Self::Text(text) => of_text(text, names.1.is_some()),
        };
        if matches!(self, Self::Json(_)) && (hashes.is_empty() || ranges.as_ref().is_some_and(Vec::is_empty))
        {
            return Err(Error::ItemKey(
                "expected texts, numbers, or values with their type such as {\"N\":\"3\"}".to_owned(),
            ));
        }
        each(&hashes, ranges.as_deref(), take);
        Ok(())
    }

    /// Returns the identities (`reading/dynamodb.md#identity-and-migration`) of all items that the key can mean: a JSON string is a text, or the
    /// text of a number.
    ///
    /// # Errors
    ///
    /// [`Error::ItemKey`] where an attribute of the table's key is missing, or another one is there.
    pub fn identities(&self, schema: &Schema) -> Result<Vec<Vec<u8>>> {
        let mut identities = Vec::new();
        let mut ordered = OrderedKey::default();
        self.each((schema.hash_key(), schema.range_key()), |keys| {
            identities.push(ordered.identity(keys).to_vec());
        })?;
        Ok(identities)
    }
}

/// Goes through all that a key can mean.
fn each(hashes: &[KeyPart], ranges: Option<&[KeyPart]>, mut take: impl FnMut(&KeyValues<'_>)) {
    for hash in hashes {
        match ranges {
            None => take(&KeyValues { hash: hash.borrow(), range: None }),
            Some(ranges) => {
                for range in ranges {
                    take(&KeyValues { hash: hash.borrow(), range: Some(range.borrow()) });
                }
            }
        }
    }
}

/// What hash and range can be.
type Meanings = (Vec<KeyPart>, Option<Vec<KeyPart>>);

fn of_json(values: &Map<String, Value>, (hash, range): (&str, Option<&str>)) -> Result<Meanings> {
    let names: Vec<_> = std::iter::once(hash).chain(range).collect();
    if values.len() != names.len() || names.iter().any(|name| !values.contains_key(*name)) {
        let names = names.join(", ");
        return Err(Error::ItemKey(format!("the attributes of the table's key are {names}")));
    }
    let of = |name: &str| values.get(name).map(meanings).unwrap_or_default();
    Ok((of(hash), range.map(of)))
}

fn of_text(text: &str, has_range: bool) -> Meanings {
    match text.split_once('/').filter(|_| has_range) {
        Some((hash, range)) => (texts(hash), Some(texts(range))),
        None => (texts(text), has_range.then(Vec::new)),
    }
}

/// Lists what a part of a name can be; texts and bytes have one identity. A number may be spelt in any way: as a fraction,
/// as names have it, too.
fn texts(part: &str) -> Vec<KeyPart> {
    let bytes = unescape(part);
    let number = |text: &str| KeyPart::N(canonical::decimal(text).unwrap_or_else(|| text.to_owned()));
    let number = std::str::from_utf8(&bytes).ok().map(number);
    let text = std::str::from_utf8(&bytes).ok().map(|text| KeyPart::S(text.to_owned()));
    [text, number, Some(KeyPart::B(bytes))].into_iter().flatten().collect()
}

/// Whether an item has one of these identities.
#[must_use]
pub fn is_one_of(keys: &KeyValues<'_>, identities: &[Vec<u8>]) -> bool {
    let mut ordered = OrderedKey::default();
    let identity = ordered.identity(keys);
    identities.iter().any(|wanted| wanted == identity)
}

/// Lists what a JSON value can be.
fn meanings(value: &Value) -> Vec<KeyPart> {
    match value {
        Value::String(text) => vec![KeyPart::S(text.clone()), KeyPart::N(text.clone())],
        Value::Number(number) => vec![KeyPart::N(number.to_string())],
        value => KeyPart::of_attribute(value).into_iter().collect(),
    }
}

impl KeyPart {
    /// Reads a value with its type, `{"N":"3"}`; `None` for what cannot be a key.
    #[must_use]
    pub fn of_attribute(attribute: &Value) -> Option<Self> {
        let typed = attribute.as_object().filter(|typed| typed.len() == 1)?;
        let (name, text) = typed.iter().next()?;
        let text = text.as_str()?;
        Some(match name.as_str() {
            "S" => Self::S(text.to_owned()),
            "N" => Self::N(text.to_owned()),
            "B" => Self::B(STANDARD.decode(text).ok()?),
            _ => return None,
        })
    }

    /// Returns it as a key has it.
    #[must_use]
    pub fn borrow(&self) -> KeyValue<'_> {
        match self {
            Self::S(text) => KeyValue::S(text),
            Self::N(text) => KeyValue::N(text),
            Self::B(bytes) => KeyValue::B(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_its_type_or_its_spelling_says() {
        let of = |text: &str| meanings(&serde_json::from_str(text).unwrap());
        assert_eq!(of("3"), [KeyPart::N("3".into())]);
        assert_eq!(of("\"3\""), [KeyPart::S("3".into()), KeyPart::N("3".into())]);
        assert_eq!(of(r#"{"N":"3.0"}"#), [KeyPart::N("3.0".into())]);
        assert_eq!(of(r#"{"B":"AAEC"}"#), [KeyPart::B(vec![0, 1, 2])]);
        for none in ["null", "[]", "{}", r#"{"X":"1"}"#, r#"{"B":"?"}"#, r#"{"S":"a","N":"1"}"#, r#"{"N":3}"#]
        {
            assert_eq!(of(none), [], "{none}");
        }
        assert!(matches!(ItemKey::parse("[1]"), Err(Error::ItemKey(_))));
    }
}
