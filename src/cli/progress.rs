//! Progress on standard error: a bar on a terminal, a plain line every 30 s elsewhere.

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ekv_backup::progress::{Phase, Progress};
use indicatif::{ProgressBar, ProgressStyle};

use super::args;
use super::print;

/// How often the bar moves.
const BAR_TICK: Duration = Duration::from_millis(100);
/// How often a plain line is printed.
const PLAIN_TICK: Duration = Duration::from_secs(30);

/// Shows progress from a thread of its own until it is dropped.
pub struct Display {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Starts to show `progress`, or nothing.
    pub fn start(how: args::Progress, progress: &Progress) -> Self {
        let bar = match how {
            args::Progress::None => return Self { stop: None, thread: None },
            args::Progress::Bar => true,
            args::Progress::Plain => false,
            args::Progress::Auto => std::io::stderr().is_terminal(),
        };
        let progress = progress.clone();
        let (stop, stopped) = mpsc::channel();
        let show = move || {
            let tick = if bar { BAR_TICK } else { PLAIN_TICK };
            let started = Instant::now();
            let display = bar.then(ProgressBar::no_length);
            while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                match &display {
                    Some(display) => draw(display, &progress),
                    None => print::err(&line(&progress, started.elapsed())),
                }
            }
            if let Some(display) = display {
                display.finish_and_clear();
            }
        };
        // Where no thread is to be had, the run goes on without a display.
        let thread = std::thread::Builder::new().spawn(show).ok();
        Self { stop: Some(stop), thread }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A display that panicked has nothing more to show.
            let _ = thread.join();
        }
    }
}

/// Returns the words for a phase, and whether its unit is bytes.
fn words(phase: Phase) -> (&'static str, bool) {
    match phase {
        Phase::Copying => ("copying the input", true),
        Phase::Reading => ("reading the snapshot", true),
        Phase::Writing => ("writing files", false),
        Phase::Flushing => ("flushing to disk", false),
        Phase::Verifying => ("verifying", true),
    }
}

fn draw(display: &ProgressBar, progress: &Progress) {
    let (phase, done, total) = progress.state();
    let (words, bytes) = words(phase);
    let template = match (bytes, total) {
        (true, 1..) => "{msg} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec}",
        (true, 0) => "{msg} {spinner} {bytes} {bytes_per_sec}",
        (false, _) => "{msg} {spinner} {human_pos} {per_sec}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        display.set_style(style);
    }
    display.set_message(words);
    display.set_length(total);
    display.set_position(done);
    display.tick();
}

fn line(progress: &Progress, elapsed: Duration) -> String {
    let (phase, done, total) = progress.state();
    let (words, bytes) = words(phase);
    let unit = if bytes { "bytes" } else { "files" };
    let seconds = elapsed.as_secs();
    match (phase, total) {
        (Phase::Flushing, _) => format!("progress: {words}, {seconds} s"),
        (_, 0) => format!("progress: {words}, {done} {unit}, {seconds} s"),
        _ => format!("progress: {words}, {done} of {total} {unit}, {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_names_phase_and_unit() {
        let progress = Progress::default();
        progress.enter(Phase::Reading, 10);
        progress.add(4);
        let elapsed = Duration::from_secs(30);
        assert_eq!(line(&progress, elapsed), "progress: reading the snapshot, 4 of 10 bytes, 30 s");
        progress.enter(Phase::Writing, 0);
        assert_eq!(line(&progress, elapsed), "progress: writing files, 0 files, 30 s");
        progress.enter(Phase::Flushing, 0);
        assert_eq!(line(&progress, elapsed), "progress: flushing to disk, 30 s");
    }
}
