//! Records of the sorter that are not as they were written, and rows that are not as they were read: each ends the run.

use super::message::Buffers;
use super::record::{self, Kind, MessageHeader, MessageSource};
use super::{MEMORY, stored, write};
use crate::bug::Place;
use crate::container;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::keyspace::Family;
use crate::model::sqs::Message;
use crate::service::Options;
use crate::service::fixture::{Dumped, Rows};
use crate::snapshot::RowLocation;
use crate::tree::Sorter;

const META: &[u8] = b"\0SQ\x01{\"generation\":1}";
const MESSAGE: &[u8] = b"\0SM\x01{\"message_id\":\"m\",\"send_timestamp_millis\":5,\"queue_generation\":1}";

/// Writes what `records` makes of the places of a meta row and of a message.
fn write(records: impl FnOnce(RowLocation, RowLocation) -> Vec<(Vec<u8>, Vec<u8>)>) -> Result<Dumped> {
    let mut rows = Rows::default();
    rows.put(b"!sqs|queue|meta|cQ", META);
    rows.put(b"!sqs|msg|data|cQ\0\0\0\0\0\0\0\x01bQ", MESSAGE);
    rows.dump(&Options::default(), |context| {
        let place = |family| context.snapshot.scan(family).next().unwrap().unwrap().place;
        let mut sorter = Sorter::new(context.scratch, MEMORY);
        for (key, value) in records(place(Family::SqsQueueMeta), place(Family::SqsData)) {
            sorter.push(&key, &value)?;
        }
        write::write(context, &mut sorter)
    })
}

fn key(kind: Kind) -> Vec<u8> {
    let mut key = Vec::new();
    record::set_key(&mut key, b"cQ", kind);
    key
}

fn meta(place: RowLocation) -> Vec<u8> {
    [&place.to_bytes()[..], &7_u64.to_be_bytes(), META].concat()
}

fn sent(held: MessageSource) -> MessageHeader {
    let (partition, group, mismatch, received) = (None, None, false, false);
    MessageHeader {
        partition,
        generation: 1,
        send_timestamp: 5,
        sequence: 0,
        group,
        mismatch,
        received,
        held,
    }
}

fn message(sent: &MessageHeader) -> Vec<u8> {
    let mut value = Vec::new();
    sent.push(&mut value);
    if sent.held == MessageSource::Inline {
        stored::push(
            &mut value,
            &Message::parse(MESSAGE, &Interrupt::default(), &mut Buffers::default()).unwrap(),
        );
    }
    value
}

fn is_internal(outcome: &Result<Dumped>) -> bool {
    matches!(outcome, Err(Error::Internal(bug)) if bug.what() == "a record of an SQS queue does not read back"
        && matches!(bug.place(), Some(Place::Record { .. })))
}

fn is_changed(outcome: &Result<Dumped>, expected: &str) -> bool {
    matches!(outcome, Err(Error::Container(container::Error { kind: container::ErrorKind::Changed { what }, .. }))
        if what == expected)
}

#[test]
fn whole_records_are_written() {
    for held in [|_| MessageSource::Inline, MessageSource::At] {
        let dumped = write(|queue, row| {
            vec![(key(Kind::Meta), meta(queue)), (key(Kind::Message), message(&sent(held(row))))]
        });
        assert!(dumped.unwrap().files[&b"sqs/q/messages.jsonl"[..]].starts_with(b"{\"message_id\":\"m\""));
    }
}

#[test]
fn a_record_that_is_cut_anywhere_ends_the_run() {
    for kind in [Kind::Counter, Kind::Sequence] {
        for length in [0, 1, 7, 9] {
            let cut = write(|queue, _| vec![(key(kind), vec![0; length]), (key(Kind::Meta), meta(queue))]);
            assert!(is_internal(&cut), "{kind:?} of {length} bytes");
        }
    }
    for length in 0..RowLocation::LEN + 8 {
        let cut = write(|queue, _| vec![(key(Kind::Meta), meta(queue)[..length].to_vec())]);
        assert!(is_internal(&cut), "a meta row of {length} bytes");
    }
    let whole = message(&sent(MessageSource::Inline)).len();
    for length in (0..whole).step_by(5) {
        let cut = write(|queue, _| {
            let message = message(&sent(MessageSource::Inline))[..length].to_vec();
            vec![(key(Kind::Meta), meta(queue)), (key(Kind::Message), message)]
        });
        assert!(is_internal(&cut), "a message of {length} bytes");
    }
    let mut side = Vec::new();
    record::set_side(&mut side, Family::SqsVisibility, b"key", b"").unwrap();
    for length in 0..side.len() {
        let cut = write(|queue, _| {
            vec![(key(Kind::Meta), meta(queue)), (key(Kind::Side), side[..length].to_vec())]
        });
        assert!(is_internal(&cut), "a side record of {length} bytes");
    }
}

#[test]
fn a_record_of_no_kind_ends_the_run() {
    for key in [&b"cQ"[..], b"cQ\0", b"cQ\0\x06", b"c\0\0", b"\0\0", b"c=\0\0"] {
        assert!(is_internal(&write(|_, _| vec![(key.to_vec(), Vec::new())])));
    }
}

#[test]
fn a_second_reading_that_differs_is_a_change_of_the_input() {
    let reread = |sent: fn(RowLocation, RowLocation) -> MessageHeader| {
        write(|queue, row| {
            vec![(key(Kind::Meta), meta(queue)), (key(Kind::Message), message(&sent(queue, row)))]
        })
    };
    let unreadable = reread(|queue, _| sent(MessageSource::At(queue)));
    assert!(is_changed(&unreadable, "a message cannot be parsed any more"));
    let later = reread(|_, row| MessageHeader { send_timestamp: 6, ..sent(MessageSource::At(row)) });
    let higher = reread(|_, row| MessageHeader { sequence: 1, ..sent(MessageSource::At(row)) });
    for other in [later, higher] {
        assert!(is_changed(&other, "another message stands in the place of one"));
    }
}
