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
    print::exit(exit::COMPLETE, print::out(&String::from_utf8_lossy(&script)), "")
}
