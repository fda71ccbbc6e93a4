//! Names from a file: what `list` printed, as names, columns or JSON, and somebody edited.
//!
//! In: lines. Out: a set of digests, 20 bytes a name, and which of them were met. Names are taken as they are: a table is
//! its schema alone, without the items that are not listed.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{PatternError, has_scope, pattern, service, unescape};
use crate::keyspace::Namespace;
use crate::limits;

/// Most lines of names that were not met that are told.
const TOLD: usize = 8;

/// Most tables, buckets and queues that are told apart.
const SCOPES: usize = 1000;

/// Half a SHA-256.
type Short = [u8; 16];

/// Why names cannot be taken from a file.
#[derive(Debug, Error)]
pub enum ListError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is longer than any name.
    #[error("line {0} has more than {limit} bytes", limit = limits::LISTED_LINE)]
    Long(u64),
    /// A line is neither a name nor columns or JSON with one.
    #[error("line {0}")]
    Line(u64, #[source] PatternError),
    /// There is no name in it.
    #[error("no names")]
    Empty,
    /// More names than memory is kept for.
    #[error("more than {limit} names, or names below so many directories", limit = limits::LISTED_NAMES)]
    Many,
}

/// Names that were listed.
#[derive(Debug, Default)]
pub struct NameList {
    source: String,
    /// Digest of each name and its line, sorted.
    names: Vec<(Short, u32)>,
    /// A bit a name: it was met.
    met: Vec<AtomicU64>,
    /// Digests of the tables, buckets, queues and directories that names are in, sorted.
    above: Vec<Short>,
    services: BTreeSet<Namespace>,
    /// `None`: too many to read them one by one.
    scopes: Option<BTreeSet<(Namespace, Vec<u8>)>>,
}

#[derive(Deserialize)]
struct JsonLine {
    fullname: String,
}

impl NameList {
    /// Reads lines; empty ones and those that begin with `#` are passed over. `source` names the file in messages.
    ///
    /// # Errors
    ///
    /// What cannot be read, a line without a name, too many names.
    pub fn read(source: &str, mut lines: impl BufRead) -> Result<Self, ListError> {
        let mut list = Self { source: source.to_owned(), scopes: Some(BTreeSet::new()), ..Self::default() };
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let longest = u64::try_from(limits::LISTED_LINE).unwrap_or(u64::MAX).saturating_add(1);
            if lines.by_ref().take(longest).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if line.len() > limits::LISTED_LINE {
                return Err(ListError::Long(number));
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            list.push(text, number)?;
        }
        if list.names.is_empty() {
            return Err(ListError::Empty);
        }
        list.names.sort_unstable();
        list.names.dedup_by_key(|(name, _)| *name);
        list.above.sort_unstable();
        list.above.dedup();
        list.met = list.names.chunks(64).map(|_| AtomicU64::new(0)).collect();
        Ok(list)
    }

    fn push(&mut self, line: &str, number: u64) -> Result<(), ListError> {
        let invalid = |error| ListError::Line(number, error);
        let name = of_line(line).ok_or_else(|| invalid(PatternError::Service(line.to_owned())))?;
        let owner = service(&name).ok_or_else(|| invalid(PatternError::Service(line.to_owned())))?;
        let name = pattern::canonical(owner, &name);
        self.services.insert(owner);
        let mut above = name.as_str();
        while let Some((front, _)) = above.rsplit_once('/') {
            above = front;
            let is_container =
                owner == Namespace::Fs || (has_scope(owner) && front.matches('/').count() == 1);
            if is_container {
                self.above.push(short(front));
            }
        }
        if let Some((_, rest)) = name.split_once('/').filter(|_| has_scope(owner)) {
            let scope = (owner, unescape(rest.split_once('/').map_or(rest, |(scope, _)| scope)));
            self.scopes = self.scopes.take().filter(|scopes| scopes.len() < SCOPES);
            self.scopes.as_mut().map(|scopes| scopes.insert(scope));
        }
        let line = u32::try_from(number).map_err(|_| ListError::Many)?;
        self.names.push((short(&name), line));
        // Of neighbours most are in one directory.
        if self.above.len() > limits::LISTED_NAMES {
            self.above.sort_unstable();
            self.above.dedup();
        }
        let most = self.names.len().max(self.above.len());
        if most > limits::LISTED_NAMES { Err(ListError::Many) } else { Ok(()) }
    }

    /// Whether a name is listed; it is met thereby.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        let name = short(name);
        let Ok(at) = self.names.binary_search_by_key(&name, |(name, _)| *name) else { return false };
        if let Some(bits) = self.met.get(at / 64) {
            bits.fetch_or(1 << (at % 64), Ordering::Relaxed);
        }
        true
    }

    /// Whether names below `name` are listed.
    #[must_use]
    pub fn reaches(&self, name: &str) -> bool {
        self.above.binary_search(&short(name)).is_ok() || self.contains_quietly(name)
    }

    fn contains_quietly(&self, name: &str) -> bool {
        let name = short(name);
        self.names.binary_search_by_key(&name, |(name, _)| *name).is_ok()
    }

    /// Returns the number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nothing is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the services of the names.
    #[must_use]
    pub fn services(&self) -> &BTreeSet<Namespace> {
        &self.services
    }

    /// Returns the tables, buckets and queues of the names; `None` where there are very many.
    #[must_use]
    pub fn scopes(&self) -> Option<&BTreeSet<(Namespace, Vec<u8>)>> {
        self.scopes.as_ref()
    }

    /// Says which lines name what was not met so far.
    #[must_use]
    pub fn unmet(&self) -> Option<String> {
        let was_met = |at: usize| {
            self.met.get(at / 64).is_some_and(|bits| bits.load(Ordering::Relaxed) >> (at % 64) & 1 == 1)
        };
        let names = self.names.iter().enumerate().filter(|(at, _)| !was_met(*at));
        let mut lines: Vec<_> = names.map(|(_, (_, line))| *line).collect();
        lines.sort_unstable();
        let told: Vec<_> = lines.iter().take(TOLD).map(u32::to_string).collect();
        let more = match lines.len().saturating_sub(TOLD) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let plural = if lines.len() == 1 { "" } else { "s" };
        (!lines.is_empty()).then(|| format!("{}, line{plural} {}{more}", self.source, told.join(", ")))
    }
}

fn short(name: &str) -> Short {
    let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// Returns the name in a line: a JSON object's `fullname`, the line itself, or what follows five columns and any number of
/// `member=value`.
fn of_line(line: &str) -> Option<String> {
    if line.starts_with('{') {
        return serde_json::from_str::<JsonLine>(line).ok().map(|line| line.fullname);
    }
    let mut rest = line;
    for column in 0.. {
        if (column == 0 || column >= 5) && service(rest).is_some() {
            return Some(rest.to_owned());
        }
        let (first, behind) = rest.trim_start().split_once(' ')?;
        if column >= 5 && !first.contains('=') {
            return None;
        }
        rest = behind.trim_start();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(lines: &str) -> Result<NameList, ListError> {
        NameList::read("names.txt", lines.as_bytes())
    }

    #[test]
    fn lines_are_names_columns_or_json() {
        for line in [
            "redis/a b",
            "redis/a b\r",
            "string    3         -  -                         2026-11-23T02:19:07.491Z  redis/a b",
            "message   3  -  -  2026-11-23T02:19:07.491Z  receives=2 group=sqs%2Fx redis/a b",
            r#"{"service":"redis","fullname":"redis/a b","bytes":3}"#,
        ] {
            let list = list(line).unwrap();
            assert!(list.contains("redis/a b") && !list.contains("redis/a"), "{line}");
            assert_eq!(list.unmet(), None);
        }
        assert!(matches!(list("\n# redis/a\n  \n"), Err(ListError::Empty)));
        for bad in ["x", "string 3 redis", "{}", "string 3 - - -  cart", "a b c d e f redis/x"] {
            assert!(matches!(list(&format!("redis/a\n{bad}")), Err(ListError::Line(2, _))), "{bad}");
        }
        assert!(matches!(list(&"x".repeat(limits::LISTED_LINE + 1)), Err(ListError::Long(1))));
    }

    #[test]
    fn a_name_means_itself_and_reaches_what_it_is_in() {
        let names = "dynamodb/orders/user-1/3\nfs/a/b/c\ns3/images\nredis/x*\nredis/%e9\n";
        let list = list(names).unwrap();
        for name in ["dynamodb/orders", "fs", "fs/a", "fs/a/b", "s3/images"] {
            assert!(list.reaches(name), "{name}");
        }
        for name in ["dynamodb/orders/user-1", "dynamodb/users", "fs/b", "redis"] {
            assert!(!list.reaches(name), "{name}");
        }
        assert!(list.contains("redis/x*") && !list.contains("redis/xy") && list.contains("redis/%E9"));
        assert!(!list.contains("s3/images/a") && !list.contains("dynamodb/orders"));
        assert_eq!(list.unmet().unwrap(), "names.txt, lines 1, 2, 3");
        assert_eq!(list.len(), 5);
        assert_eq!(list.scopes().unwrap().len(), 2);
    }

    #[test]
    fn of_very_many_that_are_not_there_some_are_told() {
        let lines = |service: &str, count: u32| {
            (0..count).map(|number| format!("{service}/{number}\n")).collect::<Vec<_>>().concat()
        };
        let list = list(&lines("kv", 100)).unwrap();
        assert!(list.contains("kv/2"));
        assert_eq!(list.scopes().unwrap().len(), 0);
        assert_eq!(list.unmet().unwrap(), "names.txt, lines 1, 2, 4, 5, 6, 7, 8, 9 and 91 more");
        assert!(self::list(&lines("sqs", 1002)).unwrap().scopes().is_none());
    }
}
