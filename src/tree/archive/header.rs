//! Headers of a tar archive: 512 bytes for each entry, before them PAX records where a path or a size needs them.
//!
//! In: path, kind, mode, size. Out: blocks, and the fields of a block again. Times are fixed and owners are 0, so that one
//! tree is one archive.
//!
//! The crate `tar` ends a PAX record at the first newline, which keys of S3 may hold, and takes extensions of any length
//! into memory: so blocks are read and written here.

/// Bytes of a block: a header, and the unit that contents are padded to.
pub(super) const BLOCK: usize = 512;
/// Modification time of every entry: 1980-01-01. Tools warn of the year 1970.
const MTIME: u64 = 315_532_800;
/// Sizes that eleven octal digits do not hold stand in a PAX record only.
const OCTAL_SIZES: u64 = 1 << 33;
/// Digits of a size in a PAX record: always as many, so that the record can be written before the size is known.
const SIZE_DIGITS: usize = 19;

/// Type of a regular file, of a directory, and of PAX records for the next entry.
pub(super) const FILE: u8 = b'0';
pub(super) const DIRECTORY: u8 = b'5';
pub(super) const PAX: u8 = b'x';

/// An entry of which headers are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'p> {
    /// From the root; that of a directory ends in a slash.
    pub(super) path: &'p [u8],
    pub(super) kind: u8,
    pub(super) mode: u32,
    pub(super) size: u64,
    /// Whether the size stands in a PAX record however small it is.
    pub(super) long: bool,
}

impl Header<'_> {
    /// Appends the blocks. Their number depends on the path and on `long` alone.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        let split = split(self.path);
        let mut records = Vec::new();
        if split.is_none() {
            if str::from_utf8(self.path).is_err() {
                push_record(&mut records, b"hdrcharset", b"BINARY");
            }
            push_record(&mut records, b"path", self.path);
        }
        if self.long {
            push_record(&mut records, b"size", format!("{:0SIZE_DIGITS$}", self.size).as_bytes());
        }
        if !records.is_empty() {
            let length = u64::try_from(records.len()).unwrap_or(u64::MAX);
            push_block(out, (b"", b"pax"), PAX, 0o644, length);
            out.extend_from_slice(&records);
            pad(out, records.len());
        }
        let name = split.unwrap_or_else(|| (b"", self.path.get(..100).unwrap_or(self.path)));
        let size = if self.size < OCTAL_SIZES { self.size } else { 0 };
        push_block(out, name, self.kind, self.mode, size);
    }
}

/// Appends the zeros that fill up the last block of this many bytes.
pub(super) fn pad(out: &mut Vec<u8>, length: usize) {
    out.resize(out.len() + length.next_multiple_of(BLOCK) - length, 0);
}

/// Returns how many zeros fill up the last block of contents.
pub(super) fn padding(length: u64) -> u64 {
    length.wrapping_neg() % 512
}

/// Splits a path into the fields `prefix` and `name` of a header; `None` where it needs a PAX record.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if !path.is_ascii() {
        return None;
    }
    if path.len() <= 100 {
        return Some((b"", path));
    }
    let inner = path.strip_suffix(b"/").unwrap_or(path);
    let slash = memchr::memchr_iter(b'/', inner).find(|slash| path.len() - slash - 1 <= 100)?;
    let (prefix, name) = path.split_at_checked(slash)?;
    (prefix.len() <= 155).then(|| (prefix, name.get(1..).unwrap_or_default()))
}

/// Appends `<length of all> <name>=<value>\n`.
fn push_record(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let around = name.len() + value.len() + b" =\n".len();
    let mut digits = 1;
    while (around + digits).to_string().len() > digits {
        digits += 1;
    }
    out.extend_from_slice((around + digits).to_string().as_bytes());
    for part in [b" ", name, b"=", value, b"\n"] {
        out.extend_from_slice(part);
    }
}

fn push_block(out: &mut Vec<u8>, (prefix, name): (&[u8], &[u8]), kind: u8, mode: u32, size: u64) {
    let start = out.len();
    let mut field = |bytes: &[u8], length: usize| {
        out.extend_from_slice(bytes);
        out.resize(out.len() + length.saturating_sub(bytes.len()), 0);
    };
    field(name, 100);
    field(format!("{mode:07o}").as_bytes(), 8);
    field(b"0000000", 8);
    field(b"0000000", 8);
    field(format!("{size:011o}").as_bytes(), 12);
    field(format!("{MTIME:011o}").as_bytes(), 12);
    // The sum is made over blanks.
    field(b"        ", 8);
    field(&[kind], 1);
    field(b"", 100);
    field(b"ustar\x0000", 8);
    field(b"", 64);
    field(b"0000000", 8);
    field(b"0000000", 8);
    field(prefix, 155);
    field(b"", 12);
    let block = out.get(start..).unwrap_or_default();
    let sum = format!("{:06o}\0 ", sum(block));
    if let Some(place) = out.get_mut(start + 148..start + 156) {
        place.copy_from_slice(sum.as_bytes());
    }
}

/// Returns the sum of all bytes.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte)).sum()
}

/// The fields of a header that count for a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) path: Vec<u8>,
    pub(super) kind: u8,
    pub(super) size: u64,
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The sum over the block is another one.
    #[error("its checksum is {expected:?}, expected {found}")]
    Checksum {
        /// As the block says; `None` where that is no number.
        expected: Option<u64>,
        /// As it is.
        found: u64,
    },
    /// The size is no number.
    #[error("its size is no number")]
    Size,
    /// PAX records are not as long as they say, or hold no number where there should be one.
    #[error("its PAX records are malformed")]
    Pax,
}

/// Reads a block that is not all zeros.
pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Fields, HeaderError> {
    let field = |start: usize, length: usize| block.get(start..start + length).unwrap_or_default();
    let found = sum(block) - sum(field(148, 8)) + 8 * u64::from(b' ');
    let expected = number(field(148, 8));
    if expected != Some(found) {
        return Err(HeaderError::Checksum { expected, found });
    }
    let text = |bytes: &[u8]| bytes.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
    let mut path = text(field(0, 100));
    let prefix = if field(257, 6) == b"ustar\0" { text(field(345, 155)) } else { Vec::new() };
    if !prefix.is_empty() {
        path = [&prefix, &b"/"[..], &path].concat();
    }
    let size = number(field(124, 12)).ok_or(HeaderError::Size)?;
    Ok(Fields { path, kind: field(156, 1).first().copied().unwrap_or_default(), size })
}

/// Reads a number: octal digits with blanks around, or the bytes of a large one as GNU writes it.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((0x80, rest)) = field.split_first() {
        let (high, low) = rest.split_last_chunk::<8>()?;
        return high.iter().all(|&byte| byte == 0).then(|| u64::from_be_bytes(*low));
    }
    let text = field.trim_ascii_start();
    let end = text.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let blank = rest.iter().all(|byte| matches!(byte, 0 | b' '));
    let valid = blank && digits.iter().all(|digit| (b'0'..=b'7').contains(digit));
    let add = |number: u64, digit: &u8| number.checked_mul(8)?.checked_add(u64::from(digit - b'0'));
    if valid { digits.iter().try_fold(0, add) } else { None }
}

/// What PAX records say of the next entry, as far as it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    /// Whether they describe a file with holes.
    pub(super) sparse: bool,
}

impl Records {
    pub(super) fn parse(mut text: &[u8]) -> Result<Self, HeaderError> {
        let mut records = Self::default();
        while !text.is_empty() {
            let blank = memchr::memchr(b' ', text).ok_or(HeaderError::Pax)?;
            let length: usize = decimal(text.get(..blank).unwrap_or_default())
                .and_then(|length| usize::try_from(length).ok())
                .ok_or(HeaderError::Pax)?;
            let record = text.get(blank + 1..length).and_then(|record| record.strip_suffix(b"\n"));
            let record = record.ok_or(HeaderError::Pax)?;
            let sign = memchr::memchr(b'=', record).ok_or(HeaderError::Pax)?;
            let (name, value) = record.split_at_checked(sign).ok_or(HeaderError::Pax)?;
            let value = value.get(1..).unwrap_or_default();
            match name {
                b"path" => records.path = Some(value.to_vec()),
                b"size" => records.size = Some(decimal(value).ok_or(HeaderError::Pax)?),
                name if name.starts_with(b"GNU.sparse.") => records.sparse = true,
                _ => {}
            }
            text = text.get(length..).unwrap_or_default();
        }
        Ok(records)
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let valid = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if valid { str::from_utf8(digits).ok()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Makes the blocks of a file and reads them as a reader does.
    fn back(path: &[u8], size: u64, long: bool) -> (usize, Fields) {
        let mut blocks = Vec::new();
        Header { path, kind: FILE, mode: 0o600, size, long }.push(&mut blocks);
        let count = blocks.len() / BLOCK;
        assert_eq!(blocks.len() % BLOCK, 0);
        let block = |at: usize| blocks[at * BLOCK..(at + 1) * BLOCK].try_into().unwrap();
        let first = parse(&block(0)).unwrap();
        let mut fields = parse(&block(count - 1)).unwrap();
        if first.kind == PAX {
            let length = usize::try_from(first.size).unwrap();
            let records = Records::parse(&blocks[BLOCK..BLOCK + length]).unwrap();
            fields.path = records.path.unwrap_or(fields.path);
            fields.size = records.size.unwrap_or(fields.size);
        } else {
            assert_eq!(count, 1);
        }
        (count, fields)
    }

    #[test]
    fn a_path_stands_in_the_header_where_it_fits() {
        let deep = ["d".repeat(155), "n".repeat(100)].join("/");
        for (path, blocks) in [
            ("a".repeat(100), 1),
            ("a".repeat(101), 3),
            (deep.clone(), 1),
            (format!("{deep}n"), 3),
            ("d/".to_owned() + &"n".repeat(100), 1),
            ("\u{e9}".to_owned(), 3),
            ("x/".repeat(4000) + "y", 2 + 8020_usize.div_ceil(BLOCK)),
        ] {
            let (count, fields) = back(path.as_bytes(), 7, false);
            assert_eq!((count, fields.size), (blocks, 7), "{path}");
            assert!(fields.path == path.as_bytes(), "{path}");
        }
    }

    #[test]
    fn sizes_of_eight_gib_and_more_stand_in_a_record_of_fixed_length() {
        for size in [0, 1, OCTAL_SIZES - 1, OCTAL_SIZES, 1 << 43, (1 << 62) + 1] {
            assert_eq!(back(b"a", size, true), (3, Fields { path: b"a".to_vec(), kind: FILE, size }));
        }
    }

    #[test]
    fn every_damaged_byte_of_a_header_is_found() {
        let mut blocks = Vec::new();
        Header { path: b"a/b", kind: FILE, mode: 0o600, size: 1, long: false }.push(&mut blocks);
        let sound: [u8; BLOCK] = blocks.try_into().unwrap();
        for at in 0..BLOCK {
            let mut block = sound;
            block[at] ^= 0x55;
            assert!(parse(&block).is_err(), "{at}");
        }
    }

    #[test]
    fn numbers_are_octal_or_binary() {
        for (field, expected) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b" 644 \0", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"777777777777", Some((1 << 36) - 1)),
            (b"\x80\0\0\0\0\0\x02\0\0\0\0\0", Some(2 << 40)),
            (b"\x80\0\0\x01\0\0\x02\0\0\0\0\0", None),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"12 4", None),
            (b"128", None),
            (b"-1", None),
        ] {
            assert_eq!(number(field), expected, "{field:?}");
        }
    }

    #[test]
    fn malformed_records_are_refused() {
        for bad in
            ["x", "5 a=b", "6 a=b\nx", "99 a=b\n", "6 axb\n", " a=b\n", "9 size=x\n", "0 a=b\n", "+6 a=b\n"]
        {
            assert_eq!(Records::parse(bad.as_bytes()), Err(HeaderError::Pax), "{bad}");
        }
        let sparse = |text: &[u8]| Records::parse(text).unwrap().sparse;
        assert!(sparse(b"6 a=b\n22 GNU.sparse.major=1\n"));
        assert!(!sparse(b"6 a=b\n8 path=\n"));
    }

    proptest! {
        #[test]
        fn any_path_and_size_read_back(path in prop::collection::vec(1_u8.., 1..700), size: u64, long: bool) {
            let size = if long { size >> 1 } else { size % OCTAL_SIZES };
            let (_, fields) = back(&path, size, long);
            prop_assert_eq!((fields.path, fields.size), (path, size));
        }

        #[test]
        fn reading_never_panics(block in prop::collection::vec(any::<u8>(), BLOCK), text in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut block: [u8; BLOCK] = block.try_into().unwrap();
            let _ = parse(&block);
            // With a checksum that is right.
            block[148..156].fill(b' ');
            let total = format!("{:06o}\0 ", sum(&block));
            block[148..156].copy_from_slice(total.as_bytes());
            let checksum_is_right = !matches!(parse(&block), Err(HeaderError::Checksum { .. }));
            prop_assert!(checksum_is_right);
            let _ = Records::parse(&text);
        }
    }
}
