//! One mixture: rows of many cases and captures in one file, some of them broken, with options at random.

use std::collections::BTreeMap;

use crate::fixture::{Bundle, DataKey, Memory, Shape, Stream, hlc, key_file};

/// An encoded key and an encoded value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Key encryption key of the mixtures.
pub const KEK: [u8; 32] = [0x3c; 32];

/// The rows of one case or capture.
pub struct Source {
    /// In the order of the file.
    pub rows: Vec<Row>,
    /// Folder of the case, or `live`.
    pub part: String,
}

/// A snapshot and how to decode it.
pub struct Mixture {
    /// The file.
    pub file: Vec<u8>,
    /// Options of `decode`.
    pub options: Vec<String>,
    /// The key file, when values are encrypted.
    pub keys: Option<String>,
}

/// Options that a mixture may get, each with the chance of one in so many.
const OPTIONS: [(&str, u64); 18] = [
    ("--no-extra", 8),
    ("--drop-expired", 3),
    ("--legacy-redis-strings", 4),
    ("--dynamodb-layout jsonl", 3),
    ("--dynamodb-bundle-size 1KiB", 6),
    ("--include-incomplete-uploads", 2),
    ("--include-orphans", 2),
    ("--rename-collisions", 2),
    ("--preserve-sqs-visibility", 3),
    ("--include-sqs-side-records", 2),
    ("--adapter redis", 16),
    ("--adapter dynamodb,sqs", 16),
    ("--adapter s3", 16),
    ("--scope dynamodb=orders,own,t", 60),
    ("--scope s3=bucket,b", 60),
    ("--scope sqs=orders,q", 60),
    ("--at 2026-06-01T00:00:00Z", 10),
    ("--strict", 40),
];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.next().is_multiple_of(chances)
    }
}

impl Mixture {
    /// Makes the mixture of this number.
    pub fn new(sources: &[Source], seed: u64, number: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let mut rows = pick(sources, &mut random);
        // Every fourth one is whole; in the others one row in 20, 60 or 200 is damaged.
        let damage = [0, 20, 60, 200][(number % 4) as usize];
        if damage > 0 {
            rows = rows.into_iter().flat_map(|row| damaged(row, damage, &mut random)).collect();
        }
        let rows: Vec<Row> = rows.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
        let mut options: Vec<String> = Vec::new();
        for (option, chances) in OPTIONS {
            let adapter = option.starts_with("--adapter") && options.iter().any(|had| had == "--adapter");
            if random.one_in(chances) && !adapter {
                options.extend(option.split(' ').map(str::to_owned));
            }
        }
        // A size needs the layout.
        if options.iter().any(|option| option == "--dynamodb-bundle-size")
            && !options.iter().any(|option| option == "jsonl")
        {
            options.extend(["--dynamodb-layout".to_owned(), "jsonl".to_owned()]);
        }
        let (file, keys) = file(rows, number, &mut random);
        Self { file, options, keys }
    }
}

/// Takes whole cases, half of them of one part, and a stretch of a capture.
fn pick(sources: &[Source], random: &mut Random) -> Vec<Row> {
    let parts = ["redis", "dynamodb", "s3", "sqs", "keyspaces"];
    let part = parts[random.below(parts.len())];
    let of_part: Vec<&Source> = sources.iter().filter(|source| source.part == part).collect();
    let live: Vec<&Source> = sources.iter().filter(|source| source.part == "live").collect();
    let cases: Vec<&Source> = sources.iter().filter(|source| source.part != "live").collect();
    let mut rows = Vec::new();
    for _ in 0..10 + random.below(30) {
        rows.extend(of_part[random.below(of_part.len())].rows.iter().cloned());
        rows.extend(cases[random.below(cases.len())].rows.iter().cloned());
    }
    let capture = &live[random.below(live.len())].rows;
    let start = random.below(capture.len());
    rows.extend(capture.iter().skip(start).take(1_500).cloned());
    rows.truncate(6_000);
    rows
}

/// Returns a row as it is, or what one fault in `damage` makes of it.
fn damaged(row: Row, damage: u64, random: &mut Random) -> Vec<Row> {
    if !random.one_in(damage) {
        return vec![row];
    }
    let (mut key, mut value) = row.clone();
    let user = key.len().saturating_sub(8);
    match random.below(9) {
        // The body ends early.
        0 if value.len() > 9 => value.truncate(9 + random.below(value.len() - 9)),
        1 if value.len() > 9 => {
            let at = 9 + random.below(value.len() - 9);
            value[at] ^= 1 << random.below(8);
        }
        2 if user > 4 => {
            let at = 4 + random.below(user - 4);
            key[at] ^= 1 << random.below(8);
        }
        // The row is not there.
        3 => return Vec::new(),
        // A tombstone in its place, or a newer one over it.
        4 => value = [&[1][..], &[0; 8]].concat(),
        5 => {
            key[user + 6] = key[user + 6].wrapping_sub(1);
            return vec![row, (key, [&[1][..], &[0; 8]].concat())];
        }
        // An older version with another body.
        6 => {
            key[user + 5] = key[user + 5].saturating_add(1);
            value.push(b'!');
            return vec![row, (key, value)];
        }
        // The version expires.
        7 if value.len() >= 9 => {
            let at = [1_600_000_000_000, 1_714_400_001_000, 4_000_000_000_000][random.below(3)];
            value[1..9].copy_from_slice(&hlc(at, 0).to_le_bytes());
        }
        8 if user > 6 => {
            let cut = 5 + random.below(user - 5);
            key.drain(cut..user);
        }
        _ => {}
    }
    vec![(key, value)]
}

/// Writes the rows in the payload and the frame of this number.
fn file(mut rows: Vec<Row>, number: u64, random: &mut Random) -> (Vec<u8>, Option<String>) {
    let last = rows.iter().filter_map(|(key, _)| key.last_chunk()).map(|ts| !u64::from_be_bytes(*ts));
    let last = last.filter(|ts| ts >> 16 < 1 << 42).max().unwrap_or_default();
    let (mut out, mut keys) = (Stream::new(Vec::new()), None);
    if number % 5 == 1 {
        out.header_v2((last >> 16) + 3_000, 7, b"").unwrap();
    } else if number % 5 != 2 {
        out.header_v1((last >> 16) + 3_000).unwrap();
    }
    match number % 10 {
        3 => out.bytes(&Bundle::new(last, &rows, 20_000, &Shape::default()).payload()).unwrap(),
        4 => {
            let mut memory = Memory::default();
            // In the order of its keys and times; the stream's is that of encoded keys.
            let mut versions: Vec<_> = rows
                .iter()
                .filter(|(key, value)| key.len() > 8 && value.len() >= 9)
                .filter_map(|(key, value)| Some((key.split_last_chunk::<8>()?, value)))
                .collect();
            versions.sort_by_key(|((user, ts), _)| (*user, !u64::from_be_bytes(**ts)));
            for ((user, ts), value) in versions {
                let expires = u64::from_le_bytes(*value[1..].first_chunk().unwrap());
                memory.version(user, !u64::from_be_bytes(*ts), value[0] & 1, expires, &value[9..]);
            }
            out.bytes(&memory.payload(1, None, last, 0, b"")).unwrap();
        }
        kind => {
            if kind == 5 {
                let data_keys = [DataKey::storage(1), DataKey::storage(2)];
                for (write, (key, value)) in rows.iter_mut().enumerate() {
                    if value.len() > 9 && value[0] == 0 && !random.one_in(4) {
                        *value = data_keys[random.below(2)].seal(key, value, write as u64);
                    }
                }
                keys = Some(key_file(&KEK, &data_keys));
            }
            out.native(last).unwrap();
            for (key, value) in &rows {
                out.record(key, value).unwrap();
            }
        }
    }
    if number % 5 != 2 {
        out.footer().unwrap();
    }
    (out.finish().unwrap().1, keys)
}
