//! What is selected: patterns that objects must match, patterns that none may, and the share of one worker.
//!
//! In: patterns, then the name of each object. Out: whether it is selected; which patterns matched nothing, and which
//! names come near them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::{NameList, Pattern, SERVICES, Shard, has_scope};
use crate::keyspace::Namespace;
use crate::model::Summary;
use crate::not_there::Unmatched;

/// Most names that are kept as near ones of a pattern.
const NEAR: usize = 8;

/// Selects objects by their names.
#[derive(Debug, Default)]
pub struct Selection {
    only: Vec<Pattern>,
    exclude: Vec<Pattern>,
    /// Names beside `only`.
    lists: Vec<NameList>,
    /// The share of these that is selected.
    shard: Option<Shard>,
    /// The names nearest to each pattern of `only`: most common bytes at the front, and the first ones of those.
    near: Mutex<Vec<Vec<(usize, String)>>>,
}

impl Selection {
    /// Selects what matches one of `only`, or everything where it is empty, and none of `exclude`.
    #[must_use]
    pub fn new(only: Vec<Pattern>, exclude: Vec<Pattern>) -> Self {
        let near = Mutex::new(only.iter().map(|_| Vec::new()).collect());
        Self { only, exclude, lists: Vec::new(), shard: None, near }
    }

    /// Selects only a share of what else is selected.
    #[must_use]
    pub fn with_shard(self, shard: Option<Shard>) -> Self {
        Self { shard, ..self }
    }

    /// Returns the share that is selected; `None` for all.
    #[must_use]
    pub fn shard(&self) -> Option<Shard> {
        self.shard
    }

    /// Whether the object of this name is of the share that is selected.
    #[must_use]
    pub fn owns(&self, name: &str) -> bool {
        self.shard.is_none_or(|shard| shard.owns(name))
    }

    /// Selects listed names too, or, where there is no pattern of what is selected, nothing else.
    #[must_use]
    pub fn with_lists(self, lists: Vec<NameList>) -> Self {
        Self { lists, ..self }
    }

    /// Whether what is not named is selected.
    fn is_open(&self) -> bool {
        self.only.is_empty() && self.lists.is_empty()
    }

    /// Returns what was asked for: patterns of what is selected, patterns of what is not, number of listed names.
    #[must_use]
    pub fn asked<'s>(&'s self) -> (Vec<&'s str>, Vec<&'s str>, usize) {
        let texts = |patterns: &'s [Pattern]| patterns.iter().map(Pattern::text).collect();
        (texts(&self.only), texts(&self.exclude), self.lists.iter().map(NameList::len).sum())
    }

    /// Whether everything is selected.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.shard.is_none() && self.is_whole()
    }

    /// Whether all shares together are everything.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_open() && self.exclude.is_empty()
    }

    /// Whether an object is selected.
    #[must_use]
    pub fn selects(&self, name: &str) -> bool {
        self.matches(name) && self.owns(name)
    }

    /// Whether an object is selected in another share.
    pub(crate) fn is_others(&self, summary: &Summary<'_>) -> bool {
        let mut name = String::new();
        super::of(summary, &mut name);
        self.shard.is_some_and(|shard| !shard.owns_object(summary, &name)) && self.matches(&name)
    }

    /// Whether an object is selected in one of the shares.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let mut selected = self.is_open();
        for list in &self.lists {
            selected |= list.contains(name);
        }
        for pattern in &self.only {
            // Each one hears of each name, so that it is known whether it matches any.
            selected |= pattern.matches(name);
        }
        self.note(name);
        let excluded = self.exclude.iter().filter(|pattern| pattern.matches(name)).count() > 0;
        selected && !excluded
    }

    /// Whether objects below a table, bucket, queue or directory can be selected.
    #[must_use]
    pub fn reaches(&self, name: &str) -> bool {
        let is_meant = || self.only.iter().any(|pattern| pattern.reaches(name));
        (self.is_open() || is_meant() || self.lists.iter().any(|list| list.reaches(name)))
            && !self.exclude.iter().any(|pattern| pattern.matches(name))
    }

    /// Returns the services of which nothing is selected.
    #[must_use]
    pub fn excluded(&self) -> BTreeSet<Namespace> {
        let is_meant = |service| {
            self.is_open()
                || self.only.iter().any(|pattern| pattern.service() == service)
                || self.lists.iter().any(|list| list.services().contains(&service))
        };
        SERVICES.into_iter().filter(|&service| !is_meant(service)).collect()
    }

    /// Returns the tables, buckets and queues that all selected names belong to, by service; without a service where
    /// there may be others.
    #[must_use]
    pub fn scopes(&self) -> BTreeMap<Namespace, BTreeSet<Vec<u8>>> {
        let mut scopes: BTreeMap<Namespace, Option<BTreeSet<Vec<u8>>>> = BTreeMap::new();
        for pattern in &self.only {
            let known = scopes.entry(pattern.service()).or_insert_with(|| Some(BTreeSet::new()));
            match (pattern.scope(), &mut *known) {
                (Some(scope), Some(names)) => drop(names.insert(scope)),
                _ => *known = None,
            }
        }
        for list in &self.lists {
            for service in list.services() {
                let known = scopes.entry(*service).or_insert_with(|| Some(BTreeSet::new()));
                let listed = list.scopes().filter(|_| has_scope(*service));
                match (known.as_mut(), listed) {
                    (Some(names), Some(listed)) => {
                        let own = listed.iter().filter(|(of, _)| of == service);
                        names.extend(own.map(|(_, scope)| scope.clone()));
                    }
                    _ => *known = None,
                }
            }
        }
        scopes.into_iter().filter_map(|(service, names)| Some((service, names?))).collect()
    }

    /// Returns the patterns that matched nothing so far, each with names that come near.
    #[must_use]
    pub fn unmatched(&self) -> Vec<(&str, Vec<String>)> {
        let near = self.near.lock().unwrap_or_else(PoisonError::into_inner);
        let only = self.only.iter().zip(near.iter());
        let only = only.map(|(pattern, near)| (pattern, near.iter().map(|(_, name)| name.clone()).collect()));
        only.chain(self.exclude.iter().map(|pattern| (pattern, Vec::new())))
            .filter(|(pattern, _)| !pattern.has_matched())
            .map(|(pattern, near)| (pattern.text(), near))
            .collect()
    }

    /// Fails where a pattern matched nothing so far.
    ///
    /// # Errors
    ///
    /// All such patterns, with the names that come near.
    pub fn check(&self) -> Result<(), Unmatched> {
        let own = |(pattern, near): (&str, Vec<String>)| (pattern.to_owned(), near);
        let mut unmatched: Vec<_> = self.unmatched().into_iter().map(own).collect();
        unmatched.extend(self.lists.iter().filter_map(NameList::unmet).map(|lines| (lines, Vec::new())));
        if unmatched.is_empty() { Ok(()) } else { Err(Unmatched::new(unmatched)) }
    }

    /// Keeps a name where it comes near a pattern that matched nothing yet.
    fn note(&self, name: &str) {
        if self.only.iter().all(Pattern::has_matched) {
            return;
        }
        let mut near = self.near.lock().unwrap_or_else(PoisonError::into_inner);
        for (pattern, near) in
            self.only.iter().zip(near.iter_mut()).filter(|(pattern, _)| !pattern.has_matched())
        {
            let common = name.bytes().zip(pattern.front().bytes()).take_while(|(a, b)| a == b).count();
            let service = pattern.service().name().len();
            let is_full = near.len() >= NEAR;
            let is_known = || near.iter().any(|(_, known)| known == name);
            if common <= service
                || is_known()
                || (is_full && near.last().is_some_and(|(least, _)| *least >= common))
            {
                continue;
            }
            if is_full {
                near.pop();
            }
            let at = near.partition_point(|(other, _)| *other >= common);
            near.insert(at, (common, name.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(only: &[&str], exclude: &[&str]) -> Selection {
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::glob(text).unwrap()).collect();
        Selection::new(patterns(only), patterns(exclude))
    }

    #[test]
    fn only_and_exclude() {
        let all = selection(&[], &["redis/tmp:*"]);
        assert!(all.selects("s3/a") && all.selects("redis/a") && !all.selects("redis/tmp:1"));
        let some = selection(&["redis/a*", "sqs"], &["redis/ab"]);
        assert!(
            some.selects("redis/a")
                && some.selects("sqs/q/m")
                && !some.selects("redis/ab")
                && !some.selects("kv/a")
        );
        assert!(selection(&[], &[]).is_everything() && !some.is_everything());
    }

    #[test]
    fn services_and_scopes_that_are_not_meant_are_skipped() {
        let some = selection(&["s3/images/*", "s3/mail", "dynamodb/o*"], &[]);
        assert!(some.excluded().contains(&Namespace::Redis) && !some.excluded().contains(&Namespace::S3));
        assert_eq!(
            some.scopes(),
            BTreeMap::from([(Namespace::S3, BTreeSet::from([b"images".to_vec(), b"mail".to_vec()]))])
        );
        assert!(
            some.reaches("s3/images") && some.reaches("dynamodb/orders") && !some.reaches("dynamodb/users")
        );
        assert!(!selection(&[], &["s3/images"]).reaches("s3/images"));
    }

    #[test]
    fn what_matched_nothing_lists_what_is_near() {
        let some = selection(&["redis/cart:17", "redis/a", "s3/x"], &["kv/none"]);
        for name in ["redis/a", "redis/cart:1", "redis/cart:18", "redis/user", "redis/user", "kv/cart:17"] {
            let _ = some.selects(name);
        }
        let near = some.unmatched();
        assert_eq!(near[0].0, "redis/cart:17");
        assert_eq!(near[0].1, ["redis/cart:1", "redis/cart:18", "redis/a", "redis/user"]);
        assert_eq!(near[1..], [("s3/x", vec![]), ("kv/none", vec![])]);
        assert_eq!(
            some.check().unwrap_err().to_string(),
            "nothing matches redis/cart:17, near it: redis/cart:1, redis/cart:18, redis/a, redis/user; \
             nothing matches s3/x; nothing matches kv/none"
        );
    }

    #[test]
    fn near_names_are_bounded() {
        let some = selection(&["redis/k99999"], &[]);
        for number in 0..1000 {
            let _ = some.selects(&format!("redis/k{number}"));
        }
        let near = some.unmatched();
        assert_eq!(near[0].1.len(), NEAR);
        assert_eq!(near[0].1[0], "redis/k999");
    }
}
