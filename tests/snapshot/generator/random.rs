//! Contents that do not compress and do not repeat, made as fast as memory can be copied.

/// Bytes of the pool.
const POOL: usize = 1 << 21;

/// Lends slices of a pool of random bytes; each is stamped with a counter, so no two are equal.
pub struct Random {
    pool: Vec<u8>,
    text: Vec<u8>,
    state: u64,
    stamp: u64,
}

impl Random {
    /// Fills the pool from a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Self { pool: Vec::new(), text: Vec::new(), state: seed | 1, stamp: 0 };
        while random.pool.len() < POOL {
            let word = random.next();
            random.pool.extend_from_slice(&word.to_le_bytes());
        }
        let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .";
        random.text = random.pool.iter().map(|byte| letters[usize::from(*byte) % letters.len()]).collect();
        random
    }

    /// Returns the next number (xorshift).
    pub fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// Returns `len` bytes, at most 1 MiB.
    pub fn bytes(&mut self, len: usize) -> &[u8] {
        let start = (self.next() as usize) % (POOL / 2);
        self.stamp += 1;
        let stamp = self.stamp.to_le_bytes();
        let slice = &mut self.pool[start..start + len];
        let stamped = len.min(stamp.len());
        slice[..stamped].copy_from_slice(&stamp[..stamped]);
        slice
    }

    /// Returns `len` letters, digits, spaces and full stops, at most 1 MiB.
    pub fn text(&mut self, len: usize) -> String {
        let start = (self.next() as usize) % (POOL / 2);
        String::from_utf8_lossy(&self.text[start..start + len]).into_owned()
    }
}
