//! Keys that no adapter owns: `extra/kv/<segment>.bin` and `extra/kv/KEYMAP.jsonl` (`reading/keys.md#keys-without-a-prefix`,
//! `reading/keys.md#decided-cases`).
//!
//! In: rows without a prefix, and rows that begin with `!` and are of no known family. Out: one file a key, one
//! warning a prefix; unknown rows under an adapter's namespace are problems too.

mod hidden;
mod prefix;
#[cfg(test)]
mod tests;
mod unknown;

use super::{Context, Scope};
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::excerpt;
use crate::keyspace::{Family, Namespace};
use crate::model::Object;
use crate::model::kv::Pair;
use crate::report::Problem;
use crate::snapshot::{Entry, RowLocation};

use unknown::UnknownRows;

/// Writes the keys. The scope is empty: the manifest does not list them.
pub(crate) fn dump(context: &mut Context<'_, '_>) -> Result<Scope> {
    let excluded = &context.options.excluded;
    if excluded.contains(&Namespace::Kv) {
        return Ok(Scope::new());
    }
    // Without the Redis adapter nobody else would write the bare keys.
    let as_strings = context.options.legacy_redis_strings && !excluded.contains(&Namespace::Redis);
    let mut bare = Bare::default();
    if as_strings {
        hidden::write(context, &mut bare)?;
    } else {
        write_bare(context, &mut bare)?;
    }
    bare.warn(context);
    write_unknown(context)?;
    context.sink.end_service(context.report, Namespace::Kv)?;
    Ok(Scope::new())
}

/// What is said about the keys without a prefix.
#[derive(Debug, Default)]
struct Bare {
    count: u64,
    first_key: Vec<u8>,
}

impl Bare {
    fn count(&mut self, key: &[u8]) {
        if self.count == 0 {
            self.first_key.extend_from_slice(key.get(..excerpt::KEY + 1).unwrap_or(key));
        }
        self.count += 1;
    }

    fn warn(&self, context: &mut Context<'_, '_>) {
        if self.count != 0 {
            let warning = Warning::new(Event::UNPREFIXED_KEYS)
                .with("count", self.count)
                .with("first_key_hex", excerpt::hex(&self.first_key))
                .with("first_key", excerpt::key(&self.first_key));
            let hint = "decode writes them to extra/kv/; --legacy-redis-strings makes them Redis strings";
            let asked = context.options.legacy_redis_strings;
            context.report.warn(if asked { warning } else { warning.with("hint", hint) });
        }
    }
}

fn pair<'a>(row: &Entry<'a>) -> Pair<'a> {
    Pair { key: row.key, value: row.body, commit_ts: row.commit_ts }
}

/// Passes a key on, which stands at `place`.
fn put(context: &mut Context<'_, '_>, pair: &Pair<'_>, place: RowLocation) -> Result<()> {
    let Some(refusal) = context.put(Object::Kv(pair))? else { return Ok(()) };
    context.report.problem(&Problem {
        adapter: Namespace::Kv.name(),
        scope: b"",
        key: pair.key,
        class: refusal.class,
        message: refusal.message,
        place: Some(place),
    })
}

fn write_bare(context: &mut Context<'_, '_>, bare: &mut Bare) -> Result<()> {
    let mut rows = context.snapshot.scan(Family::Bare);
    while let Some(row) = rows.next()? {
        bare.count(row.key);
        put(context, &pair(&row), row.place)?;
    }
    Ok(())
}

fn write_unknown(context: &mut Context<'_, '_>) -> Result<()> {
    let mut unknown = UnknownRows::new(context.scratch);
    let mut rows = context.snapshot.scan(Family::Unknown);
    while let Some(row) = rows.next()? {
        let owner = prefix::namespace(row.key).map(|(_, owner)| owner);
        // Rows of an adapter that was not selected count as internal (`tree/README.md#what-becomes-of-each-family`).
        if owner.is_some_and(|owner| context.options.excluded.contains(&owner)) {
            continue;
        }
        unknown.push(row.key, row.place)?;
        put(context, &pair(&row), row.place)?;
    }
    unknown.report(context)
}
