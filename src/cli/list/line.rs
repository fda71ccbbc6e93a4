//! How an object is listed: its name, columns before it, or JSON.

use std::io::Write as _;

use ekv_backup::sink::{self, Listed};

use crate::cli::time::{hlc_time, ms_time};

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The name alone.
    Name,
    /// Type, bytes, elements, expiry, commit time, name.
    Long,
    /// A JSON object.
    Json,
}

/// Appends the line of an object.
pub fn write(line: &mut Vec<u8>, listed: &Listed<'_>, form: Form) {
    match form {
        Form::Name => line.extend_from_slice(listed.name.as_bytes()),
        Form::Long => long(line, listed),
        Form::Json => return sink::line(line, listed),
    }
    line.push(b'\n');
}

/// The name comes last, so that the other columns, none of which holds a blank, can be cut off.
fn long(line: &mut Vec<u8>, listed: &Listed<'_>) {
    let summary = listed.summary;
    let _ = write!(line, "{:<10}", summary.kind);
    for (number, width) in [(summary.bytes, 12), (summary.elements, 9)] {
        let _ = match number {
            Some(number) => write!(line, " {number:>width$}"),
            None => write!(line, " {:>width$}", "-"),
        };
    }
    for time in [summary.expires_ms.map(ms_time), summary.commit_ts.map(hlc_time)] {
        let time = time.map_or_else(|| "-".to_owned(), |time| time.replace(' ', ""));
        let _ = write!(line, "  {time:<24}");
    }
    line.extend_from_slice(b"  ");
    line.extend_from_slice(listed.name.as_bytes());
}

#[cfg(test)]
mod tests {
    use ekv_backup::model::Summary;

    use super::*;

    #[test]
    fn columns_are_aligned_and_the_name_is_last() {
        let summary = Summary {
            kind: "hash",
            elements: Some(3),
            expires_ms: Some(1_714_400_000_120),
            commit_ts: Some(112_354_918_400_000_001),
            ..Summary::default()
        };
        let line = |summary: &Summary<'_>| {
            let mut line = Vec::new();
            write(&mut line, &Listed { name: "redis/a b", summary, deleted: false }, Form::Long);
            String::from_utf8(line).unwrap()
        };
        assert_eq!(
            line(&summary),
            "hash                  -         3  2024-04-29T14:13:20.12Z   2024-04-29T14:13:20Z      redis/a b\n"
        );
        let none = line(&Summary { kind: "string", bytes: Some(1), ..Summary::default() });
        assert_eq!(none.find("redis/"), line(&summary).find("redis/"));
        assert_eq!(none.split_whitespace().count(), 7);
        let far = line(&Summary { kind: "string", expires_ms: Some(u64::MAX), ..Summary::default() });
        assert!(far.contains(" 18446744073709551615ms "), "{far}");
    }
}
