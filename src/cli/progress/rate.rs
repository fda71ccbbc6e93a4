//! How fast a phase goes, and how long it will take.

use std::collections::VecDeque;
use std::time::Duration;

use ekv_backup::progress::{Amount, Phase, State};

/// Time that a rate is the mean of. Longer, and it would be late; shorter, and it would jump.
const WINDOW: Duration = Duration::from_secs(20);
/// Looks between which the rate is taken, at most.
const SAMPLES: usize = 256;
/// Bytes that take as long as what a file takes besides its bytes: it is created, hashed, listed.
const FILE: u64 = 8 << 10;

/// Files and bytes a second, and what is left at that rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Speed {
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Seconds; `None` where the total is unknown or exceeded, or nothing moves.
    pub(super) left: Option<u64>,
}

/// The last looks at one phase.
#[derive(Debug, Default)]
pub(super) struct Rate {
    phase: Option<Phase>,
    samples: VecDeque<(Duration, Amount)>,
}

impl Rate {
    /// Takes a look, `elapsed` after the start of the run.
    pub(super) fn observe(&mut self, elapsed: Duration, state: &State) -> Speed {
        let last = self.samples.back().map_or(Amount::default(), |(_, done)| *done);
        if self.phase != Some(state.phase) || state.done.bytes < last.bytes || state.done.files < last.files {
            self.phase = Some(state.phase);
            self.samples.clear();
        }
        self.samples.push_back((elapsed, state.done));
        // One look before the window stays.
        while self.samples.len() > SAMPLES
            || self.samples.get(1).is_some_and(|(time, _)| elapsed.saturating_sub(*time) >= WINDOW)
        {
            self.samples.pop_front();
        }
        self.speed(elapsed, state)
    }

    fn speed(&self, elapsed: Duration, state: &State) -> Speed {
        let Some((since, before)) = self.samples.front() else { return Speed::default() };
        let millis = elapsed.saturating_sub(*since).as_millis();
        let a_second = |now: u64, before: u64| {
            let moved = u128::from(now.saturating_sub(before)) * 1000;
            u64::try_from(moved.checked_div(millis).unwrap_or_default()).unwrap_or(u64::MAX)
        };
        let left = work(&state.total).saturating_sub(work(&state.done));
        let moved = work(&state.done).saturating_sub(work(before));
        let left = if left == 0 || millis == 0 { None } else { (left * millis).checked_div(moved * 1000) };
        Speed {
            files: a_second(state.done.files, before.files),
            bytes: a_second(state.done.bytes, before.bytes),
            left: left.and_then(|seconds| u64::try_from(seconds).ok()),
        }
    }
}

/// Returns files and bytes as one amount, in bytes.
fn work(amount: &Amount) -> u128 {
    u128::from(amount.files) * u128::from(FILE) + u128::from(amount.bytes)
}

/// Returns how much of the phase is done, percent; `None` where the total is not known.
pub(super) fn percent(state: &State) -> Option<u64> {
    let total = work(&state.total);
    let percent = (work(&state.done) * 100).checked_div(total)?;
    // An estimate is never reached before the phase ends.
    let most = if is_estimate(state.phase) { 99 } else { 100 };
    u64::try_from(percent.min(most)).ok()
}

/// Whether the total of a phase is an estimate.
pub(super) fn is_estimate(phase: Phase) -> bool {
    phase == Phase::Writing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(phase: Phase, done: (u64, u64), total: (u64, u64)) -> State {
        let amount = |(files, bytes)| Amount { files, bytes };
        State { phase, done: amount(done), total: amount(total) }
    }

    #[test]
    fn a_rate_is_that_of_the_last_seconds_of_the_phase() {
        let mut rate = Rate::default();
        let mut at = |seconds, phase, bytes| {
            rate.observe(Duration::from_secs(seconds), &state(phase, (0, bytes), (0, 1000)))
        };
        assert_eq!(at(5, Phase::Reading, 0), Speed::default());
        assert_eq!(at(6, Phase::Reading, 100), Speed { files: 0, bytes: 100, left: Some(9) });
        assert_eq!(at(25, Phase::Reading, 100).bytes, 5);
        assert_eq!(at(27, Phase::Reading, 200).bytes, 4);
        assert_eq!(at(60, Phase::Reading, 200).bytes, 0, "the looks long ago count no more");
        assert_eq!(at(60, Phase::Reading, 200).left, None);
        assert_eq!(at(61, Phase::Copying, 900), Speed::default(), "a new phase begins anew");
        assert_eq!(at(62, Phase::Copying, 1000), Speed { files: 0, bytes: 100, left: None });
        assert_eq!(at(63, Phase::Copying, 5), Speed::default(), "a second file of the same phase too");
        assert_eq!(at(63, Phase::Copying, 9), Speed::default(), "no time has gone by");
    }

    #[test]
    fn percent_goes_by_files_and_bytes() {
        assert_eq!(percent(&state(Phase::Reading, (0, 5), (0, 0))), None);
        assert_eq!(percent(&state(Phase::Reading, (0, 5), (0, 10))), Some(50));
        assert_eq!(percent(&state(Phase::Reading, (0, 11), (0, 10))), Some(100));
        assert_eq!(percent(&state(Phase::Verifying, (10, 0), (40, 0))), Some(25));
        assert_eq!(percent(&state(Phase::Verifying, (10, 0), (10, 10 * FILE))), Some(50));
        assert_eq!(percent(&state(Phase::Writing, (70, 10), (60, 10))), Some(99), "about");
        assert_eq!(percent(&state(Phase::Verifying, (u64::MAX, u64::MAX), (u64::MAX, u64::MAX))), Some(100));
    }
}
