//! About how large the dump will be, for the display and for the message of a full disk.
//!
//! In: the counts of the first pass. Out: a number of files that is nearly right, and bytes as they are stored: what JSON
//! and base64 add is not known before.

use crate::keyspace::{Family, Namespace, Role};
use crate::service::Options;
use crate::snapshot::{FamilyStats, Snapshot};
use crate::tree::Size;

/// Returns the estimate; `None` where only a part is written, of whose size nothing is known.
pub(super) fn size(snapshot: &Snapshot, options: &Options) -> Option<Size> {
    if !options.scopes.is_empty() || options.selection.is_some() {
        return None;
    }
    let mut size = Size { files: 1, bytes: 0 };
    for family in Family::all().filter(|family| !options.excluded.contains(&family.owner())) {
        let part = of_family(family, snapshot.stats(family), options);
        size.files = size.files.saturating_add(part.files);
        size.bytes = size.bytes.saturating_add(part.bytes);
    }
    Some(size)
}

fn of_family(family: Family, stats: &FamilyStats, options: &Options) -> Size {
    if family.kind() != Role::User {
        return Size::default();
    }
    // Of all versions only the visible one is written.
    let bytes = u128::from(stats.bytes) * u128::from(stats.visible) / u128::from(stats.rows.max(1));
    Size {
        files: stats.visible.saturating_mul(files(family, options)),
        bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
    }
}

/// Returns how many files one visible key makes.
fn files(family: Family, options: &Options) -> u64 {
    match family {
        Family::DynamodbItem if options.dynamodb_bundle.is_some() => 0,
        Family::S3ObjectHead if options.jsonl.is_some() => 1,
        // Longer ones have a file all the same.
        _ if options.jsonl.is_some() && matches!(family.owner(), Namespace::Redis | Namespace::Kv) => 0,
        // An object and its sidecar; a queue and its messages.
        Family::S3ObjectHead | Family::SqsQueueMeta => 2,
        Family::RedisString
        | Family::RedisHll
        | Family::RedisHashBlob
        | Family::RedisSetBlob
        | Family::RedisZsetBlob
        | Family::RedisStreamBlob
        | Family::HashMeta
        | Family::ListMeta
        | Family::SetMeta
        | Family::ZsetMeta
        | Family::StreamMeta
        | Family::DynamodbTable
        | Family::DynamodbItem
        | Family::S3BucketMeta
        | Family::FsInode
        | Family::Unknown
        | Family::Bare => 1,
        // Parts of what another key names.
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_follow_what_becomes_one_and_bytes_what_is_visible() {
        let stats = FamilyStats { rows: 10, visible: 4, bytes: 1000, ..FamilyStats::default() };
        let per_item = Options::default();
        let jsonl = Options { dynamodb_bundle: Some(1), jsonl: Some(1), ..Options::default() };
        let size = |family, is_jsonl| of_family(family, &stats, if is_jsonl { &jsonl } else { &per_item });
        assert_eq!(size(Family::RedisString, false), Size { files: 4, bytes: 400 });
        assert_eq!(size(Family::HashField, false), Size { files: 0, bytes: 400 });
        assert_eq!(size(Family::S3ObjectHead, false), Size { files: 8, bytes: 400 });
        assert_eq!(size(Family::DynamodbItem, false), Size { files: 4, bytes: 400 });
        assert_eq!(size(Family::DynamodbItem, true), Size { files: 0, bytes: 400 });
        assert_eq!(size(Family::DynamodbIndex, false), Size::default());
        assert_eq!(size(Family::RedisString, true), Size { files: 0, bytes: 400 });
        assert_eq!(size(Family::S3ObjectHead, true), Size { files: 4, bytes: 400 });
        assert_eq!(size(Family::FsInode, true), Size { files: 4, bytes: 400 });
        assert_eq!(of_family(Family::Bare, &FamilyStats::default(), &per_item), Size::default());
    }
}
