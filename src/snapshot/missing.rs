//! Raft groups that share the cluster's keys and are not among the inputs (`reading/groups.md#several-groups`).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::routes::RouteCatalog;
use super::{Family, GroupOrigin, Snapshot};
use crate::container::Excerpt;
use crate::event::{Event, Warning};
use crate::limits;

/// What is known about groups that are not among the inputs.
#[derive(Clone, Debug, PartialEq)]
pub enum MissingGroups {
    /// The route catalog names them.
    Named {
        /// Their ids, ascending.
        groups: Vec<u64>,
        /// What the first of them own, for the warning.
        owned: Vec<Value>,
        /// Inputs of which nothing tells the group: each may be of one of them.
        unplaced: usize,
    },
    /// The rows or the place of the inputs say that there are several groups, but no input holds the catalog, so that
    /// at least the group that does is missing.
    NoCatalog,
    /// The same, but the catalog is here and names no other group: what the one input does not hold is not placed by
    /// routes.
    Unnamed,
    /// The route catalog has more than [`limits::ROUTES`] routes or [`limits::ROUTE_BYTES`], and was not read.
    TooLarge,
}

impl MissingGroups {
    /// Returns the warning `multi_group_input_missing`.
    #[must_use]
    pub fn warning(&self) -> Warning {
        let warning = Warning::new(Event::MULTI_GROUP_INPUT_MISSING);
        match self {
            Self::Named { groups, owned, unplaced } => {
                let warning = warning.with("groups", groups.clone()).with("owned", owned.clone());
                if *unplaced > 0 { warning.with("inputs_of_unknown_group", *unplaced) } else { warning }
            }
            Self::NoCatalog => {
                let hint = "there are several groups, and the one that holds the route catalog is not here";
                warning.with("groups", Vec::<u64>::new()).with("hint", hint)
            }
            Self::Unnamed => {
                let hint = "there are several groups, of which the route catalog names this one only: partitions of \
                            queues are placed by a map that no snapshot holds";
                warning.with("groups", Vec::<u64>::new()).with("hint", hint)
            }
            Self::TooLarge => warning
                .with("groups", Vec::<u64>::new())
                .with("hint", format!("{self}: any group may be missing")),
        }
    }
}

impl std::fmt::Display for MissingGroups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named { groups, .. } => {
                write!(f, "snapshots of the Raft groups {groups:?} are not among the inputs")
            }
            Self::NoCatalog => f.write_str(
                "the cluster has several Raft groups, and the one that holds the route catalog is not among the inputs",
            ),
            Self::Unnamed => f.write_str(
                "the cluster has several Raft groups, and only one of them, which owns all routes, is among the inputs",
            ),
            Self::TooLarge => write!(
                f,
                "the route catalog is too large: more than {} routes or {} MiB",
                limits::ROUTES,
                limits::ROUTE_BYTES >> 20
            ),
        }
    }
}

impl Snapshot {
    /// Compares the Raft groups that the route catalog names with those of the inputs. What a missing group holds is
    /// not in the store: a collection, a table or a bucket may be here in part only.
    #[must_use]
    pub fn missing_groups(&self) -> Option<MissingGroups> {
        let inputs: BTreeSet<u64> = self.infos.iter().filter_map(super::InputInfo::group).collect();
        let records = [Family::TxnLock, Family::TxnIntent, Family::TxnCommit, Family::TxnRollback];
        // A manifest names the group where there is but one, too.
        let placed =
            |info: &super::InputInfo| matches!(info.group, Some((group, GroupOrigin::Path)) if group != 0);
        let several = self.infos.iter().any(placed)
            || inputs.iter().filter(|group| **group != 0).count() > 1
            || records.into_iter().any(|family| self.stats(family).rows > 0);
        let Some(catalog) = &self.catalog else {
            return several.then_some(MissingGroups::NoCatalog);
        };
        if catalog.is_too_large() {
            return Some(MissingGroups::TooLarge);
        }
        let unplaced = self.infos.iter().filter(|info| info.group.is_none()).count();
        let groups: Vec<u64> = catalog.groups().difference(&inputs).copied().collect();
        if groups.len() <= unplaced {
            let alone = self.infos.iter().filter(|info| !info.oracle).count() == 1;
            return (several && alone).then_some(MissingGroups::Unnamed);
        }
        let owned = groups.iter().take(limits::GROUPS_NAMED).map(|group| owned(catalog, *group)).collect();
        Some(MissingGroups::Named { groups, owned, unplaced })
    }
}

/// Lists the ranges of a group.
fn owned(catalog: &RouteCatalog, group: u64) -> Value {
    let shown = |key: &[u8]| Excerpt::of(key).to_string();
    let ranges: Vec<Value> = catalog
        .ranges(group)
        .take(limits::RANGES_NAMED)
        .map(|route| json!([shown(&route.start), route.end.as_deref().map(shown)]))
        .collect();
    match catalog.ranges(group).count() - ranges.len() {
        0 => json!({"group": group, "ranges": ranges}),
        more => json!({"group": group, "ranges": ranges, "more": more}),
    }
}
