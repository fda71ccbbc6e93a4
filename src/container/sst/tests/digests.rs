//! Digests of tables, with other threads and without.

use super::*;
use crate::container::sst::bundle::Bundle;
use crate::container::sst::digest::Digests;

/// Tables of about 300 KiB each: enough for other threads.
fn tables(count: usize) -> Written {
    let value = |number: usize| (0..=250).cycle().skip(number).take(10_000).collect::<Vec<u8>>();
    let key = |number: usize| format!("!redis|str|key-{number:06}-and-its-timestamp").into_bytes();
    let rows: Vec<Raw> = (0..count * 30).map(|number| (key(number), value(number))).collect();
    let written = written(&rows, 300_000, &Shape { snappy: false, ..Shape::default() });
    assert!(written.tables.len() >= count);
    written
}

/// Changes the digest of a table in the manifest.
fn spoil(manifest: &str, table: usize) -> String {
    let digest = manifest.split("sha256\":\"").nth(table + 1).unwrap().get(..64).unwrap();
    manifest.replace(digest, &format!("{table:064}"))
}

fn first_error(payload: &[u8], threads: bool) -> Option<String> {
    let source = fixture::source(payload);
    let layout = Layout::of(&source).unwrap();
    let contents = Contents::open(&source, &layout).unwrap();
    std::thread::scope(|scope| {
        let rows = Rows::first(&source, &layout, &contents, threads.then_some(scope));
        collect(rows, &source, &layout).err().map(|error| error.to_string())
    })
}

#[test]
fn the_first_table_that_does_not_match_is_named_whoever_hashed_it() {
    for count in [7, 8] {
        let written = tables(count);
        assert_eq!(first_error(&written.payload(), true), None);
        assert_eq!(first_error(&written.payload(), false), None);
        for table in [0, 1, 4, 6] {
            // A later one too, which another thread may have hashed before.
            let later = spoil(&written.manifest(), (table + 1) % written.tables.len());
            let payload = written.payload_with(&spoil(&later, table));
            let named = table.min((table + 1) % written.tables.len());
            for threads in [true, false] {
                let error = first_error(&payload, threads).unwrap();
                assert!(error.contains(&format!("{named:06}.sst: digest mismatch")), "{error}");
                assert!(error.contains(&format!("expected {named:064}")), "{error}");
            }
        }
    }
}

#[test]
fn a_digest_of_an_earlier_table_is_the_error_whatever_is_wrong_behind_it() {
    let mut written = tables(8);
    let manifest = written.manifest();
    for table in [0, 1, 5] {
        let at = written.tables[table].bytes.len() / 2;
        written.tables[table].bytes[at] ^= 1;
        for threads in [true, false] {
            let error = first_error(&written.payload_with(&manifest), threads).unwrap();
            assert!(error.contains(&format!("{table:06}.sst: checksum mismatch")), "{error}");
            if let Some(before) = table.checked_sub(1) {
                let error = first_error(&written.payload_with(&spoil(&manifest, before)), threads).unwrap();
                assert!(error.contains(&format!("{before:06}.sst: digest mismatch")), "{error}");
            }
        }
        written.tables[table].bytes[at] ^= 1;
    }
}

#[test]
fn a_row_that_the_caller_refuses_waits_for_the_tables_before_it() {
    let written = tables(8);
    let payload = written.payload_with(&spoil(&written.manifest(), 0));
    let source = fixture::source(&payload);
    let layout = Layout::of(&source).unwrap();
    let contents = Contents::open(&source, &layout).unwrap();
    for table in [0, 1, 2] {
        std::thread::scope(|scope| {
            let mut rows = Rows::first(&source, &layout, &contents, Some(scope));
            let start = contents.bundle().unwrap().tables()[table].start;
            // The walk itself fails where the digest is known in time.
            let error = loop {
                match rows.advance() {
                    Ok(_) if rows.position().offset() < start => {}
                    Ok(_) => break rows.error(ErrorKind::NoFooter),
                    Err(error) => break error,
                }
            };
            let error = error.to_string();
            assert_eq!(error.contains("000000.sst: digest mismatch"), table > 0, "{error}");
        });
    }
}

#[test]
fn a_walk_that_ends_early_ends_the_other_threads() {
    let payload = tables(40).payload();
    let source = fixture::source(&payload);
    let layout = Layout::of(&source).unwrap();
    let contents = Contents::open(&source, &layout).unwrap();
    for rows_before in [0, 1, 200] {
        std::thread::scope(|scope| {
            let mut rows = Rows::first(&source, &layout, &contents, Some(scope));
            (0..rows_before).for_each(|_| assert!(rows.advance().unwrap()));
        });
    }
}

#[test]
fn a_table_that_has_become_shorter_is_unreadable() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tables.fsm");
    std::fs::write(&path, tables(8).payload()).unwrap();
    let interrupt = crate::interrupt::Interrupt::default();
    let source = Source::open(&path, directory.path(), &interrupt).unwrap();
    let bundle = Bundle::open(&source, &Layout::of(&source).unwrap()).unwrap();
    let start = bundle.tables()[5].start;
    std::fs::File::options().write(true).open(&path).unwrap().set_len(start + 1000).unwrap();
    for threads in [true, false] {
        std::thread::scope(|scope| {
            let digests = Digests::start(&source, &bundle, threads.then_some(scope));
            assert!((0..4).all(|table| digests.walked(table).is_ok() && digests.settle(table).is_ok()));
            let error = digests.settle(8).unwrap_err();
            assert!(error.kind.is_unreadable(), "{error}");
            assert!((start..=start + 1000).contains(&error.offset));
        });
    }
}
