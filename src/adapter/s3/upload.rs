//! `_incomplete_uploads/records.jsonl`: uploads in progress, row by row (`s3.md` 4.8, D19).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::census::{Bucket, Buckets, has_directory, scope_of};
use super::path::INCOMPLETE_UPLOADS;
use super::peek::Peek;
use super::problem::{Class, Fault};
use crate::adapter::{Context, Scope};
use crate::dump::json::{self, Html};
use crate::error::Result;
use crate::excerpt::name_or_length;
use crate::keyspace::s3::{ObjectKey, PartKey, UploadKey};
use crate::keyspace::{Family, Owner};
use crate::report::Warning;

/// Both families, in the order of the lines.
const FAMILIES: [Family; 2] = [Family::S3UploadMeta, Family::S3UploadPart];

#[derive(Serialize)]
struct Line<'a> {
    prefix: &'a str,
    key: String,
    value: String,
}

/// Writes the records of each bucket's emitted generation: the uploads, then their parts.
pub fn write(context: &mut Context<'_, '_>, scope: &mut Scope, buckets: &Buckets) -> Result<()> {
    check(context)?;
    let mut uploads = Peek::new(context.store, Family::S3UploadMeta)?;
    for (name, bucket) in buckets {
        write_bucket(context, scope, (bucket, name), &mut uploads)?;
    }
    Ok(())
}

/// Reports each row whose key does not parse, or names a bucket that has no directory.
fn check(context: &mut Context<'_, '_>) -> Result<()> {
    for family in FAMILIES {
        let mut entries = context.store.scan(family);
        while let Some(entry) = entries.next()? {
            let upload = match family {
                Family::S3UploadMeta => UploadKey::parse(entry.key),
                _ => PartKey::parse(entry.key).map(|key| key.upload),
            };
            let bucket = upload.map(|key| key.object.bucket.raw());
            if bucket.as_ref().is_some_and(|name| !context.options.in_scope(Owner::S3, name)) {
                continue;
            }
            let message = match bucket.as_deref() {
                None => "the key of an upload record does not parse",
                Some(name) if !has_directory(name) => "a bucket of this name has no directory",
                Some(_) => continue,
            };
            let scope = bucket.unwrap_or_default();
            Fault::new(Class::MalformedKey, message).report(
                context,
                scope_of(&scope),
                entry.key,
                Some(entry.place),
            )?;
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
    let Some(path) = bucket.path(&[INCOMPLETE_UPLOADS, b"records.jsonl"].join(&b'/')) else { return Ok(()) };
    let mut file = None;
    let mut line = Vec::new();
    let mut without_upload = 0_u64;
    for family in FAMILIES {
        let prefix = ObjectKey::generation_prefix(family, name, generation);
        let mut entries = context.store.scan_prefix(&prefix, None);
        while let Some(entry) = entries.next()? {
            match family {
                Family::S3UploadMeta if UploadKey::parse(entry.key).is_none() => continue,
                Family::S3UploadMeta => {}
                _ => {
                    let Some(part) = PartKey::parse(entry.key) else { continue };
                    // Written while the upload was completed or aborted: ListParts does not answer it.
                    if !uploads.seek(part.upload.encoded)? {
                        without_upload += 1;
                        continue;
                    }
                }
            }
            line.clear();
            let (key, value) = (STANDARD.encode(entry.key), STANDARD.encode(entry.body));
            json::compact(&mut line, &Line { prefix: family.name(), key, value }, Html::Raw);
            line.push(b'\n');
            if file.is_none() {
                file = Some(context.tree.file(&path)?);
            }
            if let Some(file) = &mut file {
                file.write(&line)?;
            }
        }
    }
    if let Some(file) = file {
        bucket.enter(context, scope, name)?;
        file.finish(context.tree)?;
    }
    if without_upload > 0 {
        context.report.warn(
            Warning::new("s3_upload_parts_without_upload")
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
