//! Damage under right checksums.

use proptest::prelude::*;

use super::*;
use crate::container::fixture::table::table;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damage_under_right_checksums_is_never_a_panic(
        at in any::<proptest::sample::Index>(),
        with in any::<u8>(),
        two_levels: bool,
    ) {
        // Any byte of a table changed, and every checksum of a block and every digest made right again.
        let rows = numbered(60);
        let index_block = if two_levels { 60 } else { 4096 };
        let shape = Shape { block: 400, index_block, snappy: false, ..Shape::default() };
        let whole = table(&rows, &shape);
        let mut bytes = whole.clone();
        bytes[at.index(whole.len())] = with;
        repair(&mut bytes, &whole);
        let mut bundle = written(&rows, usize::MAX, &shape);
        bundle.tables[0].bytes = bytes;
        let source = fixture::source(&bundle.payload());
        let expected = raw(&first(&fixture::source(&written(&rows, usize::MAX, &shape).payload())).unwrap());
        if let Ok(lent) = first(&source) {
            // Only what is no part of a key or a length can have changed.
            prop_assert_eq!(lent.len(), expected.len());
        }
    }
}

/// Writes the checksum of each block anew: of what was a block of the table `whole`, whose blocks are stored.
fn repair(bytes: &mut [u8], whole: &[u8]) {
    let masked = |data: &[u8]| crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    let mut start = 0;
    for end in 0..whole.len() - 4 {
        if end > start && whole[end..end + 4] == masked(&whole[start..end]) {
            let crc = masked(&bytes[start..end]);
            bytes[end..end + 4].copy_from_slice(&crc);
            start = end + 4;
        }
    }
}
