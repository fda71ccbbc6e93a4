//! Lines: one JSON line an object, in the order in which objects come.
//!
//! In: heads of objects. Out: `{"service":…,"scope":…,"name":…,"fullname":…,"type":…,"bytes":…,"elements":…,
//! "expires_ms":…,"commit_ts":…}`; members of which nothing is known are left out. A name that is not UTF-8 has
//! `name_base64` beside its readable form; `fullname` is the one that commands take.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{Answer, Listed, Sink};
use crate::error::{Error, Result};
use crate::model::Object;
use crate::model::sqs::{Delivery, Side};
use crate::name;
use crate::report::Report;
use crate::time::{Hlc, UnixMs};
use crate::tree::json::{self, Html, Lossy};

/// Writes lines to `out`.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    line: Vec<u8>,
    name: String,
}

#[derive(Serialize)]
struct Line<'a> {
    service: &'static str,
    scope: Lossy<'a>,
    name: Lossy<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
    fullname: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elements: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_ms: Option<UnixMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit_ts: Option<Hlc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_ts: Option<Hlc>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryLine<'a>>,
}

/// Where a message is on its way.
#[derive(Serialize)]
struct DeliveryLine<'a> {
    receives: i64,
    visible_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_flight_since_ms: Option<UnixMs>,
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<LockLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dedup_until_ms: Option<i64>,
    /// Side records that are not as the server writes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<&'static str>,
}

#[derive(Serialize)]
struct LockLine<'a> {
    message_id: &'a str,
    acquired_ms: i64,
}

impl<'a> DeliveryLine<'a> {
    fn of(delivery: &'a Delivery) -> Self {
        let mut unreadable = Vec::new();
        let lock = match &delivery.lock {
            Side::Read(lock) => {
                Some(LockLine { message_id: &lock.message_id, acquired_ms: lock.acquired_at })
            }
            Side::Absent => None,
            Side::Unreadable => {
                unreadable.push("lock");
                None
            }
        };
        let dedup_until_ms = match delivery.dedup_until {
            Side::Read(until) => Some(until),
            Side::Absent => None,
            Side::Unreadable => {
                unreadable.push("dedup_until");
                None
            }
        };
        Self {
            receives: delivery.receives,
            visible_ms: delivery.visible_at,
            in_flight_since_ms: delivery.in_flight_since,
            group: &delivery.group,
            lock,
            dedup_until_ms,
            unreadable,
        }
    }
}

impl<W: Write> Lines<W> {
    /// Writes to `out`, a line at once.
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new(), name: String::new() }
    }

    /// Returns what was written to.
    pub fn into_inner(self) -> W {
        self.out
    }
}

/// Appends the line of an object.
pub fn line(out: &mut Vec<u8>, listed: &Listed<'_>) {
    let Listed { name, summary, deleted, delivery } = *listed;
    let is_text = std::str::from_utf8(&summary.name).is_ok();
    let line = Line {
        service: summary.service,
        scope: Lossy(&summary.scope),
        name: Lossy(&summary.name),
        name_base64: (!is_text).then(|| STANDARD.encode(&summary.name)),
        fullname: name,
        kind: summary.kind,
        bytes: summary.bytes,
        elements: summary.elements,
        expires_ms: summary.expires_ms,
        commit_ts: summary.commit_ts.filter(|_| !deleted),
        deleted_ts: summary.commit_ts.filter(|_| deleted),
        delivery: delivery.map(DeliveryLine::of),
    };
    json::compact(out, &line, Html::Raw);
    out.push(b'\n');
}

impl<W: Write> Sink for Lines<W> {
    fn object(&mut self, _report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        let summary = object.summary();
        name::of(&summary, &mut self.name);
        self.line.clear();
        line(&mut self.line, &Listed { name: &self.name, summary: &summary, deleted: false, delivery: None });
        self.out.write_all(&self.line).map_err(Error::Output)?;
        Ok(Answer::Taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kv::Pair;

    fn line(pair: &Pair<'_>) -> String {
        let scratch = crate::sort::Scratch::default();
        let mut lines = Lines::new(Vec::new());
        let answer = lines.object(&mut Report::new(&scratch, |_| {}), Object::Kv(pair)).unwrap();
        assert_eq!(answer, Answer::Taken);
        String::from_utf8(lines.into_inner()).unwrap()
    }

    #[test]
    fn a_line_has_what_is_known() {
        assert_eq!(
            line(&Pair { key: b"a\"b", value: b"123", commit_ts: Hlc(5) }),
            "{\"service\":\"kv\",\"scope\":\"\",\"name\":\"a\\\"b\",\
             \"fullname\":\"kv/a\\\"b\",\"type\":\"value\",\"bytes\":3,\"commit_ts\":5}\n"
        );
    }

    #[test]
    fn a_name_that_is_no_text_has_its_bytes_beside() {
        let line = line(&Pair { key: b"\xff\xfe", value: b"", commit_ts: Hlc(5) });
        assert!(line.contains(r#""name_base64":"//4=""#), "{line}");
    }
}
