//! Counts instead of lines: tables, buckets, queues, Redis keys by type, and how much is in each.

use std::collections::BTreeMap;
use std::io::{self, Write};

use ekv_backup::name;
use ekv_backup::sink::Listed;
use serde::Serialize;

/// What was counted, by name of the scope and type of its objects. There are as many entries as scopes, not objects.
#[derive(Debug, Default)]
pub(super) struct Overview {
    counts: BTreeMap<(String, &'static str), Count>,
    name: String,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Count {
    objects: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    fullname: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(flatten)]
    count: Count,
}

impl Overview {
    /// Counts an object; a table, bucket or queue makes the line of what it holds.
    pub(super) fn count(&mut self, listed: &Listed<'_>) {
        let summary = listed.summary;
        self.name.clear();
        self.name.push_str(summary.service);
        if name::SERVICES
            .into_iter()
            .any(|service| service.name() == summary.service && name::has_scope(service))
        {
            self.name.push('/');
            name::escape(&summary.scope, true, &mut self.name);
        }
        let (kind, objects) = match summary.kind {
            "table" => ("item", 0),
            "bucket" => ("object", 0),
            "queue" => ("message", 0),
            kind => (kind, 1),
        };
        let count = self.counts.entry((self.name.clone(), kind)).or_default();
        count.objects += objects;
        count.bytes = count.bytes.saturating_add(summary.bytes.unwrap_or_default());
    }

    /// Writes a line a scope and type.
    pub(super) fn write(&self, out: &mut dyn Write, json: bool) -> io::Result<()> {
        if json {
            for ((fullname, kind), &count) in &self.counts {
                serde_json::to_writer(&mut *out, &Line { fullname, kind, count })?;
                out.write_all(b"\n")?;
            }
            return Ok(());
        }
        writeln!(out, "{:<10} {:>12} {:>16}  name", "type", "objects", "bytes")?;
        for ((name, kind), count) in &self.counts {
            writeln!(out, "{kind:<10} {:>12} {:>16}  {name}", count.objects, count.bytes)?;
        }
        Ok(())
    }
}
