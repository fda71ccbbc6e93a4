//! Calls that cannot be understood: words on standard error, and one JSON object where it was asked for.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::CommandFactory;
use clap::error::ErrorKind;
use serde::Serialize;

use super::{exit, print};

/// What `--json` prints after bad usage (`docs/tree/commands.md`).
#[derive(Serialize)]
struct Output {
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    exit_code: u8,
    error: String,
}

/// Prints help, the version, or what is wrong with the arguments, and returns the exit code.
pub(super) fn refuse(error: &clap::Error) -> u8 {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let printed = match error.print() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            printed => printed.and_then(|()| io::stdout().flush()),
        };
        return print::exit(exit::COMPLETE, printed, "");
    }
    // Nobody is left to tell that standard error is gone.
    let _ = error.print();
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if !asks_for_json(&arguments) {
        return exit::USAGE;
    }
    let output =
        Output { command: command(&arguments), exit_code: exit::USAGE, error: sentence(&error.to_string()) };
    print::exit(exit::USAGE, print::json(&output), "")
}

/// Whether `--json` is among the options.
fn asks_for_json(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json")
}

/// Returns the command, as far as there is one.
fn command(arguments: &[OsString]) -> Option<String> {
    let first = arguments.iter().find(|argument| !argument.as_encoded_bytes().starts_with(b"-"))?;
    let command = super::args::Arguments::command();
    let mut names = command.get_subcommands().map(clap::Command::get_name);
    names.find(|name| *first == **name).map(str::to_owned)
}

/// Returns the paragraph that says what is wrong, without the usage behind it, as one line.
fn sentence(text: &str) -> String {
    let first = text.split("\n\nUsage:").next().unwrap_or_default();
    let words: Vec<_> = first.split_whitespace().collect();
    words.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_one_line() {
        let text =
            "error: the following required arguments were not provided:\n  --output <DIR>\n\nUsage: x\n";
        assert_eq!(sentence(text), "the following required arguments were not provided: --output <DIR>");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn json_is_asked_for_before_the_operands_end() {
        let arguments = |list: &[&str]| list.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(asks_for_json(&arguments(&["decode", "--json"])));
        assert!(!asks_for_json(&arguments(&["decode", "--", "--json"])));
        assert_eq!(command(&arguments(&["-q", "verify", "inspect"])).as_deref(), Some("verify"));
        assert_eq!(command(&arguments(&["dump"])), None);
    }
}
