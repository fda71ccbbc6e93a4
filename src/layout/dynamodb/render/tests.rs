//! The JSON of items beside that of their models.

use std::collections::BTreeMap;

use proptest::prelude::*;
use prost::Message;
use serde_json::json;

use super::*;
use crate::codec::protobuf::Malformed;
use crate::model::dynamodb::check;
use crate::model::dynamodb::item::InvalidItem;
use crate::model::dynamodb::messages::{self as model, AttributeValue, Value};
use crate::tree::json::{self, Html};

fn render(message: &[u8], layout: Layout) -> (Vec<u8>, Option<Unservable>) {
    let mut out = Vec::new();
    let unservable = super::item(&mut out, &Attributes { message, ..Attributes::default() }, layout).unwrap();
    (out, unservable)
}

/// What the file of an item reads as.
fn to_json(message: &[u8]) -> Result<serde_json::Value, InvalidItem> {
    let (checked, []) = check::item(message, [])?;
    let (indented, compact) = (render(message, Layout::Indented).0, render(message, Layout::Compact).0);
    let read: serde_json::Value = serde_json::from_slice(&compact).unwrap();
    // Members are sorted already: other writers of the same value agree to the byte.
    let (mut want_indented, mut want_compact) = (Vec::new(), Vec::new());
    json::indented(&mut want_indented, &read, Html::Escaped);
    json::compact(&mut want_compact, &read, Html::Escaped);
    assert_eq!(String::from_utf8(indented.clone()), String::from_utf8(want_indented));
    assert_eq!(String::from_utf8(compact), String::from_utf8(want_compact));
    let bound = checked.frame + 16 + 6 * u64::try_from(message.len()).unwrap();
    assert!(u64::try_from(indented.len()).unwrap() <= bound, "{} of {bound}", indented.len());
    Ok(read)
}

fn unservable(message: &[u8]) -> Option<Unservable> {
    render(message, Layout::Compact).1
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
    assert_eq!(to_json(&with_value(b"\x4a\x02\x0a\x07\x20\x01")), Err(Malformed::Truncated.into()));
    assert_eq!(to_json(&with_value(b"\x0a\x01\xff\x20\x01")), Err(Malformed::Utf8.into()));
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
    assert_eq!(to_json(&with_value(b"\x5a\x01x")), Err(InvalidItem::UnknownMember(11)));
    assert_eq!(to_json(&with_value(b"\x20\x01\x5a\x01x")), Err(InvalidItem::UnknownMember(11)));
    let message = [&b"\x10\x01"[..], &with_value(b"\x4a\x02\x10\x01"), b"\x0a\x02\x18\x01"].concat();
    assert_eq!(check::item(&message, []).unwrap().0.unknown_fields, 3);
}

#[test]
fn a_known_field_of_another_wire_type_is_skipped_as_an_unknown_one() {
    let skipped = |message: &[u8]| check::item(message, []).unwrap().0.unknown_fields;
    for (value, want) in [
        (&b"\x08\x01"[..], json!({"NULL": true})),
        (b"\x0a\x01x\x10\x01", json!({"S": "x"})),
        (b"\x20\x01\x22\x01x", json!({"BOOL": true})),
        (b"\x20\x00\x2d\0\0\0\x01", json!({"BOOL": false})),
        (b"\x48\x07", json!({"NULL": true})),
        (
            b"\x4a\x05\x0a\x03\x0a\x01x\x08\x01\x4a\x05\x0a\x03\x0a\x01y",
            json!({"L": [{"S": "x"}, {"S": "y"}]}),
        ),
        (b"\x52\x02\x08\x01", json!({"M": {}})),
        (b"\x32\x05\x08\x01\x0a\x01x", json!({"SS": ["x"]})),
        (b"\x4b\x4c\x1a\x01x", json!({"B": "eA=="})),
    ] {
        let message = with_value(value);
        assert_eq!(to_json(&message).unwrap(), json!({"a": want}), "{value:?}");
        assert_eq!(
            skipped(&message),
            u64::from(want != json!({"B": "eA=="})) + u64::from(want == json!({"B": "eA=="}))
        );
    }
    // Of the item itself, and of a map's entry: the name, the value.
    assert_eq!(to_json(b"\x08\x05\x0a\x05\x12\x03\x0a\x01x").unwrap(), json!({"": {"S": "x"}}));
    assert_eq!(to_json(b"\x0a\x07\x08\x01\x0a\x01k\x10\x01").unwrap(), json!({"k": {"NULL": true}}));
}

#[test]
fn empty_sets_false_nulls_untyped_values_and_deep_ones_are_not_served() {
    for (value, reason) in [
        (&b"\x28\x00"[..], Unservable::NullFalse),
        (b"\x32\x00", Unservable::EmptySet),
        (b"\x3a\x00", Unservable::EmptySet),
        (b"\x42\x00", Unservable::EmptySet),
        (b"", Unservable::Untyped),
    ] {
        assert_eq!(unservable(&with_value(value)), Some(reason));
        let length = u8::try_from(value.len()).unwrap();
        let listed = [&[0x4a, length + 2, 0x0a, length], value].concat();
        assert_eq!(unservable(&with_value(&listed)), Some(reason));
    }
    for value in [&b"\x28\x01"[..], b"\x4a\x00", b"\x52\x00", b"\x28\x00\x28\x01", b"\x32\x00\x20\x00"] {
        assert_eq!(unservable(&with_value(value)), None);
    }
    let list = |value| Value::L(model::ValueList { values: vec![value] });
    assert_eq!(unservable(&chain(32, list)), None);
    assert_eq!(unservable(&chain(33, list)), Some(Unservable::Depth));
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
        assert_eq!(to_json(&deeper), Err(Malformed::Depth.into()));
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
        prop::collection::vec(bytes(), 0..3).prop_map(|values| Some(Value::Bs(model::BinarySet { values }))),
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
        // `prost` refuses a known field of another wire type, but in a map, where it does not look at it.
        if let Ok(read) = to_json(&message)
            && let Ok(model) = model::Item::decode(&message[..])
            && check::item(&message, []).unwrap().0.unknown_fields == 0
        {
            prop_assert_eq!(read, model::to_json(&model));
        }
    }
}

#[test]
fn a_message_that_was_not_found_valid_is_a_fault_of_the_program() {
    for (value, malformed) in [
        (&b"\x0a\x01\xff"[..], Malformed::Utf8),
        (b"\x12\x01\xff", Malformed::Utf8),
        (b"\x0a\x05x", Malformed::Truncated),
        (b"\x32\x03\x0a\x01\xff", Malformed::Utf8),
        (b"\x32\x02\x0a\x01", Malformed::Truncated),
        (b"\x4a\x05\x0a\x03\x0a\x01\xff", Malformed::Utf8),
        (b"\x52\x05\x0a\x03\x0a\x01\xff", Malformed::Utf8),
        (b"\x52\x04\x0a\x02\x12\x01", Malformed::Truncated),
    ] {
        let message = with_value(value);
        assert_eq!(check::item(&message, []), Err(malformed.into()), "{value:?}");
        let attributes = Attributes { message: &message, ..Attributes::default() };
        let written = super::item(&mut Vec::new(), &attributes, Layout::Compact);
        assert!(matches!(written, Err(crate::Error::Internal(_))), "{value:?}");
    }
}
