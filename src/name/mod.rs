//! Names of objects as users read and type them: `redis/<key>`, `dynamodb/<table>/<hash>[/<range>]`,
//! `s3/<bucket>/<key>`, `sqs/<queue>/<message id>`, `fs/<path>`, `kv/<key>`.
//!
//! In: an object's [`Summary`], or what somebody typed. Out: one spelling of a name, and whether it is meant. A table,
//! bucket or queue has the name of its scope alone. Bytes that a terminal cannot show stand as `%HH`, and so do `%`
//! itself and a `/` in a part that ends at the next one.

pub mod file;
mod item_key;
pub mod line;
mod list;
mod literal;
mod pattern;
mod selection;
mod shard;

pub use item_key::{ItemKey, KeyPart, is_one_of};
pub use list::{ListError, NameList};
pub use literal::Literal;
pub use pattern::{Pattern, PatternError};
pub use selection::Selection;
pub use shard::{Shard, ShardError};

use crate::keyspace::Namespace;
use crate::model::Summary;

/// The services whose objects have names, in the order of a dump.
pub const SERVICES: [Namespace; 6] =
    [Namespace::Dynamodb, Namespace::S3, Namespace::Redis, Namespace::Sqs, Namespace::Fs, Namespace::Kv];

/// Returns the service of a name.
#[must_use]
pub fn service(name: &str) -> Option<Namespace> {
    let first = name.split_once('/').map_or(name, |(service, _)| service);
    SERVICES.into_iter().find(|service| service.name() == first)
}

/// Whether the names of a service have a scope: a table, a bucket, a queue.
#[must_use]
pub fn has_scope(service: Namespace) -> bool {
    matches!(service, Namespace::Dynamodb | Namespace::S3 | Namespace::Sqs)
}

/// Returns the front of a name that all names of its table, bucket or queue have, or its service.
#[must_use]
pub fn scope_of(name: &str) -> &str {
    let parts = if service(name).is_some_and(has_scope) { 2 } else { 1 };
    let end = memchr::memchr_iter(b'/', name.as_bytes()).nth(parts - 1);
    end.and_then(|end| name.get(..end)).unwrap_or(name)
}

/// Writes the name of an object in place of what `out` holds.
pub fn of(summary: &Summary<'_>, out: &mut String) {
    out.clear();
    out.push_str(summary.service);
    if matches!(summary.service, "dynamodb" | "s3" | "sqs") {
        out.push('/');
        escape(&summary.scope, true, out);
        // An item can have an empty key.
        if summary.name.is_empty() && !matches!(summary.kind, "item" | "object" | "message") {
            return;
        }
    }
    match summary.hash_len.and_then(|at| summary.name.split_at_checked(at)) {
        Some((hash, range)) => {
            out.push('/');
            escape(hash, true, out);
            out.push('/');
            escape(range.get(1..).unwrap_or_default(), false, out);
        }
        None if summary.service == "fs" && summary.name.is_empty() => {}
        None => {
            out.push('/');
            escape(&summary.name, false, out);
        }
    }
}

/// Returns the name of a table, bucket or queue.
#[must_use]
pub fn of_scope(service: Namespace, scope: &[u8]) -> String {
    let mut out = format!("{}/", service.name());
    escape(scope, true, &mut out);
    out
}

/// Appends bytes as they are shown; `part` says that the part ends at the next `/`.
pub fn escape(bytes: &[u8], part: bool, out: &mut String) {
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'%' && !(part && byte == b'/');
    // Most names are plain ASCII as a whole.
    if let Ok(text) = std::str::from_utf8(bytes)
        && bytes.iter().fold(true, |all, &byte| all & is_plain(byte))
    {
        return out.push_str(text);
    }
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while !rest.is_empty() {
            let end = rest.bytes().position(|byte| !is_plain(byte)).unwrap_or(rest.len());
            let (plain, behind) = rest.split_at(end);
            out.push_str(plain);
            let mut others = behind.chars();
            if let Some(c) = others.next() {
                if c == '%' || (part && c == '/') || is_unseen(c) {
                    percent(c.encode_utf8(&mut [0; 4]).as_bytes(), out);
                } else {
                    out.push(c);
                }
            }
            rest = others.as_str();
        }
        percent(chunk.invalid(), out);
    }
}

fn percent(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        out.push('%');
        out.push_str(&hex::encode_upper([byte]));
    }
}

/// Whether a terminal obeys a character, or shows nothing for it: controls, separators of lines, marks of direction.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns the bytes that a text of a name means: `%HH` is a byte, a `%` without two digits behind itself.
#[must_use]
pub fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, others)) = rest.split_first() {
        let byte = others.first_chunk::<2>().filter(|_| first == b'%').and_then(|digits| {
            let mut byte = [0];
            hex::decode_to_slice(digits, &mut byte).ok().map(|()| byte[0])
        });
        out.push(byte.unwrap_or(first));
        rest = if byte.is_some() { others.get(2..).unwrap_or_default() } else { others };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(service: &'static str, scope: &[u8], name: &[u8], hash_len: Option<usize>) -> String {
        let mut out = String::new();
        of(
            &Summary { service, scope: scope.into(), name: name.into(), hash_len, ..Summary::default() },
            &mut out,
        );
        out
    }

    #[test]
    fn each_service_has_its_names() {
        assert_eq!(named("redis", b"db_0", b"cart:1", None), "redis/cart:1");
        assert_eq!(named("redis", b"db_0", b"", None), "redis/");
        assert_eq!(named("dynamodb", b"orders", b"user-1/3", Some(6)), "dynamodb/orders/user-1/3");
        assert_eq!(named("dynamodb", b"orders", b"a/b/c/d", Some(3)), "dynamodb/orders/a%2Fb/c/d");
        assert_eq!(named("dynamodb", b"orders", b"", None), "dynamodb/orders");
        assert_eq!(named("s3", b"images", b"a/b.jpg", None), "s3/images/a/b.jpg");
        assert_eq!(named("sqs", b"q", b"", None), "sqs/q");
        assert_eq!(named("fs", b"", b"", None), "fs");
        assert_eq!(named("fs", b"", b"etc/hosts", None), "fs/etc/hosts");
        assert_eq!(named("kv", b"", b"k", None), "kv/k");
        let item =
            Summary { service: "dynamodb", scope: b"t"[..].into(), kind: "item", ..Summary::default() };
        let mut out = String::new();
        of(&item, &mut out);
        assert_eq!(out, "dynamodb/t/");
    }

    #[test]
    fn what_a_terminal_cannot_show_is_escaped_and_comes_back() {
        for (bytes, text) in [
            (&b"caf\xc3\xa9 100%"[..], "redis/café 100%25"),
            (b"\x1b[2J\n\xff", "redis/%1B[2J%0A%FF"),
            ("a\u{202e}b".as_bytes(), "redis/a%E2%80%AEb"),
        ] {
            assert_eq!(named("redis", b"db_0", bytes, None), text);
            assert_eq!(unescape(text.strip_prefix("redis/").unwrap()), bytes);
        }
        assert_eq!(unescape("100%"), b"100%");
        assert_eq!(unescape("%zz%4"), b"%zz%4");
        assert_eq!(unescape("%c3%A9"), "é".as_bytes());
    }

    proptest::proptest! {
        #[test]
        fn every_byte_string_comes_back(bytes: Vec<u8>, part: bool) {
            let mut text = String::new();
            escape(&bytes, part, &mut text);
            assert_eq!(unescape(&text), bytes, "{text}");
            assert!(!text.chars().any(is_unseen) && (!part || !text.contains('/')));
        }
    }
}
