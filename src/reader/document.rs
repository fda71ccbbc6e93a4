//! A JSON object that may be larger than memory: member by member, and one of them, an array, element by element.
//!
//! In: text that nobody has checked. Out: the texts of members and elements, each within a limit; whoever takes one parses
//! it. What stands around them is checked here.

use std::io::{self, BufRead};

use crate::limits;

/// A piece of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// A member's name and value.
    Member(String, &'t [u8]),
    /// An element of the array.
    Element(&'t [u8]),
}

/// Reads one object.
#[derive(Debug)]
pub(super) struct Document<'n, R> {
    input: R,
    /// Name of the member that is passed on by its elements.
    array: &'n str,
    state: State,
    /// Whether the array was there.
    pub(super) has_array: bool,
    /// Bytes that were read.
    at: u64,
    text: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    /// Behind a member.
    Members,
    /// In the array; whether before its first element.
    Elements(bool),
    End,
}

impl<'n, R: BufRead> Document<'n, R> {
    /// Returns a reader before the object, whose member `array` is passed on element by element.
    pub(super) fn new(input: R, array: &'n str) -> Self {
        Self { input, array, state: State::Start, has_array: false, at: 0, text: Vec::new() }
    }

    /// Returns the offset of the next byte.
    pub(super) fn offset(&self) -> u64 {
        self.at
    }

    /// Returns the next piece, `None` behind the object. An error of kind `InvalidData` says what was expected.
    pub(super) fn next(&mut self) -> io::Result<Option<Part<'_>>> {
        loop {
            match self.state {
                State::End => return Ok(None),
                State::Elements(first) => {
                    let next = self.peek()?;
                    if next == Some(b']') {
                        self.take();
                        self.state = State::Members;
                        continue;
                    }
                    if !first {
                        self.expect(b',', "a comma or the end of an array")?;
                    }
                    self.state = State::Elements(false);
                    self.value()?;
                    return Ok(Some(Part::Element(&self.text)));
                }
                State::Start | State::Members => {
                    let first = self.state == State::Start;
                    if first {
                        self.expect(b'{', "an object")?;
                    }
                    if self.peek()? == Some(b'}') {
                        self.take();
                        if self.peek()?.is_some() {
                            return Err(self.expected("the end of the file"));
                        }
                        self.state = State::End;
                        continue;
                    }
                    if !first {
                        self.expect(b',', "a comma or the end of an object")?;
                    }
                    self.state = State::Members;
                    if let Some(name) = self.member()? {
                        return Ok(Some(Part::Member(name, &self.text)));
                    }
                }
            }
        }
    }

    /// Reads a member; `None` where it is the array, of which the elements follow.
    fn member(&mut self) -> io::Result<Option<String>> {
        if self.peek()? != Some(b'"') {
            return Err(self.expected("the name of a member"));
        }
        self.value()?;
        let name: String = serde_json::from_slice(&self.text).map_err(|_| self.expected("a name"))?;
        self.expect(b':', "a colon")?;
        if name == self.array && self.peek()? == Some(b'[') {
            self.take();
            (self.state, self.has_array) = (State::Elements(true), true);
            return Ok(None);
        }
        self.value()?;
        Ok(Some(name))
    }

    /// Puts the text of a value in place of what `text` holds.
    fn value(&mut self) -> io::Result<()> {
        self.text.clear();
        let mut depth = 0_u64;
        let Some(first) = self.peek()? else { return Err(self.expected("a value")) };
        if !matches!(first, b'{' | b'[' | b'"') {
            return self.scalar();
        }
        loop {
            let buffer = self.input.fill_buf()?;
            // Outside of strings only brackets and quotes count.
            let found = buffer.iter().position(|byte| matches!(byte, b'{' | b'}' | b'[' | b']' | b'"'));
            let Some(end) = found else {
                let length = buffer.len();
                if length == 0 {
                    return Err(self.expected("the end of a value"));
                }
                self.keep(length)?;
                continue;
            };
            let byte = buffer.get(end).copied();
            self.keep(end + 1)?;
            match byte {
                Some(b'{' | b'[') => depth += 1,
                Some(b'"') => self.string()?,
                // The first one is no closing bracket.
                _ => depth -= 1,
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Keeps the rest of a string.
    fn string(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Err(self.expected("the end of a string"));
            }
            let Some(end) = memchr::memchr2(b'"', b'\\', buffer) else {
                let length = buffer.len();
                self.keep(length)?;
                continue;
            };
            let is_end = buffer.get(end) == Some(&b'"');
            self.keep(end + 1)?;
            if is_end {
                return Ok(());
            }
            if self.input.fill_buf()?.is_empty() {
                return Err(self.expected("the end of a string"));
            }
            self.keep(1)?;
        }
    }

    /// Keeps a number or a literal.
    fn scalar(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b':' | b' ' | b'\t' | b'\n' | b'\r');
            let end = buffer.iter().position(is_end);
            let length = end.unwrap_or(buffer.len());
            self.keep(length)?;
            if end.is_some() || length == 0 {
                return if self.text.is_empty() { Err(self.expected("a value")) } else { Ok(()) };
            }
        }
    }

    /// Moves bytes of the input to the text.
    fn keep(&mut self, length: usize) -> io::Result<()> {
        if u64::try_from(self.text.len() + length).is_ok_and(|length| length > limits::DIFF_LINE) {
            return Err(invalid(format!(
                "byte {}: a value of more than {} bytes",
                self.at,
                limits::DIFF_LINE
            )));
        }
        self.text.extend_from_slice(self.input.fill_buf()?.get(..length).unwrap_or_default());
        self.input.consume(length);
        self.at += u64::try_from(length).unwrap_or_default();
        Ok(())
    }

    /// Looks at the next byte that is no white space.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let buffer = self.input.fill_buf()?;
            let spaces =
                buffer.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
            let (next, is_end) = (buffer.get(spaces).copied(), buffer.is_empty());
            self.input.consume(spaces);
            self.at += u64::try_from(spaces).unwrap_or_default();
            if next.is_some() || is_end {
                return Ok(next);
            }
        }
    }

    /// Takes the byte that was looked at.
    fn take(&mut self) {
        self.input.consume(1);
        self.at += 1;
    }

    fn expect(&mut self, byte: u8, what: &str) -> io::Result<()> {
        if self.peek()? != Some(byte) {
            return Err(self.expected(what));
        }
        self.take();
        Ok(())
    }

    /// Says what was expected at the next byte, and what stands there.
    fn expected(&mut self, what: &str) -> io::Error {
        let found = match self.input.fill_buf() {
            Ok([]) => "the file ends".to_owned(),
            Ok([byte, ..]) => format!("found `{}`", byte.escape_ascii()),
            Err(error) => return error,
        };
        invalid(format!("byte {}: expected {what}, {found}", self.at))
    }
}

/// Returns the error of text that is not what it should be.
pub(super) fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Lists the pieces, read by so many bytes at a time.
    fn parts(text: &str, buffer: usize) -> Result<Vec<(Option<String>, String)>, String> {
        let mut document = Document::new(BufReader::with_capacity(buffer, text.as_bytes()), "items");
        let mut all = Vec::new();
        while let Some(part) = document.next().map_err(|error| error.to_string())? {
            let text = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
            all.push(match part {
                Part::Member(name, value) => (Some(name), text(value)),
                Part::Element(value) => (None, text(value)),
            });
        }
        Ok(all)
    }

    #[test]
    fn members_and_elements_come_as_they_are_spelt() {
        let text = r#" { "a" : 1 , "items" :[ "x]\"}" , {"b" : [ 1 ]}, -0.5e3 ,null] , "c": {"items": []}, "items": 7 } "#;
        let want = [
            (Some("a"), "1"),
            (None, r#""x]\"}""#),
            (None, r#"{"b" : [ 1 ]}"#),
            (None, "-0.5e3"),
            (None, "null"),
            (Some("c"), r#"{"items": []}"#),
            (Some("items"), "7"),
        ];
        let want: Vec<_> = want.map(|(name, text)| (name.map(str::to_owned), text.to_owned())).into();
        for buffer in [1, 2, 3, 7, 1000] {
            assert_eq!(parts(text, buffer).unwrap(), want);
        }
        assert_eq!(parts("{}", 8).unwrap(), []);
        assert_eq!(parts("{\"items\":[]}\n", 8).unwrap(), []);
    }

    #[test]
    fn what_is_wrong_says_where_and_what_was_expected() {
        for (text, want) in [
            ("", "byte 0: expected an object, the file ends"),
            ("[]", "byte 0: expected an object, found `[`"),
            ("{1", "byte 1: expected the name of a member, found `1`"),
            ("{\"a\" 1", "byte 5: expected a colon, found `1`"),
            ("{\"a\":}", "byte 5: expected a value, found `}`"),
            ("{\"a\":[1", "byte 7: expected the end of a value, the file ends"),
            ("{\"a\":\"", "byte 6: expected the end of a string, the file ends"),
            ("{\"a\":1 \"b\"", "byte 7: expected a comma or the end of an object, found `\\\"`"),
            ("{\"a\":1,}", "byte 7: expected the name of a member, found `}`"),
            ("{\"items\":[1 2]}", "byte 12: expected a comma or the end of an array, found `2`"),
            ("{\"items\":[1,]}", "byte 12: expected a value, found `]`"),
            ("{\"items\":[", "byte 10: expected a value, the file ends"),
            ("{} x", "byte 3: expected the end of the file, found `x`"),
        ] {
            assert_eq!(parts(text, 4).unwrap_err().as_str(), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_pieces_or_an_error(text in "[\\[\\]{}\":, 1a\\\\]{0,24}") {
            let read = parts(&text, 3);
            if let Ok(Value::Object(_)) = serde_json::from_str(&text) {
                prop_assert!(read.is_ok(), "{text}: {read:?}");
            }
        }
    }
}
