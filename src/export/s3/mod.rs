//! S3: the bodies of objects, and a plan for whoever uploads them.
//!
//! In: buckets and objects. Out: `s3/<bucket>/<key>`, and `upload.jsonl` with a line an object: the key it has, the file it
//! is in (another name where no path can hold the key), headers, metadata, and the lengths of its parts, with which an
//! uploader makes the same `ETag`. Paths are given by the layout of a dump with `--rename-collisions`.

mod commands;

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{Export, Settings, Target};
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::excerpt;
use crate::model::s3::{self, ObjectHead};
use crate::model::{Answer, Object};
use crate::report::Report;
use crate::sink::{LayoutOptions, Sink, TreeSink, Wants};
use crate::tree::json::{self, Html, Lossy};
use crate::tree::{Tree, TreeFile};
use commands::{Cannot, Upload};

const PLAN: &[u8] = b"upload.jsonl";
/// Longest key and most metadata, bytes.
const KEY: usize = 1024;
const METADATA: usize = 2 << 10;
const BUCKETS: &[u8] = b"create-buckets.jsonl";
const S5CMD: &[u8] = b"s5cmd.txt";
const RCLONE: &[u8] = b"rclone.sh";

/// Writes bodies and the plan.
pub(super) struct S3 {
    files: TreeSink,
    plan: TreeFile,
    buckets: TreeFile,
    /// The line of the open object.
    line: Vec<u8>,
    tools: Vec<Tool>,
}

/// The plan in the words of another tool.
struct Tool {
    write: fn(&mut Vec<u8>, &Upload<'_>) -> Option<Cannot>,
    file: TreeFile,
    /// The line of the open object.
    line: Vec<u8>,
    /// What the file ends with.
    end: &'static [u8],
}

#[derive(Serialize)]
struct Line<'a> {
    bucket: Lossy<'a>,
    key: Lossy<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    file: Lossy<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_base64: Option<String>,
    size: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    etag: &'a str,
    headers: BTreeMap<&'static str, &'a str>,
    metadata: &'a BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(skip_serializing_if = "<[i64]>::is_empty")]
    parts: &'a [i64],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Bucket<'a> {
    bucket: Lossy<'a>,
    #[serde(rename = "ACL", skip_serializing_if = "str::is_empty")]
    acl: &'a str,
}

impl S3 {
    pub(super) fn new(mut tree: Tree, settings: Settings) -> Result<Self> {
        let (plan, buckets) = (tree.file(PLAN)?, tree.file(BUCKETS)?);
        let mut tools = Vec::new();
        if settings.s5cmd {
            tools.push(Tool { write: commands::s5cmd, file: tree.file(S5CMD)?, line: Vec::new(), end: b"" });
        }
        if settings.rclone {
            let mut file = tree.file(RCLONE)?;
            file.write(commands::RCLONE_HEAD)?;
            tools.push(Tool { write: commands::rclone, file, line: Vec::new(), end: commands::RCLONE_END });
        }
        let options = LayoutOptions {
            no_extra: true,
            rename_collisions: true,
            s3_bodies: true,
            ..LayoutOptions::default()
        };
        Ok(Self { files: TreeSink::new(tree, options), plan, buckets, line: Vec::new(), tools })
    }

    fn bucket(&mut self, bucket: &s3::Bucket<'_>) -> Result<()> {
        let acl = bucket.meta.map_or("", |meta| &meta.acl);
        self.line.clear();
        json::compact(&mut self.line, &Bucket { bucket: Lossy(bucket.name), acl }, Html::Raw);
        self.line.push(b'\n');
        Ok(self.buckets.write(&self.line)?)
    }

    fn head(&mut self, report: &mut Report<'_>, head: &ObjectHead<'_>) {
        let headers = head.headers;
        let mut said: Vec<&str> = refused(head).collect();
        let given = [
            ("Content-Type", &headers.content_type),
            ("Content-Encoding", &headers.content_encoding),
            ("Cache-Control", &headers.cache_control),
            ("Content-Disposition", &headers.content_disposition),
        ];
        let given = given.into_iter().filter(|(_, value)| !value.is_empty());
        let given: BTreeMap<_, &str> = given.map(|(name, value)| (name, &**value)).collect();
        let parts: Vec<i64> = head.parts.iter().filter_map(|part| i64::try_from(part.size).ok()).collect();
        let parts = &*parts;
        let upload = Upload {
            bucket: head.bucket,
            key: head.key,
            file: self.files.place(),
            size: headers.size,
            headers: &given,
            metadata: &headers.user_metadata,
            parts,
        };
        for tool in &mut self.tools {
            tool.line.clear();
            if let Some(Cannot::Say(what) | Cannot::Parts(what)) = (tool.write)(&mut tool.line, &upload) {
                said.push(what);
            }
        }
        let line = Line {
            bucket: Lossy(head.bucket),
            key: Lossy(head.key),
            key_base64: base64_of(head.key),
            file: Lossy(self.files.place()),
            file_base64: base64_of(self.files.place()),
            size: headers.size,
            etag: &headers.etag,
            headers: given,
            metadata: &headers.user_metadata,
            parts,
        };
        self.line.clear();
        json::compact(&mut self.line, &line, Html::Raw);
        self.line.push(b'\n');
        for what in said {
            let warning = Warning::new(Event::EXPORT_S3_OBJECT).with("bucket", excerpt::name(head.bucket));
            report.warn(warning.with("what", what).with_key(head.key));
        }
    }
}

/// Returns what is no text in base64.
fn base64_of(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).is_err().then(|| STANDARD.encode(bytes))
}

fn is_metadata_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Lists what of an object no request to S3 can say.
fn refused(head: &ObjectHead<'_>) -> impl Iterator<Item = &'static str> {
    let plain = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let headers = head.headers;
    let mut given = [
        &headers.content_type,
        &headers.content_encoding,
        &headers.cache_control,
        &headers.content_disposition,
    ]
    .into_iter();
    let metadata = &headers.user_metadata;
    let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    [
        (head.key.is_empty() || head.key.len() > KEY, "a key that is empty or over 1024 bytes"),
        (std::str::from_utf8(head.key).is_err(), "a key that is no UTF-8"),
        (!given.all(|value| plain(value)), "a header that is not ASCII"),
        (!metadata.iter().all(|(name, value)| plain(name) && plain(value)), "metadata that are not ASCII"),
        (!metadata.keys().all(|name| is_metadata_name(name)), "metadata whose names not every server keeps"),
        (bytes > METADATA, "metadata over 2 KiB"),
    ]
    .into_iter()
    .filter_map(|(is_refused, what)| is_refused.then_some(what))
}

impl<'w> Export<'w> for S3 {
    fn finish(self: Box<Self>) -> Result<Target<'w>> {
        let Self { files, plan, buckets, tools, .. } = *self;
        let mut tree = files.into_tree();
        plan.finish(&mut tree)?;
        buckets.finish(&mut tree)?;
        for mut tool in tools {
            tool.file.write(tool.end)?;
            tool.file.finish(&mut tree)?;
        }
        Ok(Target::Tree(tree))
    }
}

impl Sink for S3 {
    fn behind(&self) -> Option<&dyn Sink> {
        Some(&self.files)
    }

    fn behind_mut(&mut self) -> Option<&mut dyn Sink> {
        Some(&mut self.files)
    }

    fn wants(&self) -> Wants {
        Wants::Contents
    }

    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        let answer = self.files.object(report, object)?;
        match object {
            Object::S3(s3::Object::Bucket(bucket)) if answer == Answer::Taken => self.bucket(bucket)?,
            Object::S3(s3::Object::Object(head)) if answer == Answer::Open => self.head(report, head),
            _ => {}
        }
        Ok(answer)
    }

    fn other(&mut self, object: Object<'_>) -> Result<Answer> {
        match object {
            Object::S3(s3::Object::Object(_)) => self.files.other(object),
            // What cannot be exported the share says whose it is.
            _ => Ok(Answer::Left),
        }
    }

    fn end(&mut self, report: &mut Report<'_>) -> Result<Answer> {
        let answer = self.files.end(report)?;
        if answer == Answer::Taken {
            self.plan.write(&self.line)?;
            for tool in &mut self.tools {
                tool.file.write(&tool.line)?;
            }
        }
        Ok(answer)
    }
}
