//! Uploads in progress, row by row (`tree/s3.md#uploads-in-progress`, `compat.md#records-of-dead-uploads`).

use super::buckets::{Bucket, Buckets, scope_of};
use super::peek::Peek;
use super::problem::{Class, Fault};
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::excerpt::name_or_length;
use crate::keyspace::s3::{ObjectKey, PartKey, UploadKey};
use crate::keyspace::{Family, Namespace};
use crate::model::s3::{self, UploadRecord};
use crate::model::{Object, ScopeEnd};
use crate::service::{Context, Scope};

/// Both families, in the order of the lines.
const FAMILIES: [Family; 2] = [Family::S3UploadMeta, Family::S3UploadPart];

/// Passes on the records of each bucket's emitted generation: the uploads, then their parts.
pub(super) fn write(context: &mut Context<'_, '_>, scope: &mut Scope, buckets: &Buckets) -> Result<()> {
    check(context)?;
    let mut uploads = Peek::new(context.snapshot, Family::S3UploadMeta)?;
    for (name, bucket) in buckets {
        write_bucket(context, scope, (bucket, name), &mut uploads)?;
    }
    Ok(())
}

/// Reports each row whose key does not parse, or names a bucket that the sink has no place for.
fn check(context: &mut Context<'_, '_>) -> Result<()> {
    for family in FAMILIES {
        let mut entries = context.snapshot.scan(family);
        while let Some(entry) = entries.next()? {
            let upload = match family {
                Family::S3UploadMeta => UploadKey::parse(entry.key),
                _ => PartKey::parse(entry.key).map(|key| key.upload),
            };
            let bucket = upload.map(|key| key.object.bucket.raw());
            if bucket.as_ref().is_some_and(|name| !context.options.in_scope(Namespace::S3, name)) {
                continue;
            }
            let fault = if let Some(name) = &bucket {
                let bucket = s3::Bucket { name, meta: None, commit_ts: None };
                match context.sink.refusal(Object::S3(s3::Object::Bucket(&bucket))) {
                    Some(refusal) => refusal,
                    None => continue,
                }
            } else {
                Fault::new(Class::S3_MALFORMED_KEY, "the key of an upload record does not parse")
            };
            let scope = bucket.unwrap_or_default();
            fault.report(context, scope_of(&scope), entry.key, Some(entry.place))?;
        }
    }
    Ok(())
}

fn write_bucket(
    context: &mut Context<'_, '_>,
    scope: &mut Scope,
    (bucket, name): (&Bucket, &[u8]),
    uploads: &mut Peek<'_>,
) -> Result<()> {
    let Some(generation) = bucket.generation else { return Ok(()) };
    if bucket.refusal.is_some() {
        return Ok(());
    }
    let mut without_upload = 0_u64;
    for family in FAMILIES {
        let prefix = ObjectKey::generation_prefix(family, name, generation);
        let mut entries = context.snapshot.scan_prefix(&prefix, None);
        while let Some(entry) = entries.next()? {
            let upload = match family {
                Family::S3UploadMeta => UploadKey::parse(entry.key),
                _ => PartKey::parse(entry.key).map(|key| key.upload),
            };
            let Some(upload) = upload else { continue };
            // Written while the upload was completed or aborted: ListParts does not answer it.
            if family == Family::S3UploadPart && !uploads.seek(upload.encoded)? {
                without_upload += 1;
                continue;
            }
            let record = UploadRecord {
                bucket: name,
                family,
                row_key: entry.key,
                value: entry.body,
                key: &upload.object.object.raw(),
                commit_ts: entry.commit_ts,
            };
            match context.put(Object::S3(s3::Object::Upload(&record)))? {
                Some(refusal) => {
                    refusal.report(context, name, entry.key, Some(entry.place))?;
                }
                None => drop(scope.entry(name.to_vec()).or_default()),
            }
        }
    }
    context.sink.end_scope(context.report, ScopeEnd::Bucket)?;
    if without_upload > 0 {
        context.report.warn(
            Warning::new(Event::S3_UPLOAD_PARTS_WITHOUT_UPLOAD)
                .with("bucket", name_or_length(name))
                .with("parts", without_upload)
                .with(
                    "hint",
                    "left by uploads that were completed or aborted meanwhile: not in records.jsonl",
                ),
        );
    }
    Ok(())
}
