//! The command line: the only code that prints (`tree/commands.md#command-line`).
//!
//! Each command parses its arguments, calls the library, gets a value back and prints it: data to standard
//! output, words to standard error. A closed pipe is quiet.

mod amounts;
mod args;
mod at;
mod colour;
mod completions;
mod decode;
mod diff;
mod du;
mod encode;
mod escape;
mod exit;
mod export;
mod file;
mod get;
mod inspect;
mod list;
mod log;
mod man;
mod merge;
mod metrics;
mod positional;
mod print;
mod progress;
mod report;
mod selection;
mod signals;
mod time;
mod usage;
mod verify;
mod words;

use std::process::ExitCode;

use clap::Parser;
use ekv_backup::interrupt::Interrupt;

use args::{Arguments, Command};

/// Runs the command line and returns the exit code of `tree/outcome.md#outcome`.
pub(crate) fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(usage::refuse(&error)),
    };
    let interrupt = Interrupt::default();
    signals::watch(&interrupt);
    // A file over the limit of file sizes is an error of its write (EFBIG), and does not end the process.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
    // What we make we must be able to write into and to remove: the umask takes nothing from its owner.
    let umask = rustix::process::umask(rustix::fs::Mode::RWXU);
    rustix::process::umask(umask - rustix::fs::Mode::RWXU);
    let exit = match &arguments.command {
        Command::Decode(arguments) => decode::run(arguments, &interrupt),
        Command::Verify(arguments) => verify::run(arguments, &interrupt),
        Command::Inspect(arguments) => inspect::run(arguments, &interrupt),
        Command::List(arguments) => list::run(arguments, &interrupt),
        Command::Diff(arguments) => diff::run(arguments, &interrupt),
        Command::Get(arguments) => get::run(arguments, &interrupt),
        Command::Log(arguments) => log::run(arguments, &interrupt),
        Command::Encode(arguments) => encode::run(arguments, &interrupt),
        Command::Du(arguments) => du::run(arguments, &interrupt),
        Command::Merge(arguments) => merge::run(arguments, &interrupt),
        Command::Report(arguments) => report::run(arguments, &interrupt),
        Command::Completions(arguments) => completions::run(arguments),
        Command::Man(arguments) => man::run(arguments),
        Command::Export(arguments) => export::run(arguments, &interrupt),
    };
    ExitCode::from(exit)
}
