//! Transactions that were cut in the middle (`reading/transactions.md#where-transactions-leave-rows`).

use super::*;
use crate::event::{Event, Warning};

const START: u64 = 5;

fn lock(primary: &[u8]) -> Vec<u8> {
    let length = (primary.len() as u64).to_be_bytes();
    [&[1][..], &START.to_be_bytes(), &9_u64.to_be_bytes(), &[0], &length, primary].concat()
}

fn intent(start: u64, value: Option<&[u8]>) -> Vec<u8> {
    let (op, value) = value.map_or((1, &b""[..]), |value| (0, value));
    [&[1][..], &start.to_be_bytes(), &[op], &(value.len() as u64).to_be_bytes(), value].concat()
}

/// Adds lock and intent of a key whose transaction has the primary `p`.
fn prepare(snapshot: Native, key: &[u8], value: Option<&[u8]>) -> Native {
    snapshot.put(&[b"!txn|lock|", key].concat(), START, &lock(b"p")).put(
        &[b"!txn|int|", key].concat(),
        START,
        &intent(START, value),
    )
}

fn commit(snapshot: Native, at: u64) -> Native {
    let key = [b"!txn|cmt|p", &START.to_be_bytes()[..]].concat();
    snapshot.put(&key, at, &[&[1][..], &at.to_be_bytes()].concat())
}

/// Warnings that are about transactions or keys.
fn warnings(store: &Snapshot) -> Vec<Warning> {
    let others = |warning: &&Warning| warning.event != "multi_group_input_missing";
    store.warnings().iter().filter(others).cloned().collect()
}

fn events(store: &Snapshot) -> Vec<&'static str> {
    warnings(store).iter().map(|warning| warning.event.name()).collect()
}

#[test]
fn a_committed_write_replaces_adds_and_deletes_in_row_order() {
    let mut snapshot = Native::new(9);
    for key in ["a", "ab", "b", "c"] {
        snapshot = snapshot.put(key.as_bytes(), 3, b"old");
    }
    snapshot = prepare(snapshot, b"a", Some(b"new"));
    snapshot = prepare(snapshot, b"aa", Some(b"added"));
    snapshot = prepare(snapshot, b"b", None);
    let store = store(&commit(snapshot, 7));
    let entries = collect(store.scan(Family::Bare));
    let seen: Vec<_> = entries.iter().map(|(key, ts, body)| (key.as_slice(), *ts, body.as_slice())).collect();
    let wanted: [(&[u8], u64, &[u8]); 4] =
        [(b"aa", 7, b"added"), (b"ab", 3, b"old"), (b"a", 7, b"new"), (b"c", 3, b"old")];
    assert_eq!(seen, wanted);
    assert_eq!(keys(store.scan_prefix(b"a", None)), ["aa", "ab", "a"]);
    assert_eq!(body(&store, b"a").unwrap(), b"new");
    assert_eq!(body(&store, b"aa").unwrap(), b"added");
    assert_eq!(body(&store, b"b"), None);
    assert_eq!(store.stats(Family::Bare).visible, 4);
    assert_eq!(store.stats(Family::TxnIntent).visible, 0);
    assert_eq!(store.scan_parts(Family::Bare, 4).len(), 1);
    // The lock of `aa` stands before that of `a`, which a live server therefore never finds.
    assert_eq!(events(&store), ["txn_hidden_commit"]);
}

#[test]
fn the_place_of_a_committed_write_reads_back_as_the_write() {
    let store = store(&commit(prepare(Native::new(9), b"k", Some(b"new")), 7));
    let place = store.scan(Family::Bare).next().unwrap().unwrap().place;
    let mut entry = EntryBuf::default();
    store.read(place, &mut entry).unwrap();
    assert_eq!(
        (entry.key.as_slice(), entry.body.as_slice(), entry.commit_ts),
        (&b"k"[..], &b"new"[..], Hlc(7))
    );
}

#[test]
fn a_newer_version_wins_over_the_intent_a_tombstone_too() {
    let snapshot = prepare(Native::new(9).put(b"k", 8, b"newer").put(b"k", 3, b"old"), b"k", Some(b"new"));
    let snapshot = prepare(snapshot.delete(b"gone", 8), b"gone", Some(b"new"));
    let store = store(&commit(snapshot, 7));
    assert_eq!(body(&store, b"k").unwrap(), b"newer");
    assert_eq!(body(&store, b"gone"), None);
}

#[test]
fn what_was_committed_after_the_read_timestamp_does_not_count_yet() {
    let snapshot = commit(prepare(Native::new(9).put(b"k", 3, b"old"), b"k", Some(b"new")), 7);
    let store = open_at(vec![snapshot.source()], Some(6)).unwrap();
    assert_eq!(body(&store, b"k").unwrap(), b"old");
    assert_eq!(store.undecided_count(), 0);
}

#[test]
fn a_rollback_keeps_the_stored_version() {
    let record = [b"!txn|rb|p", &START.to_be_bytes()[..]].concat();
    let snapshot = prepare(Native::new(9).put(b"k", 3, b"old").put(&record, 6, &[1]), b"k", Some(b"new"));
    let store = store(&snapshot);
    assert_eq!(body(&store, b"k").unwrap(), b"old");
    assert_eq!(events(&store), [""; 0]);
}

#[test]
fn a_lock_without_record_is_undecided_and_pending_where_its_primary_is_locked() {
    let snapshot = prepare(Native::new(9).put(b"k", 3, b"old"), b"k", Some(b"new"));
    let alone = store(&snapshot);
    assert_eq!(body(&alone, b"k").unwrap(), b"old");
    let warning = Warning::new(Event::TXN_UNRESOLVED);
    let warning = warning.with("key_hex", "6b").with("primary_hex", "70").with("start_ts", START);
    assert_eq!(warnings(&alone), [warning]);
    assert_eq!((alone.undecided_count(), alone.undecided()[0].pending), (1, false));
    let store = store(&prepare(snapshot, b"p", Some(b"new")));
    assert_eq!(events(&store), ["txn_pending", "txn_pending"]);
}

#[test]
fn a_hidden_lock_is_resolved_with_a_warning() {
    let snapshot = commit(prepare(Native::new(9).put(b"cart", 3, b"old"), b"cart", Some(b"new")), 7);
    let store = store(&snapshot.delete(b"!txn|lock|cart:1", 4));
    assert_eq!(body(&store, b"cart").unwrap(), b"new");
    assert_eq!(events(&store), ["txn_hidden_commit"]);
    let fields: Vec<_> = store.warnings()[0].fields.iter().map(|(name, _)| *name).collect();
    assert_eq!(fields, ["key_hex", "primary_hex", "start_ts", "commit_ts"]);
}

#[test]
fn an_intent_of_another_transaction_is_corrupt() {
    let snapshot = Native::new(9).put(b"!txn|lock|k", START, &lock(b"p")).put(
        b"!txn|int|k",
        START,
        &intent(START + 1, Some(b"new")),
    );
    assert!(error(&commit(snapshot, 7)).to_string().contains("corrupt row: transaction intent"));
}

#[test]
fn a_commit_record_that_is_cut_is_named_in_the_error() {
    let snapshot = prepare(Native::new(9), b"k", Some(b"new"));
    let key = [b"!txn|cmt|p", &START.to_be_bytes()[..]].concat();
    let message = error(&snapshot.put(&key, 7, &[1, 0])).to_string();
    assert!(message.contains("corrupt row: transaction commit record of key !txn|cmt|p"), "{message}");
}

#[test]
fn a_hundred_locks_of_each_event_are_named_and_then_all_of_them_counted() {
    let mut snapshot = Native::new(9);
    for number in 0..101 {
        // The lock of an extension stands before that of the key.
        for key in [format!("committed{number:03}"), format!("committed{number:03}:1")] {
            snapshot = prepare(snapshot, key.as_bytes(), Some(b"new"));
        }
        for (key, primary) in [("pending", "pending000"), ("unresolved", "elsewhere")] {
            let key = format!("!txn|lock|{key}{number:03}");
            snapshot = snapshot.put(key.as_bytes(), START, &lock(primary.as_bytes()));
        }
    }
    let store = store(&commit(snapshot, 7));
    for event in [Event::TXN_HIDDEN_COMMIT, Event::TXN_PENDING, Event::TXN_UNRESOLVED] {
        let warnings: Vec<_> = store.warnings().iter().filter(|warning| warning.event == event).collect();
        assert_eq!(warnings.len(), 101, "{event}");
        assert_eq!(*warnings[100], Warning::new(event).with("count", 101));
    }
    assert_eq!((store.undecided_count(), store.undecided().len()), (202, 202));
}

#[test]
fn a_lock_of_another_transaction_on_the_primary_does_not_make_one_pending() {
    let snapshot = prepare(Native::new(9), b"k", Some(b"new"));
    let pending = |lock: &[u8]| {
        let store = store(&snapshot.clone().put(b"!txn|lock|p", 7, lock));
        store.undecided().iter().find(|lock| lock.key == b"k").map(|lock| lock.pending)
    };
    assert_eq!(pending(&lock(b"p")), Some(true));
    let mut later = lock(b"p");
    later[1..9].copy_from_slice(&7_u64.to_be_bytes());
    assert_eq!(pending(&later), Some(false));
}
