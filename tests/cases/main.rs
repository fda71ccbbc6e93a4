//! The golden cases: one test for each file of `testdata/cases/<part>/` and `testdata/malformed/`
//! (`testdata/README.md`).

#![allow(unreachable_pub, reason = "modules that several test programs share")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "a panic fails the test")]

mod bytes;
mod case;
#[path = "../dump/mod.rs"]
mod dump;
#[path = "../fixture/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each test target uses its own part")]
mod fixture;
#[path = "../heads/mod.rs"]
mod heads;
mod input;
mod judge;
mod problems;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut files = files(&root.join("malformed"));
    for part in self::files(&root.join("cases")) {
        files.extend(self::files(&part));
    }
    files.sort();
    let name = |path: &Path| {
        let part = path.parent().and_then(Path::file_name).unwrap_or_default();
        Path::new(part).join(path.file_stem().unwrap_or_default()).display().to_string()
    };
    let trials = files.into_iter().map(|path| Trial::test(name(&path), move || run(&path))).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(path: &Path) -> Result<(), Failed> {
    let case = case::Case::read(path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let faults = judge::differences(&case, &name);
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n").into()) }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("testdata can be listed");
    entries.map(|entry| entry.expect("testdata can be listed").path()).collect()
}
