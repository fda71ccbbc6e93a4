//! Which Raft groups share the cluster's keys, as far as the route catalog in the inputs tells (`keyspaces.md` 10).

use std::collections::BTreeSet;

use super::{Family, Store};
use crate::cursor;
use crate::error::Result;
use crate::report::Warning;

/// Groups that are told apart, at most.
const GROUPS: usize = 1024;

/// Warns when the route rows name more groups than there are inputs: what the others hold is not in the dump.
pub(super) fn missing_groups(store: &Store) -> Result<Option<Warning>> {
    let mut groups = BTreeSet::new();
    let mut routes = store.scan(Family::DistRoute);
    while let Some(row) = routes.next()? {
        // The catalog is the servers' own: a route that does not parse says nothing about the dump.
        if groups.len() < GROUPS {
            groups.extend(group(row.body));
        }
    }
    // The timestamp oracle's group holds no keys, so no route names it.
    let inputs = store.infos.iter().filter(|info| !info.oracle).count();
    if groups.len() <= inputs {
        return Ok(None);
    }
    let groups: Vec<u64> = groups.into_iter().collect();
    Ok(Some(Warning::new("multi_group_input_missing").with("groups", groups)))
}

/// Reads the group's id from a route descriptor (`keyspaces.md` 7.5).
fn group(mut descriptor: &[u8]) -> Option<u64> {
    cursor::take_u8(&mut descriptor).filter(|version| matches!(version, 1 | 2))?;
    let _route = cursor::take_u64_be(&mut descriptor)?;
    cursor::take_u64_be(&mut descriptor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_names_its_group() {
        // `keyspaces.md` example F.
        let hex = "02000000000000000100000000000000010000000000000000000000000000000000000000000000000000";
        let descriptor = hex::decode(hex).unwrap();
        assert_eq!(group(&descriptor), Some(1));
        assert_eq!(group(&descriptor[..17]), Some(1));
        assert_eq!(group(&descriptor[..16]), None);
        assert_eq!(group(&[3; 40]), None);
        assert_eq!(group(b""), None);
    }
}
