//! Every key parser; families against their definition (`format/keys.md#families`): the longest prefix counts.
#![no_main]
use ekv_backup::keyspace::{FAMILIES, Family, dynamodb, fs, redis, routing_key, s3, sqs};

libfuzzer_sys::fuzz_target!(|key: &[u8]| {
    let family = Family::of(key);
    let begins = FAMILIES.iter().filter(|info| key.starts_with(info.prefix) && (!info.exact || key == info.prefix));
    let longest = begins.map(|info| info.prefix.len()).max();
    let found = family.info().map(|info| info.prefix.len());
    assert_eq!(found, longest, "{family:?}");
    let _ = routing_key(key);
    let _ = (dynamodb::schema_table(key), dynamodb::any_table(key), dynamodb::ItemKey::parse(key));
    let _ = (fs::inode(key), fs::name(key), fs::chunk(key), fs::is_sound(family, key));
    let _ = (redis::parse_plain(family, key), redis::parse_meta(family, key), redis::parse_delta(family, key));
    if let Some((name, element)) = redis::parse_element(family, key) {
        assert!(key.ends_with(element) && name.len() + element.len() <= key.len());
    }
    let _ = (redis::parse_item(key), redis::parse_entry(key), redis::collection_len(family, key));
    let _ = (s3::parse_bucket(family, key), s3::parse_digest(key), s3::ChunkKey::parse(family, key));
    let _ = (sqs::DataKey::parse(key), sqs::queue(family, key), sqs::side(family, key), sqs::any_queue(key));
});
