//! One share of several: which objects a worker makes when several divide a snapshot.
//!
//! In: the name of an object. Out: the share that it belongs to: the first 8 bytes, big-endian, of the SHA-256 of the name,
//! modulo the number of shares (`docs/scale.md`). What stays one file in its order (messages and side records of a queue,
//! records of uploads, a table's JSONL) belongs where its queue, bucket or table does.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::{scope_of, service};
use crate::keyspace::Namespace;
use crate::limits;
use crate::model::Summary;

/// A share of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
    /// Whether the items of a table stay together.
    whole_tables: bool,
}

/// A text that names no share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected I/N: share I, from 0, of N, at most {max}", max = limits::SHARDS)]
pub struct ShardError;

impl Shard {
    /// Keeps the items of a table together.
    #[must_use]
    pub fn with_whole_tables(self, whole_tables: bool) -> Self {
        Self { whole_tables, ..self }
    }

    /// Returns the number of this share, from 0.
    #[must_use]
    pub fn index(self) -> u32 {
        self.index
    }

    /// Returns the number of all shares.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count
    }

    /// Whether the object of this name belongs to the share.
    #[must_use]
    pub fn owns(self, name: &str) -> bool {
        let by_scope = match service(name) {
            Some(Namespace::Sqs) => true,
            Some(Namespace::Dynamodb) => self.whole_tables,
            _ => false,
        };
        self.owns_bytes((if by_scope { scope_of(name) } else { name }).as_bytes())
    }

    /// Whether an object that has this `name` belongs to the share.
    pub(crate) fn owns_object(self, summary: &Summary<'_>, name: &str) -> bool {
        let by_scope = matches!(summary.kind, "upload" | "upload_part");
        self.owns(if by_scope { scope_of(name) } else { name })
    }

    /// Whether what these bytes stand for belongs to the share.
    pub(crate) fn owns_bytes(self, bytes: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let hash = digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        hash % u64::from(self.count) == u64::from(self.index)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let number = |text: &str| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u32>().ok().filter(|_| is_plain)
        };
        let (index, count) = text.split_once('/').ok_or(ShardError)?;
        match (number(index), number(count)) {
            (Some(index), Some(count)) if index < count && count <= limits::SHARDS => {
                Ok(Self { index, count, whole_tables: false })
            }
            _ => Err(ShardError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(text: &str) -> Shard {
        text.parse().unwrap()
    }

    #[test]
    fn shares_are_numbered_from_zero() {
        assert_eq!(shard("0/1").to_string(), "0/1");
        assert_eq!((shard("15/16").index(), shard("15/16").count()), (15, 16));
        let most = format!("0/{}", limits::SHARDS);
        assert_eq!(shard(&most).to_string(), most);
        let over = format!("0/{}", limits::SHARDS + 1);
        for bad in ["", "/", "0", "0/0", "1/1", "3/2", "-1/2", "+0/2", "0/+2", "0/2/3", "0 /2", &over] {
            assert_eq!(bad.parse::<Shard>(), Err(ShardError), "{bad}");
        }
    }

    #[test]
    fn the_share_of_a_name_is_the_front_of_its_digest() {
        // printf 'redis/cart:1' | sha256sum | cut -c1-16
        let hash = 0xd249_50cb_89da_c9ec_u64;
        for count in [1_u32, 2, 3, 16, 1000] {
            let owner = hash % u64::from(count);
            for index in 0..count {
                assert_eq!(
                    shard(&format!("{index}/{count}")).owns("redis/cart:1"),
                    u64::from(index) == owner
                );
            }
        }
    }

    #[test]
    fn what_stays_one_file_goes_by_its_scope() {
        let owner = |name: &str, whole_tables| {
            let owns =
                |index: &u32| shard(&format!("{index}/1000")).with_whole_tables(whole_tables).owns(name);
            (0..1000).find(owns)
        };
        assert_eq!(owner("sqs/orders/1-2-3", false), owner("sqs/orders", false));
        assert_ne!(owner("dynamodb/t/a", false), owner("dynamodb/t", false));
        assert_eq!(owner("dynamodb/t/a/b", true), owner("dynamodb/t", true));
        assert_ne!(owner("s3/b/k", true), owner("s3/b", true));
        let upload = Summary { service: "s3", kind: "upload", ..Summary::default() };
        let object = Summary { kind: "object", ..upload.clone() };
        for index in 0..1000 {
            let shard = shard(&format!("{index}/1000"));
            assert_eq!(shard.owns_object(&upload, "s3/b/k"), shard.owns("s3/b"));
            assert_eq!(shard.owns_object(&object, "s3/b/k"), shard.owns("s3/b/k"));
        }
    }
}
