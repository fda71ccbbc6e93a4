//! Exports, each beside the least that it has to do with its bytes, in seconds of CPU: what threads there are, a core does all.

use std::fs;
use std::path::Path;

use crate::limit;
use crate::stage::{Snapshot, Stage};

/// What an export cannot do without.
type Least = fn(&Snapshot, &[u8]);

/// Tables of all services, and the other formats of theirs.
pub fn measure(stage: &mut Stage, count: usize) {
    if !stage.wants("export of") {
        return;
    }
    let [strings, elements, rows] = [count, count / 10, count / 3].map(|count| count.to_string());
    let copy: Least = |snapshot, _| limit::copy(&snapshot.path, Path::new("/dev/null"));
    let hash: Least = |snapshot, _| limit::hash(&snapshot.path);
    let gzip: Least = |_, lines| limit::gzip(lines);
    let zstd: Least = |_, lines| limit::zstd(lines);
    let snappy: Least = |snapshot, _| limit::snappy(&fs::read(&snapshot.path).expect("files can be read"));
    let redis = &[("resp", "read and write the file", copy)][..];
    let dynamodb = &[("dynamodb", "gzip of the lines", gzip)];
    let s3 = &[("s3", "SHA-256 of the file", hash)];
    let sqs = &[("sqs", "read and write the file", copy)];
    let tables = [("jsonl", "zstd of the lines", zstd), ("parquet", "Snappy of the file", snappy)];
    for (name, shape, formats) in [
        ("strings of 200 B", &["--redis-strings", &strings][..], redis),
        ("hashes", &["--redis-hashes", &elements], redis),
        ("lists", &["--redis-lists", &elements], redis),
        ("sorted sets", &["--redis-zsets", &elements], redis),
        ("streams", &["--redis-streams", &elements], redis),
        ("items", &["--dynamodb-tables", "1", "--dynamodb-items", &rows], dynamodb),
        ("messages", &["--sqs-queues", "1", "--sqs-messages", &rows], sqs),
        ("objects of 4 KiB", &["--s3-objects", &elements, "--s3-object-size", "4KiB"], s3),
    ] {
        let snapshot = stage.snapshot("exported", shape);
        for (format, limit, least) in formats.iter().chain(&tables) {
            stage.export(&format!("export of {name} --to {format} / {limit}"), &snapshot, format, least);
        }
    }
}
