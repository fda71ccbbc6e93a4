//! Work that is divided: by jobs, and by shares that are merged.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{Snapshot, Stage, decode, run};
use crate::limit;

impl Stage {
    /// Measures a command with two jobs beside the same with one. Minima.
    pub fn against_one_job(&mut self, name: &str, snapshot: &Snapshot, command: &[&str]) {
        if !name.contains(&self.only) {
            return;
        }
        let mut took = [Duration::MAX; 2];
        for _ in 0..self.rounds {
            for (jobs, least) in ["2", "1"].into_iter().zip(&mut took) {
                let target = self.new_tree().display().to_string();
                let rest = [&*snapshot.path, "-q", "-o", &target, "--jobs", jobs];
                *least = run(&[command, &rest].concat()).min(*least);
            }
        }
        let [two, one] = took.map(|time| time.as_secs_f64());
        let more = format!("{:.2} times as fast", one / two);
        self.line([
            name.to_owned(),
            format!("{two:.3} s"),
            format!("{one:.3} s"),
            format!("{:.2}", two / one),
            more,
        ]);
    }

    /// Measures the merge of two shares beside links of the same files, and beside what made them. Minima.
    pub fn against_links(&mut self, name: &str, snapshot: &Snapshot) {
        if !name.contains(&self.only) {
            return;
        }
        let mut made = Duration::ZERO;
        let shares = ["0/2", "1/2"].map(|shard| {
            let target = self.new_tree().display().to_string();
            made += run(&decode(snapshot, &target, &["--shard", shard]));
            target
        });
        let (mut took, mut linked) = (Duration::MAX, Duration::MAX);
        for _ in 0..self.rounds {
            let target = self.new_tree().display().to_string();
            took = run(&["merge", &shares[0], &shares[1], "-o", &target]).min(took);
            let target = self.new_tree();
            let files = shares.each_ref().map(|share| limit::names(Path::new(share)));
            let start = Instant::now();
            for (share, files) in shares.iter().zip(&files) {
                limit::link(Path::new(share), files, &target);
            }
            linked = start.elapsed().min(linked);
        }
        let [took, linked, made] = [took, linked, made].map(|time| time.as_secs_f64());
        let more = format!("{:.2} of the time that made the shares", took / made);
        self.line([
            name.to_owned(),
            format!("{took:.3} s"),
            format!("{linked:.3} s"),
            format!("{:.2}", took / linked),
            more,
        ]);
    }
}
