//! Parts that an object was uploaded in.

use md5::{Digest, Md5};

use super::Headers;
use crate::limits;

/// A part of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its length, bytes.
    pub size: u64,
    /// MD5 of its bytes: its own `ETag`.
    pub md5: [u8; 16],
}

impl Part {
    /// Returns the parts where an upload in them makes the object what it is: of its length and with its `ETag`, the MD5 of
    /// their MD5s; none where they do not (`tree/extra.md#parts-of-objects`). An empty body has one part, if any.
    #[must_use]
    pub fn proven(headers: &Headers<'_>, parts: Vec<Self>) -> Vec<Self> {
        let parts =
            if headers.size == 0 { vec![Self { size: 0, md5: Md5::digest(b"").into() }] } else { parts };
        let size = parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.size));
        let is_whole = size.is_some() && size == u64::try_from(headers.size).ok();
        let is_proven = headers.etag.contains('-')
            && is_whole
            && parts.len() <= limits::S3_PARTS
            && headers.etag == etag(&parts);
        if is_proven { parts } else { Vec::new() }
    }

    /// Returns the `ETag` as a text.
    #[must_use]
    pub fn etag(&self) -> String {
        hex::encode(self.md5)
    }
}

/// Returns the `ETag` of an object that is uploaded in these parts.
fn etag(parts: &[Part]) -> String {
    let mut all = Md5::new();
    for part in parts {
        all.update(part.md5);
    }
    format!("{}-{}", hex::encode(all.finalize()), parts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_that_give_length_and_etag() {
        let part =
            |bytes: &[u8]| Part { size: u64::try_from(bytes.len()).unwrap(), md5: Md5::digest(bytes).into() };
        let parts = vec![part(b"hello "), part(b"world")];
        let headers = |etag: &str, size| Headers { etag: etag.to_owned().into(), size, ..Headers::default() };
        // By `cat <(printf 'hello ' | openssl md5 -binary) <(printf world | openssl md5 -binary) | openssl md5`.
        let etag = "e09e4fd6265b36115fe3db32df945d84-2";
        assert_eq!(Part::proven(&headers(etag, 11), parts.clone()), parts);
        for (etag, size) in [(etag, 12), (&etag[..33], 11), ("e09e4fd6265b36115fe3db32df945d84", 11)] {
            assert_eq!(Part::proven(&headers(etag, size), parts.clone()), []);
        }
        // The MD5 of that of nothing.
        let empty = headers("59adb24ef3cdbe0297f05b395827453f-1", 0);
        assert_eq!(Part::proven(&empty, Vec::new()), [part(b"")]);
        assert_eq!(Part::proven(&headers("d41d8cd98f00b204e9800998ecf8427e", 0), Vec::new()), []);
    }
}
