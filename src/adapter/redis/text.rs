//! Texts and binary values in JSON (`redis.md` 4.2).
//!
//! A single value can be a large part of memory, and six times as long once it is escaped: long ones are written
//! piece by piece.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::body::Output;
use crate::dump::json::{self, Html, PIECE};
use crate::error::Result;

/// Appends a JSON string, quotes included.
pub(super) fn text(out: &mut impl Output, text: &str) -> Result<()> {
    if text.len() <= PIECE {
        json::string(out.buffer(), text, Html::Escaped);
        return Ok(());
    }
    out.buffer().push(b'"');
    for piece in json::pieces(text) {
        json::piece(out.buffer(), piece, Html::Escaped);
        out.relieve()?;
    }
    out.buffer().push(b'"');
    Ok(())
}

/// Appends a string, or the base64 object on lines that are indented like the one it begins on.
pub(super) fn binary(out: &mut impl Output, value: &[u8], indent: &[u8]) -> Result<()> {
    if let Ok(value) = std::str::from_utf8(value) {
        return text(out, value);
    }
    for part in [b"{\n", indent, b"  \"base64\": \""] {
        out.buffer().extend_from_slice(part);
    }
    for piece in value.chunks(PIECE) {
        out.buffer().extend_from_slice(URL_SAFE_NO_PAD.encode(piece).as_bytes());
        out.relieve()?;
    }
    for part in [b"\"\n", indent, b"}"] {
        out.buffer().extend_from_slice(part);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::body::WHOLE;
    use super::*;

    /// An output that is emptied as a file is, and remembers how much it held.
    #[derive(Default)]
    struct Emptied {
        buffer: Vec<u8>,
        written: Vec<u8>,
        most: usize,
    }

    impl Output for Emptied {
        fn buffer(&mut self) -> &mut Vec<u8> {
            self.most = self.most.max(self.buffer.len());
            &mut self.buffer
        }

        fn relieve(&mut self) -> Result<()> {
            if self.buffer().len() > WHOLE {
                self.written.append(&mut self.buffer);
            }
            Ok(())
        }
    }

    fn written(write: impl FnOnce(&mut Emptied)) -> String {
        let mut out = Emptied::default();
        write(&mut out);
        assert!(out.most <= WHOLE + 6 * PIECE, "{}", out.most);
        out.written.append(&mut out.buffer);
        String::from_utf8(out.written).unwrap()
    }

    #[test]
    fn a_long_text_reads_as_if_it_were_written_at_once() {
        let shift = |by: usize| "x".repeat(by);
        for unit in ["a", "\0", "\u{2028}", "é<", "😀\n"] {
            for by in 0..4 {
                let long = shift(by) + &unit.repeat((600 << 10) / unit.len());
                let mut want = Vec::new();
                json::string(&mut want, &long, Html::Escaped);
                assert!(written(|out| text(out, &long).unwrap()).as_bytes() == want, "{unit:?} {by}");
            }
        }
    }

    #[test]
    fn a_long_value_is_one_base64_text() {
        for length in [1, PIECE, PIECE + 1, (1 << 20) + 1, (1 << 20) + 2] {
            let value = vec![0xff; length];
            let want = format!("{{\n    \"base64\": \"{}\"\n  }}", URL_SAFE_NO_PAD.encode(&value));
            assert!(written(|out| binary(out, &value, b"  ").unwrap()) == want, "{length}");
        }
    }
}
