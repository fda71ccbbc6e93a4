//! S3 rows to buckets, objects and their sidecars (`s3.md`).

mod chunk_ref;
mod json;
mod manifest;
mod part;
mod path;
mod problem;
mod sidecar;
mod time;
