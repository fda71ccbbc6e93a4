//! JSON strings of any length, appended piece by piece.
//!
//! A single value can be a large part of memory, and six times as long once it is escaped: long ones go out in
//! pieces.

use base64::Engine;
use base64::engine::{Config as _, GeneralPurpose};

use crate::bug::Bug;
use crate::error::Result;
use crate::tree::json::{self, Html, PIECE};

const BASE64: Bug = Bug::new("the base64 of some bytes is longer than was counted");

/// Takes the bytes of a file in their order.
pub(crate) trait Output {
    /// Returns the bytes that were not written yet, to append to.
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// Empties the buffer into the file when it has grown too large.
    fn flush_if_full(&mut self) -> Result<()>;
}

/// A file that is small enough to be put together in memory.
impl Output for Vec<u8> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self
    }

    fn flush_if_full(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Appends a JSON string, quotes included.
pub(crate) fn text(out: &mut impl Output, text: &str) -> Result<()> {
    text_as(out, text, Html::Escaped)
}

/// Appends a JSON string, quotes included, escaped so.
pub(crate) fn text_as(out: &mut impl Output, text: &str, html: Html) -> Result<()> {
    if text.len() <= PIECE {
        json::string(out.buffer(), text, html);
        return Ok(());
    }
    out.buffer().push(b'"');
    for piece in json::pieces(text) {
        json::piece(out.buffer(), piece, html);
        out.flush_if_full()?;
    }
    out.buffer().push(b'"');
    Ok(())
}

/// Appends a JSON string that holds the base64 of `value`, quotes included.
pub(crate) fn base64(out: &mut impl Output, value: &[u8], engine: &GeneralPurpose) -> Result<()> {
    out.buffer().push(b'"');
    for piece in value.chunks(PIECE) {
        append_base64(out.buffer(), piece, engine)?;
        out.flush_if_full()?;
    }
    out.buffer().push(b'"');
    Ok(())
}

/// Appends base64 to a buffer: without a text of its own in between.
pub(crate) fn append_base64(out: &mut Vec<u8>, bytes: &[u8], engine: &GeneralPurpose) -> Result<()> {
    let start = out.len();
    let length = base64::encoded_len(bytes.len(), engine.config().encode_padding()).ok_or(BASE64)?;
    out.resize(start.saturating_add(length), 0);
    engine.encode_slice(bytes, out.get_mut(start..).unwrap_or_default()).map_err(|_| BASE64)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::super::file_writer::BUFFER;
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

        fn flush_if_full(&mut self) -> Result<()> {
            if self.buffer().len() > BUFFER {
                self.written.append(&mut self.buffer);
            }
            Ok(())
        }
    }

    fn written(write: impl FnOnce(&mut Emptied)) -> String {
        let mut out = Emptied::default();
        write(&mut out);
        assert!(out.most <= BUFFER + 6 * PIECE, "{}", out.most);
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
        for length in [0, 1, PIECE, PIECE + 1, (1 << 20) + 1, (1 << 20) + 2] {
            let value = vec![0xff; length];
            for engine in [STANDARD, URL_SAFE_NO_PAD] {
                let want = format!("\"{}\"", engine.encode(&value));
                assert!(written(|out| base64(out, &value, &engine).unwrap()) == want, "{length}");
            }
        }
    }
}
