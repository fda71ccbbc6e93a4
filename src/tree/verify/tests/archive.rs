//! Archives: what a tree cannot have, and every kind of damage.

use std::io::Write;

use super::*;

/// A tar that is written by hand.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    /// Appends an entry of this type; its size need not be that of its contents.
    fn entry(mut self, path: &str, kind: u8, size: u64, contents: &[u8]) -> Self {
        let mut block = [0_u8; 512];
        block[..path.len()].copy_from_slice(path.as_bytes());
        block[100..108].copy_from_slice(b"0000600\0");
        if size < 1 << 33 {
            block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        } else {
            block[124] = 0x80;
            block[128..136].copy_from_slice(&size.to_be_bytes());
        }
        block[148..156].fill(b' ');
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend(block);
        self.0.extend(contents);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, path: &str, contents: &[u8]) -> Self {
        self.entry(path, b'0', contents.len() as u64, contents)
    }

    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn of(bytes: &[u8]) -> Vec<String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    findings_of_archive(file.path())
}

/// The files of a sound archive: `a`, MANIFEST.json, CHECKSUMS.
fn files() -> [(&'static str, Vec<u8>); 3] {
    use sha2::{Digest, Sha256};
    let manifest = Manifest::new(OffsetDateTime::UNIX_EPOCH).write().unwrap();
    let row = |path: &str, body: &[u8]| format!("{}  {path}\n", hex::encode(Sha256::digest(body)));
    let checksums = row("MANIFEST.json", &manifest) + &row("a", b"body");
    [("a", b"body".to_vec()), ("MANIFEST.json", manifest), ("CHECKSUMS", checksums.into_bytes())]
}

fn with(change: impl FnOnce(Tar) -> Tar) -> Vec<u8> {
    change(files().iter().fold(Tar::default(), |tar, (path, body)| tar.file(path, body))).end()
}

#[test]
fn what_no_tree_can_have_is_found_and_the_rest_is_looked_at() {
    assert_eq!(of(&with(|tar| tar)), [""; 0]);
    for (change, expected) in [
        (with(|tar| tar.file("a", b"body")), "duplicate_entry a 0"),
        (with(|tar| tar.file("a", b"other")), "duplicate_entry a 0"),
        (with(|tar| tar.entry("a", b'2', 0, b"")), "not_regular a 0 symbolic link\nduplicate_entry a 0"),
        (with(|tar| tar.file("a/b", b"")), "duplicate_entry a 0 a file and a directory\nunlisted a/b 0"),
        (with(|tar| tar.file("/etc/passwd", b"")), "bad_name /etc/passwd 0 not a path inside the dump"),
        (with(|tar| tar.file("../x", b"")), "bad_name ../x 0 not a path inside the dump"),
        (with(|tar| tar.file("b/../../x", b"")), "bad_name b/../../x 0 not a path inside the dump"),
        (with(|tar| tar.file(".", b"")), "bad_name . 0 not a path inside the dump"),
        (with(|tar| tar.entry("l", b'1', 7, b"")), "not_regular l 0 hard link"),
        (with(|tar| tar.entry("l", b'2', 0, b"")), "not_regular l 0 symbolic link"),
        (with(|tar| tar.entry("l", b'3', 0, b"")), "not_regular l 0 device"),
        (with(|tar| tar.entry("l", b'6', 0, b"")), "not_regular l 0 pipe"),
        (with(|tar| tar.entry("l", b'S', 3, b"abc")), "not_regular l 0 file with holes"),
        (
            with(|tar| tar.entry("x", b'x', 22, b"22 GNU.sparse.major=1\n").file("l", b"abc")),
            "not_regular l 0 file with holes",
        ),
        (with(|tar| tar.entry("d/", b'5', 0, b"")), "empty_directory d 0"),
        (with(|tar| tar.file("./b", b"")), "unlisted b 0"),
    ] {
        assert_eq!(of(&change).join("\n"), expected);
    }
    // Directories may come again.
    let twice = with(|tar| tar.entry("extra/fs/tree/", b'5', 0, b"").entry("extra/fs/tree/", b'5', 0, b""));
    assert_eq!(of(&twice), [""; 0]);
}

#[test]
fn lengths_that_cannot_be_end_the_reading() {
    for (bytes, expected) in [
        (with(|tar| tar.entry("b", b'0', 1 << 60, b"abc")), "it ends here, expected contents of an entry"),
        (
            with(|tar| tar.entry("b", b'x', 1 << 60, b"abc")),
            "a header extension of 1152921504606846976 bytes",
        ),
        (
            with(|tar| tar.entry("b", b'L', 1 << 21, &vec![b'a'; 1 << 21])),
            "a header extension of 2097152 bytes",
        ),
        (with(|tar| tar.entry("b", b'x', 6, b"7 a=b\n")), "its PAX records are malformed"),
        ([with(|tar| tar), vec![0; 2 << 20]].concat(), "more than 1048576 bytes follow the end"),
        ([with(|tar| tar), b"x".to_vec()].concat(), "expected nothing behind the end of the archive"),
    ] {
        let found = of(&bytes);
        assert!(found.len() == 1 && found[0].starts_with("bad_archive  0 at byte"), "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }
    assert_eq!(of(&[with(|tar| tar), vec![0; 9 * 512]].concat()), [""; 0], "the rest of a block of a tape");
}

#[test]
fn a_stream_that_unpacks_to_much_is_read_in_bounded_memory() {
    let mut packed = zstd::Encoder::new(Vec::new(), 3).unwrap();
    let size = 256 << 20;
    packed.write_all(&Tar::default().entry("a", b'0', size, b"").0).unwrap();
    let zeros = vec![0; 1 << 20];
    (0..size >> 20).for_each(|_| packed.write_all(&zeros).unwrap());
    let rest = files();
    let rest = rest[1..].iter().fold(Tar::default(), |tar, (path, body)| tar.file(path, body));
    packed.write_all(&rest.end()).unwrap();
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 100_000);
    assert_eq!(of(&packed), ["changed a 0"]);
}

#[test]
fn what_is_no_archive_is_no_dump() {
    for bytes in [&b""[..], b"text", &[b'x'; 2000], &[0x28, 0xb5, 0x2f, 0xfd]] {
        assert!(of(bytes)[0].starts_with("no_dump  0 no tar archive"), "{:?}", of(bytes));
    }
    let other = Tar::default().file("readme", b"").end();
    assert_eq!(of(&other), ["no_dump  0 neither MANIFEST.json nor CHECKSUMS is there"]);
    let files = files();
    let without = |name: &str| {
        let kept = files.iter().filter(|(path, _)| *path != name);
        of(&kept.fold(Tar::default(), |tar, (path, body)| tar.file(path, body)).end())
    };
    assert_eq!(without("MANIFEST.json"), ["missing MANIFEST.json 0"]);
    assert_eq!(without("CHECKSUMS"), ["missing CHECKSUMS 0", "unlisted MANIFEST.json 0", "unlisted a 0"]);
    assert_eq!(without("a"), ["missing a 0"]);
}

#[test]
fn every_damaged_byte_and_every_cut_is_found() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["out.tar", "out.tar.zst"] {
        let path = directory.path().join(name);
        let mut tree = Tree::create(&path, &TreeOptions::default()).unwrap();
        tree.write(b"redis/db_0/strings/a.bin", &[7; 600]).unwrap();
        tree.write(format!("s3/b/{}\n", "k".repeat(110)).as_bytes(), b"body").unwrap();
        tree.finish(&Manifest::new(OffsetDateTime::UNIX_EPOCH)).unwrap();
        let sound = fs::read(&path).unwrap();
        let is_found = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            !report(&path, 1).findings.is_empty()
        };
        assert!(!is_found(&sound));
        for at in (0..sound.len()).step_by(3) {
            let mut damaged = sound.clone();
            damaged[at] ^= 0x55;
            // Of its window a decoder needs no more than it is.
            let is_window = name == "out.tar.zst" && at == 5;
            assert!(is_found(&damaged) || is_window, "{name}: byte {at}");
            assert!(at % 5 > 0 || is_found(&sound[..at]), "{name}: cut at {at}");
        }
    }
}
