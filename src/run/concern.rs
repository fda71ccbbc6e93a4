//! Which problems and warnings a run for some of the objects has: those of the selected ones and of what they are in, and
//! all of which that cannot be told.

use serde_json::Value;

use super::owner::owner;
use crate::event::Warning;
use crate::keyspace::{Family, Namespace};
use crate::name::{self, SERVICES, Selection};
use crate::problem::Problem;
use crate::report::Report;

/// Narrows a report down to what is selected.
pub(super) fn narrow<'a>(report: Report<'a>, selection: Option<&'a Selection>) -> Report<'a> {
    match selection.filter(|selection| !selection.is_everything()) {
        Some(selection) => {
            report.only(move |of| is_of_problem(selection, of), move |of| is_of_warning(selection, of))
        }
        None => report,
    }
}

fn is_of_problem(selection: &Selection, problem: &Problem<'_>) -> bool {
    let Some(service) = SERVICES.into_iter().find(|service| service.name() == problem.adapter) else {
        return true;
    };
    let scope = if name::has_scope(service) { problem.scope } else { b"" };
    if selection.excluded().contains(&service) {
        return false;
    }
    if !scope.is_empty() && !selection.reaches(&name::of_scope(service, scope)) {
        return false;
    }
    // The key is the object's own, or that of the row; what can be both is looked at as both.
    let family = Family::of(problem.key);
    let own = match owner(family, problem.key).filter(|_| family.owner() == service) {
        Some(owner) if family.owner() == Namespace::Kv => owner.key,
        Some(owner) => match owner.key {
            Some(key) if scope.is_empty() || scope == owner.scope => {
                let scope = if scope.is_empty() { &*owner.scope } else { scope };
                return selection.selects(&object(service, scope, &key))
                    || selection.selects(&object(service, scope, problem.key));
            }
            _ => None,
        },
        // Keys of items and rows that nothing reads may be of anything.
        None if problem.key.starts_with(b"!") => None,
        None => Some(problem.key.into()),
    };
    let Some(own) = own.filter(|own| !own.is_empty()) else { return true };
    // Where a scope is not told, any may be meant.
    (name::has_scope(service) && scope.is_empty()) || {
        let name = object(service, scope, &own);
        selection.selects(&name) || (service == Namespace::Fs && selection.reaches(&name))
    }
}

fn object(service: Namespace, scope: &[u8], key: &[u8]) -> String {
    let mut name =
        if name::has_scope(service) { name::of_scope(service, scope) } else { service.name().to_owned() };
    name.push('/');
    name::escape(key, false, &mut name);
    name
}

fn is_of_warning(selection: &Selection, warning: &Warning) -> bool {
    let field = |name: &str| warning.fields.iter().find(|(of, _)| *of == name).map(|(_, value)| value);
    // What was cut or escaped may be any name.
    let whole = |text: &&str| !text.contains(['\\', '…', '\u{fffd}']);
    let text = |name: &str| field(name).and_then(Value::as_str).filter(whole);
    for (scope, service) in
        [("table", Namespace::Dynamodb), ("bucket", Namespace::S3), ("queue", Namespace::Sqs)]
    {
        if let Some(scope) = text(scope) {
            return selection.reaches(&name::of_scope(service, scope.as_bytes()));
        }
    }
    match (text("key"), field("user_key_len").and_then(Value::as_u64)) {
        (Some(key), Some(length)) if u64::try_from(key.len()) == Ok(length) => {
            selection.selects(&object(Namespace::Redis, b"", key.as_bytes()))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Class, Event};
    use crate::name::Pattern;

    fn selection(only: &[&str], exclude: &[&str]) -> Selection {
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::glob(text).unwrap()).collect();
        Selection::new(patterns(only), patterns(exclude))
    }

    #[test]
    fn problems_of_what_is_not_selected_are_left_out_and_of_what_may_be_are_kept() {
        let object = [&b"b\0\x01\0\0\0\0\0\0\0\x05"[..], b"o/x\0\x01"].concat();
        let chunk = [&b"!s3|blob|"[..], &object, b"u\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0"].concat();
        for (only, adapter, scope, key, is_kept) in [
            ("redis/a*", "redis", &b"db_0"[..], &b"ab"[..], true),
            ("redis/a*", "redis", b"db_0", b"b", false),
            ("redis/a*", "redis", b"db_0", b"!hs|fld|\0\0\0\x01af", true),
            ("redis/a*", "redis", b"db_0", b"!hs|fld|\0\0\0\x01bf", false),
            ("redis/!hs*", "redis", b"db_0", b"!hs|fld|\0\0\0\x01bf", true),
            ("redis/a*", "redis", b"db_0", b"!hs|fld|\0\0", true),
            ("redis/a*", "s3", b"b", b"ab", false),
            ("s3/b/o/*", "s3", b"b", b"o/x", true),
            ("s3/b/o/*", "s3", b"b", b"p", false),
            ("s3/b/o/*", "s3", b"c", b"o/x", false),
            ("s3/b/o/*", "s3", b"b", &chunk, true),
            ("s3/b/p", "s3", b"b", &chunk, false),
            ("s3/b/p", "s3", b"b", b"", true),
            ("s3/b/p", "s3", b"", b"o", true),
            ("dynamodb/t/a", "dynamodb", b"t", b"!ddb|item|dA|1|x", true),
            ("dynamodb/t/a", "dynamodb", b"u", b"!ddb|item|dQ|1|x", false),
            ("kv/a*", "kv", b"", b"b", false),
            ("kv/a*", "kv", b"", b"ab", true),
            ("fs/a/b", "fs", b"", b"a", true),
            ("fs/a/b", "fs", b"", b"c", false),
        ] {
            let (class, message) = (Class::S3_CORRUPT_OBJECT, String::new());
            let problem = Problem { adapter, scope, key, class, message, place: None };
            let is_of = is_of_problem(&selection(&[only], &[]), &problem);
            assert_eq!(is_of, is_kept, "{only} {adapter} {}", key.escape_ascii());
        }
    }

    #[test]
    fn warnings_are_those_of_the_scopes_and_keys() {
        let warning = |name, text: &str| Warning::new(Event::REDIS_HIDDEN_ROWS).with(name, text);
        let some = selection(&["s3/b/k", "redis/a*"], &["redis/ab"]);
        for (warning, is_kept) in [
            (warning("bucket", "b"), true),
            (warning("bucket", "c"), false),
            (warning("queue", "q"), false),
            (warning("table", "long…"), true),
            (warning("hint", "whatever"), true),
            (warning("key", "aa").with("user_key_len", 2), true),
            (warning("key", "ab").with("user_key_len", 2), false),
            (warning("key", "b").with("user_key_len", 1), false),
            (warning("key", "b").with("user_key_len", 2), true),
        ] {
            assert_eq!(is_of_warning(&some, &warning), is_kept, "{warning:?}");
        }
    }
}
