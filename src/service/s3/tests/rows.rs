//! Made-up objects as rows (`format/s3.md#keys`, `format/s3.md#values`), written without the code that reads them.

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Bucket, Name, Object, State};
use crate::service::fixture::Rows;

pub(super) fn segment(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for &byte in bytes {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend([0, 1]);
    out
}

pub(super) fn object_key(family: &str, (bucket, generation, key): &Name) -> Vec<u8> {
    let generation = generation.to_be_bytes();
    [family.as_bytes(), &segment(bucket), &generation, &segment(key)].concat()
}

pub(super) fn rows(buckets: &BTreeMap<Vec<u8>, Bucket>, objects: &BTreeMap<Name, Object>) -> Rows {
    let mut rows = Rows::default();
    for (name, bucket) in buckets {
        let key = |family: &str| [family.as_bytes(), &segment(name)].concat();
        if let Bucket::Live(generation) = bucket {
            let meta = json!({"bucket_name": "?", "generation": generation, "created_at_hlc": 5});
            rows.put(&key("!s3|bucket|meta|"), meta.to_string().as_bytes());
        }
        if *bucket != Bucket::Elsewhere {
            rows.put(&key("!s3|bucket|gen|"), &2_u64.to_be_bytes());
        }
    }
    for (name, object) in objects {
        put_object(&mut rows, name, object);
    }
    rows
}

fn put_object(rows: &mut Rows, name: &Name, object: &Object) {
    let mut parts = Vec::new();
    let mut size = object.excess;
    for (number, part) in (1_u64..).zip(&object.parts) {
        for (chunk, (bytes, state)) in (0_u64..).zip(&part.chunks) {
            size += i64::try_from(bytes.len()).unwrap();
            let version = if *state == State::Stale { 9 } else { part.version };
            let version = if version == 0 { vec![] } else { version.to_be_bytes().to_vec() };
            let tail = [&number.to_be_bytes()[..], &chunk.to_be_bytes(), &version].concat();
            let bytes = [&bytes[..], if *state == State::Longer { b"+" } else { b"" }].concat();
            let family = if part.offloaded { "!s3|chunkref|" } else { "!s3|blob|" };
            let key = [&object_key(family, name)[..], &segment(object.upload.as_bytes()), &tail].concat();
            if *state == State::Missing {
                continue;
            }
            if part.offloaded {
                let digest = Sha256::digest(&bytes);
                let length = (bytes.len() as u64).to_be_bytes();
                rows.put(&key, &[&[1][..], &digest, &length, &[0, 0]].concat());
                rows.put(format!("!s3|chunkblob|{}", hex::encode(digest)).as_bytes(), &bytes);
            } else {
                rows.put(&key, &bytes);
            }
        }
        let sizes: Vec<_> = part.chunks.iter().map(|(bytes, _)| bytes.len()).collect();
        let version = if part.offloaded { "chunk_ref_version" } else { "part_version" };
        parts.push(json!({
            "part_no": number, "etag": "e", "size_bytes": sizes.iter().sum::<usize>(), "chunk_count": sizes.len(),
            "chunk_sizes": sizes, "offloaded": part.offloaded, version: part.version,
        }));
    }
    if object.head {
        let head = json!({
            "upload_id": object.upload, "etag": "e", "size_bytes": size, "last_modified_hlc": 0, "parts": parts,
        });
        rows.put(&object_key("!s3|obj|head|", name), head.to_string().as_bytes());
    }
}
