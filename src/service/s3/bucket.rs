//! The row of a bucket (`format/s3.md#bucket-record`).

use serde::Serialize;

use crate::codec::gojson::read::{self as json, Reader};
use crate::codec::gojson::{self, Html, Lossy};
use crate::limits;
pub(super) use crate::model::s3::BucketMeta;
use crate::time::Hlc;

#[derive(Serialize)]
struct Row<'a> {
    bucket_name: Lossy<'a>,
    generation: u64,
    created_at_hlc: Hlc,
    owner: &'a str,
    region: &'a str,
    acl: &'a str,
}

impl BucketMeta {
    /// Appends the value of the bucket's row.
    pub(crate) fn write(&self, out: &mut Vec<u8>, name: &[u8]) {
        let row = Row {
            bucket_name: Lossy(name),
            generation: self.generation,
            created_at_hlc: self.created_at,
            owner: &self.owner,
            region: &self.region,
            acl: &self.acl,
        };
        gojson::compact(out, &row, Html::Escaped);
    }

    /// Parses the value of a bucket row.
    pub fn parse(value: &[u8]) -> Result<Self, json::Error> {
        let mut meta = Self::default();
        let mut reader = Reader::new(value);
        reader.members(|name, value| {
            match name {
                "bucket_name" => drop(value.string()?),
                "generation" => meta.generation = value.integer()?,
                "created_at_hlc" => meta.created_at = value.integer()?,
                "owner" => meta.owner = value.string()?.into_owned(),
                "region" => meta.region = value.string()?.into_owned(),
                "acl" => meta.acl = value.string()?.into_owned(),
                _ => _ = value.value()?,
            }
            Ok::<_, json::Error>(())
        })?;
        reader.end()?;
        if [&meta.owner, &meta.region, &meta.acl].iter().any(|text| text.len() > limits::S3_HEADERS) {
            return Err(reader.expected("shorter text"));
        }
        Ok(meta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::gojson::read::in_capitals;

    #[test]
    fn every_member_is_read_but_the_name() {
        let value = r#"{"bucket_name":"other","generation":7,"created_at_hlc":5,"owner":"me","region":null,"acl":"x"}"#;
        let (owner, region, acl) = ("me".into(), String::new(), "x".into());
        let meta = BucketMeta { generation: 7, created_at: Hlc(5), owner, region, acl };
        for value in [value, &in_capitals(value)] {
            assert_eq!(BucketMeta::parse(value.as_bytes()), Ok(meta.clone()));
        }
    }

    #[test]
    fn what_is_no_bucket_row_is_invalid() {
        for value in ["", "x", "{", "[]", r#"{"generation":-1}"#, r#"{"acl":1}"#, "{}{}"] {
            assert!(BucketMeta::parse(value.as_bytes()).is_err(), "{value}");
        }
        let owner = |length| format!(r#"{{"owner":"{}"}}"#, "o".repeat(length));
        assert!(BucketMeta::parse(owner(limits::S3_HEADERS).as_bytes()).is_ok());
        assert!(BucketMeta::parse(owner(limits::S3_HEADERS + 1).as_bytes()).is_err());
    }
}
