//! Small documents as values: what servers and tools write of themselves (key files, manifests).

use serde_json::{Map, Value};

use super::{Error, ErrorKind, Reader, Result, name};

/// Most objects and lists that stand in one another.
const DEPTH: usize = 16;

/// A document.
#[derive(Debug)]
pub struct Folded {
    /// Its value.
    pub value: Value,
    /// Name of a member that comes twice; the last one counts.
    pub twice: Option<String>,
}

/// Reads a document whose objects the server decodes into structs: names of members are folded, so that they count in
/// either case. The values of members called one of `maps` are maps, whose own names are as they are spelt.
///
/// # Errors
///
/// What is wrong with the text.
pub fn folded(text: &[u8], maps: &[&str]) -> Result<Folded> {
    let mut reader = Reader::new(text);
    let mut twice = None;
    let raw = reader.value()?;
    reader.end()?;
    let value = value(raw, (false, maps), DEPTH, &mut twice)?;
    Ok(Folded { value, twice })
}

fn value(
    raw: &[u8],
    (is_map, maps): (bool, &[&str]),
    depth: usize,
    twice: &mut Option<String>,
) -> Result<Value> {
    let mut reader = Reader::new(raw);
    let depth = depth.checked_sub(1).ok_or_else(|| reader.error(ErrorKind::Depth))?;
    Ok(match raw.trim_ascii_start().first() {
        Some(b'{') => {
            let mut members = Map::new();
            reader.object::<Error>(|name, reader| {
                let name = if is_map { name } else { name::fold(name) };
                let value = value(reader.value()?, (!is_map && maps.contains(&&*name), maps), depth, twice)?;
                if members.insert(name.as_ref().to_owned(), value).is_some() {
                    *twice = Some(name.into_owned());
                }
                Ok(())
            })?;
            Value::Object(members)
        }
        Some(b'[') => {
            let mut elements = Vec::new();
            reader.array::<Error>(|reader| {
                elements.push(value(reader.value()?, (false, maps), depth, twice)?);
                Ok(())
            })?;
            Value::Array(elements)
        }
        Some(b'"') => Value::String(reader.string()?.into_owned()),
        _ => serde_json::from_slice(raw).map_err(|_| reader.expected("a value"))?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_structs_are_folded_and_those_of_maps_are_not() {
        let text = br#"{"Version":1,"KEYS":{"A":{"Purpose":"X"},"a":null},"list":[{"N":-1.5},true,"\u0041"],"version":2}"#;
        let read = folded(text, &["keys"]).unwrap();
        let expected = json!({
            "version": 2,
            "keys": {"A": {"purpose": "X"}, "a": null},
            "list": [{"n": -1.5}, true, "A"],
        });
        assert_eq!((read.value, read.twice.as_deref()), (expected, Some("version")));
        assert_eq!(folded(b" {} ", &[]).unwrap().twice, None);
    }

    #[test]
    fn what_is_no_document_is_an_error() {
        let deep = "[".repeat(DEPTH + 1) + &"]".repeat(DEPTH + 1);
        for text in ["", "{", "{} x", "[1,]", "nul", "\"a", "{\"a\":01}", &deep] {
            assert!(folded(text.as_bytes(), &[]).is_err(), "{text}");
        }
    }
}
