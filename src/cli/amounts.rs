//! How much there is, in words.

use std::borrow::Borrow;
use std::collections::BTreeMap;

/// Returns a number with its noun: `1 file`, `2 files`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Returns how many problems there are and where they are listed; of none nothing is listed.
pub(super) fn problems(count: u64, listed: &str) -> String {
    if count == 0 { "no problems".to_owned() } else { counted(count, "problem") + listed }
}

/// Returns what the four services hold, of objects by service and scope: `2 tables (41 items), 51 keys`.
pub(super) fn held<S: Borrow<str> + Ord>(objects: &BTreeMap<S, BTreeMap<String, u64>>) -> String {
    let services = [
        ("dynamodb", "table", "item"),
        ("s3", "bucket", "object"),
        ("redis", "", "key"),
        ("sqs", "queue", "message"),
    ];
    let mut parts = Vec::new();
    for (service, scope, object) in services {
        let Some(names) = objects.get(service).filter(|names| !names.is_empty()) else { continue };
        let objects = counted(names.values().sum(), object);
        let scopes = u64::try_from(names.len()).unwrap_or(u64::MAX);
        parts.push(match scope {
            "" => objects,
            scope => format!("{} ({objects})", counted(scopes, scope)),
        });
    }
    if parts.is_empty() { "nothing of the four services".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!((counted(1, "file"), counted(0, "file")), ("1 file".to_owned(), "0 files".to_owned()));
        assert_eq!(problems(0, " (see x)"), "no problems");
        assert_eq!(problems(1, " (see x)"), "1 problem (see x)");
    }

    #[test]
    fn services_without_objects_are_not_named() {
        let of = |pairs: &[(&'static str, &[(&str, u64)])]| -> BTreeMap<_, _> {
            let names =
                |of: &[(&str, u64)]| of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
            pairs.iter().map(|(service, of)| (*service, names(of))).collect()
        };
        assert_eq!(held::<String>(&BTreeMap::new()), "nothing of the four services");
        let objects = of(&[("redis", &[("db_0", 1)]), ("s3", &[]), ("dynamodb", &[("a", 2), ("b", 0)])]);
        assert_eq!(held(&objects), "2 tables (2 items), 1 key");
    }
}
