//! Typed keys of the fs families (`format/filesystem.md#records-of-the-filesystem`).
//!
//! In: a user key of an fs family. Out: its numbers and names, borrowed; or the other way round, the keys and
//! prefixes that a walk looks up.

use crate::cursor;

use super::Family;

/// Inode of the root directory.
pub const ROOT: u64 = 1;

const INODE: &[u8; 8] = b"!fs|ino|";
const NAME: &[u8; 8] = b"!fs|dir|";
const CHUNK: &[u8; 8] = b"!fs|chk|";
const NAME_END: &[u8; 2] = &[0, 0];

/// Names a chunk of a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkKey {
    /// Where the chunk lives: counts only when it is the inode record's.
    pub home_slot: u64,
    /// The file.
    pub inode: u64,
    /// Position in the file, in units of the file's chunk size.
    pub index: u64,
}

/// Parses an inode key: the inode.
#[must_use]
pub fn inode(key: &[u8]) -> Option<u64> {
    one_number(key.strip_prefix(INODE)?)
}

/// Parses a name key: the parent's inode and the name. `None` also for names that no directory can hold
/// (empty, `.`, `..`, with `/` or NUL).
#[must_use]
pub fn name(key: &[u8]) -> Option<(u64, &[u8])> {
    let mut rest = key.strip_prefix(NAME)?;
    let parent = cursor::take_u64_be(&mut rest)?;
    // `ord` escapes only NUL, which no name contains: what is left is the name as it is.
    let name = rest.strip_suffix(NAME_END)?;
    let plain = !matches!(name, b"" | b"." | b"..") && memchr::memchr2(0, b'/', name).is_none();
    plain.then_some((parent, name))
}

/// Parses a chunk key.
#[must_use]
pub fn chunk(key: &[u8]) -> Option<ChunkKey> {
    let mut rest = key.strip_prefix(CHUNK)?;
    let key = ChunkKey {
        home_slot: cursor::take_u64_be(&mut rest)?,
        inode: cursor::take_u64_be(&mut rest)?,
        index: cursor::take_u64_be(&mut rest)?,
    };
    rest.is_empty().then_some(key)
}

/// Whether the rest of a bookkeeping key parses; true for the families that have a parser of their own.
#[must_use]
pub fn is_sound(family: Family, key: &[u8]) -> bool {
    let Some(rest) = key.strip_prefix(family.prefix()) else { return false };
    match family {
        Family::FsNameVersion | Family::FsHome | Family::FsRefFence => one_number(rest).is_some(),
        Family::FsIntent | Family::FsMoveJob | Family::FsUsageRoute => {
            after_ord(rest).is_some_and(<[u8]>::is_empty)
        }
        Family::FsRef => {
            let mut rest = rest;
            cursor::take_u64_be(&mut rest).and_then(|_| after_ord(rest)).and_then(one_number).is_some()
        }
        _ => true,
    }
}

/// Returns the key of an inode row.
#[must_use]
pub fn inode_key(inode: u64) -> [u8; 16] {
    joined(*INODE, inode)
}

/// Returns what the name rows of a directory begin with.
#[must_use]
pub fn names_prefix(parent: u64) -> [u8; 16] {
    joined(*NAME, parent)
}

/// Returns the key of a name row.
#[must_use]
pub fn name_key(parent: u64, name: &[u8]) -> Vec<u8> {
    [&names_prefix(parent), name, NAME_END].concat()
}

/// Appends the key of the row that says where an inode's content lives.
pub fn write_home(out: &mut Vec<u8>, home_slot: u64) {
    out.extend_from_slice(Family::FsHome.prefix());
    out.extend_from_slice(&home_slot.to_be_bytes());
}

/// Appends the key of a chunk.
pub fn write_chunk(out: &mut Vec<u8>, home_slot: u64, inode: u64, index: u64) {
    out.extend_from_slice(&chunks_prefix(home_slot, inode));
    out.extend_from_slice(&index.to_be_bytes());
}

/// Returns what the chunk rows of a file under one home slot begin with.
#[must_use]
pub fn chunks_prefix(home_slot: u64, inode: u64) -> [u8; 24] {
    let mut prefix = [0; 24];
    let (head, tail) = prefix.split_at_mut(16);
    head.copy_from_slice(&joined(*CHUNK, home_slot));
    tail.copy_from_slice(&inode.to_be_bytes());
    prefix
}

fn joined(prefix: [u8; 8], number: u64) -> [u8; 16] {
    let mut key = [0; 16];
    let (head, tail) = key.split_at_mut(8);
    head.copy_from_slice(&prefix);
    tail.copy_from_slice(&number.to_be_bytes());
    key
}

fn one_number(mut rest: &[u8]) -> Option<u64> {
    cursor::take_u64_be(&mut rest).filter(|_| rest.is_empty())
}

/// Returns what follows an `ord` string: `00` stands as `00 ff`, `00 00` ends it.
fn after_ord(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let zero = memchr::memchr(0, rest)?;
        let (mark, after) = rest.get(zero + 1..)?.split_first()?;
        match mark {
            0 => return Some(after),
            0xff => rest = after,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inode_key_has_exactly_eight_bytes_behind_its_prefix() {
        assert_eq!(inode(&inode_key(u64::MAX)), Some(u64::MAX));
        assert_eq!(inode(b"!fs|ino|\0\0\0\0\0\0\0"), None);
        assert_eq!(inode(b"!fs|ino|\0\0\0\0\0\0\0\x01x"), None);
        assert_eq!(inode(b"!fs|dir|\0\0\0\0\0\0\0\x01"), None);
    }

    #[test]
    fn a_name_key_gives_parent_and_name() {
        assert_eq!(name(&name_key(7, b"a\xff b")), Some((7, &b"a\xff b"[..])));
        let long = vec![b'n'; 5000];
        assert_eq!(name(&name_key(7, &long)), Some((7, &long[..])));
        assert_eq!(name(&name_key(7, b"...")), Some((7, &b"..."[..])));
    }

    #[test]
    fn names_that_no_directory_can_hold_do_not_parse() {
        for bad in [&b""[..], b".", b"..", b"/", b"a/b", b"a\0b", b"\0"] {
            assert_eq!(name(&name_key(1, bad)), None, "{bad:?}");
        }
    }

    #[test]
    fn name_keys_cut_or_extended_anywhere_do_not_parse() {
        let key = name_key(1, b"ab");
        for end in 0..key.len() {
            assert_eq!(name(&key[..end]), None, "{end}");
        }
        assert_eq!(name(&[&key[..], b"x"].concat()), None);
        assert_eq!(name(b"!fs|dir|\0\0\0\0\0\0\0\x01a\0\xffb\0\0"), None, "an escaped NUL");
    }

    #[test]
    fn a_chunk_key_has_three_numbers() {
        let mut key = chunks_prefix(5, 6).to_vec();
        key.extend_from_slice(&7u64.to_be_bytes());
        assert_eq!(chunk(&key), Some(ChunkKey { home_slot: 5, inode: 6, index: 7 }));
        for end in 0..key.len() {
            assert_eq!(chunk(&key[..end]), None, "{end}");
        }
        key.push(0);
        assert_eq!(chunk(&key), None);
    }

    #[test]
    fn bookkeeping_keys_are_checked_by_family() {
        for (family, sound, broken) in [
            (Family::FsHome, &b"!fs|home|12345678"[..], &b"!fs|home|1234567"[..]),
            (Family::FsNameVersion, b"!fs|dirv|12345678", b"!fs|dirv|123456789"),
            (Family::FsRefFence, b"!fs|reffence|12345678", b"!fs|reffence|"),
            (Family::FsIntent, b"!fs|intent|a\0\xffb\0\0", b"!fs|intent|a\0\xffb\0"),
            (Family::FsMoveJob, b"!fs|job|move|\0\0", b"!fs|job|move|\0\0x"),
            (Family::FsUsageRoute, b"!fs|usage|route|r\0\0", b"!fs|usage|route|r\0\x01"),
            (Family::FsRef, b"!fs|ref|12345678c\0\x0012345678", b"!fs|ref|12345678c\0\x001234567"),
        ] {
            assert!(is_sound(family, sound), "{family:?}");
            assert!(!is_sound(family, broken), "{family:?}");
        }
    }
}
