//! What the targets share: a place in memory for files, native snapshots taken apart and put together, runs that must
//! end well.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ekv_backup::crypto::KeyFiles;
use ekv_backup::interrupt::Interrupt;
use ekv_backup::progress::Progress;
use ekv_backup::run::{Request, Source, Summary, decode};
use ekv_backup::tree::{Scratch, TreeOptions};
use ekv_backup::tree::verify::{VerifyOptions, VerifyReport, verify};
use ekv_backup::{Error, service};

/// Returns the directory of this process, in memory where there is such a file system.
pub fn place() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let place = place.join(format!("ekv-fuzz-{}", std::process::id()));
        fs::create_dir_all(&place).expect("a directory can be made");
        place
    })
}

/// Writes an input.
pub fn input(bytes: &[u8]) -> PathBuf {
    let path = place().join("0000000000000001.fsm");
    fs::write(&path, bytes).expect("memory takes it");
    path
}

/// Decodes an input into `out`; with `dry`, into nothing. A fault of the program is a crash.
pub fn run(path: &Path, dry: bool, keys: KeyFiles) -> Result<Summary, Error> {
    let source = Source { keys, ..Source::new(vec![path.to_owned()]) };
    let adapters = service::Options {
        include_orphans: true,
        include_incomplete_uploads: true,
        include_sqs_side_records: true,
        ..service::Options::default()
    };
    let request = Request {
        source,
        target: place().join("out"),
        dry_run: dry,
        tree: TreeOptions { scratch: place().to_owned(), ..TreeOptions::default() },
        adapters,
        strict: false,
        cluster_id: String::new(),
        wall_time: time::OffsetDateTime::UNIX_EPOCH,
    };
    let done = decode(&request, |_| (), |_| ());
    if let Err(error @ Error::Internal { .. }) = &done {
        panic!("{error}");
    }
    done
}

/// Verifies a dump or archive.
pub fn check(path: &Path) -> Result<VerifyReport, ekv_backup::tree::Error> {
    let scratch = Scratch::new(place().to_owned());
    let (interrupt, progress) = (Interrupt::default(), Progress::default());
    verify(path, &VerifyOptions { threads: 1, scratch, interrupt, progress })
}

/// Decodes an input into a tree: it is sound, or nothing is left.
pub fn whole(bytes: &[u8]) {
    let path = input(bytes);
    let out = place().join("out");
    if run(&path, false, KeyFiles::default()).is_ok() {
        let report = check(&out).expect("a dump can be read");
        assert!(report.findings.is_empty(), "{report:?}");
        fs::remove_dir_all(&out).expect("a dump can be removed");
    }
    let left = fs::read_dir(place()).expect("the place is there");
    assert_eq!(left.count(), 1, "something is left in {}", place().display());
}

/// A native snapshot without its footer.
#[derive(Debug, Default)]
pub struct Native {
    /// What stands before the rows.
    pub head: Vec<u8>,
    /// Encoded keys and values.
    pub rows: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Native {
    /// Takes a snapshot apart, as far as it can be.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let start = bytes.windows(8).position(|window| window == b"EKVPBBL1")? + 16;
        let head = bytes.get(..start)?.to_vec();
        let mut rest = bytes.get(start..bytes.len().checked_sub(4)?)?;
        let mut rows = Vec::new();
        while !rest.is_empty() {
            let key = take(&mut rest)?;
            rows.push((key, take(&mut rest)?));
        }
        Some(Self { head, rows })
    }

    /// Returns the snapshot of these rows, with a footer that matches.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        for (key, value) in &self.rows {
            for part in [key, value] {
                bytes.extend((part.len() as u64).to_le_bytes());
                bytes.extend(part);
            }
        }
        bytes.extend(crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    /// Puts rows in the order of a file, each key once.
    pub fn sort(&mut self) {
        self.rows.sort();
        self.rows.dedup_by(|one, other| one.0 == other.0);
    }

    /// Returns an empty snapshot of this time.
    pub fn new(last_commit_ts: u64) -> Self {
        let head = [&b"EKVTHLC1"[..], &[0; 8], b"EKVPBBL1", &last_commit_ts.to_le_bytes()].concat();
        Self { head, rows: Vec::new() }
    }

    /// Adds a version.
    pub fn put(&mut self, key: &[u8], commit_ts: u64, (flags, expire_at): (u8, u64), body: &[u8]) {
        let key = [key, &(!commit_ts).to_be_bytes()].concat();
        self.rows.push((key, [&[flags][..], &expire_at.to_le_bytes(), body].concat()));
    }
}

fn take(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, behind) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let part = behind.get(..length)?.to_vec();
    *rest = &behind[length..];
    Some(part)
}

/// Changes a snapshot as a snapshot: rows come, go, and take each other's places, keys and values are damaged, the footer
/// is mended. What is none is changed as bytes.
pub fn mutate(data: &mut [u8], size: usize, most: usize, seed: u32) -> usize {
    let Some(mut native) = Native::read(&data[..size]).filter(|native| !native.rows.is_empty()) else {
        return libfuzzer_sys::fuzzer_mutate(data, size, most);
    };
    let seed = seed as usize;
    let (one, other) = (seed / 16 % native.rows.len(), seed / 4096 % native.rows.len());
    let damage = |part: &mut Vec<u8>| {
        let length = part.len();
        part.resize(length + 64, 0);
        let after = libfuzzer_sys::fuzzer_mutate(part, length, length + 64);
        part.truncate(after);
    };
    let families = ekv_backup::keyspace::FAMILIES;
    let prefix = families[seed / 65_536 % families.len()].prefix;
    let mut sorted = true;
    match seed % 16 {
        0 => drop(native.rows.remove(one)),
        1 => damage(&mut native.rows[one].0),
        2 | 3 => {
            let mut row = native.rows[one].clone();
            damage(&mut row.0);
            native.rows.push(row);
        }
        4 => {
            let value = native.rows[other].1.clone();
            native.rows[one].1 = value;
        }
        5 => {
            // Another version of the key.
            let mut row = native.rows[one].clone();
            let at = row.0.len().saturating_sub(1 + seed / 256 % 8);
            if let Some(byte) = row.0.get_mut(at) {
                *byte = byte.wrapping_add(seed.to_le_bytes()[1]);
            }
            native.rows.push(row);
        }
        6 => {
            // A row of another family.
            let (key, value) = native.rows[one].clone();
            let rest = key.iter().rposition(|&byte| byte == b'|').map_or(0, |at| at + 1);
            native.rows.push(([prefix, &key[rest..]].concat(), value));
        }
        7 => {
            native.rows.swap(one, other);
            sorted = false;
        }
        8 => damage(&mut native.head),
        // The header of a value: tombstones, expiry, encryption.
        9 => {
            if let Some(byte) = native.rows[one].1.get_mut(seed / 256 % 9) {
                *byte ^= 1 << (seed % 8);
            }
        }
        _ => damage(&mut native.rows[one].1),
    }
    if sorted {
        native.sort();
    }
    let bytes = native.write();
    match data.get_mut(..bytes.len()).filter(|_| bytes.len() <= most) {
        Some(into) => {
            into.copy_from_slice(&bytes);
            bytes.len()
        }
        None => libfuzzer_sys::fuzzer_mutate(data, size, most),
    }
}
