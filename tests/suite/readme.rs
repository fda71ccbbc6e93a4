//! The commands of README.md do what it says.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::tool::{EPOCH, Work};

/// Returns the text of each fenced block that is marked `sh`.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match (&mut open, line) {
            (None, "```sh") => open = Some(String::new()),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some(block), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

fn is_there(program: &str) -> bool {
    let run = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

/// Runs all blocks in their order, in a copy of the project that holds nothing but `testdata`. Recipes need `jq`: where it
/// is not installed they are left out, and said so.
#[test]
fn every_command_of_the_readme_works() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(project.join("README.md")).unwrap();
    let work = Work::new();
    symlink(project.join("testdata"), work.path("testdata")).unwrap();
    let blocks = blocks(&text);
    assert!(blocks.len() >= 5, "README.md has lost its commands");
    let jq = is_there("jq");
    for block in blocks {
        if block.trim() == "cargo test" {
            continue;
        }
        if block.contains("jq ") && !jq {
            println!("skipped, jq is not installed: {block}");
            continue;
        }
        // The binary under test, instead of another build of it.
        let script = block.replace("cargo run --release --", env!("CARGO_BIN_EXE_ekv-backup"));
        let output = Command::new("sh")
            .args(["-ec", &script])
            .current_dir(work.path(""))
            .env("SOURCE_DATE_EPOCH", EPOCH)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{block}{said}");
        // A selection may find nothing in the shop.
        if block.contains("jq ") && !block.contains("'select(") {
            assert!(!output.stdout.is_empty(), "{block}prints nothing");
        }
    }
}
