//! IDs of stream entries as they are stored (`format/redis.md#messages`).

use crate::keyspace::redis::StreamId;

/// Whether a stored ID is a spelling, canonical or not, of this one.
pub(super) fn spells(stored: &str, id: StreamId) -> bool {
    let parse = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    stored.split_once('-').and_then(|(ms, seq)| Some(StreamId { ms: parse(ms)?, seq: parse(seq)? }))
        == Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_may_be_spelt_with_zeros_in_front() {
        let id = StreamId { ms: 7, seq: 1 };
        assert!(spells("7-1", id));
        assert!(spells("007-1", id));
        for other in ["7-2", "7", "", "-", "+7-1", "7-1-1", "99999999999999999999-1"] {
            assert!(!spells(other, id), "{other}");
        }
    }
}
