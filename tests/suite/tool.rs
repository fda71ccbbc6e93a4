//! Runs the binary in a directory of its own, with an empty environment.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::dump::Tree;

/// Fixed `wall_time_iso`, Unix seconds.
pub const EPOCH: &str = "1714400000";

/// A directory of one test.
pub struct Work {
    directory: tempfile::TempDir,
}

impl Work {
    /// Makes an empty directory.
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory can be made") }
    }

    /// Makes a directory with `snapshot.fsm` in it.
    pub fn with(snapshot: &[u8]) -> Self {
        let work = Self::new();
        work.write("snapshot.fsm", snapshot);
        work
    }

    /// Returns the path of a name in the directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: impl AsRef<Path>, content: &[u8]) {
        fs::write(self.path(name), content).expect("a temporary file can be written");
    }

    /// Returns the command, to be run in the directory.
    pub fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_ekv-backup")), arguments)
    }

    /// Returns the command of a copy of the binary.
    pub fn command_of(
        &self,
        binary: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Command {
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)))
            .env("SOURCE_DATE_EPOCH", EPOCH)
            .args(arguments)
            .current_dir(self.directory.path());
        command
    }

    /// Runs the command to its end.
    pub fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
        Run::of(&self.command(arguments).output().expect("the binary can be run"))
    }

    /// Decodes `snapshot.fsm` into `dump`.
    pub fn decode(&self, options: &[&str]) -> Run {
        self.run([&["decode", "snapshot.fsm", "-o", "dump"], options].concat())
    }

    /// Returns the names in the directory, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).expect("the directory can be listed");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> =
            entries.map(|entry| name(entry.expect("an entry can be read"))).collect();
        names.sort();
        names
    }

    /// Reads `dump`.
    pub fn dump(&self) -> Tree {
        Tree::read(&self.path("dump")).expect("the dump can be read")
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Run {
    /// Takes what the process left.
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the binary writes UTF-8");
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Fails unless the exit code is this one.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }

    /// Parses standard output.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).expect("standard output is one JSON value")
    }
}

/// Compresses bytes as one gzip member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes every byte");
    encoder.finish().expect("memory takes every byte")
}

/// Returns a path below `testdata`.
pub fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

/// Compares text with a file below `testdata`; `BLESS=1` writes the file.
#[track_caller]
pub fn golden(name: &str, text: &[u8]) {
    let path = testdata(name);
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a file has a parent")).expect("testdata can be written");
        fs::write(&path, text).expect("testdata can be written");
    }
    let expected = fs::read(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{} (BLESS=1 writes it anew): {}",
        path.display(),
        first_difference(text, &expected).unwrap_or_else(|| "bytes that are no text differ".into())
    );
}

/// Returns one of several ways to do the same, another one for each of many captures; all of them with `EKV_ALL_RESTORED`.
pub fn sample<T, const N: usize>(capture: usize, ways: [T; N]) -> Vec<T> {
    let all = std::env::var_os("EKV_ALL_RESTORED").is_some();
    let ways = ways.into_iter().enumerate();
    ways.filter(|(place, _)| all || *place == capture % N).map(|(_, way)| way).collect()
}

fn first_difference(found: &[u8], expected: &[u8]) -> Option<String> {
    let (found, expected) = (String::from_utf8_lossy(found), String::from_utf8_lossy(expected));
    let (mut found, mut expected) = (found.split('\n'), expected.split('\n'));
    for number in 1.. {
        let (line, wanted) = (found.next(), expected.next());
        if line != wanted {
            return Some(format!("line {number} is {line:?}, expected {wanted:?}"));
        }
        line?;
    }
    None
}
