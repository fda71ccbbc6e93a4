//! What a dump is expected to be, worked out with everything in memory (`reading/s3.md#s3-what-a-server-would-serve`, `reading/s3.md#bodies`, `tree/s3.md#names-that-cannot-be-used-as-they-are`).

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Bucket, Name, Object, State};
use crate::service::fixture::Dumped;

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
    /// Classes and keys of the objects that are not in the tree, sorted.
    failed: Vec<(String, Vec<u8>)>,
    /// Folder markers by bucket, where there are any.
    markers: BTreeMap<String, u64>,
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
            let outcome = Place { bucket: &text, rename }.of(key, &emitted);
            let (path, body) = match outcome.and_then(|path| Ok((path, body(object)?))) {
                Ok(written) => written,
                Err(class) => {
                    expected.failed.push((class.to_owned(), key.clone().into_bytes()));
                    continue;
                }
            };
            if key.ends_with('/') {
                *expected.markers.entry(text.clone()).or_default() += 1;
            }
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

/// Where objects of a bucket stand.
struct Place<'a> {
    bucket: &'a str,
    rename: bool,
}

impl Place<'_> {
    fn of(&self, key: &str, keys: &BTreeMap<String, &Object>) -> Result<String, &'static str> {
        let shown = self.shown(key)?;
        let directory = format!("{shown}/");
        // `tree/s3.md#names-that-cannot-be-used-as-they-are`: a key that cannot stand anywhere makes no directory.
        let mut others = keys.keys().filter(|other| *other != key).filter_map(|other| self.shown(other).ok());
        let mut path = format!("{shown}{}", if shown == whole(key) { "" } else { own_suffix(key) });
        if path == shown && others.clone().any(|other| other.starts_with(&directory)) {
            path.push_str(LEAF);
        }
        if self.is_too_long(&path) {
            path = self.moved(key)?;
        }
        if others.any(|other| other == path) { Err("S3_META_SUFFIX_COLLISION") } else { Ok(path) }
    }

    /// The path before other keys are looked at.
    fn shown(&self, key: &str) -> Result<String, &'static str> {
        if !self.rename && key.ends_with(META) {
            return Err("S3_META_SUFFIX_COLLISION");
        }
        let marked = key.strip_suffix('/').filter(|_| key != "/").unwrap_or(key);
        let sound = key != "/" && marked.split('/').all(is_sound);
        if !self.rename && !sound {
            return Err("S3_MALFORMED_KEY");
        }
        let shown = replaced(key);
        if self.is_too_long(&format!("{shown}{}", own_suffix(key))) { self.moved(key) } else { Ok(shown) }
    }

    fn is_too_long(&self, path: &str) -> bool {
        format!("s3/{}/{path}{META}", self.bucket).len() > 4095
    }

    fn moved(&self, key: &str) -> Result<String, &'static str> {
        if self.rename { Ok(whole(key)) } else { Err("S3_PATH_TOO_LONG") }
    }
}

/// What a key calls for by itself.
fn own_suffix(key: &str) -> &'static str {
    match key {
        _ if key.ends_with(META) => ".user-data",
        _ if key.ends_with('/') => LEAF,
        _ => "",
    }
}

fn is_sound(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && !segment.contains(['\0', '\\'])
}

/// `compat.md#keys-that-no-path-can-hold`: what no path can hold, as hash and text; nothing after a last `/` is a folder marker.
fn replaced(key: &str) -> String {
    let (folders, marker) = match key.strip_suffix('/') {
        Some(folders) => (folders, "/"),
        None => (key, ""),
    };
    let segments = folders.split('/').map(|part| if is_sound(part) { part.to_owned() } else { whole(part) });
    format!("{}{marker}", segments.collect::<Vec<_>>().join("/"))
}

/// The fallback of a name that is ASCII but for letters that stay in its first 64 bytes.
fn whole(name: &str) -> String {
    let hash = hex::encode(Sha256::digest(name));
    let head: String = name
        .bytes()
        .take(64)
        .map(|byte| match byte {
            b'a'..=b'z' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("{}__{head}", &hash[..32])
}

fn body(object: &Object) -> Result<Vec<u8>, &'static str> {
    let chunks = object.parts.iter().flat_map(|part| part.chunks.iter().map(move |chunk| (part, chunk)));
    let first = chunks.clone().find(|(_, (_, state))| *state != State::Sound);
    match first {
        None if object.excess == 0 => Ok(chunks.flat_map(|(_, (bytes, _))| bytes.clone()).collect()),
        Some((part, (_, State::Longer))) if part.offloaded => Err("S3_INVALID_CHUNK_REF"),
        None | Some((_, (_, State::Longer))) => Err("S3_CORRUPT_OBJECT"),
        Some(_) => Err("S3_INCOMPLETE_CHUNKS"),
    }
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
    found.failed = dumped.classes();
    found.failed.sort();
    for warning in dumped.warnings.iter().filter(|warning| warning.event == "s3_folder_markers") {
        let [(_, bucket), (_, count), ..] = &warning.fields[..] else { panic!("{warning:?}") };
        found.markers.insert(bucket.as_str().unwrap().to_owned(), count.as_u64().unwrap());
    }
    found
}
