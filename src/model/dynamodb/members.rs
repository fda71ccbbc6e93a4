//! The entries of a protobuf map, sorted bytewise by name, each name once (`format/dynamodb.md#messages`, `tree/dynamodb.md#json-of-an-item`).
//!
//! In: the bytes of a body, and entries that stand in it. Out: entries in order. All maps that are open at once share
//! one list of places, 16 bytes an entry: an item can consist of a million small ones.

use std::ops::Range;

use super::value::last_bytes;
use crate::bug::Bug;
use crate::codec::protobuf::{Malformed, text};
use crate::error::Result;

/// Messages were checked when their rows were read.
const CHECKED: Bug = Bug::new("a DynamoDB message that was found valid does not read back");
const OUTSIDE: Bug = Bug::new("a part of a DynamoDB message does not stand in it");

/// Takes what was read of a checked message.
pub(crate) fn checked<T, E>(read: Result<T, E>) -> Result<T> {
    Ok(read.map_err(|_| CHECKED)?)
}

/// Where a part of the body stands.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    length: u32,
}

impl Span {
    /// `part` is a part of `body`; no body is longer than 1 GiB.
    fn of(body: &[u8], part: &[u8]) -> Result<Self> {
        let start = part.as_ptr().addr().wrapping_sub(body.as_ptr().addr());
        let span = match (u32::try_from(start), u32::try_from(part.len())) {
            (Ok(start), Ok(length)) => Self { start, length },
            _ => return Err(OUTSIDE.into()),
        };
        if std::ptr::eq(span.get(body), part) { Ok(span) } else { Err(OUTSIDE.into()) }
    }

    fn get(self, body: &[u8]) -> &[u8] {
        let start = usize::try_from(self.start).unwrap_or_default();
        let length = usize::try_from(self.length).unwrap_or_default();
        body.get(start..).and_then(|rest| rest.get(..length)).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug)]
struct Member {
    name: Span,
    entry: Span,
}

/// The maps that are open.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    body: &'a [u8],
    members: Vec<Member>,
}

impl<'a> Members<'a> {
    /// Returns a list without maps; all entries will stand in `body`.
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self { body, members: Vec::new() }
    }

    /// Opens a map: sorts its entries. Of equal names the last one counts.
    pub(crate) fn open(
        &mut self,
        entries: impl Iterator<Item = Result<&'a [u8], Malformed>>,
    ) -> Result<Range<usize>> {
        let body = self.body;
        let start = self.members.len();
        let mut sorted = true;
        let mut last: Option<&[u8]> = None;
        for entry in entries {
            let entry = checked(entry)?;
            let name = checked(last_bytes(entry, 1))?;
            if last == Some(name) {
                self.members.pop();
            } else {
                sorted &= last.is_none_or(|last| last < name);
            }
            last = Some(name);
            let name = if name.is_empty() { Span::default() } else { Span::of(body, name)? };
            self.members.push(Member { name, entry: Span::of(body, entry)? });
        }
        if !sorted && let Some(members) = self.members.get_mut(start..) {
            members.sort_unstable_by(|one, other| {
                one.name.get(body).cmp(other.name.get(body)).then(one.entry.start.cmp(&other.entry.start))
            });
        }
        Ok(start..self.members.len())
    }

    /// Returns name and entry at `at`; `None` where a later entry of the same name follows.
    pub(crate) fn get(&self, map: &Range<usize>, at: usize) -> Result<Option<(&'a str, &'a [u8])>> {
        let member = self.members.get(at).ok_or(OUTSIDE)?;
        let name = member.name.get(self.body);
        let next = self.members.get(at + 1).filter(|_| map.contains(&(at + 1)));
        if next.is_some_and(|next| next.name.get(self.body) == name) {
            return Ok(None);
        }
        Ok(Some((checked(text(name))?, member.entry.get(self.body))))
    }

    /// Finds the entry of a name in a map.
    pub(crate) fn find(&self, map: &Range<usize>, name: &str) -> Option<&'a [u8]> {
        let members = self.members.get(map.clone())?;
        let behind = members.partition_point(|member| member.name.get(self.body) <= name.as_bytes());
        let last = members.get(behind.checked_sub(1)?)?;
        (last.name.get(self.body) == name.as_bytes()).then(|| last.entry.get(self.body))
    }

    /// Closes the map that was opened last.
    pub(crate) fn close(&mut self, map: &Range<usize>) {
        self.members.truncate(map.start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::dynamodb::value::pieces;

    fn list(message: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut members = Members::new(message);
        let map = members.open(pieces(message, 1)).unwrap();
        let all = map.clone().filter_map(|at| members.get(&map, at).unwrap());
        let all: Vec<_> = all.map(|(name, entry)| (name.to_owned(), entry.to_vec())).collect();
        for (name, entry) in &all {
            assert_eq!(members.find(&map, name), Some(&entry[..]));
        }
        assert_eq!(members.find(&map, "no such name"), None);
        members.close(&map);
        assert!(members.members.is_empty());
        all
    }

    /// An entry with this name, or none, and a value of one byte.
    fn entry(name: &[u8], value: u8) -> Vec<u8> {
        let name = if name.is_empty() {
            vec![]
        } else {
            [&[0x0a, u8::try_from(name.len()).unwrap()], name].concat()
        };
        let body = [&name[..], &[0x10, value]].concat();
        [&[0x0a, u8::try_from(body.len()).unwrap()], &body[..]].concat()
    }

    #[test]
    fn of_equal_names_the_last_stays_and_names_are_sorted_bytewise() {
        let order =
            [(&b"b"[..], 1), (b"a", 2), (b"b", 3), (b"B", 4), (b"", 5), (b"b", 6), (b"b", 7), (b"", 8)];
        let message: Vec<u8> = order.iter().flat_map(|(name, value)| entry(name, *value)).collect();
        let found = list(&message);
        let values: Vec<_> = found.iter().map(|(name, entry)| (&name[..], entry[entry.len() - 1])).collect();
        assert_eq!(values, [("", 8), ("B", 4), ("a", 2), ("b", 7)]);
    }

    #[test]
    fn empty_entries_have_an_order_too() {
        assert_eq!(
            list(b"\x0a\x00\x0a\x02\x10\x01\x0a\x03\x0a\x01a\x0a\x00"),
            [(String::new(), vec![]), ("a".to_owned(), b"\x0a\x01a".to_vec())]
        );
    }

    #[test]
    fn what_does_not_stand_in_the_body_is_a_fault_of_the_program() {
        let (body, other) = (entry(b"a", 1), entry(b"a", 1));
        let open = |part| Members::new(&body).open([Ok(part)].into_iter()).map(|map| map.len());
        assert_eq!(open(&body[2..]).unwrap(), 1);
        assert!(matches!(open(&other[2..]), Err(crate::Error::Internal(_))));
        let mut members = Members::new(&body);
        let map = members.open([Ok(&body[2..])].into_iter()).unwrap();
        assert!(matches!(members.get(&map, map.end), Err(crate::Error::Internal(_))));
    }

    #[test]
    fn an_entry_takes_sixteen_bytes() {
        assert_eq!(size_of::<Member>(), 16);
    }
}
