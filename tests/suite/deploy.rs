//! What runs the tool by itself: the timer, cron's line and the action, as far as they run without their hosts.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::tool::{Run, Work};

const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/live/shop");

fn project(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Runs a script with the binary under test on the PATH.
fn shell(work: &Work, script: &str, variables: &[(&str, &str)]) -> Output {
    let binaries = Path::new(env!("CARGO_BIN_EXE_ekv-backup")).parent().unwrap().display();
    let path = format!("{binaries}:{}", std::env::var("PATH").unwrap());
    let variables = variables.iter().copied().chain([("PATH", path.as_str())]);
    Command::new("bash").args(["-ec", script]).current_dir(work.path("")).envs(variables).output().unwrap()
}

#[test]
fn the_timer_and_cron_leave_metrics() {
    let unit = project("docs/deploy/systemd/ekv-backup.service");
    let started = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/")).unwrap();
    let cron = project("docs/deploy/cron");
    let planned = cron.lines().find(|line| line.starts_with("15 3")).unwrap();
    let planned = planned.split_once(" elastickv ").unwrap().1;
    let planned =
        planned.replace("/var/lib/elastickv", SHOP).replace("/var/lib/prometheus/node-exporter", ".");
    for script in [started, &planned] {
        let work = Work::new();
        let run = shell(&work, script, &[("DATA", SHOP), ("METRICS", ".")]);
        Run::of(&run).exits(0);
        assert!(run.stderr.is_empty(), "{run:?}");
        let metrics = fs::read_to_string(work.path("ekv-backup.prom")).unwrap();
        assert!(metrics.contains("ekv_backup_success{command=\"decode\"} 1"), "{metrics}");
        assert_eq!(work.names(), ["ekv-backup.prom"]);
    }
}

#[test]
fn systemd_takes_the_units() {
    let work = Work::new();
    let binary = env!("CARGO_BIN_EXE_ekv-backup");
    for unit in ["ekv-backup.service", "ekv-backup.timer"] {
        let text = project(&format!("docs/deploy/systemd/{unit}"));
        fs::write(work.path(unit), text.replace("/usr/bin/ekv-backup", binary)).unwrap();
    }
    let analyze = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "ekv-backup.service", "ekv-backup.timer"])
        .current_dir(work.path(""))
        .output();
    // A machine without systemd cannot say.
    if let Ok(run) = analyze {
        assert!(run.status.success() && run.stderr.is_empty(), "{run:?}");
    }
}

#[test]
fn the_action_decodes_verifies_and_says_so() {
    let action = project(".github/actions/decode/action.yml");
    let lines = action.split("run: |\n").nth(1).unwrap().lines();
    let lines: Vec<_> = lines.take_while(|line| line.starts_with("        ")).map(str::trim_start).collect();
    let script = lines.join("\n");
    let work = Work::new();
    let variables = |snapshots| {
        [
            ("SNAPSHOTS", snapshots),
            ("OUTPUT", "dump.tar.zst"),
            ("OPTIONS", "--strict"),
            ("GITHUB_OUTPUT", "output"),
            ("GITHUB_STEP_SUMMARY", "summary.md"),
        ]
    };
    Run::of(&shell(&work, &script, &variables(SHOP))).exits(0);
    assert_eq!(fs::read_to_string(work.path("output")).unwrap(), "exit-code=0\n");
    assert!(fs::read_to_string(work.path("summary.md")).unwrap().contains("2 tables"));
    work.run(["verify", "dump.tar.zst"]).exits(0);
    let work = Work::new();
    Run::of(&shell(&work, &script, &variables("missing.fsm"))).exits(4);
    assert_eq!(fs::read_to_string(work.path("output")).unwrap(), "exit-code=4\n");
}

/// The packages themselves are made and tried by `.ci/packages`.
#[test]
fn packages_name_files_that_are_there() {
    let manifest = project("Cargo.toml");
    let assets = manifest.split("\nassets = [").nth(1).unwrap().split("\n]").next().unwrap();
    let mut found = 0;
    for line in assets.lines().filter(|line| line.trim_start().starts_with('[')) {
        let source = line.split('"').nth(1).unwrap();
        // What is built first.
        if source.starts_with("target/") {
            continue;
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source.trim_end_matches("/*"));
        assert!(source.exists(), "{line}");
        found += 1;
    }
    assert!(found >= 4, "{assets}");
    let container = project("docs/deploy/container/Containerfile");
    assert!(container.contains("FROM scratch") && container.contains("USER 65534:65534"), "{container}");
}

#[test]
fn the_bill_of_materials_lists_what_cargo_links() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/sbom");
    let has_python = Command::new("python3").arg("--version").output().is_ok_and(|run| run.status.success());
    if !has_python {
        println!("skipped, python3 is not installed");
        return;
    }
    let run = Command::new("python3").arg(script).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    let bom: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let components = bom["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|component| component["name"] == name);
    for name in ["clap", "zstd-sys", "sha2"] {
        let component = named(name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(component["hashes"][0]["content"].as_str().unwrap().len(), 64, "{component}");
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
    }
    // Only tests need it.
    assert!(named("proptest").is_none());
}
