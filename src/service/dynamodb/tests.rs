//! Whole tables: rows in, tree and report out. Bodies are encoded by the `prost` structs.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message;
use sha2::{Digest, Sha256};

use super::super::fixture::{Dumped, Rows};
use super::super::{Options, Scope};
use crate::keyspace::Namespace;
use crate::model::dynamodb::messages::{AttributeValue, Item, KeySchema, TableSchema, Value};

fn dump_with(rows: &Rows, options: &Options) -> (Dumped, Scope) {
    let mut scope = Scope::new();
    let dumped = rows.dump(options, |context| {
        scope = super::dump(context)?;
        Ok(scope.clone())
    });
    (dumped.unwrap(), scope)
}

fn dump(rows: &Rows) -> Dumped {
    dump_with(rows, &Options::default()).0
}

fn put_hex(rows: &mut Rows, key: &str, body: &str) {
    rows.put(&hex::decode(key).unwrap(), &hex::decode(body).unwrap());
}

/// Adds the schema of a table with the hash attribute `id`: active generation, source, key encoding version.
fn put_schema(rows: &mut Rows, table: &str, [active, source, version]: [u64; 3]) {
    let schema = TableSchema {
        table_name: table.to_owned(),
        primary_key: Some(KeySchema { hash_key: "id".to_owned(), range_key: String::new() }),
        generation: active,
        migrating_from_generation: source,
        key_encoding_version: version,
        ..TableSchema::default()
    };
    let key = format!("!ddb|meta|table|{}", URL_SAFE_NO_PAD.encode(table));
    rows.put(key.as_bytes(), &[b"\0DS\x01", &schema.encode_to_vec()[..]].concat());
}

fn item(id: Value, v: &str) -> Vec<u8> {
    let attribute = |value| AttributeValue { value: Some(value) };
    let v = attribute(Value::S(v.to_owned()));
    let attributes = BTreeMap::from([("id".to_owned(), attribute(id)), ("v".to_owned(), v)]);
    [b"\0DI\x01", &Item { attributes }.encode_to_vec()[..]].concat()
}

fn put_item(rows: &mut Rows, table: &str, generation: u64, primary: &[u8], body: &[u8]) {
    let head = format!("!ddb|item|{}|{generation}|", URL_SAFE_NO_PAD.encode(table));
    rows.put(&[head.as_bytes(), primary].concat(), body);
}

fn text(text: &str) -> Value {
    Value::S(text.to_owned())
}

/// Paths of the item files to the value of their attribute `v`.
fn values(dumped: &Dumped) -> Vec<(&str, String)> {
    let items = dumped.files.iter().map(|(path, body)| (std::str::from_utf8(path).unwrap(), body));
    let items = items.filter(|(path, _)| path.contains("/items/") && !path.ends_with('/'));
    items
        .map(|(path, body)| {
            let item: serde_json::Value = serde_json::from_slice(body).unwrap();
            (path, item["v"]["S"].as_str().unwrap_or_default().to_owned())
        })
        .collect()
}

#[test]
fn a_hash_only_table_has_the_bytes_of_the_worked_example() {
    let mut rows = Rows::default();
    put_hex(
        &mut rows,
        "216464627c6d6574617c7461626c657c6332567a63326c76626e4d",
        "004453010a0873657373696f6e73120f0a0a73657373696f6e5f69641201531a0c0a0a73657373696f6e5f696428023801",
    );
    put_hex(
        &mut rows,
        "216464627c6974656d7c6332567a63326c76626e4d7c317c736573732d6162633132330001",
        "004449010a0d0a05636f756e741204120234320a0b0a05666c616773120220010a1b0a0a73657373696f6e5f6964120d0a0b7365\
         73732d616263313233",
    );
    let (dumped, scope) = dump_with(&rows, &Options::default());
    let digest = |path: &str| hex::encode(Sha256::digest(&dumped.files[path.as_bytes()]));
    assert_eq!(
        digest("dynamodb/sessions/_schema.json"),
        "f0ae146ac9baa80aad4864305f1b09987352a370bfc11f259b282048be9df7b9"
    );
    assert_eq!(
        digest("dynamodb/sessions/items/sess-abc123.json"),
        "cd90e237fa6c46164d75629b6605a0697c763fa9161d0861481aca64721ac3a0"
    );
    assert_eq!(scope.keys().collect::<Vec<_>>(), [b"sessions"]);
    assert!(dumped.warnings.is_empty() && dumped.problems.is_empty() && dumped.keymap.is_empty());
}

#[test]
fn a_migration_serves_the_active_row_and_else_the_least_key() {
    let mut rows = Rows::default();
    put_schema(&mut rows, "t", [2, 1, 2]);
    let number = |text: &str| Value::N(text.to_owned());
    put_item(&mut rows, "t", 1, b"MTAuMA|", &item(number("10.0"), "B"));
    put_item(&mut rows, "t", 1, b"MTA|", &item(number("10"), "A"));
    put_item(&mut rows, "t", 1, b"Mg|", &item(number("2"), "C"));
    put_item(&mut rows, "t", 2, b"\x02\x02\x01\x01\0\xff2\0\x01", &item(number("2"), "D"));
    let dumped = dump(&rows);
    let items = [("dynamodb/t/items/10.json", "B".to_owned()), ("dynamodb/t/items/2.json", "D".to_owned())];
    assert_eq!(values(&dumped), items);
    assert_eq!(dumped.events(), ["ddb_shadowed_items"]);
    let fields = [("table", "t".into()), ("generation", 1.into()), ("count", 1.into())];
    assert_eq!(dumped.warnings[0].fields, fields);
}

#[test]
fn a_longer_legacy_key_comes_first_in_the_file_and_loses() {
    let mut rows = Rows::default();
    put_schema(&mut rows, "t", [1, 0, 0]);
    put_item(&mut rows, "t", 1, b"MQ", &item(Value::N("1".into()), "short"));
    put_item(&mut rows, "t", 1, b"MQ|", &item(Value::N("1".into()), "long"));
    assert_eq!(values(&dump(&rows)), [("dynamodb/t/items/1.json", "short".to_owned())]);
}

#[test]
fn rows_of_no_table_or_of_a_dead_generation_are_counted_and_not_looked_at() {
    let mut rows = Rows::default();
    put_schema(&mut rows, "t", [2, 0, 2]);
    put_item(&mut rows, "t", 1, b"a\0\x01", b"garbage");
    put_item(&mut rows, "t", 3, b"a\0\x01", b"garbage");
    put_item(&mut rows, "t", 2, b"a\0\x01", &item(text("a"), "live"));
    put_item(&mut rows, "gone", 1, b"a\0\x01", b"garbage");
    let dumped = dump(&rows);
    assert_eq!(values(&dumped), [("dynamodb/t/items/a.json", "live".to_owned())]);
    assert_eq!(dumped.events(), ["ddb_orphan_items", "ddb_stale_generation_items"]);
    assert_eq!(dumped.warnings[0].fields[0], ("encoded_table", "Z29uZQ".into()));
    let stale: Vec<_> = dumped.warnings[1].fields[..4].iter().map(|(_, value)| value.clone()).collect();
    assert_eq!(stale, ["t".into(), 2.into(), 0.into(), serde_json::Value::from(2)]);
    assert!(dumped.problems.is_empty());
}

#[test]
fn orphans_are_counted_over_generations_and_named_in_the_order_of_their_tables() {
    let mut rows = Rows::default();
    // In the rows `34A` stands before `YQ`, the names the other way round.
    for (table, generation, primary) in [("a", 1, "k"), ("\u{7c0}", 1, "k"), ("a", 10, "k"), ("a", 1, "l")] {
        put_item(&mut rows, table, generation, primary.as_bytes(), b"");
    }
    rows.put(b"!ddb|item|YQ|x|k", b"");
    let dumped = dump(&rows);
    assert_eq!(dumped.events(), ["ddb_orphan_items", "ddb_orphan_items"]);
    let fields: Vec<_> = dumped.warnings.iter().map(|warning| warning.fields[..2].to_vec()).collect();
    let want = |table: &str, count: u64| {
        vec![("encoded_table", table.into()), ("buffered_items", serde_json::Value::from(count))]
    };
    assert_eq!(fields, [want("YQ", 3), want("34A", 1)]);
}

#[test]
fn what_cannot_be_decoded_is_a_problem_and_the_rest_is_written() {
    let mut rows = Rows::default();
    put_schema(&mut rows, "t", [1, 0, 2]);
    rows.put(b"!ddb|meta|table|YmFk", b"\0DS\x01");
    put_item(&mut rows, "bad", 1, b"a\0\x01", &item(text("a"), "of an invalid schema"));
    put_item(&mut rows, "t", 1, b"a\0\x01", &item(text("a"), "fine"));
    put_item(&mut rows, "t", 1, b"b\0\x01", b"\0DI\x01\x0a\x09");
    put_item(&mut rows, "t", 1, b"c\0\x01", &item(Value::Bool(true), "no key"));
    rows.put(b"!ddb|item|dA|x|k", b"");
    rows.put(b"!ddb|item|d|1|k", b"");
    let (dumped, scope) = dump_with(&rows, &Options::default());
    assert_eq!(values(&dumped), [("dynamodb/t/items/a.json", "fine".to_owned())]);
    assert_eq!(scope.keys().collect::<Vec<_>>(), [b"t"]);
    let want = [
        ("ddb_malformed_key", &b"!ddb|item|d|1|k"[..]),
        ("ddb_invalid_schema", b"!ddb|meta|table|YmFk"),
        ("ddb_invalid_item", b"!ddb|item|dA|1|b\0\x01"),
        ("ddb_invalid_item", b"!ddb|item|dA|1|c\0\x01"),
        ("ddb_malformed_key", b"!ddb|item|dA|x|k"),
    ];
    let want = want.map(|(class, key)| (class.to_owned(), key.to_vec()));
    assert_eq!(dumped.classes(), want);
    assert!(dumped.problems.iter().all(|problem| problem["offset"].as_u64() > Some(0)));
}

#[test]
fn a_row_key_that_is_not_that_of_the_attributes_is_counted() {
    let mut rows = Rows::default();
    put_schema(&mut rows, "t", [1, 0, 2]);
    put_item(&mut rows, "t", 1, b"a\0\x01", &item(text("b"), "moved"));
    put_item(&mut rows, "t", 1, b"abc\0\x01", &item(Value::N("abc".into()), "no number"));
    let dumped = dump(&rows);
    assert_eq!(dumped.events(), ["ddb_key_mismatch"]);
    let fields = [("count", 2.into()), ("first_key", hex::encode(b"!ddb|item|dA|1|a\0\x01").into())];
    assert_eq!(dumped.warnings[0].fields[1..], fields);
}

#[test]
fn lines_come_in_key_order_and_a_dot_table_has_its_record() {
    let mut rows = Rows::default();
    put_schema(&mut rows, "..", [1, 0, 2]);
    for id in ["b", "a", "c"] {
        put_item(&mut rows, "..", 1, format!("{id}\0\x01").as_bytes(), &item(text(id), id));
    }
    let options = Options { dynamodb_bundle: Some(80), ..Options::default() };
    let (dumped, _) = dump_with(&rows, &options);
    let part = |number| {
        let path = format!("dynamodb/5ec1f7e700f37c3d0b2981d04855fc34__../items/data-0000{number}.jsonl");
        String::from_utf8(dumped.files[path.as_bytes()].clone()).unwrap()
    };
    let line = |id: &str| format!("{{\"id\":{{\"S\":\"{id}\"}},\"v\":{{\"S\":\"{id}\"}}}}\n");
    assert_eq!((part(1), part(2)), (line("a") + &line("b"), line("c")));
    assert_eq!(dumped.events(), ["ddb_name_fallback"]);
    let record = r#"{"encoded":"dynamodb/5ec1f7e700f37c3d0b2981d04855fc34__..","original":"Li4","kind":"sha-fallback"}"#;
    assert_eq!(String::from_utf8(dumped.keymap).unwrap(), format!("{record}\n"));
    let without = Options { no_extra: true, ..options };
    assert!(dump_with(&rows, &without).0.keymap.is_empty());
}

#[test]
fn tables_out_of_scope_are_not_mentioned() {
    let mut rows = Rows::default();
    for table in ["in", "out"] {
        put_schema(&mut rows, table, [1, 0, 2]);
        put_item(&mut rows, table, 1, b"a\0\x01", &item(text("a"), table));
        put_item(&mut rows, table, 1, b"b\0\x01", b"garbage");
    }
    put_item(&mut rows, "gone", 1, b"a\0\x01", b"");
    rows.put(b"!ddb|item|d|1|k", b"");
    let scopes = BTreeMap::from([(Namespace::Dynamodb, [b"in".to_vec()].into())]);
    let (dumped, scope) = dump_with(&rows, &Options { scopes, ..Options::default() });
    assert_eq!(values(&dumped), [("dynamodb/in/items/a.json", "in".to_owned())]);
    assert_eq!(scope.keys().collect::<Vec<_>>(), [b"in"]);
    assert!(dumped.warnings.is_empty());
    assert_eq!(dumped.classes(), [("ddb_invalid_item".to_owned(), b"!ddb|item|aW4|1|b\0\x01".to_vec())]);
}

#[test]
fn a_lock_that_nothing_decides_is_worth_a_warning() {
    let start = 0x018f_2a33_f800_0001_u64.to_be_bytes();
    let item_key = |id: &str| format!("!ddb|item|dA|1|{id}\0\x01").into_bytes();
    let mut rows = Rows::default();
    put_schema(&mut rows, "t", [1, 0, 2]);
    for id in ["a", "b"] {
        put_item(&mut rows, "t", 1, format!("{id}\0\x01").as_bytes(), &item(text(id), "stored"));
        let primary = item_key(id);
        let length = (primary.len() as u64).to_be_bytes();
        let lock = [&[1], &start[..], &[0xff; 8], &[1], &length, &primary].concat();
        rows.put(&[b"!txn|lock|", &primary[..]].concat(), &lock);
    }
    rows.put(&[b"!txn|rb|", &item_key("b")[..], &start].concat(), &[&[1], &start[..]].concat());
    let dumped = dump(&rows);
    assert_eq!(values(&dumped).len(), 2);
    assert_eq!(dumped.events(), ["ddb_pending_txn"]);
    assert_eq!(dumped.warnings[0].fields, [("table", "t".into()), ("count", 1.into())]);
}
