//! Patterns: globs over [names](super), and names taken as they are.
//!
//! In a glob `*` and `?` end at a `/`, `**` does not; in names of Redis and of keys without a prefix a `/` is a byte as
//! any other, and `*` matches it. A service, a table, a bucket, a queue or a directory means all that is below it.

use std::sync::atomic::{AtomicBool, Ordering};

use globset::{GlobBuilder, GlobMatcher};
use thiserror::Error;

use super::{escape, has_scope, service, unescape};
use crate::keyspace::Namespace;

/// Why a pattern means nothing.
#[derive(Debug, Error)]
pub enum PatternError {
    /// It begins with no service.
    #[error("{0}: expected dynamodb/, s3/, redis/, sqs/, fs/ or kv/ and a pattern")]
    Service(String),
    /// It is no glob.
    #[error("not a pattern")]
    Glob(#[from] globset::Error),
}

impl From<PatternError> for crate::Error {
    fn from(error: PatternError) -> Self {
        Self::Name(error.to_string())
    }
}

/// What one pattern means.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    service: Namespace,
    /// The front without special characters, in the spelling of names.
    literal: String,
    glob: Option<Globs>,
    /// Whether anything matched.
    matched: AtomicBool,
}

#[derive(Debug)]
struct Globs {
    itself: GlobMatcher,
    below: GlobMatcher,
}

impl Pattern {
    /// Reads a glob.
    ///
    /// # Errors
    ///
    /// [`PatternError`] where it begins with no service, or is malformed.
    pub fn glob(text: &str) -> Result<Self, PatternError> {
        let owner = service(text).ok_or_else(|| PatternError::Service(text.to_owned()))?;
        let at = text.find(['*', '?', '[', '{', '\\']);
        let (Some(at), false) = (at, text.ends_with('/')) else {
            return match at {
                None => Self::literal(text),
                Some(_) => Self::glob(&format!("{text}**")),
            };
        };
        let compile = |text: &str| {
            let mut glob = GlobBuilder::new(text);
            glob.literal_separator(!matches!(owner, Namespace::Redis | Namespace::Kv)).backslash_escape(true);
            glob.build().map(|glob| glob.compile_matcher())
        };
        let globs = Globs { itself: compile(text)?, below: compile(&format!("{text}/**"))? };
        let literal = text.get(..at).unwrap_or(text).to_owned();
        Ok(Self {
            text: text.to_owned(),
            service: owner,
            literal,
            glob: Some(globs),
            matched: AtomicBool::new(false),
        })
    }

    /// Takes a name as it is; escapes that names have no need of are fine.
    ///
    /// # Errors
    ///
    /// [`PatternError::Service`].
    pub fn literal(text: &str) -> Result<Self, PatternError> {
        let owner = service(text).ok_or_else(|| PatternError::Service(text.to_owned()))?;
        Ok(Self {
            text: text.to_owned(),
            service: owner,
            literal: canonical(owner, text),
            glob: None,
            matched: AtomicBool::new(false),
        })
    }

    /// Returns what was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the service.
    #[must_use]
    pub fn service(&self) -> Namespace {
        self.service
    }

    /// Returns the front of all names that are meant.
    #[must_use]
    pub fn front(&self) -> &str {
        &self.literal
    }

    /// Whether anything but names with [`Pattern::front`] itself is meant.
    #[must_use]
    pub fn is_glob(&self) -> bool {
        self.glob.is_some()
    }

    /// Whether a name is meant, by itself or by what it is below of.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let matches = match &self.glob {
            Some(globs) => globs.itself.is_match(name) || (self.nests(name) && globs.below.is_match(name)),
            None => name.strip_prefix(&*self.literal).is_some_and(|rest| {
                rest.is_empty()
                    || self.literal.ends_with('/')
                    || (rest.starts_with('/') && self.nests(&self.literal))
            }),
        };
        if matches {
            self.matched.store(true, Ordering::Relaxed);
        }
        matches
    }

    /// Whether names below a name belong to it.
    fn nests(&self, name: &str) -> bool {
        match self.service {
            Namespace::Fs => true,
            service if has_scope(service) => self.glob.is_some() || name.matches('/').count() <= 1,
            _ => !name.contains('/'),
        }
    }

    /// Whether names below `name` can be meant.
    #[must_use]
    pub fn reaches(&self, name: &str) -> bool {
        let front = self.literal.strip_suffix('/').unwrap_or(&self.literal);
        let is_below = |long: &str, short: &str| {
            long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match self.glob {
            None => is_below(front, name) || is_below(name, front),
            Some(_) => {
                is_below(front, name) || name.starts_with(&*self.literal) || self.literal.starts_with(name)
            }
        }
    }

    /// Returns the table, bucket or queue that all names that are meant belong to, if there is one.
    #[must_use]
    pub fn scope(&self) -> Option<Vec<u8>> {
        let rest = self.literal.split_once('/').filter(|_| has_scope(self.service))?.1;
        let (scope, whole) = rest.split_once('/').map_or((rest, false), |(scope, _)| (scope, true));
        (!scope.is_empty() && (whole || self.glob.is_none())).then(|| unescape(scope))
    }

    /// Whether anything matched so far.
    #[must_use]
    pub fn has_matched(&self) -> bool {
        self.matched.load(Ordering::Relaxed)
    }
}

/// Returns a name in the one spelling that [`super::of`] gives it.
pub(super) fn canonical(service: Namespace, text: &str) -> String {
    let Some((first, rest)) = text.split_once('/') else { return text.to_owned() };
    let mut out = format!("{first}/");
    let mut part = |text: &str, ends: bool| escape(&unescape(text), ends, &mut out);
    match rest.split_once('/') {
        Some((scope, key)) if has_scope(service) => {
            part(scope, true);
            out.push('/');
            let mut part = |text: &str, ends: bool| escape(&unescape(text), ends, &mut out);
            // Of an item: a hash key, or one with a range key; a `/` in the hash key is typed as it is printed, `%2F`.
            match key.split_once('/').filter(|_| service == Namespace::Dynamodb) {
                Some((hash, range)) => {
                    part(hash, true);
                    out.push('/');
                    escape(&unescape(range), false, &mut out);
                }
                None => part(key, false),
            }
        }
        _ => part(rest, has_scope(service)),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> Pattern {
        Pattern::glob(text).unwrap()
    }

    #[test]
    fn names_are_meant() {
        for (pattern, yes, no) in [
            (
                "redis/cart:*",
                vec!["redis/cart:1", "redis/cart:", "redis/cart:a/b"],
                vec!["redis/car", "kv/cart:1"],
            ),
            ("redis", vec!["redis/a", "redis/a/b", "redis/"], vec!["redisx", "s3/redis"]),
            ("redis/a", vec!["redis/a"], vec!["redis/a/b", "redis/ab"]),
            ("redis/a/", vec!["redis/a/", "redis/a/b"], vec!["redis/a", "redis/ab"]),
            (
                "s3/images/catalog/**",
                vec!["s3/images/catalog/a", "s3/images/catalog/a/b"],
                vec!["s3/images/catalog"],
            ),
            ("s3/images/*", vec!["s3/images/a"], vec!["s3/images"]),
            ("s3/images", vec!["s3/images", "s3/images/a/b"], vec!["s3/images2/a"]),
            ("s3/images/a", vec!["s3/images/a"], vec!["s3/images/a/b"]),
            ("s3/images/a/", vec!["s3/images/a/", "s3/images/a/b"], vec!["s3/images/a"]),
            ("s3/i*", vec!["s3/images", "s3/images/a/b"], vec!["s3/x/i"]),
            ("dynamodb/orders/user-1", vec!["dynamodb/orders/user-1"], vec!["dynamodb/orders/user-1/3"]),
            (
                "dynamodb/orders/user-[12]/*",
                vec!["dynamodb/orders/user-1/3"],
                vec!["dynamodb/orders/user-3/3"],
            ),
            ("fs/etc", vec!["fs/etc", "fs/etc/hosts"], vec!["fs/etcx"]),
            ("redis/%e9", vec!["redis/%E9"], vec!["redis/é"]),
            ("redis/a%2Fb", vec!["redis/a/b"], vec!["redis/a%2Fb"]),
            ("redis/{a,b}?", vec!["redis/a1", "redis/b2"], vec!["redis/c1"]),
        ] {
            let pattern = glob(pattern);
            for name in yes {
                assert!(pattern.matches(name), "{pattern:?} {name}");
            }
            for name in no {
                assert!(!pattern.matches(name), "{pattern:?} {name}");
            }
        }
    }

    #[test]
    fn a_literal_has_no_special_characters() {
        let pattern = Pattern::literal("redis/a*[b").unwrap();
        assert!(pattern.matches("redis/a*[b") && !pattern.matches("redis/ax[b"));
    }

    #[test]
    fn what_can_be_skipped_is_known() {
        assert_eq!(glob("s3/images/a*").scope().unwrap(), b"images");
        assert_eq!(glob("s3/images").scope().unwrap(), b"images");
        assert_eq!(glob("s3/im*").scope(), None);
        assert_eq!(glob("s3").scope(), None);
        assert_eq!(glob("redis/a").scope(), None);
        let pattern = glob("fs/a/b/*.txt");
        assert!(pattern.reaches("fs") && pattern.reaches("fs/a") && pattern.reaches("fs/a/b"));
        assert!(!pattern.reaches("fs/b") && !pattern.reaches("fs/a/c"));
        assert!(glob("s3/images/a").reaches("s3/images") && !glob("s3/images/a").reaches("s3/other"));
    }

    #[test]
    fn a_pattern_needs_a_service() {
        for bad in ["", "cart", "S3/x", "*/x"] {
            assert!(matches!(Pattern::glob(bad), Err(PatternError::Service(_))), "{bad}");
        }
        assert!(matches!(Pattern::glob("s3/[a"), Err(PatternError::Glob(_))));
    }
}
