//! How an object is listed: its name, columns before it, or JSON.

use std::io::Write as _;

use ekv_backup::model::sqs::{Delivery, Side};
use ekv_backup::name;
use ekv_backup::sink::{self, Listed};

use crate::cli::time::{hlc_time, ms_time};
use ekv_backup::time::UnixMs;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The name alone.
    Name,
    /// Type, bytes, elements, expiry, commit time, name.
    Long,
    /// A JSON object.
    Json,
}

/// Appends the line of an object.
pub(super) fn write(line: &mut Vec<u8>, listed: &Listed<'_>, form: Form) {
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
    if let Some(delivery) = listed.delivery {
        way(line, delivery);
    }
    line.extend_from_slice(listed.name.as_bytes());
}

/// Says where a message is on its way, as `member=value` without blanks.
fn way(line: &mut Vec<u8>, delivery: &Delivery) {
    let mut tell = |member: &str, value: &str| {
        let mut shown = String::new();
        name::escape(value.as_bytes(), true, &mut shown);
        // What follows a blank is the name.
        let shown = shown.replace(' ', "%20");
        line.extend_from_slice(format!("{member}={shown} ").as_bytes());
    };
    let time = |ms: i64| u64::try_from(ms).map_or_else(|_| ms.to_string(), |ms| ms_time(UnixMs(ms)));
    tell("receives", &delivery.receives.to_string());
    tell("visible", &time(delivery.visible_at));
    if let Some(since) = delivery.in_flight_since {
        tell("in_flight_since", &ms_time(since));
    }
    if !delivery.group.is_empty() {
        tell("group", &delivery.group);
    }
    match &delivery.lock {
        Side::Absent => {}
        Side::Unreadable => tell("lock", "unreadable"),
        Side::Read(lock) => tell("lock", &format!("{}@{}", lock.message_id, time(lock.acquired_at))),
    }
    match &delivery.dedup_until {
        Side::Absent => {}
        Side::Unreadable => tell("dedup_until", "unreadable"),
        Side::Read(until) => tell("dedup_until", &time(*until)),
    }
}

#[cfg(test)]
mod tests {
    use ekv_backup::model::Summary;
    use ekv_backup::model::sqs::GroupLock;

    use super::*;
    use ekv_backup::time::Hlc;

    #[test]
    fn columns_are_aligned_and_the_name_is_last() {
        let summary = Summary {
            kind: "hash",
            elements: Some(3),
            expires_ms: Some(UnixMs(1_714_400_000_120)),
            commit_ts: Some(Hlc(112_354_918_400_000_001)),
            ..Summary::default()
        };
        let line = |summary: &Summary<'_>| {
            let mut line = Vec::new();
            write(
                &mut line,
                &Listed { name: "redis/a b", summary, deleted: false, delivery: None },
                Form::Long,
            );
            String::from_utf8(line).unwrap()
        };
        assert_eq!(
            line(&summary),
            "hash                  -         3  2024-04-29T14:13:20.12Z   2024-04-29T14:13:20Z      redis/a b\n"
        );
        let none = line(&Summary { kind: "string", bytes: Some(1), ..Summary::default() });
        assert_eq!(none.find("redis/"), line(&summary).find("redis/"));
        assert_eq!(none.split_whitespace().count(), 7);
        let delivery = Delivery {
            receives: 2,
            visible_at: 1_714_400_000_000,
            in_flight_since: Some(UnixMs(1_714_399_970_000)),
            group: "a b/%".to_owned(),
            lock: Side::Read(GroupLock { message_id: "m".to_owned(), acquired_at: 1_714_399_970_000 }),
            dedup_until: Side::Unreadable,
        };
        let mut text = Vec::new();
        let message =
            Listed { name: "sqs/q/m", summary: &summary, deleted: false, delivery: Some(&delivery) };
        write(&mut text, &message, Form::Long);
        assert!(
            String::from_utf8(text).unwrap().ends_with(
                "  receives=2 visible=2024-04-29T14:13:20Z in_flight_since=2024-04-29T14:12:50Z group=a%20b%2F%25 \
                 lock=m@2024-04-29T14:12:50Z dedup_until=unreadable sqs/q/m\n"
            )
        );
        let far = line(&Summary { kind: "string", expires_ms: Some(UnixMs(u64::MAX)), ..Summary::default() });
        assert!(far.contains(" 18446744073709551615ms "), "{far}");
    }
}
