//! What a dump is expected to be, worked out with everything in memory (`s3.md` 3, 4.5, 4.6).

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Bucket, Name, Object, State};
use crate::adapter::fixture::Dumped;

const META: &str = ".elastickv-meta.json";
const LEAF: &str = ".elastickv-leaf-data";

/// The dump as far as the model knows it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Expected {
    /// Bodies by path.
    bodies: BTreeMap<String, Vec<u8>>,
    /// Buckets with a `_bucket.json`.
    buckets: BTreeSet<String>,
    /// Paths of the renamed, and their keys.
    renamed: BTreeMap<String, Vec<u8>>,
    /// Keys of the objects that are not in the tree, sorted.
    failed: Vec<Vec<u8>>,
}

pub(super) fn expected(
    buckets: &BTreeMap<Vec<u8>, Bucket>,
    objects: &BTreeMap<Name, Object>,
    rename: bool,
) -> Expected {
    let mut expected = Expected::default();
    for (bucket, state) in buckets {
        let text = String::from_utf8(bucket.clone()).unwrap();
        let heads = objects.iter().filter(|((of, ..), object)| of == bucket && object.head);
        let generation = match state {
            Bucket::Live(generation) => {
                expected.buckets.insert(text.clone());
                Some(*generation)
            }
            Bucket::Deleted => None,
            Bucket::Elsewhere => heads.clone().map(|((_, generation, _), _)| *generation).max(),
        };
        let emitted: BTreeMap<String, &Object> = heads
            .filter(|((_, of, _), _)| Some(*of) == generation)
            .map(|((.., key), object)| (String::from_utf8(key.clone()).unwrap(), object))
            .collect();
        for (key, object) in &emitted {
            let placed = place(key, &emitted, rename);
            let body = body(object);
            let (Some(path), Some(body)) = (placed, body) else {
                expected.failed.push(key.clone().into_bytes());
                continue;
            };
            let whole = format!("s3/{text}/{path}");
            if path != *key {
                expected.renamed.insert(whole.clone(), key.clone().into_bytes());
            }
            expected.bodies.insert(whole, body);
        }
    }
    expected.failed.sort();
    expected
}

fn place(key: &str, keys: &BTreeMap<String, &Object>, rename: bool) -> Option<String> {
    let mut path = shown(key, rename)?;
    let directory = format!("{path}/");
    // REQ-7: a key that cannot stand anywhere makes no directory.
    let mut others = keys.keys().filter(|other| *other != key).filter_map(|other| shown(other, rename));
    if key.ends_with(META) {
        path.push_str(".user-data");
    } else if others.clone().any(|other| other.starts_with(&directory)) {
        path.push_str(LEAF);
    }
    let taken = others.any(|other| other == path);
    (!taken).then_some(path)
}

fn shown(key: &str, rename: bool) -> Option<String> {
    let sound = !key.ends_with(META) && key.split('/').all(is_sound);
    (rename || sound).then(|| replaced(key))
}

fn is_sound(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && !segment.contains(['\0', '\\'])
}

/// D10: what no path can hold, as hash and text.
fn replaced(key: &str) -> String {
    let segments = key.split('/').map(|segment| {
        if is_sound(segment) {
            return segment.to_owned();
        }
        let hash = hex::encode(Sha256::digest(segment));
        let text = segment.replace('\0', "%00").replace('\\', "%5C");
        format!("{}__{text}", &hash[..32])
    });
    segments.collect::<Vec<_>>().join("/")
}

fn body(object: &Object) -> Option<Vec<u8>> {
    let chunks = object.parts.iter().flat_map(|part| &part.chunks);
    let sound = chunks.clone().all(|(_, state)| *state == State::Sound) && object.excess == 0;
    sound.then(|| chunks.flat_map(|(bytes, _)| bytes.clone()).collect())
}

pub(super) fn found(dumped: &Dumped) -> Expected {
    let mut found = Expected::default();
    let mut sidecars = BTreeSet::new();
    for (path, content) in &dumped.files {
        let path = String::from_utf8(path.clone()).unwrap();
        if path.ends_with('/') || !path.starts_with("s3/") {
            continue;
        }
        if let Some(bucket) = path.strip_suffix("/_bucket.json") {
            found.buckets.insert(bucket.trim_start_matches("s3/").to_owned());
        } else if let Some(bucket) = path.strip_suffix("KEYMAP.jsonl") {
            for line in content.split_inclusive(|byte| *byte == b'\n') {
                let line: Value = serde_json::from_slice(line).unwrap();
                let original = URL_SAFE_NO_PAD.decode(line["original"].as_str().unwrap()).unwrap();
                found.renamed.insert(format!("{bucket}{}", line["encoded"].as_str().unwrap()), original);
            }
        } else if let Some(body) = path.strip_suffix(META) {
            let sidecar: Value = serde_json::from_slice(content).unwrap();
            sidecars.insert((body.to_owned(), sidecar["size_bytes"].as_u64().unwrap()));
        } else {
            found.bodies.insert(path, content.clone());
        }
    }
    let bodies = found.bodies.iter().map(|(path, body)| (path.clone(), body.len() as u64));
    assert_eq!(bodies.collect::<BTreeSet<_>>(), sidecars, "a sidecar for each body");
    found.failed = dumped.classes().into_iter().map(|(_, key)| key).collect();
    found.failed.sort();
    found
}
