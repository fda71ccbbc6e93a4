//! What an unknown key is counted under, and whose namespace it stands in (`reading/keys.md#decided-cases`).

use crate::keyspace::Namespace;

/// Longest prefix that is told apart, bytes: a key without a second `|` is a prefix of its own.
const LENGTH: usize = 256;

/// The namespaces of the adapters.
const NAMESPACES: [(&[u8], Namespace); 9] = [
    (b"!redis|", Namespace::Redis),
    (b"!hs|", Namespace::Redis),
    (b"!st|", Namespace::Redis),
    (b"!zs|", Namespace::Redis),
    (b"!lst|", Namespace::Redis),
    (b"!stream|", Namespace::Redis),
    (b"!ddb|", Namespace::Dynamodb),
    (b"!s3|", Namespace::S3),
    (b"!sqs|", Namespace::Sqs),
];

/// Returns the key up to its second `|`, else the whole key; at most 256 bytes.
#[must_use]
pub(super) fn of(key: &[u8]) -> &[u8] {
    let key = key.get(..LENGTH).unwrap_or(key);
    let second = memchr::memchr_iter(b'|', key).nth(1);
    second.and_then(|at| key.get(..=at)).unwrap_or(key)
}

/// Returns the adapter's namespace that a key or a prefix stands in, and the adapter.
#[must_use]
pub(super) fn namespace(key: &[u8]) -> Option<(&'static [u8], Namespace)> {
    NAMESPACES.into_iter().find(|(namespace, _)| key.starts_with(namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_with_the_second_bar() {
        assert_eq!(of(b"!redis|x|y|z"), b"!redis|x|");
        assert_eq!(of(b"!foo||"), b"!foo||");
        assert_eq!(of(b"!foo|bar"), b"!foo|bar");
        assert_eq!(of(b"!"), b"!");
    }

    #[test]
    fn a_prefix_is_at_most_256_bytes_long() {
        let mut key = vec![b'!'; 254];
        key.extend_from_slice(b"||x");
        assert_eq!(of(&key).len(), 256);
        key.insert(0, b'!');
        assert_eq!(of(&key), &key[..256]);
    }

    #[test]
    fn namespaces_belong_to_adapters() {
        assert_eq!(namespace(b"!stream|foo"), Some((&b"!stream|"[..], Namespace::Redis)));
        assert_eq!(namespace(b"!s3|x"), Some((&b"!s3|"[..], Namespace::S3)));
        for foreign in [&b"!s3"[..], b"!fs|x", b"!txn|x", b"!", b"redis|"] {
            assert_eq!(namespace(foreign), None);
        }
    }
}
