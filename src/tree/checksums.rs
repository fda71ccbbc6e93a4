//! CHECKSUMS: `sha256sum` text of the whole tree (`tree/checksums.md#checksums`). Writer and strict reader of its lines.
//!
//! In: paths below the root and digests. Out: lines, and rows again.

use std::borrow::Cow;

use crate::limits;

/// Name of the file.
pub(super) const NAME: &str = "CHECKSUMS";
/// Hex digits of a digest.
const DIGITS: usize = 64;
/// Bytes that the GNU escape replaces, and what stands for them behind the backslash.
const ESCAPES: [(u8, u8); 3] = [(b'\n', b'n'), (b'\r', b'r'), (b'\\', b'\\')];

/// Appends one line, newline included. A digest has 32 bytes.
pub(super) fn line(out: &mut Vec<u8>, digest: &[u8], path: &[u8]) {
    let escaped = needs_escape(path);
    if escaped {
        out.push(b'\\');
    }
    let start = out.len();
    out.resize(start + DIGITS, 0);
    let written = out.get_mut(start..).map(|digits| hex::encode_to_slice(digest, digits));
    debug_assert_eq!(written, Some(Ok(())), "room was made for exactly these digits");
    out.extend_from_slice(b"  ");
    if escaped {
        for &byte in path {
            match ESCAPES.iter().find(|(raw, _)| *raw == byte) {
                Some((_, name)) => out.extend_from_slice(&[b'\\', *name]),
                None => out.push(byte),
            }
        }
    } else {
        out.extend_from_slice(path);
    }
    out.push(b'\n');
}

/// Whether the line of this path is one that readers take.
pub(super) fn fits(path: &[u8]) -> bool {
    // Most paths fit even if each byte has to be escaped.
    path.len() < limits::CHECKSUMS_LINE / 4 || length(path) <= limits::CHECKSUMS_LINE
}

/// Returns the length of the line of this path, bytes, without its newline.
pub(super) fn length(path: &[u8]) -> usize {
    let escapes = memchr::memchr3_iter(b'\n', b'\r', b'\\', path).count();
    let mark = usize::from(escapes > 0);
    mark + DIGITS + 2 + path.len() + escapes
}

fn needs_escape(path: &[u8]) -> bool {
    memchr::memchr3(b'\n', b'\r', b'\\', path).is_some()
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) digest: [u8; 32],
    /// Relative to the root, components separated by `/`, none of them empty, `.` or `..`.
    pub(super) path: Cow<'a, [u8]>,
}

/// Why a line is no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LineError {
    #[error("not 64 lower-case hex digits")]
    Digest,
    #[error("neither two spaces nor a space and an asterisk between digest and path")]
    Separator,
    #[error("dangling or unknown escape")]
    Escape,
    #[error("not a path inside the dump")]
    Path,
}

/// Parses one line, without its newline.
pub(super) fn parse(line: &[u8]) -> Result<Row<'_>, LineError> {
    let (escaped, line) = match line.strip_prefix(b"\\") {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (digits, rest) = line.split_at_checked(DIGITS).ok_or(LineError::Digest)?;
    let mut digest = [0; 32];
    if digits.iter().any(u8::is_ascii_uppercase) || hex::decode_to_slice(digits, &mut digest).is_err() {
        return Err(LineError::Digest);
    }
    let path = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *")).ok_or(LineError::Separator)?;
    let path = if escaped { Cow::Owned(unescape(path)?) } else { Cow::Borrowed(path) };
    if is_inside(&path) { Ok(Row { digest, path }) } else { Err(LineError::Path) }
}

fn unescape(path: &[u8]) -> Result<Vec<u8>, LineError> {
    let mut raw = Vec::with_capacity(path.len());
    let mut bytes = path.iter();
    while let Some(&byte) = bytes.next() {
        if byte == b'\\' {
            let name = bytes.next().ok_or(LineError::Escape)?;
            let (meant, _) = ESCAPES.iter().find(|(_, known)| known == name).ok_or(LineError::Escape)?;
            raw.push(*meant);
        } else {
            raw.push(byte);
        }
    }
    Ok(raw)
}

/// Whether a path names something below the root, in the one spelling that the tree's own paths have.
fn is_inside(path: &[u8]) -> bool {
    !path.contains(&0) && path.split(|&byte| byte == b'/').all(|name| !matches!(name, b"" | b"." | b".."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    fn text(path: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        line(&mut out, &[0; 32], path);
        out
    }

    fn error(line: &str) -> LineError {
        parse(line.as_bytes()).unwrap_err()
    }

    #[test]
    fn lines_are_those_of_sha256sum() {
        assert_eq!(text(b"a/b c"), format!("{ZEROS}  a/b c\n").into_bytes());
        assert_eq!(text(b"a\nb\r\\"), format!("\\{ZEROS}  a\\nb\\r\\\\\n").into_bytes());
        assert_eq!(text(b"\xff"), [format!("{ZEROS}  ").as_bytes(), b"\xff\n"].concat());
    }

    #[test]
    fn both_separators_are_read() {
        for separator in ["  ", " *"] {
            let line = format!("{ZEROS}{separator}a*b");
            assert_eq!(parse(line.as_bytes()).unwrap().path, &b"a*b"[..]);
        }
        for separator in ["", " ", "\t ", "**", "* "] {
            assert_eq!(error(&format!("{ZEROS}{separator}a")), LineError::Separator, "{separator:?}");
        }
    }

    #[test]
    fn digests_have_64_lower_case_digits() {
        assert_eq!(error(""), LineError::Digest);
        assert_eq!(error(&ZEROS[1..]), LineError::Digest);
        assert_eq!(error(&format!("{}A  a", &ZEROS[1..])), LineError::Digest);
        assert_eq!(error(&format!("{}g  a", &ZEROS[1..])), LineError::Digest);
        assert_eq!(error(&format!("0{ZEROS}  a")), LineError::Separator);
        assert_eq!(error(ZEROS), LineError::Separator);
    }

    #[test]
    fn paths_stay_below_the_root() {
        for path in ["", ".", "..", "/a", "a/", "a//b", "./a", "../a", "a/../b", "a/.", "a\0"] {
            assert_eq!(error(&format!("{ZEROS}  {path}")), LineError::Path, "{path:?}");
        }
        assert!(parse(format!("{ZEROS}   ").as_bytes()).is_ok(), "a space is a name");
        assert!(parse(format!("{ZEROS}  ...").as_bytes()).is_ok());
    }

    #[test]
    fn escapes_are_known_and_complete() {
        assert_eq!(error(&format!("\\{ZEROS}  a\\")), LineError::Escape);
        assert_eq!(error(&format!("\\{ZEROS}  a\\t")), LineError::Escape);
        assert_eq!(parse(format!("{ZEROS}  a\\t").as_bytes()).unwrap().path, &b"a\\t"[..]);
    }

    #[test]
    fn the_longest_line_is_the_longest_that_fits() {
        let longest = limits::CHECKSUMS_LINE - DIGITS - 2;
        assert!(fits(&vec![b'a'; longest]));
        assert!(!fits(&vec![b'a'; longest + 1]));
        let escaped = [&vec![b'a'; longest - 3][..], b"\\"].concat();
        assert!(fits(&escaped));
        assert_eq!(text(&escaped).len(), limits::CHECKSUMS_LINE + 1);
        assert!(!fits(&[&escaped[..], b"a"].concat()));
    }

    proptest! {
        #[test]
        fn rows_read_back(
            digest: [u8; 32],
            names in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\\'), Just(b'\n')], 1..6), 1..4),
        ) {
            let path = names.join(&b'/');
            prop_assume!(is_inside(&path));
            let mut out = Vec::new();
            line(&mut out, &digest, &path);
            prop_assert_eq!(memchr::memchr(b'\n', &out), Some(out.len() - 1));
            out.pop();
            prop_assert_eq!(parse(&out), Ok(Row { digest, path: Cow::Owned(path) }));
        }

        #[test]
        fn parsing_never_panics(line in proptest::collection::vec(any::<u8>(), 0..90)) {
            let _ = parse(&line);
        }
    }
}
