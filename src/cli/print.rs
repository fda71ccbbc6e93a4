//! Writing to standard output and standard error: a closed pipe ends the output, never the run.

use std::fmt::Write as _;
use std::io::{self, Write};

use ekv_backup::inputs::Notice;
use ekv_backup::report::Warning;
use serde::Serialize;

use super::escape::printable;

/// Prints text to standard output.
pub fn out(text: &str) {
    let mut stdout = io::stdout().lock();
    // Whoever closed the pipe has seen enough.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Prints one JSON object to standard output.
pub fn json<T: Serialize>(value: &T) {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    out(&text);
}

/// Prints one line to standard error.
pub fn err(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints an error and its causes as one line to standard error.
pub fn error(error: &dyn std::error::Error) {
    err(&format!("error: {}", chain(error)));
}

/// Returns an error and its causes as one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    printable(&text)
}

/// Prints what was chosen or passed over in a directory as one line.
pub fn notice(notice: Notice<'_>) {
    let line = match notice {
        Notice::Chosen(candidate) => {
            let group = candidate.group.map_or(String::new(), |group| format!("group {group}, "));
            format!("reading: {group}{}", candidate.path.display())
        }
        Notice::PassedOver(passed) => format!("passed over: {}: {}", passed.path.display(), passed.reason),
    };
    err(&printable(&line));
}

/// Prints a warning as one line: the event and its fields.
pub fn warning(warning: &Warning) {
    let mut line = format!("warning: {}", warning.event);
    for (name, value) in &warning.fields {
        let _ = write!(line, " {name}={value}");
    }
    err(&printable(&line));
}
