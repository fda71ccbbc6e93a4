//! Walks over tables of every form that nodes write, and over those that nobody does.

mod damage;
mod digests;
mod forms;
mod refusals;

use std::collections::BTreeSet;

use super::*;
use crate::container::{Contents, Error, Layout, Position, Rows, Source, fixture};

use fixture::bundle::Bundle as Written;
use fixture::table::Shape;

type Raw = (Vec<u8>, Vec<u8>);

/// What a walk lends: position, boundary after it, key, value.
type Lent = (Position, Position, Vec<u8>, Vec<u8>);

fn numbered(count: usize) -> Vec<Raw> {
    let key = |number: usize| format!("!redis|str|key-{number:06}-and-its-timestamp").into_bytes();
    (0..count).map(|number| (key(number), vec![u8::try_from(number % 251).unwrap(); number % 97])).collect()
}

fn written(rows: &[Raw], target: usize, shape: &Shape) -> Written {
    Written::new(7, rows, target, shape)
}

fn collect(mut rows: Rows<'_>, source: &Source, layout: &Layout) -> Result<Vec<Lent>, Error> {
    let mut all = Vec::new();
    while rows.advance()? {
        let (start, end) = rows.span();
        assert!(start < end && rows.position() == start);
        let value_len = rows.value_len();
        let (key, value) = rows.key_and_value()?;
        assert_eq!(value.len(), value_len);
        all.push((start, end, key.to_vec(), value.to_vec()));
    }
    assert!(!rows.advance()?);
    rows.finish(source, layout)?;
    Ok(all)
}

/// Walks a whole file for the first time, with and without another thread.
fn first(source: &Source) -> Result<Vec<Lent>, Error> {
    let layout = Layout::of(source)?;
    let contents = Contents::open(source, &layout)?;
    let alone = collect(Rows::first(source, &layout, &contents, None), source, &layout);
    let ahead = std::thread::scope(|scope| {
        collect(Rows::first(source, &layout, &contents, Some(scope)), source, &layout)
    });
    assert_eq!(alone.as_ref().ok(), ahead.as_ref().ok());
    alone
}

fn raw(lent: &[Lent]) -> Vec<Raw> {
    lent.iter().map(|(_, _, key, value)| (key.clone(), value.clone())).collect()
}

/// Checks that a file holds these rows, and that each walk in the middle finds its part of them.
fn holds(payload: &[u8], expected: &[Raw]) {
    for file in [payload.to_vec(), fixture::with_footer(payload.to_vec()), fixture::headed(payload)] {
        let source = fixture::source(&file);
        let lent = first(&source).unwrap();
        assert!(raw(&lent) == expected);
        assert!(lent.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].0));
    }
    let source = fixture::source(payload);
    let layout = Layout::of(&source).unwrap();
    let contents = Contents::open(&source, &layout).unwrap();
    let lent = first(&source).unwrap();
    let end = Position::at(contents.bundle().unwrap().end());
    let step = (lent.len() / 23).max(1);
    let mut reused = Rows::between(&source, &contents, end, end);
    for from in (0..lent.len()).step_by(step) {
        let to = lent.len().min(from + from % 400 + 1);
        let (start, until) = (lent[from].0, lent[to - 1].1);
        let mut rows = Rows::between(&source, &contents, start, until);
        reused.seek(start, until);
        for expected in &lent[from..to] {
            for rows in [&mut rows, &mut reused] {
                assert!(rows.advance().unwrap());
                assert_eq!(rows.span(), (expected.0, expected.1));
                assert_eq!(rows.key_and_value().unwrap(), (&expected.2[..], &expected.3[..]));
            }
        }
        for rows in [&mut rows, &mut reused] {
            assert!(!rows.advance().unwrap() && !rows.advance().unwrap());
        }
        by_key(&source, &contents, &lent, &lent[from].2, end);
        by_key(&source, &contents, &lent, &[&lent[from].2[..], b"\0"].concat(), end);
        by_key(&source, &contents, &lent, &lent[from].2[..lent[from].2.len() / 2], end);
    }
    by_key(&source, &contents, &lent, b"", end);
    by_key(&source, &contents, &lent, &[0xff; 40], end);
}

/// A walk from a key on meets all greater ones, and few others before them.
fn by_key(source: &Source, contents: &Contents, lent: &[Lent], target: &[u8], end: Position) {
    let mut rows = Rows::between(source, contents, end, end);
    assert!(rows.seek_key(target, end));
    let expected = lent.partition_point(|row| row.2.as_slice() < target);
    let mut passed = BTreeSet::new();
    loop {
        let found = rows.advance().unwrap().then(|| rows.key().to_vec());
        match found {
            Some(key) if key.as_slice() < target => {
                passed.insert(rows.position().offset());
            }
            found => {
                assert_eq!(found.as_ref(), lent.get(expected).map(|row| &row.2));
                break;
            }
        }
    }
    assert!(passed.len() <= 1, "a search reads one block");
}

fn refused(payload: &[u8]) -> ErrorKind {
    let error = first(&fixture::source(payload)).unwrap_err();
    assert!(!error.kind.is_unreadable());
    match error.kind {
        ErrorKind::InTable { kind, .. } => *kind,
        kind => kind,
    }
}
