//! Progress on standard error: one line that moves on a terminal, a plain line every 30 s elsewhere.

mod line;
mod rate;

use std::io::IsTerminal;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ekv_backup::progress::Progress;
use rustix::termios::tcgetwinsize;

use super::args;
use super::print;
use rate::Rate;

/// How often the line on a terminal moves.
const BAR_TICK: Duration = Duration::from_millis(100);
/// How often the counters are looked at for a plain line.
const PLAIN_TICK: Duration = Duration::from_secs(1);
/// How often a plain line is printed, in looks.
const PLAIN_LOOKS: u32 = 30;
/// How often a step is looked at; a shorter one may be told with the one before it.
const STEP_TICK: Duration = Duration::from_millis(5);
/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// Shows progress from a thread of its own until it is dropped.
pub(super) struct Display {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Starts to show `progress`, or nothing.
    pub(super) fn start(how: args::Progress, progress: &Progress) -> Self {
        let terminal = std::io::stderr().is_terminal();
        // A terminal that cannot go back in its line gets plain lines.
        let moves = terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let show = match how {
            args::Progress::Auto if moves => on_terminal,
            args::Progress::Auto | args::Progress::Plain => as_plain_lines,
            args::Progress::Bar if terminal => on_terminal,
            args::Progress::Bar | args::Progress::None => return Self { stop: None, thread: None },
        };
        Self::from_thread(progress, show)
    }

    /// Says each step of the run when it ends: what it was, how long it took.
    pub(super) fn of_steps(progress: &Progress) -> Self {
        print::err(&format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")));
        Self::from_thread(progress, as_steps)
    }

    fn from_thread(progress: &Progress, show: fn(&Progress, &Receiver<()>)) -> Self {
        let progress = progress.clone();
        let (stop, stopped) = mpsc::channel();
        // Where no thread is to be had, the run goes on without a display.
        let thread = std::thread::Builder::new().spawn(move || show(&progress, &stopped)).ok();
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

fn on_terminal(progress: &Progress, stopped: &Receiver<()>) {
    let started = Instant::now();
    let mut rate = Rate::default();
    while stopped.recv_timeout(BAR_TICK) == Err(RecvTimeoutError::Timeout) {
        let state = progress.state();
        let speed = rate.observe(started.elapsed(), &state);
        // The last column stays free: some terminals go to the next line behind it.
        print::status(&line::moving(&state, speed, columns().saturating_sub(1)));
    }
    print::clear_status();
}

fn as_plain_lines(progress: &Progress, stopped: &Receiver<()>) {
    let started = Instant::now();
    let mut rate = Rate::default();
    let mut looks = 0_u32;
    while stopped.recv_timeout(PLAIN_TICK) == Err(RecvTimeoutError::Timeout) {
        let state = progress.state();
        let speed = rate.observe(started.elapsed(), &state);
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(PLAIN_LOOKS) {
            print::err(&line::plain(&state, speed, started.elapsed()));
        }
    }
}

fn as_steps(progress: &Progress, stopped: &Receiver<()>) {
    let (mut started, mut phase) = (Instant::now(), progress.state().phase);
    while stopped.recv_timeout(STEP_TICK) == Err(RecvTimeoutError::Timeout) {
        let now = progress.state().phase;
        if now != phase {
            print::err(&line::step(phase, started.elapsed()));
            (started, phase) = (Instant::now(), now);
        }
    }
    print::err(&line::step(phase, started.elapsed()));
}

/// Returns the columns that the terminal has now.
fn columns() -> usize {
    let size = tcgetwinsize(std::io::stderr());
    size.ok().map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0).unwrap_or(COLUMNS)
}
