//! Exports, measured in seconds of CPU.

use std::fs;
use std::path::Path;

use super::memory::watched;
use super::{Snapshot, Stage, limit};

impl Stage {
    /// Measures the CPU and the peak memory of an export beside those of `least`, which is lent the snapshot and what the files of the
    /// export hold when they are unpacked.
    pub fn export(
        &mut self,
        name: &str,
        snapshot: &Snapshot,
        format: &str,
        least: impl Fn(&Snapshot, &[u8]),
    ) {
        if !name.contains(&self.only) {
            return;
        }
        let out = self.out("exported").display().to_string();
        let mut arguments = vec!["export", &snapshot.path, "--to", format, "--quiet"];
        if format != "resp" {
            arguments.extend(["--force", "-o", &out]);
        }
        let (mut took, mut needed, mut peak) = (Vec::new(), Vec::new(), 0);
        let (mut size, mut lines) = (0, Vec::new());
        for round in 0..self.rounds {
            let before = cpu(true);
            peak = watched(&arguments).1.max(peak);
            took.push(cpu(true) - before);
            if round == 0 && Path::new(&out).exists() {
                for (path, bytes) in limit::load(Path::new(&out)) {
                    size += bytes.len();
                    lines.append(&mut limit::unpacked(&path, &bytes));
                }
            }
            let before = cpu(false);
            least(snapshot, &lines);
            needed.push(cpu(false) - before);
        }
        if Path::new(&out).exists() {
            fs::remove_dir_all(&out).expect("the export can be removed");
        }
        let [took, needed] = [took, needed].map(|times| times.into_iter().fold(f64::INFINITY, f64::min));
        self.line([
            name.to_owned(),
            format!("{took:.2} s"),
            format!("{needed:.2} s"),
            format!("{:.2}", took / needed),
            format!(
                "{:.0} MB/s a core, {:.0} MB in, {:.0} MB out, {:.1} MiB peak",
                snapshot.bytes as f64 / took / 1e6,
                snapshot.bytes as f64 / 1e6,
                size as f64 / 1e6,
                peak as f64 / 1024.0,
            ),
        ]);
    }
}

/// Returns the CPU time of this process, or of the children that it has waited for, seconds; in steps of 10 ms.
fn cpu(children: bool) -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("/proc tells it");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let at = if children { 13 } else { 11 };
    let ticks: u32 = fields[at..at + 2].iter().map(|field| field.parse::<u32>().expect("a number")).sum();
    f64::from(ticks) / 100.0
}
