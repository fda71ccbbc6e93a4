//! `ekv-backup man`: manual pages, made of the same words as the help.

use std::io;
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::escape::printable;
use super::{args, exit, file, print};

const EXAMPLES: &str = "\
Examples:
  ekv-backup man | man -l -
  ekv-backup man -o /usr/local/share/man/man1";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Write a page for each command into this directory, which must exist: ekv-backup.1, ekv-backup-decode.1, ...
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Prints or writes the pages and returns the exit code.
pub(super) fn run(arguments: &Arguments) -> u8 {
    let mut command = args::Arguments::command().disable_help_subcommand(true);
    // Gives each command its whole name.
    command.build();
    let Some(directory) = &arguments.output else {
        let printed = page(command).and_then(|page| print::out(&page));
        return print::exit(exit::COMPLETE, printed, "");
    };
    let commands: Vec<_> = command.get_subcommands().cloned().collect();
    for command in std::iter::once(command).chain(commands) {
        let name = format!("{}.1", command.get_display_name().unwrap_or_else(|| command.get_name()));
        let path = directory.join(name);
        if let Err(error) = page(command).and_then(|page| file::replace(&path, &page, 0o644)) {
            print::err(&format!("error: cannot write {}: {error}", printable(&path.to_string_lossy())));
            return exit::IO;
        }
    }
    exit::COMPLETE
}

fn page(command: Command) -> io::Result<String> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    String::from_utf8(page).map_err(io::Error::other)
}
