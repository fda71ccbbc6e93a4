//! Two files of lines, line by line: each is of an object of its own.
//!
//! In: the lines of both sides. Out: a [`Record`] for each one that is not on both sides, under the name of its object.
//! Lines are told apart by what the service tells objects apart by, and sorted by that.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};

use sha2::{Digest, Sha256};

use super::MEMORY;
use super::change::{Change, Changes, Record, Sign};
use super::document::{Documents, Shape, change, join, next_line};
use crate::bug::Bug;
use crate::error::Result;
use crate::name;
use crate::name::file::{FileName, Lines};
use crate::name::line::{LineNames, Members, parse};
use crate::sort::{Scratch, Sorter};
use crate::tree::part;

/// Lines of both sides.
#[derive(Debug)]
pub(super) struct Joined {
    sides: [Sorter; 2],
    /// Of all lines of each side, as they stand there.
    digests: [Sha256; 2],
    open: Option<Open>,
    scratch: Scratch,
}

const NOT_BEGUN: Bug = Bug::new("lines are compared that were not begun");

/// What the lines are of.
#[derive(Debug)]
struct Open {
    names: LineNames,
    /// Path of the file; of the parts of a table that of the first one.
    path: Vec<u8>,
    /// Name of what the objects are in.
    scope: String,
}

impl Joined {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self {
            sides: [(); 2].map(|()| Sorter::new(scratch, MEMORY)),
            digests: [(); 2].map(|()| Sha256::new()),
            open: None,
            scratch: scratch.clone(),
        }
    }

    /// Whether the file at `path` goes on with the lines at hand.
    pub(super) fn is_of(&self, kind: Lines, path: &[u8]) -> bool {
        let directory = |path: &[u8]| path.iter().rposition(|&byte| byte == b'/');
        self.open.as_ref().is_some_and(|open| {
            let in_parts = [Lines::Items, Lines::Values, Lines::Headers].contains(&kind)
                || matches!(kind, Lines::Keys(_));
            let common = directory(path).filter(|_| in_parts && open.names.kind == kind);
            open.path == path || common.is_some_and(|end| open.path.get(..=end) == path.get(..=end))
        })
    }

    /// Begins a file.
    pub(super) fn begin(&mut self, kind: Lines, path: &[u8], file: FileName, keys: Vec<String>) {
        let names = LineNames { kind, scope: file.summary, keys };
        self.open = Some(Open { names, path: path.to_vec(), scope: file.name });
    }

    /// Reads the lines of one side to their end.
    pub(super) fn read(&mut self, side: usize, mut reader: impl BufRead) -> Result<io::Result<()>> {
        let rows = self.sides.get_mut(side).ok_or(NOT_BEGUN)?;
        let digest = self.digests.get_mut(side).ok_or(NOT_BEGUN)?;
        let open = self.open.as_ref().ok_or(NOT_BEGUN)?;
        let mut line = Vec::new();
        loop {
            match next_line(&mut reader, &mut line) {
                Ok(true) => {
                    digest.update(&line);
                    digest.update(b"\n");
                    rows.push(&open.names.identity(&line), &line)?;
                }
                Ok(false) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Joins the lines of both sides, if there are any, and forgets them.
    pub(super) fn end(&mut self, records: &mut Sorter, originals: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let file = String::from_utf8_lossy(&open.path).into_owned();
        let (noun, is_main) = match open.names.kind {
            Lines::Expiries => ("expiry", false),
            Lines::Items | Lines::Messages => ("attribute", true),
            Lines::SideRecords | Lines::Uploads => ("member", true),
            Lines::Queues => ("setting", false),
            Lines::Buckets | Lines::Multipart => ("member", false),
            Lines::Inodes => ("inode member", true),
            Lines::Keys(_) | Lines::Values => ("value", true),
            Lines::Headers => ("header", false),
        };
        let mut count = 0_u64;
        let mut documents = Documents::new(&self.scratch);
        join(&mut self.sides, |_, old, new| {
            if old == new {
                return Ok(());
            }
            count += 1;
            let line = new.or(old).unwrap_or_default();
            let object = open.names.object(line, &mut |path| originals.get(path).cloned());
            let name = object.map(|object| {
                let mut name = String::new();
                name::of(&object, &mut name);
                name
            });
            let changes = match (old, new) {
                (Some(old), Some(new)) => value_of(open.names.kind, [old, new], &mut documents)?,
                _ => None,
            };
            let changes = changes.unwrap_or_else(|| members_of(open.names.kind, noun, old, new));
            let sign = Sign::of(old.is_some(), new.is_some());
            // A line of no known object says nothing about whether its table or queue is there.
            let is_main = is_main && name.is_some();
            let record = Record { sign, is_main, file: file.clone(), changes };
            let name = name.as_deref().unwrap_or(&open.scope);
            Ok(records.push(name.as_bytes(), &record.write()?)?)
        })?;
        let [old, new] = &mut self.digests;
        if old.finalize_reset() != new.finalize_reset() && count == 0 {
            let mut changes = Changes::default();
            changes.push(|| Change::new("order of lines", None, None, None));
            let record = Record { sign: Sign::Changed, is_main: false, file, changes };
            records.push(open.scope.as_bytes(), &record.write()?)?;
        }
        Ok(())
    }
}

/// Compares the documents that two lines of one object have as their values; `None` for other lines.
fn value_of(kind: Lines, lines: [&[u8]; 2], documents: &mut Documents) -> Result<Option<Changes>> {
    let shape = match kind {
        Lines::Keys("hash") => Shape::Document("field"),
        Lines::Keys("list") => Shape::Document("item"),
        Lines::Keys("set" | "zset") => Shape::Document("member"),
        Lines::Keys("stream") => Shape::Stream,
        Lines::Headers => Shape::Document("header"),
        _ => return Ok(None),
    };
    let mut are_documents = true;
    for (side, line) in lines.into_iter().enumerate() {
        let mut text = Vec::new();
        if let Ok(record) = serde_json::from_slice::<part::Record<'_>>(line) {
            let is_stream = shape == Shape::Stream;
            if !is_stream || record.lines(&mut text).is_err() {
                text = record.value.get().as_bytes().to_vec();
            }
        }
        are_documents &= documents.read(side, shape, text.as_slice())?.unwrap_or(false);
    }
    let changes = documents.compare(shape)?;
    Ok(Some(changes).filter(|changes| are_documents && !changes.is_empty()))
}

/// Compares two lines member by member.
fn members_of(kind: Lines, noun: &'static str, one: Option<&[u8]>, other: Option<&[u8]>) -> Changes {
    let mut changes = Changes::default();
    let (old, new) = (one.map(parse).unwrap_or_default(), other.map(parse).unwrap_or_default());
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    for name in names {
        let value = |members: &Members<'_>| members.get(name).map(|value| value.get().to_owned());
        let (one, other) = (value(&old), value(&new));
        let is_line = matches!(kind, Lines::Keys(_) | Lines::Values | Lines::Headers);
        if one == other || ((is_line || kind == Lines::Expiries) && name == "key") {
            continue;
        }
        let what = match &**name {
            "body" => "body",
            "expire_at_ms" if is_line => "expiry",
            _ => noun,
        };
        changes.push(|| {
            let bytes = |value: &Option<String>| value.as_ref().map(|value| value.as_bytes().to_vec());
            change(what, name.as_bytes(), bytes(&one).as_deref(), bytes(&other).as_deref())
        });
    }
    if changes.is_empty() {
        // No objects, or the same members in another form.
        let shown = |line: Option<&[u8]>| line.map(|line| String::from_utf8_lossy(line).into_owned());
        let (old, new) = (shown(one), shown(other));
        changes.push(|| Change::new("line", None, old.as_deref(), new.as_deref()));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::file::of_file;

    fn compared(kind: Lines, path: &[u8], keys: &[&str], old: &str, new: &str) -> Vec<String> {
        let scratch = Scratch::default();
        let mut lines = Joined::new(&scratch);
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        let file = of_file(path, &mut |_| None).unwrap();
        lines.begin(kind, path, file, keys);
        for (side, text) in [old, new].into_iter().enumerate() {
            lines.read(side, text.as_bytes()).unwrap().unwrap();
        }
        let mut records = Sorter::new(&scratch, MEMORY);
        lines.end(&mut records, &BTreeMap::new()).unwrap();
        let mut sorted = records.sort().unwrap();
        let mut all = Vec::new();
        while let Some((name, record)) = sorted.next().unwrap() {
            let record = Record::read(record).unwrap();
            let what: Vec<_> = record
                .changes
                .listed()
                .iter()
                .map(|change| change.name.clone().unwrap_or(change.what.clone()))
                .collect();
            all.push(format!("{} {} {}", record.sign.text(), String::from_utf8_lossy(name), what.join(",")));
        }
        all
    }

    #[test]
    fn messages_are_told_apart_by_their_ids() {
        let old = "{\"message_id\":\"a\",\"body\":\"1\"}\n{\"message_id\":\"b\",\"body\":\"1\"}\n";
        let new = "{\"message_id\":\"c\",\"body\":\"1\"}\n{\"message_id\":\"b\",\"body\":\"2\"}\n";
        assert_eq!(
            compared(Lines::Messages, b"sqs/q/messages.jsonl", &[], old, new),
            ["- sqs/q/a body,message_id", "M sqs/q/b body", "+ sqs/q/c body,message_id"]
        );
        // Another order alone is told of the queue.
        let turned = "{\"message_id\":\"b\",\"body\":\"1\"}\n{\"message_id\":\"a\",\"body\":\"1\"}\n";
        assert_eq!(
            compared(Lines::Messages, b"sqs/q/messages.jsonl", &[], old, turned),
            ["M sqs/q order of lines"]
        );
        assert!(compared(Lines::Messages, b"sqs/q/messages.jsonl", &[], old, old).is_empty());
    }

    #[test]
    fn expiries_are_of_their_keys() {
        let line = |key: &str, at: u64| format!("{{\"key\":\"{key}\",\"expire_at_ms\":{at}}}\n");
        assert_eq!(
            compared(
                Lines::Expiries,
                b"redis/db_0/strings_ttl.jsonl",
                &[],
                &line("a%3A1", 5),
                &[line("a%3A1", 6), line("b", 7)].concat()
            ),
            ["M redis/a:1 expiry", "+ redis/b expiry"]
        );
    }

    #[test]
    fn items_are_told_apart_by_their_key_attributes() {
        let item = |hash: &str, range: &str, value: &str| {
            format!(
                "{{\"h\":{{\"S\":\"{hash}\"}},\"r\":{{\"N\":\"{range}\"}},\"v\":{{\"S\":\"{value}\"}}}}\n"
            )
        };
        assert_eq!(
            compared(
                Lines::Items,
                b"dynamodb/t/items/data-1.jsonl",
                &["h", "r"],
                &item("a/b", "1", "x"),
                &item("a/b", "1", "y")
            ),
            ["M dynamodb/t/a%2Fb/1 v"]
        );
        // Without a schema lines that differ are two.
        let without = compared(
            Lines::Items,
            b"dynamodb/t/items/data-1.jsonl",
            &[],
            &item("a", "1", "x"),
            &item("a", "1", "y"),
        );
        assert_eq!(without.len(), 2);
    }

    #[test]
    fn a_line_that_is_no_object_is_told_by_itself() {
        assert_eq!(
            compared(Lines::Messages, b"sqs/q/messages.jsonl", &[], "nonsense\n", ""),
            ["- sqs/q line"]
        );
        let both = compared(Lines::Messages, b"sqs/q/messages.jsonl", &[], "nonsense\n{\n", "nonsense\n}\n");
        assert_eq!(both, ["- sqs/q line", "+ sqs/q line"]);
        // The same members in another form.
        let (old, new) = ("{\"message_id\":\"a\"}\n", "{ \"message_id\":\"a\"}\n");
        assert_eq!(compared(Lines::Messages, b"sqs/q/messages.jsonl", &[], old, new), ["M sqs/q/a line"]);
    }
}
