//! What a file's name tells: the Raft index of the snapshot (`format/container.md#where-the-files-live`), or the SHA-256 of an offloaded
//! payload (`format/container.md#offloaded-payloads`).

use std::path::Path;

/// Reads the index: the stem must be exactly 16 lower-case hex digits, `.fsm`, perhaps `.gz` or `.zst` behind it.
#[must_use]
pub(crate) fn snapshot_index(path: &Path) -> Option<u64> {
    let digits = digits(path)?;
    (digits.len() == 16 && is_hex(digits)).then(|| u64::from_str_radix(digits, 16).ok())?
}

/// Reads the SHA-256 of the plain bytes: the stem must be exactly 64 lower-case hex digits.
pub(super) fn digest(path: &Path) -> Option<String> {
    digits(path).filter(|digits| is_digest(digits)).map(str::to_owned)
}

/// Whether this is a SHA-256 in lower-case hex.
pub(super) fn is_digest(digits: &str) -> bool {
    digits.len() == 64 && is_hex(digits)
}

fn digits(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    name.strip_suffix(".fsm")
}

fn is_hex(digits: &str) -> bool {
    digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_lower_case_hex_digits_are_an_index() {
        for name in ["0000000000000064.fsm", "a/b/0000000000000064.fsm.gz", "0000000000000064.fsm.zst"] {
            assert_eq!(snapshot_index(Path::new(name)), Some(100), "{name}");
        }
        assert_eq!(snapshot_index(Path::new("ffffffffffffffff.fsm")), Some(u64::MAX));
    }

    #[test]
    fn sixty_four_lower_case_hex_digits_are_a_digest_and_no_index() {
        let digits = "0123456789abcdef".repeat(4);
        let path = |name: &str| Path::new("a").join(name);
        for extension in [".fsm", ".fsm.zst", ".fsm.gz"] {
            assert_eq!(digest(&path(&format!("{digits}{extension}"))), Some(digits.clone()));
        }
        assert_eq!(snapshot_index(&path(&format!("{digits}.fsm"))), None);
        for name in [format!("{digits}0.fsm"), digits.clone(), format!("{}.fsm", digits.to_uppercase())] {
            assert_eq!(digest(&path(&name)), None, "{name}");
        }
        assert_eq!(digest(Path::new("0000000000000064.fsm")), None);
    }

    #[test]
    fn other_names_tell_nothing() {
        for name in [
            "backup.fsm",
            "42.fsm",
            "000000000000006.fsm",
            "00000000000000064.fsm",
            "000000000000006A.fsm",
            "+000000000000064.fsm",
            "0000000000000064",
            "0000000000000064.fsm.tmp",
            "0000000000000064.fsm.gz.gz",
            "-",
        ] {
            assert_eq!(snapshot_index(Path::new(name)), None, "{name}");
        }
    }
}
