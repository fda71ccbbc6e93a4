//! Runs of rows of one Redis key, numbered alike in every scan of a family.

/// Follows the Redis keys of a scan.
#[derive(Debug, Default)]
pub(super) struct Runs {
    key: Vec<u8>,
    begun: u64,
}

impl Runs {
    /// Whether a row of this key belongs to the run at hand.
    pub(super) fn continues(&self, key: &[u8]) -> bool {
        self.begun > 0 && self.key == key
    }

    /// Begins a run of this key.
    pub(super) fn begin(&mut self, key: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(key);
        self.begun += 1;
    }

    /// Returns the key of the run at hand.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Returns the number of the run at hand; the first one is 1.
    pub(super) fn number(&self) -> u64 {
        self.begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_lasts_until_another_key_comes() {
        let mut runs = Runs::default();
        let mut numbers = Vec::new();
        for key in [&b""[..], b"", b"a", b"b", b"b", b"a"] {
            if !runs.continues(key) {
                runs.begin(key);
            }
            assert_eq!(runs.key(), key);
            numbers.push(runs.number());
        }
        assert_eq!(numbers, [1, 1, 2, 3, 3, 4]);
    }
}
