//! An S3 bucket with objects of single PUTs (`format/s3.md#part-versions`, `format/s3.md#manifest`).

use std::io::{self, Write};

use clap::Args;

use super::rows::{NOW_MS, Rows, terminated};
use crate::fixture::hlc;

/// S3: objects of one bucket
#[derive(Args)]
#[group(id = "s3")]
pub struct Options {
    /// S3 objects
    #[arg(long = "s3-objects", default_value_t = 0)]
    objects: u64,
    /// Bytes of each of them
    #[arg(long = "s3-object-size", default_value = "4KiB", value_parser = super::size)]
    object_size: usize,
}

/// Bytes of a chunk of an ordinary upload.
const CHUNK: usize = 1 << 20;
/// An etag; nothing compares it with the contents.
const ETAG: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// Writes chunks, the bucket, heads.
pub fn write<W: Write>(rows: &mut Rows<W>, options: &Options) -> io::Result<()> {
    if options.objects == 0 {
        return Ok(());
    }
    let size = options.object_size;
    let bucket = terminated(b"bucket");
    let object = |number: u64| terminated(format!("dir{:05}/object{number:010}", number / 1_000).as_bytes());
    let generation = 1_u64.to_be_bytes();
    for key in rows.numbers(options.objects) {
        let upload = terminated(upload_id(key.number).as_bytes());
        let head =
            [b"!s3|blob|", &bucket[..], &generation, &object(key.number), &upload, &generation].concat();
        for (chunk, len) in chunk_sizes(size).enumerate() {
            let body = rows.random.bytes(len).to_vec();
            rows.write(&key, &[&head[..], &(chunk as u64).to_be_bytes()].concat(), &body)?;
        }
    }
    rows.write_one(&[b"!s3|bucket|gen|", &bucket[..]].concat(), &generation)?;
    let created = hlc(NOW_MS - 1_000_000, 0);
    let meta = format!(
        r#"{{"bucket_name":"bucket","generation":1,"created_at_hlc":{created},"region":"us-east-1","acl":"private"}}"#
    );
    rows.write_one(&[b"!s3|bucket|meta|", &bucket[..]].concat(), meta.as_bytes())?;
    for key in rows.numbers(options.objects) {
        let user_key = [b"!s3|obj|head|", &bucket[..], &generation, &object(key.number)].concat();
        rows.write(&key, &user_key, manifest(key.number, size).as_bytes())?;
    }
    Ok(())
}

fn chunk_sizes(size: usize) -> impl Iterator<Item = usize> {
    (0..size.div_ceil(CHUNK)).map(move |chunk| (size - chunk * CHUNK).min(CHUNK))
}

fn upload_id(number: u64) -> String {
    format!("{number:032x}")
}

fn manifest(number: u64, size: usize) -> String {
    let sizes: Vec<String> = chunk_sizes(size).map(|size| size.to_string()).collect();
    let parts = if sizes.is_empty() {
        String::new()
    } else {
        format!(
            r#","parts":[{{"part_no":1,"etag":"{ETAG}","size_bytes":{size},"chunk_count":{},"chunk_sizes":[{}]}}]"#,
            sizes.len(),
            sizes.join(",")
        )
    };
    format!(
        r#"{{"upload_id":"{}","etag":"{ETAG}","size_bytes":{size},"last_modified_hlc":{},"content_type":"application/octet-stream"{parts}}}"#,
        upload_id(number),
        hlc(NOW_MS, 0),
    )
}
