//! Writing to standard output and standard error: a closed pipe ends the output, never the run; any other failure
//! of standard output is an error of the run (`tree/outcome.md#outcome`).

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use super::escape::printable;
use super::{colour, exit};

/// Whether the line that moves stands on the terminal. Changed by whoever holds standard error.
static STATUS: AtomicBool = AtomicBool::new(false);
/// Goes to the front of the line and clears it.
const CLEAR: &str = "\r\x1b[K";

/// What `--json` prints when a run ends, beside what is the command's own (`docs/tree/commands.md`).
#[derive(Serialize)]
pub(super) struct Outcome<T> {
    pub command: &'static str,
    pub exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// `None` where the run failed.
    #[serde(flatten)]
    pub contents: Option<T>,
}

/// Prints text to standard output. Whoever closed the pipe has seen enough: that is no error.
pub(super) fn out(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Prints one JSON object to standard output.
pub(super) fn json<T: Serialize>(value: &T) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    out(&text)
}

/// Prints one JSON object to standard error, where standard output holds something else.
pub(super) fn json_err<T: Serialize>(value: &T) -> io::Result<()> {
    err(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Returns the exit code of a run whose output was `printed`: `exit_code`, or that of a failed write where nothing
/// worse happened. `left` says what the run has done all the same.
pub(super) fn exit(exit_code: u8, printed: io::Result<()>, left: &str) -> u8 {
    let Err(error) = printed else { return exit_code };
    err(&format!("error: cannot write to standard output: {error}{left}"));
    if exit_code <= exit::PROBLEMS { exit::IO } else { exit_code }
}

/// Prints one line to standard error.
pub(super) fn err(line: &str) {
    let mut stderr = io::stderr().lock();
    // The line that moves makes room, and comes again below.
    let clear = if STATUS.swap(false, Ordering::Relaxed) { CLEAR } else { "" };
    let line = if colour::takes(&stderr) { &colour::said(line) } else { line };
    let _ = writeln!(stderr, "{clear}{line}");
}

/// Shows a line on the terminal, in the place of the last one.
pub(super) fn status(line: &str) {
    let mut stderr = io::stderr().lock();
    STATUS.store(true, Ordering::Relaxed);
    let _ = write!(stderr, "{CLEAR}{line}").and_then(|()| stderr.flush());
}

/// Takes the line away.
pub(super) fn clear_status() {
    let mut stderr = io::stderr().lock();
    if STATUS.swap(false, Ordering::Relaxed) {
        let _ = write!(stderr, "{CLEAR}").and_then(|()| stderr.flush());
    }
}

/// Prints an error and its causes as one line to standard error.
pub(super) fn error(error: &dyn std::error::Error) {
    err(&format!("error: {}", chain(error)));
}

/// Returns an error and its causes as one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    printable(&text)
}
