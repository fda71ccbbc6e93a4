//! `--metrics FILE`: how a run went, as a textfile of Prometheus' node exporter.
//!
//! The file is replaced at once, and written however the run ends, so that an alert can ask for
//! `ekv_backup_success == 0` and for the age of what there is. It holds counts and times, and nothing of the data: it is
//! made with mode 0644, since the one who collects it is another user.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::file;
use ekv_backup::time::Hlc;

/// What a run tells.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// `decode`, `verify` or `inspect`.
    pub command: &'static str,
    /// Exit code.
    pub exit_code: u8,
    /// How long it took.
    pub duration: Duration,
    /// Objects by service, where they were counted.
    pub objects: Vec<(String, u64)>,
    /// Problems or findings.
    pub problems: Option<u64>,
    /// Warnings.
    pub warnings: Option<u64>,
    /// Files and bytes of the tree.
    pub size: Option<(u64, u64)>,
    /// Last commit, HLC.
    pub last_commit_ts: Option<Hlc>,
}

impl Metrics {
    /// Replaces the file; returns the exit code of the run with that.
    pub(super) fn write(&self, path: Option<&Path>) -> u8 {
        let Some(path) = path else { return self.exit_code };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let Err(error) = file::replace(path, &self.text(now), 0o644) else { return self.exit_code };
        let path = super::escape::printable(&path.to_string_lossy());
        super::print::err(&format!("error: cannot write {path}: {error}"));
        if self.exit_code == super::exit::COMPLETE { super::exit::IO } else { self.exit_code }
    }

    fn text(&self, now: Duration) -> String {
        let mut text = String::new();
        let command = self.command;
        let mut gauge = |name: &str, help: &str, values: &[(&str, f64)]| {
            let _ = writeln!(text, "# HELP ekv_backup_{name} {help}\n# TYPE ekv_backup_{name} gauge");
            for (labels, value) in values {
                let _ = writeln!(text, "ekv_backup_{name}{{command=\"{command}\"{labels}}} {value}");
            }
        };
        let success = if self.exit_code == 0 { 1.0 } else { 0.0 };
        gauge("success", "Whether the last run ended with exit code 0.", &[("", success)]);
        gauge("exit_code", "Exit code of the last run.", &[("", f64::from(self.exit_code))]);
        gauge("end_time_seconds", "When the last run ended, Unix time.", &[("", now.as_secs_f64())]);
        gauge("duration_seconds", "How long the last run took.", &[("", self.duration.as_secs_f64())]);
        if !self.objects.is_empty() {
            let labels: Vec<_> = self
                .objects
                .iter()
                .map(|(service, count)| (format!(",service=\"{service}\""), *count))
                .collect();
            let values: Vec<_> = labels.iter().map(|(label, count)| (&**label, float(*count))).collect();
            gauge("objects", "Items, objects, keys and messages.", &values);
        }
        if let Some(problems) = self.problems {
            gauge("problems", "Objects that are missing or altered, or findings.", &[("", float(problems))]);
        }
        if let Some(warnings) = self.warnings {
            gauge("warnings", "Warnings of the last run.", &[("", float(warnings))]);
        }
        if let Some((files, bytes)) = self.size {
            gauge("files", "Files of the tree.", &[("", float(files))]);
            gauge("bytes", "Bytes of the tree's files.", &[("", float(bytes))]);
        }
        if let Some(ts) = self.last_commit_ts {
            let ms = Duration::from_millis(ts.ms().0);
            gauge(
                "last_commit_time_seconds",
                "Last commit of the snapshot, Unix time.",
                &[("", ms.as_secs_f64())],
            );
            let age = now.as_secs_f64() - ms.as_secs_f64();
            gauge("last_commit_age_seconds", "Age of the last commit when the run ended.", &[("", age)]);
        }
        text
    }
}

/// Counts beyond 2^53 lose their last digits.
#[expect(clippy::cast_precision_loss, reason = "Prometheus has nothing but doubles")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn metrics() -> Metrics {
        Metrics {
            command: "decode",
            duration: Duration::from_millis(1500),
            objects: vec![("redis".to_owned(), 3), ("s3".to_owned(), 0)],
            problems: Some(0),
            warnings: Some(2),
            size: Some((7, 8)),
            last_commit_ts: Some(Hlc(1_000_000 << 16)),
            ..Metrics::default()
        }
    }

    #[test]
    fn a_run_is_told_in_gauges() {
        let text = metrics().text(Duration::from_secs(1060));
        for line in [
            "ekv_backup_success{command=\"decode\"} 1",
            "ekv_backup_exit_code{command=\"decode\"} 0",
            "ekv_backup_duration_seconds{command=\"decode\"} 1.5",
            "ekv_backup_objects{command=\"decode\",service=\"redis\"} 3",
            "ekv_backup_last_commit_time_seconds{command=\"decode\"} 1000",
            "ekv_backup_last_commit_age_seconds{command=\"decode\"} 60",
            "ekv_backup_files{command=\"decode\"} 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let failed = Metrics { command: "verify", exit_code: 4, ..Metrics::default() };
        let text = failed.text(Duration::from_secs(1));
        assert!(text.contains("ekv_backup_success{command=\"verify\"} 0") && !text.contains("objects"));
    }

    #[test]
    fn the_file_is_replaced_or_the_run_says_so() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("ekv.prom");
        std::fs::write(&path, "old").unwrap();
        assert_eq!(metrics().write(Some(&path)), 0);
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("# HELP ekv_backup_success"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
        assert_eq!(metrics().write(Some(&root.path().join("none/ekv.prom"))), 4);
        assert_eq!(metrics().write(None), 0);
    }
}
