//! JSON text on its way to a file, a piece at a time: a line can be as long as the value that it tells of.
//!
//! In: members. Out: pieces of about [`PIECE`] bytes, a shorter text in one piece.

use base64::Engine;
use base64::engine::GeneralPurpose;
use serde::Serialize;

use crate::codec::gojson::{self as json, Html, PIECE};
use crate::error::Result;

/// Collects text and passes it on once it is a piece long.
#[derive(Debug)]
pub(crate) struct Pieces<'o, W> {
    out: &'o mut Vec<u8>,
    write: W,
}

impl<'o, W: FnMut(&[u8]) -> Result<()>> Pieces<'o, W> {
    /// Returns a text that passes its pieces to `write`. `out` is a buffer, whose content is dropped.
    pub(crate) fn new(out: &'o mut Vec<u8>, write: W) -> Self {
        out.clear();
        Self { out, write }
    }

    /// Adds text that stays as it is.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() < PIECE {
            self.out.extend_from_slice(bytes);
            return self.settle();
        }
        self.flush()?;
        (self.write)(bytes)
    }

    /// Adds checked JSON text without the white space between its tokens.
    pub(crate) fn dense(&mut self, mut text: &[u8]) -> Result<()> {
        while let Some(quote) = memchr::memchr(b'"', text) {
            let (plain, rest) = text.split_at_checked(quote).unwrap_or_default();
            self.visible(plain)?;
            let (quoted, rest) = rest.split_at_checked(string_length(rest)).unwrap_or_default();
            self.bytes(quoted)?;
            text = rest;
        }
        self.visible(text)
    }

    /// Adds a string with its quotes.
    pub(crate) fn string(&mut self, text: &str, html: Html) -> Result<()> {
        self.out.push(b'"');
        for piece in json::pieces(text) {
            json::piece(self.out, piece, html);
            self.settle()?;
        }
        self.out.push(b'"');
        Ok(())
    }

    /// Adds a string of base64.
    pub(crate) fn base64(&mut self, bytes: &[u8], engine: &GeneralPurpose) -> Result<()> {
        self.out.push(b'"');
        for piece in bytes.chunks(PIECE) {
            self.bytes(engine.encode(piece).as_bytes())?;
        }
        self.out.push(b'"');
        Ok(())
    }

    /// Adds the comma behind another member, the name of a member and the colon.
    pub(crate) fn name(&mut self, name: &str) -> Result<()> {
        for part in [",\"", name, "\":"] {
            self.bytes(part.as_bytes())?;
        }
        Ok(())
    }

    /// Adds a member, unless it is empty.
    pub(crate) fn text(&mut self, name: &str, value: &str) -> Result<()> {
        if value.is_empty() {
            return Ok(());
        }
        self.name(name)?;
        self.string(value, Html::Raw)
    }

    /// Adds a member that is a number.
    pub(crate) fn number(&mut self, name: &str, value: impl Serialize) -> Result<()> {
        self.name(name)?;
        json::compact(self.out, &value, Html::Raw);
        self.settle()
    }

    /// Passes on what is left.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.flush()
    }

    fn visible(&mut self, text: &[u8]) -> Result<()> {
        for piece in text.chunks(PIECE) {
            self.out.extend(piece.iter().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')));
            self.settle()?;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        if self.out.len() < PIECE { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<()> {
        if !self.out.is_empty() {
            (self.write)(self.out)?;
            self.out.clear();
        }
        Ok(())
    }
}

/// Returns the length of the string at the front of checked text, quotes included.
fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(length) = memchr::memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
        at += length + 1;
        if text.get(at - 1) == Some(&b'"') {
            return at;
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// Returns the pieces of what `add` adds.
    fn pieces(add: impl FnOnce(&mut Pieces<'_, &mut dyn FnMut(&[u8]) -> Result<()>>)) -> Vec<Vec<u8>> {
        let (mut all, mut out) = (Vec::new(), b"stale".to_vec());
        let mut write = |piece: &[u8]| {
            all.push(piece.to_vec());
            Ok(())
        };
        let mut text = Pieces::new(&mut out, &mut write as &mut dyn FnMut(&[u8]) -> Result<()>);
        add(&mut text);
        text.finish().unwrap();
        all
    }

    #[test]
    fn a_short_text_is_one_piece_and_none_is_none() {
        let all = pieces(|text| {
            text.bytes(b"{").unwrap();
            text.text("a", "<").unwrap();
            text.text("b", "").unwrap();
            text.number("c", -1).unwrap();
            text.name("d").unwrap();
            text.dense(b" [ \"x y\\\" \" , 1 ] ").unwrap();
        });
        assert_eq!(all, [br#"{,"a":"<","c":-1,"d":["x y\" ",1]"#]);
        assert_eq!(pieces(|_| ()), [b""; 0]);
    }

    #[test]
    fn a_long_text_is_never_held_whole() {
        let long = "é<x".repeat(PIECE);
        let json = format!("\"{long}\"");
        let numbers = format!("[{}1]", "1 , ".repeat(PIECE));
        let all = pieces(|text| {
            text.string(&long, Html::Raw).unwrap();
            text.base64(long.as_bytes(), &STANDARD).unwrap();
            text.dense(numbers.as_bytes()).unwrap();
        });
        let most = all.iter().map(Vec::len).max().unwrap();
        assert!((PIECE..3 * PIECE).contains(&most), "{most}");
        let expected = format!("{json}\"{}\"{}", STANDARD.encode(&long), numbers.replace(' ', ""));
        assert!(all.concat() == expected.into_bytes());
        // What stays as it is needs no copy.
        assert_eq!(pieces(|text| text.dense(json.as_bytes()).unwrap()), [json.as_bytes()]);
    }
}
