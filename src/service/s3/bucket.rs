//! The row of a bucket (`s3.md` 2.1).

use super::json::{Invalid, Reader, fold};
use crate::limits;
pub use crate::model::s3::BucketMeta;

impl BucketMeta {
    /// Parses the value of a bucket row.
    pub fn parse(value: &[u8]) -> Result<Self, Invalid> {
        let mut meta = Self::default();
        Reader::whole(value, |name, value| {
            match &*fold(name) {
                "bucket_name" => drop(value.string()?),
                "generation" => meta.generation = value.unsigned()?,
                "created_at_hlc" => meta.created_at = value.unsigned()?,
                "owner" => meta.owner = value.string()?.into_owned(),
                "region" => meta.region = value.string()?.into_owned(),
                "acl" => meta.acl = value.string()?.into_owned(),
                _ => value.skip()?,
            }
            Ok(())
        })?;
        if [&meta.owner, &meta.region, &meta.acl].iter().any(|text| text.len() > limits::S3_HEADERS) {
            return Err(Invalid { expected: "shorter text", at: value.len() });
        }
        Ok(meta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_read_but_the_name() {
        let value = r#"{"bucket_name":"other","generation":7,"created_at_hlc":5,"owner":"me","region":null,"acl":"x"}"#;
        let meta = BucketMeta::parse(value.as_bytes()).unwrap();
        let (owner, region, acl) = ("me".into(), String::new(), "x".into());
        assert_eq!(meta, BucketMeta { generation: 7, created_at: 5, owner, region, acl });
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
