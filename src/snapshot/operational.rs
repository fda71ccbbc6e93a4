//! Rows that are stored raw: no timestamp suffix, no value header (`format/keys.md#operational-rows`).

/// An operational row, told by its whole encoded key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operational {
    /// Raft index of the last applied entry.
    AppliedIndex,
    /// Highest commit timestamp; the payload's own header says the same.
    LastCommitTs,
    /// Compaction floor.
    MinRetainedTs,
    /// Floor of a compaction that has begun.
    PendingMinRetainedTs,
    /// A row of the writer registry (`format/encryption.md#registry-of-writers`).
    Writer,
}

/// Whether an encoded key is one of an operational row.
pub(crate) fn is_operational(encoded_key: &[u8]) -> bool {
    Operational::of(encoded_key).is_some()
}

impl Operational {
    /// Tells an operational row from an MVCC row.
    #[inline]
    pub(super) fn of(encoded_key: &[u8]) -> Option<Self> {
        match encoded_key.len() {
            19 | 20 | 21 | 29 => match encoded_key {
                b"_meta_applied_index" => Some(Self::AppliedIndex),
                b"_meta_last_commit_ts" => Some(Self::LastCommitTs),
                b"_meta_min_retained_ts" => Some(Self::MinRetainedTs),
                b"_meta_pending_min_retained_ts" => Some(Self::PendingMinRetainedTs),
                _ => None,
            },
            27 => {
                let rest = encoded_key.strip_prefix(b"!encryption|writers|")?;
                matches!(rest, [_, _, _, _, b'|', _, _]).then_some(Self::Writer)
            }
            _ => None,
        }
    }

    /// Returns the length that the value should have, bytes.
    pub(super) fn value_len(self) -> usize {
        if self == Self::Writer { 12 } else { 8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_counts() {
        assert_eq!(Operational::of(b"_meta_applied_index"), Some(Operational::AppliedIndex));
        assert_eq!(Operational::of(b"_meta_last_commit_ts"), Some(Operational::LastCommitTs));
        assert_eq!(Operational::of(b"_meta_min_retained_ts"), Some(Operational::MinRetainedTs));
        assert_eq!(
            Operational::of(b"_meta_pending_min_retained_ts"),
            Some(Operational::PendingMinRetainedTs)
        );
        assert_eq!(Operational::of(b"_meta_applied_index\xfe\x70\0\0\0\0\0\0"), None);
        assert_eq!(Operational::of(b"_meta_applied_indey"), None);
    }

    #[test]
    fn registry_rows_have_27_bytes_and_two_bars() {
        assert_eq!(Operational::of(b"!encryption|writers|\0\0\0\x01|\0\x02"), Some(Operational::Writer));
        assert_eq!(Operational::of(b"!encryption|writers|\0\0\0\x01!\0\x02"), None);
        assert_eq!(Operational::of(b"!encryption|writers|\0\0\0\x01|\0"), None);
        assert_eq!(Operational::of(b"!encryption|writers|\0\0\0\x01|\0\x02\0"), None);
    }
}
