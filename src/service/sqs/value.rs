//! Stored values: four bytes of magic, then one JSON object (`format/sqs.md#queue-record`, `format/sqs.md#message-record`, `format/sqs.md#reading-json`).
//!
//! In: the body of a row. Out: a call for each field, or why the value is invalid.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, PAD};

use crate::codec::gojson::read::{self as json, ErrorKind, Reader};
use crate::interrupt::{Interrupt, Interrupted};

/// Why a value is invalid (`reading/sqs.md#errors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The value does not begin with its record's magic, or that of another version.
    #[error("the value does not begin with its magic")]
    Magic,
    /// The JSON text cannot be read, or a field has another type.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// A field of bytes is no standard base64 with padding.
    #[error("{0} is not base64")]
    Base64(&'static str),
}

impl Invalid {
    /// Returns in words what is wrong with the value; fails when nothing is, but the run was asked to stop.
    pub fn message(self) -> Result<String, Interrupted> {
        match self {
            Self::Json(json::Error { kind: ErrorKind::Interrupted(interrupted), .. }) => Err(interrupted),
            _ => Ok(self.to_string()),
        }
    }
}

// The server reads bytes as leniently as this: unused trailing bits and line breaks do not matter.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, PAD.with_decode_allow_trailing_bits(true));

/// Reads the JSON object behind `magic` and calls `field` with each member that is not `null`; it must take
/// the value. A top-level `null` has no members. Ends with an [`Invalid`] that has no message once `interrupt` is set.
pub(super) fn fields<'a>(
    value: &'a [u8],
    magic: [u8; 4],
    interrupt: &'a Interrupt,
    mut field: impl FnMut(&str, &mut Reader<'a>) -> Result<(), Invalid>,
) -> Result<(), Invalid> {
    let text = value.strip_prefix(&magic).ok_or(Invalid::Magic)?;
    let mut reader = Reader::new(text).polling(interrupt);
    if !reader.null()? {
        reader.object(|name, reader| if reader.null()? { Ok(()) } else { field(&name, reader) })?;
    }
    Ok(reader.end()?)
}

/// Takes a string of standard base64, or an array of numbers from 0 to 255, and replaces the content of `out` by its
/// bytes: the server's reader takes both (`reading/README.md#decided-cases`). A `null` in the array is 0.
pub(super) fn bytes(reader: &mut Reader<'_>, field: &'static str, out: &mut Vec<u8>) -> Result<(), Invalid> {
    if reader.is_array() {
        out.clear();
        return reader.array(|reader| {
            out.push(reader.integer()?);
            Ok(())
        });
    }
    let text = reader.string()?;
    out.clear();
    if BASE64.decode_vec(text.as_bytes(), out).is_ok() {
        return Ok(());
    }
    let unbroken = text.replace(['\r', '\n'], "");
    out.clear();
    BASE64.decode_vec(unbroken, out).map_err(|_| Invalid::Base64(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(value: &[u8]) -> Result<Vec<String>, Invalid> {
        let mut names = Vec::new();
        fields(value, *b"\0SM\x01", &Interrupt::default(), |name, reader| {
            names.push(name.to_owned());
            reader.value()?;
            Ok(())
        })?;
        Ok(names)
    }

    fn decoded(text: &str) -> Result<Vec<u8>, Invalid> {
        let mut out = b"stale".to_vec();
        bytes(&mut Reader::new(text.as_bytes()), "body", &mut out).map(|()| out)
    }

    #[test]
    fn null_fields_are_absent_at_every_level() {
        assert_eq!(names(b"\0SM\x01{\"a\":1,\"b\":null,\"c\":{}}").unwrap(), ["a", "c"]);
        assert_eq!(names(b"\0SM\x01 null ").unwrap(), [""; 0]);
    }

    #[test]
    fn the_magic_is_checked_to_its_last_byte() {
        for value in [&b""[..], b"\0SM", b"{}", b"\0SM\x02{}", b"\0SQ\x01{}"] {
            assert_eq!(names(value), Err(Invalid::Magic));
        }
    }

    #[test]
    fn exactly_one_object_stands_behind_the_magic() {
        for text in ["", "[]", "1", "\"a\"", "{} {}", "null null", "{\"a\":}"] {
            let value = [b"\0SM\x01", text.as_bytes()].concat();
            assert!(matches!(names(&value), Err(Invalid::Json(_))), "{text}");
        }
    }

    #[test]
    fn bytes_are_standard_base64_with_padding() {
        assert_eq!(decoded("\"/wD+\"").unwrap(), [0xff, 0, 0xfe]);
        assert_eq!(decoded("\"\"").unwrap(), b"");
        assert_eq!(decoded("\"aGk=\"").unwrap(), b"hi");
        for text in ["\"aGk\"", "\"_wD-\"", "\"aGk=aGk=\"", "\"a\"", "\" aGk=\""] {
            assert_eq!(decoded(text), Err(Invalid::Base64("body")), "{text}");
        }
        assert!(matches!(decoded("1"), Err(Invalid::Json(_))));
    }

    #[test]
    fn bytes_are_also_read_from_an_array_of_numbers() {
        assert_eq!(decoded("[]").unwrap(), b"");
        assert_eq!(decoded(" [ 104 ,105,0,255, null ] ").unwrap(), b"hi\0\xff\0");
        for text in
            ["[256]", "[-1]", "[1.0]", "[1e1]", "[\"a\"]", "[1,]", "[1 2]", "[1", "[[1]]", "[,1]", "{}"]
        {
            assert!(matches!(decoded(text), Err(Invalid::Json(_))), "{text}");
        }
    }

    #[test]
    fn bytes_are_read_as_leniently_as_the_server_reads_them() {
        assert_eq!(decoded("\"aG\\r\\nk=\\n\"").unwrap(), b"hi");
        assert_eq!(decoded("\"aGl=\"").unwrap(), b"hi");
    }
}
