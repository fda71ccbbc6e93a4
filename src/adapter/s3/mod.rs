//! S3 rows to buckets, objects and their sidecars (`s3.md`).

mod json;
mod manifest;
mod part;
mod problem;
