//! What shells and `man` are given.

use std::process::Command;

use crate::tool::Work;

#[test]
fn completions_are_scripts_that_their_shells_take() {
    let work = Work::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = work.run(["completions", shell]);
        assert!(script.exits(0).out.contains("inspect"), "{shell}");
    }
    let script = work.run(["completions", "bash"]).out;
    std::fs::write(work.path("ekv-backup.bash"), script).unwrap();
    std::fs::write(work.path("_ekv-backup"), work.run(["completions", "zsh"]).out).unwrap();
    // Commands, options and values are typed, with the key Tab.
    let type_them = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/complete");
    for shell in ["bash", "zsh"] {
        if Command::new(shell).arg("--version").output().is_ok() {
            let typed = Command::new(type_them).arg(shell).arg(work.path("")).output().unwrap();
            assert!(typed.status.success(), "{typed:?}");
        }
    }
    work.run(["completions", "tcsh"]).exits(2);
}

#[test]
fn each_command_has_a_page() {
    let work = Work::new();
    let main = work.run(["man"]);
    assert!(main.exits(0).out.contains(".TH ekv-backup 1"), "{}", main.out);
    std::fs::create_dir(work.path("man1")).unwrap();
    work.run(["man", "-o", "man1"]).exits(0);
    let help = work.run(["--help"]).out;
    let commands = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names = commands.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names: Vec<_> = names.filter(|name| !name.is_empty() && *name != "help").collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in &names {
        let page = std::fs::read_to_string(work.path(format!("man1/ekv-backup-{name}.1"))).unwrap();
        assert!(page.contains(&format!("ekv\\-backup\\-{name} \\-")), "{page}");
    }
    assert_eq!(std::fs::read_dir(work.path("man1")).unwrap().count(), names.len() + 1);
    work.run(["man", "-o", "missing"]).exits(4);
}
