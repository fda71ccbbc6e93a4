//! Names of items in a tree that does not know which names are taken: of digests alone.
//!
//! In: the plain name and the digest of each item, in the order in which a tree on the disk would create the files. Out:
//! the name that each of them would have there, or a problem where both of its names are taken.
//!
//! Names are compared in rounds, sorted. Of several items that claim one name the earliest has it; the others claim
//! their fallback names in the next round, where they may take the name of a later item that looks like one. An item
//! only ever loses, so rounds come to an end, and only names in SHA form take part in more than one.

use super::fallback::Fallbacks;
use super::name::{ItemName, Originals, ShaForm};
use super::per_item::{line_too_long, no_name};
use super::{hashed, render};
use crate::bug::Bug;
use crate::cursor;
use crate::error::Result;
use crate::keyspace::Namespace;
use crate::model::Refusal;
use crate::model::dynamodb::Item;
use crate::report::{Problem, Report};
use crate::snapshot::RowLocation;
use crate::tree::{Digested, Digests, Scratch, Sorter, Tree};

/// Memory of each of the sorters of two rounds, bytes.
const MEMORY: usize = 8 << 20;
/// Memory of the files of a directory whose name a file claims too, bytes.
const DIRECTORY: usize = 1 << 20;
/// What a record of the sorters ends a path with, and the item's number behind it.
const END: [u8; 2] = [0, 0];

const TREE: Bug = Bug::new("names are claimed in a tree that knows which are taken");
const RECORD: Bug = Bug::new("a record of a DynamoDB name does not read back");

/// The names that the items of one table claim.
#[derive(Debug)]
pub(super) struct Claims {
    /// Path below `items/`, its slash as a zero byte, and the item's number -> the rest of the claim.
    round: Sorter,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// Which of its names an item claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Level {
    /// The plain one, which needs no record.
    Plain,
    /// The plain one, partly in SHA form.
    Partly,
    /// The plain one, which may be the fallback name of another item.
    Sha,
    /// The fallback name.
    Fallback,
}

/// What is known of an item that claims a name.
struct Claim<'a> {
    level: Level,
    file: Digested,
    place: Option<RowLocation>,
    originals: Originals,
    row_key: &'a [u8],
}

impl Claims {
    /// Returns a table without items.
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { round: Sorter::new(scratch, MEMORY), key: Vec::new(), value: Vec::new() }
    }

    /// Notes the plain name of the item of this number, whose `path` is that of the table's items and the rest.
    pub(super) fn push(
        &mut self,
        tree: &Tree,
        path: (&[u8], &[u8]),
        number: u64,
        (form, originals): (ShaForm, Originals),
        item: &Item<'_>,
    ) -> Result<()> {
        let Tree::Digests(digests) = tree else { return Err(TREE.into()) };
        let mut out = hashed::Hashed::new(digests, &[path.0, path.1].concat())?;
        item.unservable.set(render::item(&mut out, &item.attributes, render::Layout::Indented)?);
        let file = out.finish()?;
        let level = match form {
            ShaForm::None => Level::Plain,
            ShaForm::Some => Level::Partly,
            ShaForm::All => Level::Sha,
        };
        let claim = Claim { level, file, place: item.place, originals, row_key: item.row_key };
        push_key(&mut self.key, path.1, number);
        claim.push(&mut self.value);
        self.round.push(&self.key, &self.value)?;
        Ok(())
    }

    /// Enters each item under its name, below the directory `items/` of a table; returns the number of those that have
    /// none, each of which is a problem.
    pub(super) fn decide(
        self,
        tree: &mut Tree,
        items: &[u8],
        fallbacks: &mut Fallbacks,
        report: &mut Report<'_>,
        table: &[u8],
    ) -> Result<u64> {
        let scratch = tree.scratch().clone();
        let Tree::Digests(digests) = tree else { return Err(TREE.into()) };
        let mut decision = Decision {
            digests,
            fallbacks,
            report,
            table,
            items,
            path: Vec::new(),
            next: Sorter::new(&scratch, MEMORY),
            directory: Sorter::new(&scratch, DIRECTORY),
            lost: false,
            refused: 0,
        };
        let mut round = self.round;
        loop {
            decision.lost = false;
            decision.round(&mut round)?;
            std::mem::swap(&mut round, &mut decision.next);
            if !decision.lost {
                break;
            }
        }
        let mut left = round.sort()?;
        while let Some((key, value)) = left.next()? {
            decision.enter(key, &Claim::read(value)?)?;
        }
        Ok(decision.refused)
    }
}

/// The rounds.
struct Decision<'a, 'r> {
    digests: &'a mut Digests,
    fallbacks: &'a mut Fallbacks,
    report: &'a mut Report<'r>,
    table: &'a [u8],
    /// `dynamodb/<table>/items/`.
    items: &'a [u8],
    path: Vec<u8>,
    /// Claims of the next round.
    next: Sorter,
    /// Claims below a directory whose name a file claims too.
    directory: Sorter,
    /// Whether any claim of this round was in vain.
    lost: bool,
    /// Items that have no name.
    refused: u64,
}

impl Decision<'_, '_> {
    fn round(&mut self, round: &mut Sorter) -> Result<()> {
        // The first claim of the name at hand, for as long as it can be that of a directory.
        let mut file: Option<(Vec<u8>, Vec<u8>)> = None;
        let mut first_below = u64::MAX;
        let mut last = Vec::new();
        let mut sorted = round.sort()?;
        while let Some((key, value)) = sorted.next()? {
            let (path, number) = split_key(key)?;
            let (name, below) = match path.iter().position(|&byte| byte == 0) {
                Some(slash) => path.split_at(slash),
                None => (path, &[][..]),
            };
            if let Some((held, claim)) =
                file.take_if(|(held, _)| split_key(held).is_ok_and(|(path, _)| path != name))
            {
                self.decide(&held, &claim, std::mem::replace(&mut first_below, u64::MAX))?;
            }
            match &file {
                None if below.is_empty() => file = Some((key.to_vec(), value.to_vec())),
                Some(_) if below.is_empty() => self.lose(key, value)?,
                Some(_) => {
                    first_below = first_below.min(number);
                    self.directory.push(key, value)?;
                }
                None if last == path => self.lose(key, value)?,
                None => {
                    last.clear();
                    last.extend_from_slice(path);
                    self.win(key, value)?;
                }
            }
        }
        match file {
            Some((held, claim)) => self.decide(&held, &claim, first_below),
            None => Ok(()),
        }
    }

    /// Decides between the file and the directory of one name: whose item comes first has it.
    fn decide(&mut self, file: &[u8], claim: &[u8], first_below: u64) -> Result<()> {
        let (_, number) = split_key(file)?;
        let is_file = number < first_below;
        if is_file {
            self.win(file, claim)?;
        } else {
            self.lose(file, claim)?;
        }
        if first_below == u64::MAX {
            return Ok(());
        }
        let mut directory =
            std::mem::replace(&mut self.directory, Sorter::new(self.digests.scratch(), DIRECTORY));
        let mut last = Vec::new();
        let mut sorted = directory.sort()?;
        while let Some((key, value)) = sorted.next()? {
            let (path, _) = split_key(key)?;
            if is_file || last == path {
                self.lose(key, value)?;
            } else {
                last.clear();
                last.extend_from_slice(path);
                self.win(key, value)?;
            }
        }
        Ok(())
    }

    /// Of all claims of a name this is the earliest.
    fn win(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let claim = Claim::read(value)?;
        match claim.level {
            Level::Plain | Level::Partly => self.enter(key, &claim),
            Level::Sha | Level::Fallback => Ok(self.next.push(key, value)?),
        }
    }

    /// The name is another item's.
    fn lose(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.lost = true;
        let (_, number) = split_key(key)?;
        let mut claim = Claim::read(value)?;
        if claim.level == Level::Fallback {
            return self.refuse(&claim, no_name());
        }
        let name = ItemName::taken(claim.originals.clone());
        self.path.clear();
        self.path.extend_from_slice(self.items);
        name.push(&mut self.path);
        if let Some(message) = name.too_long(&self.path) {
            return self.refuse(&claim, line_too_long(message));
        }
        claim.level = Level::Fallback;
        let (mut key, mut value) = (Vec::new(), Vec::new());
        push_key(&mut key, self.path.get(self.items.len()..).unwrap_or_default(), number);
        claim.push(&mut value);
        Ok(self.next.push(&key, &value)?)
    }

    fn refuse(&mut self, claim: &Claim<'_>, refusal: Refusal) -> Result<()> {
        self.refused += 1;
        self.report.problem(&Problem {
            adapter: Namespace::Dynamodb.name(),
            scope: self.table,
            key: claim.row_key,
            class: refusal.class,
            message: refusal.message,
            place: claim.place,
        })
    }

    /// Enters an item under the name that it has for good.
    fn enter(&mut self, key: &[u8], claim: &Claim<'_>) -> Result<()> {
        let (path, number) = split_key(key)?;
        self.path.clear();
        self.path.extend_from_slice(self.items);
        let originals = || claim.originals.clone();
        let name = match claim.level {
            Level::Plain => None,
            Level::Partly | Level::Sha => Some(ItemName::plain(originals())),
            Level::Fallback => Some(ItemName::taken(originals())),
        };
        if let Some(name) = name {
            let directory_end = name.push(&mut self.path);
            name.note(self.fallbacks, &self.path, directory_end, number)?;
        } else {
            self.path.extend(path.iter().map(|&byte| if byte == 0 { b'/' } else { byte }));
        }
        Ok(self.digests.enter(&self.path, &claim.file)?)
    }
}

fn push_key(key: &mut Vec<u8>, path: &[u8], number: u64) {
    key.clear();
    // No name has a zero byte, and what is below a directory has to follow it at once.
    key.extend(path.iter().map(|&byte| if byte == b'/' { 0 } else { byte }));
    key.extend_from_slice(&END);
    key.extend_from_slice(&number.to_be_bytes());
}

/// Returns the path and the item's number.
fn split_key(key: &[u8]) -> Result<(&[u8], u64)> {
    let parts = cursor::split_last_u64_be(key);
    let parts = parts.and_then(|(path, number)| Some((path.strip_suffix(&END)?, number)));
    Ok(parts.ok_or_else(|| RECORD.at((key, &[][..])))?)
}

impl<'a> Claim<'a> {
    fn push(&self, out: &mut Vec<u8>) {
        out.clear();
        out.push(self.level as u8);
        self.file.push(out);
        out.push(self.place.is_some().into());
        out.extend(self.place.into_iter().flat_map(RowLocation::to_bytes));
        let range = self.originals.range.as_ref();
        out.extend([self.originals.hash.0, range.map_or(0, |(letter, _)| *letter)]);
        for (_, original) in [Some(&self.originals.hash), range].into_iter().flatten() {
            out.extend_from_slice(&u32::try_from(original.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend_from_slice(original);
        }
        out.extend_from_slice(self.row_key);
    }

    fn read(mut bytes: &'a [u8]) -> Result<Self> {
        let value = bytes;
        Ok(Self::take(&mut bytes).ok_or_else(|| RECORD.at((&[][..], value)))?)
    }

    fn take(bytes: &mut &'a [u8]) -> Option<Self> {
        let level = match cursor::take_u8(bytes)? {
            0 => Level::Plain,
            1 => Level::Partly,
            2 => Level::Sha,
            3 => Level::Fallback,
            _ => return None,
        };
        let file = Digested::take(bytes)?;
        let place = if cursor::take_u8(bytes)? == 0 { None } else { Some(RowLocation::take(bytes)?) };
        let letters = cursor::take_array::<2>(bytes)?;
        let mut original = || {
            let length = usize::try_from(cursor::take_u32_be(bytes)?).ok()?;
            cursor::take(bytes, length).map(<[u8]>::to_vec)
        };
        let [hash, range] = letters;
        let hash = (hash, original()?);
        let range = if range == 0 { None } else { Some((range, original()?)) };
        Some(Self { level, file, place, originals: Originals { hash, range }, row_key: bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_claim_is_a_fault_of_the_program() {
        let scratch = Scratch::default();
        let claim = Claim {
            level: Level::Plain,
            file: Digested { digest: [1; 32], length: 5, kept: None },
            place: Some(RowLocation::new(0, 7)),
            originals: Originals { hash: (b'S', b"a".to_vec()), range: None },
            row_key: b"",
        };
        let (mut key, mut value) = (Vec::new(), Vec::new());
        push_key(&mut key, b"a.json", 1);
        claim.push(&mut value);
        let decide = |key: &[u8], value: &[u8]| {
            let mut claims = Claims::new(&scratch);
            claims.round.push(key, value).unwrap();
            let mut report = Report::new(&scratch, |_| {});
            claims.decide(
                &mut Tree::digests(&scratch),
                b"items/",
                &mut Fallbacks::new(&scratch),
                &mut report,
                b"t",
            )
        };
        assert_eq!(decide(&key, &value).unwrap(), 0);
        let internal = |key: &[u8], value: &[u8]| matches!(decide(key, value), Err(crate::Error::Internal(bug)) if bug.place().is_some());
        for length in 0..value.len() {
            assert!(internal(&key, &value[..length]), "{length}");
        }
        assert!(internal(&key, &[&[9], &value[1..]].concat()));
        assert!(internal(b"short", &value));
        assert!(internal(&[b"no end", &1_u64.to_be_bytes()[..]].concat(), &value));
    }
}
