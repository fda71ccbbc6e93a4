//! DynamoDB tables with ordered keys (`format/dynamodb.md#ordered-primary-key`, `format/dynamodb.md#messages`).

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;

use super::rows::{Rows, field, terminated};

/// DynamoDB: tables and items
#[derive(Args)]
#[group(id = "dynamodb")]
pub struct Options {
    /// DynamoDB tables
    #[arg(long = "dynamodb-tables", default_value_t = 0)]
    tables: u64,
    /// Items of each table
    #[arg(long = "dynamodb-items", default_value_t = 100)]
    items: u64,
    /// Bytes of the text attribute of each item
    #[arg(long = "dynamodb-item-size", default_value = "200", value_parser = super::size)]
    item_size: usize,
    /// Tables have a range key; a hash key has 100 of them
    #[arg(long = "dynamodb-range-keys")]
    range_keys: bool,
}

/// Writes items, generation counters, schemas.
pub fn write<W: Write>(rows: &mut Rows<W>, options: &Options) -> io::Result<()> {
    let mut tables: Vec<(String, String)> = (0..options.tables)
        .map(|number| format!("table{number:04}"))
        .map(|name| (URL_SAFE_NO_PAD.encode(&name), name))
        .collect();
    // The order of the base64url text is not that of the names (`format/dynamodb.md#families`).
    tables.sort();
    for (segment, _) in &tables {
        for key in rows.numbers(options.items) {
            let (hash, range) = (format!("{:08}", key.number / 100), format!("{:02}", key.number % 100));
            let (mut keys, mut attributes) = (Vec::new(), Vec::new());
            if options.range_keys {
                keys.extend([terminated(hash.as_bytes()), terminated(range.as_bytes())]);
                attributes
                    .extend([attribute("id", 1, hash.as_bytes()), attribute("part", 1, range.as_bytes())]);
            } else {
                let name = format!("item{key}");
                keys.push(terminated(name.as_bytes()));
                attributes.push(attribute("id", 1, name.as_bytes()));
            }
            attributes.push(attribute("size", 2, options.item_size.to_string().as_bytes()));
            let text = rows.random.text(options.item_size);
            attributes.push(attribute("text", 1, text.as_bytes()));
            let user_key = [format!("!ddb|item|{segment}|1|").as_bytes(), &keys.concat()].concat();
            rows.write(&key, &user_key, &[b"\0DI\x01", &attributes.concat()[..]].concat())?;
        }
    }
    for (segment, _) in &tables {
        rows.write_one(format!("!ddb|meta|gen|{segment}").as_bytes(), b"1")?;
    }
    for (segment, name) in &tables {
        let body = [b"\0DS\x01", &schema(name, options.range_keys)[..]].concat();
        rows.write_one(format!("!ddb|meta|table|{segment}").as_bytes(), &body)?;
    }
    Ok(())
}

/// A map entry of an item: `kind` is the member of `AttributeValue`.
fn attribute(name: &str, kind: u8, value: &[u8]) -> Vec<u8> {
    field(1, &[field(1, name.as_bytes()), field(2, &field(kind, value))].concat())
}

fn schema(table: &str, range_key: bool) -> Vec<u8> {
    let definition = |name: &[u8]| field(2, &[field(1, name), field(2, b"S")].concat());
    let (mut definitions, mut key) = (definition(b"id"), field(1, b"id"));
    if range_key {
        definitions.extend(definition(b"part"));
        key.extend(field(2, b"part"));
    }
    // Fields 5 and 7: ordered keys, generation 1.
    [field(1, table.as_bytes()), definitions, field(3, &key), vec![0x28, 2, 0x38, 1]].concat()
}
