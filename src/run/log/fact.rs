//! What a version says, name by name, and what differs between two.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Longest value that is shown, bytes; of a longer one length and digest are.
const SHOWN: usize = 120;
/// Bytes of the digest that are shown.
const DIGEST: usize = 8;

/// Values by name, as they are shown.
pub(crate) type Facts = BTreeMap<String, String>;

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Field, attribute, header, or `value`.
    pub name: String,
    /// What it was; `None` where it was not there.
    pub old: Option<String>,
    /// What it is; `None` where it is not there any more.
    pub new: Option<String>,
}

/// Shows bytes: short text in quotes.
pub(super) fn bytes(value: &[u8]) -> String {
    let text = std::str::from_utf8(value).ok().filter(|text| text.len() <= SHOWN);
    text.and_then(|text| serde_json::to_string(text).ok()).unwrap_or_else(|| digest(value))
}

/// Shows a JSON value.
pub(super) fn json(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= SHOWN { text } else { digest(text.as_bytes()) }
}

fn digest(value: &[u8]) -> String {
    let digest = Sha256::digest(value);
    format!("{} bytes, SHA-256 {}…", value.len(), hex::encode(digest.get(..DIGEST).unwrap_or_default()))
}

/// Adds the members of a JSON object, those of objects in it by `name.name`.
pub(super) fn members(text: &[u8], facts: &mut Facts) -> bool {
    let Ok(Value::Object(object)) = serde_json::from_slice(text) else { return false };
    for (name, value) in &object {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                facts.extend(inner.iter().map(|(below, value)| (format!("{name}.{below}"), json(value))));
            }
            value => drop(facts.insert(name.clone(), json(value))),
        }
    }
    true
}

/// Lists what differs, by name.
pub(super) fn differences(old: &Facts, new: &Facts) -> Vec<Difference> {
    let mut names: Vec<_> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let both = names.into_iter().map(|name| Difference {
        name: name.clone(),
        old: old.get(name).cloned(),
        new: new.get(name).cloned(),
    });
    both.filter(|each| each.old != each.new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_binary_values_are_lengths_and_digests() {
        assert_eq!(bytes(b"a\"b\n"), r#""a\"b\n""#);
        assert!(bytes(b"\xff").starts_with("1 bytes, SHA-256 a8100ae6aa1940d0"));
        assert!(bytes(&[b'a'; 121]).starts_with("121 bytes"));
    }

    #[test]
    fn members_are_compared_by_name() {
        let (mut old, mut new) = (Facts::new(), Facts::new());
        assert!(members(br#"{"a":1,"b":{"x":"1","y":2},"c":[]}"#, &mut old));
        assert!(members(br#"{"a":1,"b":{"x":"2"},"d":{}}"#, &mut new));
        assert!(!members(b"[]", &mut new));
        let found: Vec<_> = differences(&old, &new)
            .into_iter()
            .map(|each| format!("{} {:?} {:?}", each.name, each.old, each.new))
            .collect();
        assert_eq!(
            found,
            [
                r#"b.x Some("\"1\"") Some("\"2\"")"#,
                r#"b.y Some("2") None"#,
                r#"c Some("[]") None"#,
                r#"d None Some("{}")"#
            ]
        );
    }
}
