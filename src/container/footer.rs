//! The CRC32C footer, and the running checksum that it is compared with (`format/container.md#footer`).

use super::ErrorKind;

/// Length of the footer, bytes.
pub(super) const LEN: u64 = 4;

/// CRC32C over the bytes of a file in file order, up to where a footer begins if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checksum {
    crc: u32,
    next: u64,
    end: u64,
}

impl Checksum {
    /// Returns the checksum of nothing, of a file of `len` bytes.
    pub(super) fn new(len: u64) -> Self {
        Self { crc: 0, next: 0, end: len.saturating_sub(LEN) }
    }

    /// Takes the bytes that stand at `offset`, those before and behind what is wanted left out.
    pub(super) fn update(&mut self, offset: u64, bytes: &[u8]) {
        let skip = usize::try_from(self.next.saturating_sub(offset)).unwrap_or(usize::MAX);
        let keep = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes.len());
        if let Some(bytes) = bytes.get(skip..keep) {
            self.crc = crc32c::crc32c_append(self.crc, bytes);
            self.next += bytes.len() as u64;
        }
    }

    /// Compares with the footer.
    pub(super) fn check(self, footer: [u8; 4]) -> Result<u32, ErrorKind> {
        let expected = u32::from_be_bytes(footer);
        if self.crc == expected {
            Ok(expected)
        } else {
            Err(ErrorKind::FooterMismatch { expected, found: self.crc })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_any_size_give_the_same_checksum() {
        let bytes: Vec<u8> = (0..100).collect();
        let footer = crc32c::crc32c(&bytes[..96]).to_be_bytes();
        for block in [1, 3, 7, 96, 97, 100] {
            let mut checksum = Checksum::new(100);
            for (at, block_bytes) in bytes.chunks(block).enumerate() {
                checksum.update((at * block) as u64, block_bytes);
            }
            assert_eq!(checksum.check(footer).unwrap(), u32::from_be_bytes(footer));
        }
    }

    #[test]
    fn another_footer_is_a_mismatch() {
        let mut checksum = Checksum::new(13);
        checksum.update(0, b"123456789____");
        assert_eq!(checksum.check([0xe3, 0x06, 0x92, 0x83]).unwrap(), 0xe306_9283);
        let error = checksum.check([0x83, 0x92, 0x06, 0xe3]).unwrap_err();
        assert!(matches!(error, ErrorKind::FooterMismatch { expected: 0x8392_06e3, found: 0xe306_9283 }));
    }
}
