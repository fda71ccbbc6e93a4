//! Peak memory of runs of the binary.

use std::fs;
use std::time::{Duration, Instant};

use super::{Snapshot, Stage, command, decode, generate};

impl Stage {
    /// Records the peak memory of an inspection of inputs with these shapes.
    pub fn inspect_memory<const N: usize>(&mut self, name: &str, shapes: &[[String; N]]) {
        if !name.contains(&self.only) {
            return;
        }
        let generate = |(at, shape): (usize, &[String; N])| {
            let shape: Vec<&str> = shape.iter().map(String::as_str).collect();
            generate(&self.disk.path().join(format!("memory-{at}.fsm")), &shape)
        };
        let parts: Vec<Snapshot> = shapes.iter().enumerate().map(generate).collect();
        let mut arguments = vec!["inspect"];
        arguments.extend(parts.iter().map(|part| part.path.as_str()));
        let (took, peak) = watched(&arguments);
        for part in &parts {
            fs::remove_file(&part.path).expect("the snapshot can be removed");
        }
        self.memory_line(name, parts.iter().map(|part| part.bytes).sum(), took, peak);
    }

    /// Records the peak memory of a decode.
    pub fn memory(&mut self, name: &str, shape: &[&str], options: &[&str]) {
        if !name.contains(&self.only) {
            return;
        }
        let snapshot = generate(&self.disk.path().join("memory.fsm"), shape);
        self.peak(name, &snapshot, options);
        fs::remove_file(&snapshot.path).expect("the snapshot can be removed");
    }

    /// Records the peak memory of a decode into an archive, and of its verification.
    pub fn memory_archive(&mut self, name: &str, shape: &[&str], archive: &str) {
        if !name.contains(&self.only) {
            return;
        }
        let snapshot = generate(&self.disk.path().join("memory.fsm"), shape);
        let out = self.disk.path().join(archive).display().to_string();
        let (took, peak) = watched(&decode(&snapshot, &out, &[]));
        self.memory_line(name, snapshot.bytes, took, peak);
        let (took, peak) = watched(&["verify", &out]);
        self.memory_line(&format!("{name}, verified"), snapshot.bytes, took, peak);
        fs::remove_file(&out).expect("the archive can be removed");
        fs::remove_file(&snapshot.path).expect("the snapshot can be removed");
    }

    /// Records the peak memory of a decode of encrypted values.
    pub fn memory_encrypted(&mut self, name: &str, shape: &[&str]) {
        if !name.contains(&self.only) {
            return;
        }
        let plain = generate(&self.disk.path().join("plain.fsm"), shape);
        let sealed = Self::seal(&plain);
        let keys = sealed.keys();
        fs::remove_file(&plain.path).expect("the snapshot can be removed");
        self.peak(name, &sealed, &keys.iter().map(String::as_str).collect::<Vec<_>>());
        fs::remove_file(&sealed.path).expect("the snapshot can be removed");
    }

    fn peak(&mut self, name: &str, snapshot: &Snapshot, options: &[&str]) {
        let out = self.disk.path().join("memory");
        let (took, peak) = watched(&decode(snapshot, &out.display().to_string(), options));
        fs::remove_dir_all(&out).expect("the tree can be removed");
        self.memory_line(name, snapshot.bytes, took, peak);
    }

    fn memory_line(&mut self, name: &str, bytes: u64, took: Duration, peak: u64) {
        self.line([
            name.to_owned(),
            format!("{:.3} s", took.as_secs_f64()),
            format!("{:.0} MB in", bytes as f64 / 1e6),
            String::new(),
            format!("{:.1} MiB peak", peak as f64 / 1024.0),
        ]);
    }
}

/// Times a run of the binary; returns its peak memory too, KiB.
pub fn watched(arguments: &[&str]) -> (Duration, u64) {
    let mut child = command(arguments).spawn().expect("the binary can be run");
    let mut peak = 0;
    let start = Instant::now();
    // The peak is gone once the process has ended, so it is read until then.
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        peak = peak.max(peak_kib(child.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(status.success(), "{arguments:?}: {status}");
    (start.elapsed(), peak)
}

/// Returns the peak resident memory of a process, KiB, where `/proc` tells it.
fn peak_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
