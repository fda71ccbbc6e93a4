//! Signals that end a run: SIGINT, SIGTERM, SIGHUP.

use ekv_backup::interrupt::Interrupt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Lets each signal end the run through `interrupt`, but for those that were ignored when the program was started:
/// `nohup` and shells, for what they start in the background, rely on that.
pub(super) fn watch(interrupt: &Interrupt) {
    let ignored = ignored(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let number = usize::try_from(signal).unwrap_or_default();
        if number > 0 && ignored >> (number - 1) & 1 == 1 {
            continue;
        }
        // Without a handler the signal still ends the process; only the staging directory stays.
        let _ = signal_hook::flag::register_usize(signal, interrupt.flag().clone(), number);
    }
}

/// Reads the set of ignored signals, bit 0 for signal 1. Nothing else tells it without unsafe code; where there is no
/// such file, none counts as ignored.
fn ignored(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        assert_eq!(ignored("Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001003\n"), 0x1003);
        assert_eq!(ignored("SigIgn:\tnone\n"), 0);
        assert_eq!(ignored(""), 0);
    }
}
