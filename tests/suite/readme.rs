//! The commands of README.md do what it says.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::tool::{EPOCH, Work};

/// Returns the text of each fenced block that is marked `sh` or `console`, and whether it is the latter.
fn blocks(text: &str) -> Vec<(bool, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in text.lines() {
        match (&mut open, line) {
            (None, "```sh") => open = Some((false, String::new())),
            (None, "```console") => open = Some((true, String::new())),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some((_, block)), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

/// Whether lines are those that were shown; `…` stands for any number of lines.
fn is_shown(shown: &[&str], lines: &[&str]) -> bool {
    match shown {
        [] => lines.is_empty(),
        ["…", rest @ ..] => (0..=lines.len()).any(|at| is_shown(rest, &lines[at..])),
        [first, rest @ ..] => lines.first() == Some(first) && is_shown(rest, &lines[1..]),
    }
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
    let bin = Path::new(env!("CARGO_BIN_EXE_ekv-backup")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let run = |script: &str| {
        Command::new("sh")
            .args(["-ec", script])
            .current_dir(work.path(""))
            .env("SOURCE_DATE_EPOCH", EPOCH)
            .env("PATH", &path)
            .output()
            .unwrap()
    };
    let mut shown = 0;
    for (is_console, block) in blocks {
        if block.trim() == "cargo test" {
            continue;
        }
        if block.contains("jq ") && !jq {
            println!("skipped, jq is not installed: {block}");
            continue;
        }
        if is_console {
            // What differs is exit code 1.
            for part in block.split("$ ").skip(1) {
                let (script, said) = part.split_once('\n').unwrap();
                let output = run(script);
                let out = String::from_utf8_lossy(&output.stdout);
                let (said, lines) = (said.lines().collect::<Vec<_>>(), out.lines().collect::<Vec<_>>());
                assert!(is_shown(&said, &lines), "{script} says\n{out}");
                shown += 1;
            }
            continue;
        }
        // The binary under test, instead of another build of it.
        let output = run(&block.replace("cargo run --release --", "ekv-backup"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{block}{said}");
        // A selection may find nothing in the shop.
        if block.contains("jq ") && !block.contains("'select(") {
            assert!(!output.stdout.is_empty(), "{block}prints nothing");
        }
    }
    assert!(shown >= 6, "README.md has lost its output");
}
