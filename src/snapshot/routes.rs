//! The route catalog: which Raft group owns which keys, as far as the inputs tell (`format/keys.md#internal-families`, `reading/groups.md#several-groups`).

use std::collections::BTreeSet;

use super::Result;
use super::encrypted::Plaintext;
use super::extents::Extents;
use super::merge::Merge;
use super::scan::VersionMode;
use super::stats::GroupOrigin;
use super::txn::{self, Write};
use super::{Family, Input, InputInfo, Snapshot};
use crate::bug::Bug;
use crate::keyspace::{Route, Routes, sqs};
use crate::time::Hlc;
use crate::{cursor, limits};

/// What the keys of the catalog begin with.
const CATALOG: &[u8] = b"!dist|";
/// Families whose rows tell the group of an input, since the ranges alone place them.
const TELLING: [Family; 16] = [
    Family::RedisString,
    Family::RedisTtl,
    Family::HashMeta,
    Family::HashField,
    Family::ListMeta,
    Family::ListItem,
    Family::SetMeta,
    Family::SetMember,
    Family::ZsetMeta,
    Family::ZsetMember,
    Family::StreamMeta,
    Family::StreamEntry,
    Family::DynamodbTable,
    Family::DynamodbItem,
    Family::S3ObjectHead,
    Family::Bare,
];
/// Rows of each of these families that are looked at.
const ROWS: usize = 64;

/// The routes of the newest catalog among the inputs.
#[derive(Clone, Debug, Default)]
pub(super) struct RouteCatalog {
    /// None when there are too many.
    routes: Routes,
    too_large: bool,
}

impl RouteCatalog {
    /// Reads the newest catalog: of the input with the highest `!dist|meta|version`, of equal ones the one that was
    /// committed last. `None` when no input holds any. `writes` were committed and are not applied yet.
    pub(super) fn newest(snapshot: &Snapshot, writes: &[Write]) -> Result<Option<Self>> {
        let mut newest = None;
        for (at, input) in snapshot.numbered() {
            let Some(age) = version(snapshot, at, input, writes)? else { continue };
            if newest.is_none_or(|(best, _)| best < age) {
                newest = Some((age, (at, input)));
            }
        }
        match newest {
            Some((_, (at, input))) => Self::read(snapshot, at, input, writes),
            None => Ok(None),
        }
    }

    fn read(snapshot: &Snapshot, at: u16, input: &Input, writes: &[Write]) -> Result<Option<Self>> {
        let (mut routes, mut bytes) = (Vec::new(), 0);
        // The catalog is the servers' own: a route that does not parse says nothing about the dump.
        let mut take = |body: &[u8]| {
            bytes += body.len();
            routes.extend(Route::parse(body));
            routes.len() <= limits::ROUTES && bytes <= limits::ROUTE_BYTES
        };
        let own = |write: &&Write| write.input == at && Family::of(&write.key) == Family::DistRoute;
        let writes: Vec<&Write> = writes.iter().filter(own).collect();
        let (mut fits, mut plaintext) = (true, Plaintext::default());
        let mut rows = one(snapshot, at, input, Family::DistRoute, VersionMode::Visible);
        while let Some((_, row)) = rows.next()?.filter(|_| fits) {
            // Writes are in the order of keys.
            if writes.binary_search_by(|write| write.key.as_slice().cmp(row.key)).is_err() {
                fits = take(snapshot.plain(snapshot.path(at), &row, &mut plaintext)?);
            }
        }
        fits = fits && writes.iter().filter_map(|write| write.value.as_deref()).all(take);
        if !fits {
            return Ok(Some(Self { routes: Routes::default(), too_large: true }));
        }
        let is_there = !routes.is_empty();
        Ok(is_there.then(|| Self { routes: Routes::new(routes), too_large: false }))
    }

    /// Whether there is a catalog, of more than [`limits::ROUTES`] or [`limits::ROUTE_BYTES`], which is not used.
    pub(super) fn is_too_large(&self) -> bool {
        self.too_large
    }

    /// Lists the groups that own a range, or are about to; not the timestamp oracle's.
    pub(super) fn groups(&self) -> BTreeSet<u64> {
        self.routes.ranges.iter().map(|route| route.group).filter(|group| *group != 0).collect()
    }

    /// Lists the ranges of a group, ascending.
    pub(super) fn ranges(&self, group: u64) -> impl Iterator<Item = &Route> {
        self.routes.ranges.iter().filter(move |route| route.group == group)
    }
}

/// Returns the version of an input's catalog and when it was committed; `None` when it has no catalog.
fn version(snapshot: &Snapshot, at: u16, input: &Input, writes: &[Write]) -> Result<Option<(u64, Hlc)>> {
    let written = |family: Family| {
        let own = writes.iter().filter(move |write| write.input == at && Family::of(&write.key) == family);
        own.filter_map(|write| Some((write.value.as_deref()?, write.commit_ts))).next_back()
    };
    if let Some((body, commit_ts)) = written(Family::DistVersion) {
        return Ok(Some((version_of(body), commit_ts)));
    }
    let mut rows = one(snapshot, at, input, Family::DistVersion, VersionMode::Visible);
    if let Some((_, row)) = rows.next()? {
        let mut plaintext = Plaintext::default();
        let body = snapshot.plain(snapshot.path(at), &row, &mut plaintext)?;
        return Ok(Some((version_of(body), row.head.commit_ts)));
    }
    let mut routes = one(snapshot, at, input, Family::DistRoute, VersionMode::Visible);
    let stored = routes.next()?.map(|(_, row)| (0, row.head.commit_ts));
    Ok(stored.max(written(Family::DistRoute).map(|(_, commit_ts)| (0, commit_ts))))
}

/// Reads the value of `!dist|meta|version`.
fn version_of(mut body: &[u8]) -> u64 {
    let known = cursor::take_u8(&mut body).filter(|format| *format == 1);
    known.and_then(|_| cursor::take_u64_be(&mut body)).unwrap_or_default()
}

/// Scans one family of one input.
fn one<'s>(
    snapshot: &'s Snapshot,
    at: u16,
    input: &'s Input,
    family: Family,
    mode: VersionMode,
) -> Merge<'s> {
    let extents = input.catalog.extents.get(family.index()).map(Extents::to_vec).unwrap_or_default();
    Merge::new(std::iter::once((at, snapshot.over(input, extents, family, true).into())), mode)
}

/// Returns the group of an input by what it holds: the owner of all keys that were looked at. `None` when they have
/// several owners, or none tells.
pub(super) fn group_by_keys(snapshot: &Snapshot, catalog: &RouteCatalog, at: u16) -> Result<Option<u64>> {
    let input = snapshot.inputs.get(usize::from(at)).ok_or(Bug::new("no input has this number"))?;
    let mut group = None;
    for family in TELLING {
        let mut rows = one(snapshot, at, input, family, VersionMode::All);
        for _ in 0..ROWS {
            let Some((_, row)) = rows.next()? else { break };
            if row.head.tombstone {
                continue;
            }
            match (catalog.routes.owner(row.key), group) {
                (Some(owner), None) => group = Some(owner),
                (Some(owner), Some(group)) if owner != group => return Ok(None),
                _ => {}
            }
        }
    }
    Ok(group)
}

impl Snapshot {
    /// Reads the catalog and names the group of each input that nothing named so far.
    /// `records` are searched for what became of transactions that write the catalog.
    pub(super) fn place_inputs(&mut self, records: &[Input]) -> Result<()> {
        let writes = txn::committed(self, records, CATALOG)?;
        self.catalog = RouteCatalog::newest(self, &writes)?;
        for at in 0..u16::try_from(self.infos.len()).unwrap_or(u16::MAX) {
            let told = self.infos.get(usize::from(at)).map(|info| (info.group.is_some(), info.oracle));
            let found = match (told, &self.catalog) {
                (Some((false, true)), _) => Some((0, GroupOrigin::Oracle)),
                (Some((false, false)), Some(catalog)) => {
                    group_by_keys(self, catalog, at)?.map(|group| (group, GroupOrigin::Routes))
                }
                _ => None,
            };
            if let (Some(found), Some(info)) = (found, self.infos.get_mut(usize::from(at))) {
                info.group = Some(found);
            }
        }
        Ok(())
    }

    /// Returns the Raft group that owns a user key by the newest catalog among the inputs; `None` when it does not
    /// tell (`reading/groups.md#several-groups`).
    #[must_use]
    pub fn route_owner(&self, user_key: &[u8]) -> Option<u64> {
        self.catalog.as_ref()?.routes.owner(user_key)
    }

    /// Returns the routes of the newest catalog among the inputs, and the groups that hold partitions of queues, which no
    /// catalog tells: those whose inputs have rows of them. `None` without a catalog, or with one that is too large.
    pub fn routes(&self) -> Result<Option<Routes>> {
        let Some(catalog) = self.catalog.as_ref().filter(|catalog| !catalog.too_large) else {
            return Ok(None);
        };
        let mut routes = catalog.routes.clone();
        for prefix in sqs::partitioned() {
            let mut rows = self.with_prefix(&prefix, None, VersionMode::Visible);
            while let Some((at, row)) = rows.next()? {
                let group = self.infos.get(at.input()).and_then(InputInfo::group);
                if let (Some((queue, partition)), Some(group)) = (sqs::partition(row.key), group)
                    && let Some(queue) = queue.name()
                    && routes.partitions.len() < limits::ROUTES
                {
                    routes.partitions.entry((queue, partition)).or_insert(group);
                }
            }
        }
        Ok(Some(routes))
    }
}
