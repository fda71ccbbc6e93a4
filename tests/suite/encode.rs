//! Dumps become snapshots that nodes restore.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::PathBuf;

use ekv_backup::encode::{Encode, Options};
use ekv_backup::run::{Source, objects};
use ekv_backup::service;
use flate2::read::GzDecoder;

use crate::tool::{Work, testdata};

/// Rows by encoded key.
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Splits a payload; keys have to ascend.
fn rows(payload: &[u8]) -> (u64, Rows) {
    let mut rest = payload.strip_prefix(b"EKVPBBL1").expect("the magic");
    let number = |rest: &mut &[u8]| {
        let (head, tail) = rest.split_first_chunk::<8>().expect("a number");
        *rest = tail;
        u64::from_le_bytes(*head)
    };
    let commit_ts = number(&mut rest);
    let (mut rows, mut last) = (Rows::new(), Vec::new());
    while !rest.is_empty() {
        let mut part = || {
            let length = number(&mut rest) as usize;
            let (head, tail) = rest.split_at(length);
            rest = tail;
            head.to_vec()
        };
        let (key, value) = (part(), part());
        assert!(last < key, "keys ascend");
        last.clone_from(&key);
        rows.insert(key, value);
    }
    (commit_ts, rows)
}

/// Returns the snapshot of a capture.
fn capture(name: &str) -> PathBuf {
    let entries = fs::read_dir(testdata("live").join(name)).expect("testdata/live can be listed");
    let mut paths = entries.map(|entry| entry.expect("testdata/live can be listed").path());
    paths.find(|path| path.to_string_lossy().contains(".fsm")).expect("there is a snapshot")
}

/// Returns what the reference encoder makes of the dump of a capture.
fn reference(name: &str) -> Vec<u8> {
    let file = fs::File::open(testdata("encoded").join(format!("{name}.fsm.gz"))).expect("a payload");
    let mut payload = Vec::new();
    GzDecoder::new(file).read_to_end(&mut payload).expect("a payload");
    payload
}

/// Encodes the objects of a snapshot.
fn encoded(name: &str, options: Options, work: &Work) -> Vec<u8> {
    let source = Source::new(vec![capture(name)]);
    let scratch = source.scratch(work.path("."));
    let opened = source.open(&scratch, &mut |_| ()).expect("a capture can be opened");
    let mut sink = Encode::new(&scratch, options);
    let adapters = service::Options { rename_collisions: true, ..service::Options::default() };
    objects(&opened.snapshot, &adapters, &scratch, &mut sink, |_| ()).expect("a capture can be read");
    let mut payload = Vec::new();
    sink.finish().expect("rows can be sorted").write(&mut (), &mut payload).expect("rows can be written");
    payload
}

/// Shows the first differences of two sets of rows.
fn differences(found: &Rows, wanted: &Rows) -> Vec<String> {
    let shown =
        |bytes: Option<&Vec<u8>>| bytes.map_or("-".to_owned(), |bytes| bytes.escape_ascii().to_string());
    let keys = found.keys().chain(wanted.keys()).collect::<std::collections::BTreeSet<_>>();
    keys.into_iter()
        .filter(|key| found.get(*key) != wanted.get(*key))
        .map(|key| {
            format!("{}\n  {}\n  {}", key.escape_ascii(), shown(found.get(key)), shown(wanted.get(key)))
        })
        .take(5)
        .collect()
}

#[test]
fn reference_rows_are_those_of_the_reference_encoder() {
    // Tables and keys that it refuses are not in its files.
    for (name, refused) in
        [("redis", 0), ("shop", 0), ("sqs", 0), ("sqs-partitioned", 0), ("dynamodb", 6), ("s3", 32)]
    {
        let work = Work::new();
        let wanted = reference(name);
        let options = Options { commit_ts: rows(&wanted).0, reference_rows: true, ..Options::default() };
        let found = encoded(name, options, &work);
        assert_eq!(found.get(..16), wanted.get(..16), "{name}");
        let (wanted_rows, mut found_rows) = (rows(&wanted).1, rows(&found).1);
        let before = found_rows.len();
        if refused > 0 {
            found_rows.retain(|key, _| wanted_rows.contains_key(key));
        } else {
            assert!(found == wanted, "{name}: {:?}", differences(&found_rows, &wanted_rows));
        }
        assert_eq!(differences(&found_rows, &wanted_rows), Vec::<String>::new(), "{name}");
        assert_eq!(before - found_rows.len(), refused, "{name}");
    }
}
