//! The least that a job needs from the machine.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use sha2::{Digest, Sha256};

/// Bytes read at once.
const BUFFER: usize = 1 << 20;
/// The level of zstd that lines of exports are compressed with, and the bytes of a frame.
const ZSTD: (i32, usize) = (-3, 512 << 10);

/// Reads a file from the page cache.
pub fn read(path: &str) {
    each_buffer(Path::new(path), |_| {});
}

/// Hashes a file with one thread.
pub fn hash(path: &str) {
    let mut hasher = Sha256::new();
    each_buffer(Path::new(path), |bytes| hasher.update(bytes));
    std::hint::black_box(hasher.finalize());
}

/// Hashes a file with one thread for each half: the least for two cores that have to read and hash all of it once.
pub fn hash_halves(path: &str) {
    let middle = fs::metadata(path).expect("files have metadata").len() / 2;
    let half = |skipped: u64, len: u64| {
        let mut file = File::open(path).expect("files can be read");
        file.seek(SeekFrom::Start(skipped)).expect("files can be sought");
        let (mut file, mut hasher, mut buffer) = (file.take(len), Sha256::new(), vec![0; BUFFER / 8]);
        loop {
            match file.read(&mut buffer).expect("files can be read") {
                0 => break,
                read => hasher.update(&buffer[..read]),
            }
        }
        std::hint::black_box(hasher.finalize());
    };
    std::thread::scope(|scope| {
        scope.spawn(|| half(0, middle));
        half(middle, u64::MAX);
    });
}

/// Encrypts bytes in place with one thread, as texts of `body` bytes: as much work as to decrypt them.
pub fn seal(bytes: &mut [u8], body: usize) {
    let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from([7; 32]));
    let nonce = Nonce::from([9; 12]);
    for text in bytes.chunks_mut(body) {
        let tag = cipher.encrypt_inout_detached(&nonce, &[3; 40], text.into()).expect("the text is short");
        std::hint::black_box(tag);
    }
}

/// Copies a file through memory.
pub fn copy(path: &str, target: &Path) {
    let mut out = File::create(target).expect("files can be made");
    each_buffer(Path::new(path), |bytes| out.write_all(bytes).expect("files can be written"));
}

/// Hashes every file of a tree with one thread.
pub fn hash_tree(root: &str) {
    for (path, _) in files(Path::new(root)) {
        hash(path.to_str().expect("the bench's own names are UTF-8"));
    }
}

/// Creates the files of a tree in `target`, from memory: directories first, then create, write, close.
pub fn create(tree: &[(PathBuf, Vec<u8>)], target: &Path) {
    for (path, content) in tree {
        let path = target.join(path);
        let mut file = File::create(&path).unwrap_or_else(|_| {
            fs::create_dir_all(path.parent().expect("a file has a parent")).expect("directories can be made");
            File::create(&path).expect("files can be made")
        });
        file.write_all(content).expect("files can be written");
    }
}

/// Reads a tree into memory.
pub fn load(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let relative = |path: &Path| path.strip_prefix(root).expect("a file of the tree").to_owned();
    files(root)
        .into_iter()
        .map(|(path, _)| (relative(&path), fs::read(&path).expect("files can be read")))
        .collect()
}

/// Lists the files of a tree, from its root.
pub fn names(root: &Path) -> Vec<PathBuf> {
    let relative = |path: &Path| path.strip_prefix(root).expect("a file of the tree").to_owned();
    files(root).iter().map(|(path, _)| relative(path)).collect()
}

/// Gives files of a tree second names in `target`, relative to open directories; those that are there already keep theirs.
pub fn link(root: &Path, names: &[PathBuf], target: &Path) {
    let mut last: Option<(PathBuf, [File; 2])> = None;
    for path in names {
        let (directory, name) = (path.parent().expect("a file has a parent"), path.file_name());
        if last.as_ref().is_none_or(|(known, _)| known != directory) {
            fs::create_dir_all(target.join(directory)).expect("directories can be made");
            let open = |root: &Path| File::open(root.join(directory)).expect("directories can be opened");
            last = Some((directory.to_owned(), [open(root), open(target)]));
        }
        if let (Some((_, [from, to])), Some(name)) = (&last, name) {
            match rustix::fs::linkat(from, name, to, name, rustix::fs::AtFlags::empty()) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(errno) => panic!("{}: {errno}", path.display()),
            }
        }
    }
}

/// Unpacks a file of a tree.
pub fn unpacked(path: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("zst") => return zstd::decode_all(bytes).expect("the file is whole"),
        Some("gz") => {
            _ = flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text).expect("the file is whole");
        }
        _ => {}
    }
    text
}

/// Compresses bytes as lines of tables are.
pub fn zstd(bytes: &[u8]) {
    let mut compressor = zstd::bulk::Compressor::new(ZSTD.0).expect("there is memory");
    for piece in bytes.chunks(ZSTD.1) {
        std::hint::black_box(compressor.compress(piece).expect("there is memory"));
    }
}

/// Compresses bytes as items of DynamoDB are.
pub fn gzip(bytes: &[u8]) {
    let mut encoder = flate2::write::GzEncoder::new(std::io::sink(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("a sink takes everything");
    encoder.finish().expect("a sink takes everything");
}

/// Compresses bytes as pages of Parquet are.
pub fn snappy(bytes: &[u8]) {
    let mut encoder = snap::raw::Encoder::new();
    for piece in bytes.chunks(1 << 20) {
        std::hint::black_box(encoder.compress_vec(piece).expect("there is memory"));
    }
}

/// Lists the files of a tree with their sizes, in the order in which directories list them.
fn files(root: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).expect("directories can be read") {
        let entry = entry.expect("directories can be read");
        let meta = entry.metadata().expect("entries have metadata");
        if meta.is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path(), meta.len()));
        }
    }
    found
}

fn each_buffer(path: &Path, mut use_bytes: impl FnMut(&[u8])) {
    let mut file = File::open(path).expect("files can be read");
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer).expect("files can be read") {
            0 => return,
            len => use_bytes(&buffer[..len]),
        }
    }
}
