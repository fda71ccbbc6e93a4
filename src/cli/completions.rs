//! `ekv-backup completions`: what a shell reads to complete commands, options and files.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{args, exit, print};

const EXAMPLES: &str = "\
Examples:
  ekv-backup completions bash > /etc/bash_completion.d/ekv-backup
  ekv-backup completions zsh > ~/.zfunc/_ekv-backup
  ekv-backup completions fish > ~/.config/fish/completions/ekv-backup.fish";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The shell
    pub shell: Shell,
}

/// Prints the completions and returns the exit code.
pub(super) fn run(arguments: &Arguments) -> u8 {
    let mut script = Vec::new();
    generate(arguments.shell, &mut args::Arguments::command(), "ekv-backup", &mut script);
    // clap_complete 4.6 names the functions of bash otherwise where it calls them, if there is a hyphen in the name.
    let script = String::from_utf8_lossy(&script).replace("ekv__subcmd__backup", "ekv__backup");
    print::exit(exit::COMPLETE, print::out(&script), "")
}
