//! The S3 adapter against a slow model.

mod model;
mod rows;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::allowance::LIMIT;
use crate::name::Selection;
use crate::service::Options;

/// A bucket, its generation, a key.
type Name = (Vec<u8>, u64, Vec<u8>);

/// An object of a made-up store.
#[derive(Clone, Debug)]
struct Object {
    upload: &'static str,
    parts: Vec<Part>,
    /// Added to the size that the manifest tells.
    excess: i64,
    /// Without a manifest its chunks are orphans.
    head: bool,
}

#[derive(Clone, Debug)]
struct Part {
    version: u64,
    offloaded: bool,
    chunks: Vec<(Vec<u8>, State)>,
}

/// What is in the snapshot of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sound,
    Missing,
    /// One byte more than declared.
    Longer,
    /// Under another version of the part.
    Stale,
}

/// The rows of a bucket itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bucket {
    Live(u64),
    Deleted,
    Elsewhere,
}

fn any_part() -> impl Strategy<Value = Part> {
    let state = prop_oneof![
        30 => Just(State::Sound), 1 => Just(State::Missing), 1 => Just(State::Longer), 1 => Just(State::Stale)
    ];
    let chunk = (prop::collection::vec(any::<u8>(), 1..4), state);
    let version = prop_oneof![Just(0), Just(7), Just(u64::MAX)];
    (version, any::<bool>(), prop::collection::vec(chunk, 0..4))
        .prop_map(|(version, offloaded, chunks)| Part { version, offloaded, chunks })
}

fn any_object() -> impl Strategy<Value = Object> {
    let excess = prop_oneof![20 => Just(0), 1 => Just(1), 1 => Just(-1)];
    let upload = prop_oneof![Just("u"), Just("u\0")];
    let parts = prop::collection::vec(any_part(), 0..4);
    (upload, parts, excess, prop::bool::weighted(0.8)).prop_map(|(upload, parts, excess, head)| Object {
        upload,
        parts,
        excess,
        head,
    })
}

fn any_name() -> impl Strategy<Value = Name> {
    let bucket = prop::sample::select(vec!["b", "b0", "a.b"]);
    let short = prop::sample::select(vec![
        "a",
        "a/b",
        "a/b/",
        "a/b/c",
        "a/",
        "a//",
        "a//b",
        "a/.elastickv-leaf-data",
        "",
        "/",
        "//",
        "/x",
        "/x/",
        "x",
        "x/",
        "x\0",
        "x\\y",
        "..",
        "../",
        "../x",
        "x/..",
        "x/./y",
        "\u{e4}",
        "\u{e4}/",
        "a.elastickv-leaf-data",
        "a.elastickv-meta.json",
        "a.elastickv-meta.json.user-data",
        "a/b.elastickv-meta.json",
        "a/b.elastickv-leaf-data",
    ]);
    // Around the limit of 4095 bytes, with each suffix: `s3/b/` and the sidecar's take 25.
    let tail = prop::sample::select(vec!["", "/", "/x", ".elastickv-meta.json", "/\u{e4}/"]);
    let long = (38..72_usize, tail).prop_map(|(length, tail)| {
        format!("{}{}{tail}", ("s".repeat(199) + "/").repeat(20), "t".repeat(length))
    });
    let key = prop_oneof![30 => short.prop_map(str::to_owned), 1 => long];
    (bucket, 1..3_u64, key)
        .prop_map(|(bucket, generation, key)| (bucket.as_bytes().to_vec(), generation, key.into_bytes()))
}

fn any_bucket() -> impl Strategy<Value = Bucket> {
    prop_oneof![
        4 => (1..3_u64).prop_map(Bucket::Live), 1 => Just(Bucket::Deleted), 1 => Just(Bucket::Elsewhere)
    ]
}

proptest! {
    #[test]
    fn a_dump_is_what_the_slow_model_says(
        buckets in prop::collection::vec(any_bucket(), 3),
        objects in prop::collection::btree_map(any_name(), any_object(), 0..25),
        rename_collisions in any::<bool>(),
        include_orphans in any::<bool>(),
    ) {
        let buckets = [&b"a.b"[..], b"b", b"b0"].map(<[u8]>::to_vec).into_iter().zip(buckets).collect();
        let options = Options { rename_collisions, ..Options::default() };
        let dumped = rows::rows(&buckets, &objects).dump(&options, super::dump).unwrap();
        let all = Options { include_orphans, ..options.clone() };
        let rows = rows::rows(&buckets, &objects);
        let mut files = rows.dump(&all, super::dump).unwrap().files;
        files.retain(|path, _| !path.ends_with(b"/"));
        let files: BTreeMap<_, _> =
            files.into_iter().map(|(path, body)| (path, Sha256::digest(body).to_vec())).collect();
        prop_assert_eq!(rows.digests(&all, super::dump).unwrap(), files);
        let expected = model::expected(&buckets, &objects, rename_collisions);
        prop_assert_eq!(model::found(&dumped), expected);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn shares_have_one_bound_of_what_references_ask_for(
        objects in prop::collection::btree_map(any_name(), any_object(), 1..25),
        include_orphans in any::<bool>(),
        rename_collisions in any::<bool>(),
        limit in 0..60_u64,
        count in prop::sample::select(vec![1, 2, 3, 16]),
    ) {
        let live = [&b"a.b"[..], b"b", b"b0"].map(|name| (name.to_vec(), Bucket::Live(1)));
        let rows = rows::rows(&live.into(), &objects);
        let options = Options { include_orphans, rename_collisions, ..Options::default() };
        let made = |options: &Options| {
            LIMIT.set(Some(limit));
            let dumped = rows.dump(options, super::dump).unwrap();
            LIMIT.set(None);
            let of_one = |path: &[u8]| path.starts_with(b"s3/") && !path.ends_with(b"/") && !path.ends_with(b"KEYMAP.jsonl");
            let files: BTreeMap<_, _> = dumped.files.into_iter().filter(|(path, _)| of_one(path)).collect();
            let problems = dumped.problems.iter().map(ToString::to_string);
            (files, problems.collect::<BTreeSet<String>>())
        };
        let (whole, problems) = made(&options);
        let (mut files, mut told) = (BTreeMap::new(), BTreeSet::new());
        for index in 0..count {
            let shard = format!("{index}/{count}").parse().unwrap();
            let selection = Selection::default().with_shard(Some(shard));
            let (of_share, problems) = made(&Options { selection: Some(Arc::new(selection)), ..options.clone() });
            files.extend(of_share);
            told.extend(problems);
        }
        prop_assert_eq!(files, whole);
        // Each share knows the problems of all; `run` leaves each to its own.
        prop_assert_eq!(told, problems);
    }
}
