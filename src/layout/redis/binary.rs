//! Binary values in JSON (`tree/redis.md#json-of-keys`).

use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::output::{self, Output};
use crate::error::Result;

/// Appends a string, or the base64 object on lines that are indented like the one it begins on.
pub(super) fn binary(out: &mut impl Output, value: &[u8], indent: &[u8]) -> Result<()> {
    if let Ok(value) = std::str::from_utf8(value) {
        return output::text(out, value);
    }
    for part in [b"{\n", indent, b"  \"base64\": "] {
        out.buffer().extend_from_slice(part);
    }
    output::base64(out, value, &URL_SAFE_NO_PAD)?;
    for part in [b"\n", indent, b"}"] {
        out.buffer().extend_from_slice(part);
    }
    Ok(())
}
