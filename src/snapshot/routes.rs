//! The route catalog: which Raft group owns which keys, as far as the inputs tell (`keyspaces.md` 7.5, 10).

use std::collections::BTreeSet;

use super::Result;
use super::encrypted::Plaintext;
use super::extents::Extents;
use super::merge::Merge;
use super::scan::VersionMode;
use super::stats::GroupOrigin;
use super::txn::{self, Write};
use super::{Family, Input, Snapshot};
use crate::bug::Bug;
use crate::keyspace::routing_key;
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

/// A range of routing keys and its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// First routing key.
    pub(super) start: Vec<u8>,
    /// First routing key beyond the range; `None` when there is no end.
    pub(super) end: Option<Vec<u8>>,
    /// Raft group.
    pub(super) group: u64,
    /// Whether the range is on its way to the group, so that another one still owns it.
    arriving: bool,
}

/// The routes of the newest catalog among the inputs.
#[derive(Clone, Debug, Default)]
pub(super) struct RouteCatalog {
    /// Ascending by start; none when there are too many.
    routes: Vec<Route>,
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
            return Ok(Some(Self { routes: Vec::new(), too_large: true }));
        }
        routes.sort_by(|one: &Route, other| one.start.cmp(&other.start));
        Ok((!routes.is_empty()).then_some(Self { routes, too_large: false }))
    }

    /// Whether there is a catalog, of more than [`limits::ROUTES`] or [`limits::ROUTE_BYTES`], which is not used.
    pub(super) fn is_too_large(&self) -> bool {
        self.too_large
    }

    /// Returns the group that owns a user key; `None` when ranges alone do not place it, or no route covers it.
    pub(super) fn owner(&self, user_key: &[u8]) -> Option<u64> {
        let key = routing_key(user_key)?;
        let behind = self.routes.partition_point(|route| *route.start <= *key);
        let route = self.routes.get(..behind)?.iter().rev().find(|route| !route.arriving)?;
        route.end.as_ref().is_none_or(|end| *key < **end).then_some(route.group)
    }

    /// Lists the groups that own a range, or are about to; not the timestamp oracle's.
    pub(super) fn groups(&self) -> BTreeSet<u64> {
        self.routes.iter().map(|route| route.group).filter(|group| *group != 0).collect()
    }

    /// Lists the ranges of a group, ascending.
    pub(super) fn ranges(&self, group: u64) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(move |route| route.group == group)
    }
}

impl Route {
    /// Reads a route descriptor (`keyspaces.md` 7.5).
    fn parse(mut descriptor: &[u8]) -> Option<Self> {
        let rest = &mut descriptor;
        cursor::take_u8(rest).filter(|version| matches!(version, 1 | 2))?;
        let _route = cursor::take_u64_be(rest)?;
        let group = cursor::take_u64_be(rest)?;
        let state = cursor::take_u8(rest)?;
        let _parent = cursor::take_u64_be(rest)?;
        let start = key(rest)?.to_vec();
        let end = match cursor::take_u8(rest)? {
            0 => None,
            1 => Some(key(rest)?.to_vec()),
            _ => return None,
        };
        Some(Self { start, end, group, arriving: state == 3 })
    }
}

/// Reads bytes after their be8 length.
fn key<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(cursor::take_u64_be(rest)?).ok()?;
    cursor::take(rest, length)
}

/// Returns the version of an input's catalog and when it was committed; `None` when it has no catalog.
fn version(snapshot: &Snapshot, at: u16, input: &Input, writes: &[Write]) -> Result<Option<(u64, u64)>> {
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
            match (catalog.owner(row.key), group) {
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
    /// tell (`keyspaces.md` 10).
    #[must_use]
    pub fn route_owner(&self, user_key: &[u8]) -> Option<u64> {
        self.catalog.as_ref()?.owner(user_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(start: &str, end: Option<&str>, group: u64, arriving: bool) -> Route {
        Route { start: start.into(), end: end.map(Into::into), group, arriving }
    }

    #[test]
    fn a_route_names_its_group_and_range() {
        // `keyspaces.md` example F.
        let hex = "02000000000000000100000000000000010000000000000000000000000000000000000000000000000000";
        let descriptor = hex::decode(hex).unwrap();
        assert_eq!(Route::parse(&descriptor), Some(route("", None, 1, false)));
        for length in 0..35 {
            assert_eq!(Route::parse(&descriptor[..length]), None, "{length}");
        }
        assert_eq!(Route::parse(&[3; 80]), None);
        let hex =
            "01000000000000000100000000000000070300000000000000000000000000000001620100000000000000016d";
        assert_eq!(Route::parse(&hex::decode(hex).unwrap()), Some(route("b", Some("m"), 7, true)));
        let endless = [&descriptor[..26], &u64::MAX.to_be_bytes(), b"x"].concat();
        assert_eq!(Route::parse(&endless), None);
    }

    #[test]
    fn the_owner_is_the_group_of_the_range_that_covers_the_routing_key() {
        let routes = vec![
            route("", Some("b"), 1, false),
            route("b", Some("m"), 2, false),
            route("d", Some("f"), 3, true),
            route("n", None, 3, false),
        ];
        let catalog = RouteCatalog { routes, too_large: false };
        let owner = |key: &str| catalog.owner(format!("!redis|str|{key}").as_bytes());
        assert_eq!((owner(""), owner("a"), owner("b"), owner("e")), (Some(1), Some(1), Some(2), Some(2)));
        assert_eq!((owner("m"), owner("n"), owner("z")), (None, Some(3), Some(3)));
        assert_eq!(catalog.owner(b"!hs|fld|x"), Some(1));
        assert_eq!(catalog.owner(b"!sqs|queue|meta|x"), None);
        assert_eq!(Vec::from_iter(catalog.groups()), [1, 2, 3]);
        assert_eq!(catalog.ranges(3).count(), 2);
    }
}
