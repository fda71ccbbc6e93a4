//! Paths copied out of a dump.
//!
//! In: a path, perhaps with the dump's own directory in front. Out: the paths from a dump's root that it can be, and what
//! has to be read for one of them.

use crate::keyspace::Namespace;
use crate::model::redis::DATABASE;
use crate::name::{SERVICES, service};
use crate::service::Options;

/// Lists the paths that a text can mean, the longest first.
pub(super) fn candidates(text: &str) -> Vec<Vec<u8>> {
    let text = text.strip_prefix("./").unwrap_or(text);
    let starts = std::iter::once(0).chain(text.match_indices('/').map(|(at, _)| at + 1));
    let paths = starts.filter_map(|at| text.get(at..)).filter(|path| is_path(path));
    paths.map(|path| path.as_bytes().to_vec()).collect()
}

/// Whether a dump can hold a file of this path.
fn is_path(path: &str) -> bool {
    let first = path.split_once('/').map(|(first, _)| first);
    path == "PROBLEMS.jsonl"
        || first == Some("extra")
        || (first.is_some()
            && service(path).is_some_and(|service| place(service) == "root" && is_of(service, path)))
}

/// Whether a service with files at the root can have one of this path.
fn is_of(service: Namespace, path: &str) -> bool {
    let mut parts = path.splitn(3, '/').skip(1);
    match service {
        Namespace::Redis => parts.next() == Some(DATABASE),
        Namespace::Dynamodb => {
            parts.nth(1).is_some_and(|rest| rest == "_schema.json" || rest.starts_with("items/"))
        }
        _ => true,
    }
}

fn place(service: Namespace) -> &'static str {
    match service {
        Namespace::Fs | Namespace::Kv => "extra",
        _ => "root",
    }
}

/// Returns what has to be read for a file: the service that it is of, and what a plain dump leaves out.
pub(super) fn options(path: &[u8]) -> Options {
    let holds = |part: &[u8]| memchr::memmem::find(path, part).is_some();
    let mut options = Options {
        include_orphans: holds(b"/_orphans/"),
        include_incomplete_uploads: holds(b"/_incomplete_uploads/"),
        include_sqs_side_records: holds(b"/_internals/"),
        ..Options::default()
    };
    let rest = path.strip_prefix(b"extra/").unwrap_or(path);
    let first = rest.split(|&byte| byte == b'/').next().unwrap_or_default();
    if let Some(only) = SERVICES.into_iter().find(|service| service.name().as_bytes() == first) {
        options.excluded.extend(SERVICES.into_iter().filter(|&service| service != only));
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates_of(text: &str) -> Vec<String> {
        candidates(text).into_iter().map(|path| String::from_utf8(path).unwrap()).collect()
    }

    #[test]
    fn the_directory_of_a_dump_may_stand_in_front() {
        assert_eq!(candidates_of("redis/db_0/strings/a.bin"), ["redis/db_0/strings/a.bin"]);
        assert_eq!(candidates_of("./dump/extra/KEYMAP.jsonl"), ["extra/KEYMAP.jsonl"]);
        assert_eq!(
            candidates_of("/srv/s3/sqs/q/messages.jsonl"),
            ["s3/sqs/q/messages.jsonl", "sqs/q/messages.jsonl"]
        );
        assert_eq!(candidates_of("extra/fs/tree/s3/b"), ["extra/fs/tree/s3/b", "s3/b"]);
        assert_eq!(candidates_of("dump/PROBLEMS.jsonl"), ["PROBLEMS.jsonl"]);
        for none in
            ["", "redis", "dump/other", "kv/a", "fs/a", "redis/cart:1", "dynamodb/t", "dynamodb/t/k/r"]
        {
            assert_eq!(candidates_of(none), [""; 0], "{none}");
        }
    }

    #[test]
    fn only_the_service_of_a_file_is_read() {
        assert!(options(b"s3/b/k").excluded.contains(&Namespace::Redis));
        assert!(!options(b"extra/kv/a.bin").excluded.contains(&Namespace::Kv));
        assert_eq!(options(b"extra/KEYMAP.jsonl").excluded.len(), 0);
        assert!(options(b"s3/b/_orphans/a").include_orphans && !options(b"s3/b/k").include_orphans);
    }
}
