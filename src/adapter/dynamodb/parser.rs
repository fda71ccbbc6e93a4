//! Protobuf bytes of an item to its attributes (`dynamodb.md` 2.1).
//!
//! In: an `Item` message. Out: [`Members`] that borrow from it. Not `prost`: this copies nothing, counts unknown
//! fields and refuses unknown types of values. The `prost` structs of `message` are its model in the tests.

use super::attribute::{Attribute, Members};
use super::wire::{Field, Fields, Malformed, NESTING};

/// Members of a map that its list has room for at once.
const MEMBERS: usize = 16;

/// The bytes of one message. A message that comes in several pieces is their merger (`dynamodb.md` 2.1).
#[derive(Clone, Debug, Default)]
struct Parts<'a> {
    first: &'a [u8],
    rest: Vec<&'a [u8]>,
}

impl<'a> From<&'a [u8]> for Parts<'a> {
    fn from(first: &'a [u8]) -> Self {
        Self { first, rest: Vec::new() }
    }
}

impl<'a> Parts<'a> {
    fn fields(&self) -> impl Iterator<Item = Result<Field<'a>, Malformed>> {
        let mut fields = Fields::new(self.first);
        let mut rest = self.rest.iter();
        std::iter::from_fn(move || {
            loop {
                match fields.next() {
                    None => fields = Fields::new(rest.next()?),
                    field => return field,
                }
            }
        })
    }

    fn add(slot: &mut Option<Self>, part: &'a [u8]) {
        match slot {
            Some(parts) => parts.rest.push(part),
            None => *slot = Some(part.into()),
        }
    }
}

/// Reads attributes. `depth` is the number of messages that may still be nested in the one at hand.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// Fields that were skipped.
    pub unknown_fields: u64,
}

impl Parser {
    /// Reads an `Item`.
    pub fn item<'a>(&mut self, message: &'a [u8]) -> Result<Members<'a>, Malformed> {
        self.members(&message.into(), NESTING)
    }

    /// Reads field 1 of `Item` and of `ValueMap`: a map of attributes.
    fn members<'a>(&mut self, map: &Parts<'a>, depth: u32) -> Result<Members<'a>, Malformed> {
        let mut entries = Vec::with_capacity(MEMBERS);
        for field in map.fields() {
            let field = field?;
            match field.number {
                1 => entries.push(self.entry(field.bytes()?, deeper(depth)?)?),
                _ => self.unknown_fields += 1,
            }
        }
        Ok(Members::from_wire(entries))
    }

    fn entry<'a>(&mut self, entry: &'a [u8], depth: u32) -> Result<(&'a str, Attribute<'a>), Malformed> {
        let mut name = "";
        let mut value = None;
        for field in Fields::new(entry) {
            let field = field?;
            match field.number {
                1 => name = field.text()?,
                2 => Parts::add(&mut value, field.bytes()?),
                _ => self.unknown_fields += 1,
            }
        }
        match value {
            Some(value) => Ok((name, self.value(&value, deeper(depth)?)?)),
            None => Ok((name, Attribute::Untyped)),
        }
    }

    /// Reads an `AttributeValue`: the last member counts; pieces of one collection that no other member parts
    /// are merged.
    fn value<'a>(&mut self, value: &Parts<'a>, depth: u32) -> Result<Attribute<'a>, Malformed> {
        let mut scalar = Attribute::Untyped;
        let mut collection: Option<(u32, Parts<'a>)> = None;
        for field in value.fields() {
            let field = field?;
            if let Some((_, parts)) = collection.as_mut().filter(|(number, _)| *number == field.number) {
                parts.rest.push(field.bytes()?);
                continue;
            }
            // What is superseded has to be valid all the same.
            if let Some((number, parts)) = collection.take() {
                self.collection(number, &parts, depth)?;
            }
            match field.number {
                1 => scalar = Attribute::S(field.text()?),
                2 => scalar = Attribute::N(field.text()?),
                3 => scalar = Attribute::B(field.bytes()?),
                4 => scalar = Attribute::Bool(field.bool()?),
                5 => scalar = Attribute::Null(field.bool()?),
                6..=10 => collection = Some((field.number, field.bytes()?.into())),
                number => return Err(Malformed::UnknownMember(number)),
            }
        }
        match collection {
            Some((number, parts)) => self.collection(number, &parts, depth),
            None => Ok(scalar),
        }
    }

    fn collection<'a>(
        &mut self,
        number: u32,
        parts: &Parts<'a>,
        depth: u32,
    ) -> Result<Attribute<'a>, Malformed> {
        let depth = deeper(depth)?;
        Ok(match number {
            6 => Attribute::Ss(self.elements(parts, |_, field| field.text())?),
            7 => Attribute::Ns(self.elements(parts, |_, field| field.text())?),
            8 => Attribute::Bs(self.elements(parts, |_, field| field.bytes())?),
            9 => Attribute::L(self.elements(parts, |parser, field| {
                let element = field.bytes()?;
                parser.value(&element.into(), deeper(depth)?)
            })?),
            _ => Attribute::M(self.members(parts, depth)?),
        })
    }

    /// Reads field 1, repeated, of `StringSet`, `NumberSet`, `BinarySet` and `ValueList`.
    fn elements<'a, T>(
        &mut self,
        parts: &Parts<'a>,
        mut element: impl FnMut(&mut Self, &Field<'a>) -> Result<T, Malformed>,
    ) -> Result<Box<[T]>, Malformed> {
        let mut elements = Vec::new();
        for field in parts.fields() {
            let field = field?;
            match field.number {
                1 => elements.push(element(self, &field)?),
                _ => self.unknown_fields += 1,
            }
        }
        Ok(elements.into())
    }
}

fn deeper(depth: u32) -> Result<u32, Malformed> {
    depth.checked_sub(1).ok_or(Malformed::Depth)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use prost::Message;
    use serde_json::json;

    use super::super::message::model::{self, AttributeValue, Value};
    use super::*;
    use crate::dump::json::{self, Html};

    /// What the file of an item reads as.
    fn to_json(message: &[u8]) -> Result<serde_json::Value, Malformed> {
        let members = Parser::default().item(message)?;
        let (mut indented, mut compact) = (Vec::new(), Vec::new());
        json::indented(&mut indented, &members, Html::Escaped);
        json::compact(&mut compact, &members, Html::Escaped);
        let read = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&indented), read(&compact));
        Ok(read(&compact))
    }

    /// One entry, `a`, with this value.
    fn with_value(value: &[u8]) -> Vec<u8> {
        let value = [&[0x12, u8::try_from(value.len()).unwrap()], value].concat();
        [&[0x0a, u8::try_from(value.len() + 3).unwrap()], &b"\x0a\x01a"[..], &value].concat()
    }

    #[test]
    fn the_last_member_of_a_oneof_wins_and_pieces_of_a_collection_merge() {
        for (value, want) in [
            (&b"\x0a\x01x\x12\x017"[..], json!({"N": "7"})),
            (b"\x12\x017\x0a\x01x", json!({"S": "x"})),
            (b"\x4a\x05\x0a\x03\x0a\x01x\x20\x01", json!({"BOOL": true})),
            (b"\x4a\x05\x0a\x03\x0a\x01x\x4a\x05\x0a\x03\x0a\x01y", json!({"L": [{"S": "x"}, {"S": "y"}]})),
            (b"\x4a\x05\x0a\x03\x0a\x01x\x28\x00\x4a\x05\x0a\x03\x0a\x01y", json!({"L": [{"S": "y"}]})),
            (b"\x32\x03\x0a\x01x\x4a\x00", json!({"L": []})),
            (b"", json!({"NULL": true})),
        ] {
            assert_eq!(to_json(&with_value(value)).unwrap(), json!({"a": want}), "{value:?}");
        }
    }

    #[test]
    fn what_is_superseded_has_to_be_valid_too() {
        assert_eq!(to_json(&with_value(b"\x4a\x02\x0a\x07\x20\x01")), Err(Malformed::Truncated));
        assert_eq!(to_json(&with_value(b"\x0a\x01\xff\x20\x01")), Err(Malformed::Utf8));
    }

    #[test]
    fn an_entry_without_key_or_value_has_the_default() {
        assert_eq!(to_json(b"\x0a\x05\x12\x03\x0a\x01x").unwrap(), json!({"": {"S": "x"}}));
        assert_eq!(to_json(b"\x0a\x03\x0a\x01k").unwrap(), json!({"k": {"NULL": true}}));
        let twice = b"\x0a\x0d\x12\x03\x0a\x01x\x0a\x01k\x12\x03\x12\x017";
        assert_eq!(to_json(twice).unwrap(), json!({"k": {"N": "7"}}));
    }

    #[test]
    fn an_unknown_member_of_a_value_is_an_error_and_other_unknown_fields_are_counted() {
        assert_eq!(to_json(&with_value(b"\x5a\x01x")), Err(Malformed::UnknownMember(11)));
        assert_eq!(to_json(&with_value(b"\x20\x01\x5a\x01x")), Err(Malformed::UnknownMember(11)));
        assert_eq!(to_json(&with_value(b"\x08\x01")), Err(Malformed::WireType(1)));
        let mut parser = Parser::default();
        let message = [&b"\x10\x01"[..], &with_value(b"\x4a\x02\x10\x01"), b"\x0a\x02\x18\x01"].concat();
        parser.item(&message).unwrap();
        assert_eq!(parser.unknown_fields, 3);
    }

    fn chain(depth: usize, wrap: impl Fn(AttributeValue) -> Value) -> Vec<u8> {
        let leaf = AttributeValue { value: Some(Value::S("leaf".into())) };
        let value = (1..depth).fold(leaf, |value, _| AttributeValue { value: Some(wrap(value)) });
        model::Item { attributes: BTreeMap::from([("v".into(), value)]) }.encode_to_vec()
    }

    #[test]
    fn nesting_ends_where_that_of_prost_ends_beyond_what_servers_accept() {
        let list = |value| Value::L(model::ValueList { values: vec![value] });
        let map = |value| Value::M(model::ValueMap { values: BTreeMap::from([("m".into(), value)]) });
        for (served, last, deeper) in [
            (chain(32, list), chain(50, list), chain(51, list)),
            (chain(32, map), chain(33, map), chain(34, map)),
        ] {
            assert!(to_json(&served).is_ok());
            assert!(to_json(&last).is_ok());
            assert!(model::Item::decode(&last[..]).is_ok());
            assert_eq!(to_json(&deeper), Err(Malformed::Depth));
            assert!(model::Item::decode(&deeper[..]).is_err());
        }
    }

    /// Values of all types, and with `untyped` also of none.
    fn value(untyped: bool) -> impl Strategy<Value = AttributeValue> {
        let text = "[a-c<&\u{e9}\u{2028}\"]{0,3}";
        let bytes = || prop::collection::vec(any::<u8>(), 0..4);
        let leaf = prop_oneof![
            Just((!untyped).then_some(Value::Null(true))),
            text.prop_map(|text| Some(Value::S(text))),
            text.prop_map(|text| Some(Value::N(text))),
            bytes().prop_map(|bytes| Some(Value::B(bytes))),
            any::<bool>().prop_map(|value| Some(Value::Bool(value))),
            any::<bool>().prop_map(|value| Some(Value::Null(value))),
            prop::collection::vec(text, 0..3).prop_map(|values| Some(Value::Ss(model::StringSet { values }))),
            prop::collection::vec(text, 0..3).prop_map(|values| Some(Value::Ns(model::NumberSet { values }))),
            prop::collection::vec(bytes(), 0..3)
                .prop_map(|values| Some(Value::Bs(model::BinarySet { values }))),
        ];
        leaf.prop_map(|value| AttributeValue { value }).prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|values| Value::L(model::ValueList { values })),
                prop::collection::btree_map(text, inner, 0..4)
                    .prop_map(|values| Value::M(model::ValueMap { values })),
            ]
            .prop_map(|value| AttributeValue { value: Some(value) })
        })
    }

    fn item(untyped: bool) -> impl Strategy<Value = model::Item> {
        prop::collection::btree_map("[a-d]{0,2}", value(untyped), 0..5)
            .prop_map(|attributes| model::Item { attributes })
    }

    proptest! {
        #[test]
        fn the_json_of_an_item_reads_as_its_model(item in item(true)) {
            prop_assert_eq!(to_json(&item.encode_to_vec()).unwrap(), model::to_json(&item));
        }

        #[test]
        fn an_item_is_read_back_from_its_json(item in item(false)) {
            prop_assert_eq!(model::from_json(&to_json(&item.encode_to_vec()).unwrap()), item);
        }

        #[test]
        fn two_items_in_a_row_merge_as_their_models_do(one in item(true), other in item(true)) {
            let message = [one.encode_to_vec(), other.encode_to_vec()].concat();
            let merged = model::Item::decode(&message[..]).unwrap();
            prop_assert_eq!(to_json(&message).unwrap(), model::to_json(&merged));
        }

        #[test]
        fn damaged_bytes_are_refused_or_read_as_prost_reads_them(
            item in item(true), at: prop::sample::Index, byte: u8
        ) {
            let mut message = item.encode_to_vec();
            prop_assume!(!message.is_empty());
            let at = at.index(message.len());
            message[at] = byte;
            // Of a map `prost` does not look at the wire type, so it reads more than we do.
            if let Ok(read) = to_json(&message) {
                let model = model::Item::decode(&message[..]);
                prop_assert_eq!(Ok(read), model.map(|model| model::to_json(&model)));
            }
        }
    }
}
