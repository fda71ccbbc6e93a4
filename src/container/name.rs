//! What a file's name tells: the Raft index of the snapshot (`container.md` 1).

use std::path::Path;

/// Reads the index: the stem must be exactly 16 lower-case hex digits, `.fsm`, perhaps `.gz` or `.zst` behind it.
#[must_use]
pub fn snapshot_index(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    let digits = name.strip_suffix(".fsm")?;
    let all_hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (digits.len() == 16 && all_hex).then(|| u64::from_str_radix(digits, 16).ok())?
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
