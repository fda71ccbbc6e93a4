//! Typed keys of the S3 families (`format/s3.md#keys`).
//!
//! In: user keys. Out: borrowed keys whose [`Segment`]s are still escaped, so that parsing allocates nothing
//! and the escaped bytes, which sort like the raw ones, serve for joins between families.

mod bucket;
mod chunk;
mod object;
mod segment;
mod upload;

pub use bucket::{parse_bucket, parse_digest};
pub use chunk::ChunkKey;
pub use object::ObjectKey;
pub use segment::Segment;
pub use upload::{PartKey, UploadKey};
