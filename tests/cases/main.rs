//! The golden cases: one test for each file of `testdata/cases/<part>/` (`testdata/README.md`).

#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "a panic fails the test")]

mod bytes;
mod case;
#[path = "../dump/mod.rs"]
mod dump;
#[path = "../fixture/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each test target uses its own part")]
mod fixture;
mod input;
mod judge;
mod problems;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cases");
    let mut trials: Vec<Trial> = case_files(&root)
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap_or(&path).with_extension("").display().to_string();
            Trial::test(name, move || run(&path))
        })
        .collect();
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(path: &Path) -> Result<(), Failed> {
    let case = case::Case::read(path)?;
    let faults = judge::differences(&case);
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n").into()) }
}

fn case_files(root: &Path) -> Vec<PathBuf> {
    let list = |dir: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).expect("testdata/cases can be listed");
        entries.map(|entry| entry.expect("testdata/cases can be listed").path()).collect()
    };
    list(root).iter().filter(|path| path.is_dir()).flat_map(|part| list(part)).collect()
}
