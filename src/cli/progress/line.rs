//! The words of a display: percent, count of total, rate, time left, in as many columns as there are.

use std::time::Duration;

use ekv_backup::progress::{Phase, State};

use super::rate::{Speed, is_estimate, percent};

/// Cells of the bar.
const CELLS: u64 = 20;

/// Returns the line for a terminal: the fullest that `columns` hold.
pub(super) fn moving(state: &State, speed: Speed, columns: usize) -> String {
    let (words, short) = words(state.phase);
    if is_bare(state.phase) {
        return cut(words.to_owned(), columns);
    }
    let done = percent(state);
    let percent = done.map(|percent| format!("{percent}%")).unwrap_or_default();
    let bar = done.map(bar).unwrap_or_default();
    let left = speed.left.map(|seconds| format!("ETA {}", duration(seconds))).unwrap_or_default();
    let about = if is_estimate(state.phase) { "~" } else { "" };
    let of = |text: fn(u64) -> String, done: u64, total: u64| match total {
        0 => text(done),
        _ => format!("{}/{about}{}", text(done), text(total)),
    };
    let bytes_rate = format!("{}/s", size(speed.bytes));
    let bytes = of(size, state.done.bytes, state.total.bytes);
    let lines = if has_files(state.phase) {
        let (done, total) = (state.done.files, state.total.files);
        let files = format!("{} files", of(count, done, total));
        let rate = format!("{} files/s", count(speed.files));
        let (least, least_rate) = (of(brief, done, total), format!("{}/s", brief(speed.files)));
        vec![
            join(&[words, &percent, &bar, &files, &bytes, &rate, &bytes_rate, &left], "  "),
            join(&[words, &percent, &files, &bytes, &rate, &bytes_rate, &left], "  "),
            join(&[words, &percent, &files, &bytes, &rate, &left], "  "),
            join(&[words, &percent, &files, &rate, &left], "  "),
            join(&[short, &percent, &least, &least_rate, &left], " "),
        ]
    } else {
        let least = of(brief_size, state.done.bytes, state.total.bytes);
        let least_rate = format!("{}/s", brief_size(speed.bytes));
        vec![
            join(&[words, &percent, &bar, &bytes, &bytes_rate, &left], "  "),
            join(&[words, &percent, &bytes, &bytes_rate, &left], "  "),
            join(&[short, &percent, &least, &least_rate, &left], " "),
        ]
    };
    let fullest = lines.iter().find(|line| line.len() <= columns).or(lines.last());
    cut(fullest.cloned().unwrap_or_default(), columns)
}

/// Returns the line of a step that has ended.
pub(super) fn step(phase: Phase, took: Duration) -> String {
    format!("step: {}, {:.2} s", words(phase).0, took.as_secs_f64())
}

/// Returns the line for a log.
pub(super) fn plain(state: &State, speed: Speed, elapsed: Duration) -> String {
    let mut parts = vec![format!("progress: {}", words(state.phase).0)];
    if !is_bare(state.phase) {
        parts.extend(percent(state).map(|percent| format!("{percent} %")));
        let of = |done: String, all: String, total: u64| match total {
            0 => done,
            _ if is_estimate(state.phase) => format!("{done} of about {all}"),
            _ => format!("{done} of {all}"),
        };
        if has_files(state.phase) {
            let (done, total) = (state.done.files, state.total.files);
            parts.push(format!("{} files", of(done.to_string(), total.to_string(), total)));
        }
        let (done, total) = (state.done.bytes, state.total.bytes);
        if state.phase != Phase::Listing {
            parts.push(of(size(done), size(total), total));
        }
        if has_files(state.phase) {
            parts.push(format!("{} files/s", speed.files));
        }
        if state.phase != Phase::Listing {
            parts.push(format!("{}/s", size(speed.bytes)));
        }
        parts.extend(speed.left.map(|seconds| format!("ETA {}", duration(seconds))));
    }
    parts.push(format!("{} s", elapsed.as_secs()));
    parts.join(", ")
}

/// Returns the words for a phase, in full and in short.
fn words(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Copying => ("copying the input", "copy"),
        Phase::Reading => ("reading the snapshot", "read"),
        Phase::Writing => ("writing files", "write"),
        Phase::Flushing => ("flushing to disk", "flush"),
        Phase::Verifying => ("verifying", "verify"),
        Phase::Listing => ("listing files", "list"),
        Phase::Comparing => ("comparing", "compare"),
    }
}

/// Whether nothing is counted.
fn is_bare(phase: Phase) -> bool {
    matches!(phase, Phase::Flushing | Phase::Comparing)
}

fn has_files(phase: Phase) -> bool {
    matches!(phase, Phase::Writing | Phase::Verifying | Phase::Listing)
}

/// Joins the parts that there are.
fn join(parts: &[&str], gap: &str) -> String {
    parts.iter().copied().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(gap)
}

fn bar(percent: u64) -> String {
    let full = (percent * CELLS / 100).min(CELLS);
    let cells: String = (0..CELLS).map(|cell| if cell < full { '#' } else { '-' }).collect();
    format!("[{cells}]")
}

fn count(number: u64) -> String {
    scaled(number, 1000, &["", "k", "M", "G", "T"], 100)
}

/// Returns a number in at most four columns, but for a million millions and more.
fn brief(number: u64) -> String {
    scaled(number, 1000, &["", "k", "M", "G", "T"], 10)
}

fn size(bytes: u64) -> String {
    scaled(bytes, 1024, &[" B", " KiB", " MiB", " GiB", " TiB", " PiB"], 100)
}

/// Returns a number of bytes in at most four columns.
fn brief_size(bytes: u64) -> String {
    scaled(bytes, 1024, &["B", "K", "M", "G", "T", "P"], 10)
}

/// Returns a number in a unit that makes it short, with a tenth where it is below `tenths_below`.
fn scaled(number: u64, step: u64, units: &[&str], tenths_below: u64) -> String {
    let (mut whole, mut tenths, mut place) = (number, 0, 0);
    while whole >= step.min(1000) && place + 1 < units.len() {
        tenths = whole % step * 10 / step;
        whole /= step;
        place += 1;
    }
    let unit = units.get(place).copied().unwrap_or_default();
    if place > 0 && whole < tenths_below {
        format!("{whole}.{tenths}{unit}")
    } else {
        format!("{whole}{unit}")
    }
}

fn duration(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match (minutes, hours) {
        (0, _) => format!("{seconds}s"),
        (..10, _) => format!("{minutes}m{:02}s", seconds % 60),
        (_, 0) => format!("{minutes}m"),
        (_, ..10) => format!("{hours}h{:02}m", minutes % 60),
        (_, ..48) => format!("{hours}h"),
        _ => format!("{}d", (hours / 24).min(9999)),
    }
}

/// Cuts what a terminal narrower than any line would wrap. All of it is ASCII.
fn cut(mut line: String, columns: usize) -> String {
    line.truncate(columns);
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekv_backup::progress::Amount;

    const SPEED: Speed = Speed { files: 2345, bytes: 80 << 20, left: Some(65) };

    fn state(phase: Phase, done: (u64, u64), total: (u64, u64)) -> State {
        let amount = |(files, bytes)| Amount { files, bytes };
        State { phase, done: amount(done), total: amount(total) }
    }

    #[test]
    fn a_line_says_as_much_as_fits() {
        let writing = state(Phase::Writing, (12_345, 1 << 30), (30_000, 3 << 30));
        for (columns, expected) in [
            (
                200,
                "writing files  33%  [######--------------]  12.3k/~30.0k files  1.0 GiB/~3.0 GiB  2.3k files/s  \
                 80.0 MiB/s  ETA 1m05s",
            ),
            (
                99,
                "writing files  33%  12.3k/~30.0k files  1.0 GiB/~3.0 GiB  2.3k files/s  80.0 MiB/s  ETA 1m05s",
            ),
            (82, "writing files  33%  12.3k/~30.0k files  1.0 GiB/~3.0 GiB  2.3k files/s  ETA 1m05s"),
            (79, "writing files  33%  12.3k/~30.0k files  2.3k files/s  ETA 1m05s"),
            (39, "write 33% 12k/~30k 2.3k/s ETA 1m05s"),
            (9, "write 33%"),
            (0, ""),
        ] {
            assert_eq!(moving(&writing, SPEED, columns), expected);
        }
        let reading = state(Phase::Reading, (0, 1 << 30), (0, 3 << 30));
        let full = "reading the snapshot  33%  1.0 GiB/3.0 GiB  80.0 MiB/s  ETA 1m05s";
        assert_eq!(moving(&reading, SPEED, 79), full);
        assert_eq!(moving(&reading, SPEED, 39), "read 33% 1.0G/3.0G 80M/s ETA 1m05s");
        let unknown = state(Phase::Copying, (0, 5), (0, 0));
        assert_eq!(moving(&unknown, Speed::default(), 79), "copying the input  5 B  0 B/s");
        assert_eq!(moving(&state(Phase::Flushing, (0, 0), (0, 0)), SPEED, 79), "flushing to disk");
    }

    #[test]
    fn percent_count_rate_and_time_fit_forty_columns_whatever_the_numbers() {
        for phase in [Phase::Writing, Phase::Verifying, Phase::Reading, Phase::Copying] {
            for number in (0..60).map(|bits| 999_u64 << bits).take_while(|&number| number < 1 << 49) {
                for left in [0, 59, 3599, 86_400, 172_000, 9_000_000] {
                    let state = state(phase, (number / 2, number / 2), (number, number));
                    let line = moving(&state, Speed { files: number, bytes: number, left: Some(left) }, 200);
                    assert!(line.contains("ETA"), "{line}");
                    let files = number.min(99_000_000);
                    let state = State { total: Amount { files, ..state.total }, ..state };
                    let state = State { done: Amount { files: files / 2, ..state.done }, ..state };
                    let speed = Speed { files: number.min(99_000), bytes: number, left: Some(left) };
                    let line = moving(&state, speed, 39);
                    let whole = line.contains('%') && line.contains('/') && line.contains("ETA");
                    assert!(whole && !line.ends_with("ETA"), "{line}");
                    assert!(line.ends_with(&duration(left)), "{line}");
                }
            }
        }
    }

    #[test]
    fn a_plain_line_says_the_same() {
        let elapsed = Duration::from_secs(30);
        assert_eq!(
            plain(&state(Phase::Writing, (12_345, 1 << 30), (30_000, 3 << 30)), SPEED, elapsed),
            "progress: writing files, 33 %, 12345 of about 30000 files, 1.0 GiB of about 3.0 GiB, 2345 files/s, \
             80.0 MiB/s, ETA 1m05s, 30 s"
        );
        assert_eq!(
            plain(&state(Phase::Reading, (0, 4), (0, 10)), Speed::default(), elapsed),
            "progress: reading the snapshot, 40 %, 4 B of 10 B, 0 B/s, 30 s"
        );
        assert_eq!(
            plain(&state(Phase::Writing, (7, 4), (0, 0)), SPEED, elapsed),
            "progress: writing files, 7 files, 4 B, 2345 files/s, 80.0 MiB/s, ETA 1m05s, 30 s"
        );
        assert_eq!(
            plain(&state(Phase::Flushing, (0, 0), (0, 0)), SPEED, elapsed),
            "progress: flushing to disk, 30 s"
        );
        assert_eq!(
            plain(&state(Phase::Listing, (7, 0), (0, 0)), Speed { left: None, ..SPEED }, elapsed),
            "progress: listing files, 7 files, 2345 files/s, 30 s"
        );
    }

    #[test]
    fn numbers_and_times_are_short() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.0k"),
            (99_949, "99.9k"),
            (999_999, "999k"),
            (1_000_000, "1.0M"),
        ] {
            assert_eq!(count(number), text);
        }
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1000, "0.9 KiB"), (1 << 20, "1.0 MiB"), (u64::MAX, "16383 PiB")]
        {
            assert_eq!(size(bytes), text);
        }
        for (seconds, text) in [
            (0, "0s"),
            (61, "1m01s"),
            (599, "9m59s"),
            (600, "10m"),
            (3600, "1h00m"),
            (172_799, "47h"),
            (172_800, "2d"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
