//! The table of key families: everything that can stand in a store (`format/keys.md#families`).
//!
//! In: a user key (no timestamp suffix). Out: its [`Family`]. Operational rows are raw and never get here.

/// Who reads the rows of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// The Redis adapter.
    Redis,
    /// The DynamoDB adapter.
    Dynamodb,
    /// The S3 adapter.
    S3,
    /// The SQS adapter.
    Sqs,
    /// The filesystem.
    Fs,
    /// Keys without a prefix, and keys of no known family.
    Kv,
    /// Bookkeeping of the server itself.
    Internal,
}

impl Namespace {
    /// Returns the name as it stands in options, reports and the tree.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Namespace::Redis => "redis",
            Namespace::Dynamodb => "dynamodb",
            Namespace::S3 => "s3",
            Namespace::Sqs => "sqs",
            Namespace::Fs => "fs",
            Namespace::Kv => "kv",
            Namespace::Internal => "internal",
        }
    }
}

/// What the rows of a family are worth (`format/keys.md#families`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// User data.
    User,
    /// Derivable from user data: an index, an adapter's bookkeeping.
    Derived,
    /// Internal.
    Internal,
    /// Set aside by published designs, written by no version yet.
    Reserved,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct FamilyInfo {
    /// The family.
    pub family: Family,
    /// Exact ASCII prefix, or the whole key where `exact`.
    pub prefix: &'static [u8],
    /// Whether only the key that equals `prefix` belongs to the family.
    pub exact: bool,
    /// Who reads it.
    pub owner: Namespace,
    /// What it is worth.
    pub kind: Role,
}

macro_rules! families {
    ($($family:ident $prefix:literal $exact:literal $owner:ident $kind:ident;)*) => {
        /// A key family: rows with one prefix.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Family {
            $(
                #[doc = concat!("`", $prefix, "`")]
                $family,
            )*
            /// Begins with `!` and matches no prefix.
            Unknown,
            /// A key without a prefix (`reading/keys.md#keys-without-a-prefix`).
            Bare,
        }

        /// The table, in the order of the document. Prefixes are unique; the longest match wins.
        pub const FAMILIES: &[FamilyInfo] = &[
            $(FamilyInfo {
                family: Family::$family,
                prefix: $prefix.as_bytes(),
                exact: $exact,
                owner: Namespace::$owner,
                kind: Role::$kind,
            },)*
        ];
    };
}

families! {
    RedisString "!redis|str|" false Redis User;
    RedisHll "!redis|hll|" false Redis User;
    RedisTtl "!redis|ttl|" false Redis User;
    RedisHashBlob "!redis|hash|" false Redis User;
    RedisSetBlob "!redis|set|" false Redis User;
    RedisZsetBlob "!redis|zset|" false Redis User;
    RedisStreamBlob "!redis|stream|" false Redis User;
    RedisFenceHash "!redis|txn-wide-hash|" false Redis Internal;
    RedisFenceSet "!redis|txn-wide-set|" false Redis Internal;
    RedisFenceList "!redis|txn-wide-list|" false Redis Internal;
    RedisFenceZset "!redis|txn-wide-zset|" false Redis Internal;
    HashMeta "!hs|meta|" false Redis User;
    HashDelta "!hs|meta|d|" false Redis Derived;
    HashField "!hs|fld|" false Redis User;
    ListMeta "!lst|meta|" false Redis User;
    ListDelta "!lst|meta|d|" false Redis User;
    ListItem "!lst|itm|" false Redis User;
    ListClaim "!lst|claim|" false Redis Derived;
    SetMeta "!st|meta|" false Redis User;
    SetDelta "!st|meta|d|" false Redis Derived;
    SetMember "!st|mem|" false Redis User;
    ZsetMeta "!zs|meta|" false Redis User;
    ZsetDelta "!zs|meta|d|" false Redis Derived;
    ZsetMember "!zs|mem|" false Redis User;
    ZsetScore "!zs|scr|" false Redis Derived;
    StreamMeta "!stream|meta|" false Redis User;
    StreamEntry "!stream|entry|" false Redis User;
    DynamodbTable "!ddb|meta|table|" false Dynamodb User;
    DynamodbGeneration "!ddb|meta|gen|" false Dynamodb Internal;
    DynamodbItem "!ddb|item|" false Dynamodb User;
    DynamodbIndex "!ddb|gsi|" false Dynamodb Derived;
    SqsQueueMeta "!sqs|queue|meta|" false Sqs User;
    SqsQueueGeneration "!sqs|queue|gen|" false Sqs Internal;
    SqsQueueSequence "!sqs|queue|seq|" false Sqs Derived;
    SqsQueueTombstone "!sqs|queue|tombstone|" false Sqs Internal;
    SqsData "!sqs|msg|data|" false Sqs User;
    SqsVisibility "!sqs|msg|vis|" false Sqs Derived;
    SqsByAge "!sqs|msg|byage|" false Sqs Derived;
    SqsDedup "!sqs|msg|dedup|" false Sqs Derived;
    SqsGroup "!sqs|msg|group|" false Sqs Derived;
    S3BucketMeta "!s3|bucket|meta|" false S3 User;
    S3BucketGeneration "!s3|bucket|gen|" false S3 Internal;
    S3ObjectHead "!s3|obj|head|" false S3 User;
    S3UploadMeta "!s3|upload|meta|" false S3 User;
    S3UploadPart "!s3|upload|part|" false S3 User;
    S3Blob "!s3|blob|" false S3 User;
    S3ChunkRef "!s3|chunkref|" false S3 User;
    S3ChunkBlob "!s3|chunkblob|" false S3 User;
    S3GcUpload "!s3|gc|upload|" false S3 Internal;
    S3Route "!s3route|" false S3 Internal;
    TxnLock "!txn|lock|" false Internal Internal;
    TxnIntent "!txn|int|" false Internal Internal;
    TxnCommit "!txn|cmt|" false Internal Internal;
    TxnRollback "!txn|rb|" false Internal Internal;
    TxnMeta "!txn|meta|" false Internal Internal;
    DistVersion "!dist|meta|version" true Internal Internal;
    DistNextRoute "!dist|meta|next_route_id" true Internal Internal;
    DistNextJob "!dist|meta|next_job_id" true Internal Internal;
    DistDeltaFloor "!dist|meta|delta_floor" true Internal Internal;
    DistRoute "!dist|route|" false Internal Internal;
    DistDelta "!dist|delta|" false Internal Internal;
    DistJob "!dist|job|" false Internal Internal;
    DistJobHistory "!dist|jobhist|" false Internal Internal;
    FsInode "!fs|ino|" false Fs User;
    FsName "!fs|dir|" false Fs User;
    FsNameVersion "!fs|dirv|" false Fs Internal;
    FsHome "!fs|home|" false Fs Internal;
    FsChunk "!fs|chk|" false Fs User;
    FsRef "!fs|ref|" false Fs Internal;
    FsRefFence "!fs|reffence|" false Fs Internal;
    FsIntent "!fs|intent|" false Fs Internal;
    FsMoveJob "!fs|job|move|" false Fs Internal;
    FsUsage "!fs|usage" true Fs Internal;
    FsUsageRoute "!fs|usage|route|" false Fs Internal;
    TxnOk "!txn|ok|" false Internal Reserved;
    DistMigstage "!dist|migstage|" false Internal Reserved;
    Migstage "!migstage|" false Internal Reserved;
    Migfence "!migfence|" false Internal Reserved;
    Migwrite "!migwrite|" false Internal Reserved;
    EncryptionRewrite "!encryption|rewrite|cursor" false Internal Reserved;
}

impl Family {
    /// Number of families, [`Family::Unknown`] and [`Family::Bare`] included.
    pub const COUNT: usize = FAMILIES.len() + 2;

    /// Classifies a user key: the longest matching prefix wins.
    #[must_use]
    pub fn of(user_key: &[u8]) -> Family {
        if user_key.first() != Some(&b'!') {
            return Family::Bare;
        }
        FAMILIES
            .iter()
            .filter(
                |info| {
                    if info.exact { user_key == info.prefix } else { user_key.starts_with(info.prefix) }
                },
            )
            .max_by_key(|info| info.prefix.len())
            .map_or(Family::Unknown, |info| info.family)
    }

    /// Returns the family's line of the table; `None` for [`Family::Unknown`] and [`Family::Bare`].
    #[must_use]
    pub fn info(self) -> Option<&'static FamilyInfo> {
        FAMILIES.get(self.index())
    }

    /// Returns a dense index below [`Family::COUNT`], in the order of [`FAMILIES`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// Returns the prefix as text; `unknown` and `bare` for the two families without one.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Family::Unknown => "unknown",
            Family::Bare => "bare",
            _ => self.info().map_or("", |info| std::str::from_utf8(info.prefix).unwrap_or_default()),
        }
    }

    /// Returns the prefix of the family's keys; empty for the two families without one.
    #[must_use]
    pub fn prefix(self) -> &'static [u8] {
        self.info().map_or(b"", |info| info.prefix)
    }

    /// Returns who reads the family.
    #[must_use]
    pub fn owner(self) -> Namespace {
        self.info().map_or(Namespace::Kv, |info| info.owner)
    }

    /// Returns what the family is worth; unknown and bare keys are user data.
    #[must_use]
    pub fn kind(self) -> Role {
        self.info().map_or(Role::User, |info| info.kind)
    }

    /// Lists all families, [`Family::Unknown`] and [`Family::Bare`] last.
    pub fn all() -> impl Iterator<Item = Family> {
        FAMILIES.iter().map(|info| info.family).chain([Family::Unknown, Family::Bare])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins() {
        assert_eq!(Family::of(b"!hs|meta|d|\0\0\0\x01k"), Family::HashDelta);
        assert_eq!(Family::of(b"!hs|meta|\0\0\0\x01k"), Family::HashMeta);
        assert_eq!(Family::of(b"!fs|usage"), Family::FsUsage);
        assert_eq!(Family::of(b"!fs|usage|route|x"), Family::FsUsageRoute);
        assert_eq!(Family::of(b"!sqs|msg|data|p|x"), Family::SqsData);
    }

    #[test]
    fn exact_keys_have_no_extensions() {
        assert_eq!(Family::of(b"!dist|meta|version"), Family::DistVersion);
        assert_eq!(Family::of(b"!dist|meta|version2"), Family::Unknown);
        assert_eq!(Family::of(b"!fs|usage|x"), Family::Unknown);
    }

    #[test]
    fn what_matches_nothing_is_unknown_or_bare() {
        for key in [&b"!"[..], b"!redis|", b"!redis|route|x", b"!stream|foo", b"!encryption|writers|x"] {
            assert_eq!(Family::of(key), Family::Unknown);
        }
        assert_eq!(Family::of(b"!encryption|rewrite|cursor"), Family::EncryptionRewrite);
        for key in [&b""[..], b"a", b"\0!redis|str|k", b"_meta_x"] {
            assert_eq!(Family::of(key), Family::Bare);
        }
    }

    #[test]
    fn indexes_are_dense_and_prefixes_unique() {
        for (at, family) in Family::all().enumerate() {
            assert_eq!(family.index(), at);
        }
        let mut prefixes: Vec<_> = FAMILIES.iter().map(|info| info.prefix).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        assert_eq!(prefixes.len(), FAMILIES.len());
        assert_eq!(Family::COUNT, FAMILIES.len() + 2);
    }
}
