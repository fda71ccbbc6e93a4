//! Stored JSON, read as the server's Go reads it (`s3.md` 2).
//!
//! In: the bytes of one value. Out: calls for each member, scalars borrowed where possible. A missing member
//! and `null` both mean the zero value; unknown members are skipped but must be well-formed; bad UTF-8 and lone
//! surrogates become U+FFFD.

mod text;

use std::borrow::Cow;

/// Nesting that Go's reader accepts.
const DEPTH: usize = 10_000;

/// The value is not what the record asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{expected} expected at byte {at} of the value")]
pub struct Invalid {
    /// What would have been right there.
    pub expected: &'static str,
    /// Position in the value, bytes.
    pub at: usize,
}

type Result<T, E = Invalid> = std::result::Result<T, E>;

/// Folds the case of a member's name: Go matches the names of records in either case.
pub fn fold(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// Reads one JSON value front to back.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` as one object and nothing behind it but blanks.
    pub fn whole(bytes: &'a [u8], member: impl FnMut(&str, &mut Self) -> Result<()>) -> Result<()> {
        let mut reader = Self { bytes, at: 0 };
        reader.object(member)?;
        reader.blanks();
        if reader.at == bytes.len() { Ok(()) } else { Err(reader.expected("end of the value")) }
    }

    /// Reads an object; `member` is called with each name and has to read the value. `null` has no members.
    pub fn object(&mut self, mut member: impl FnMut(&str, &mut Self) -> Result<()>) -> Result<()> {
        if self.null()? {
            return Ok(());
        }
        self.token(b'{', "object")?;
        if self.next_is(b'}') {
            return Ok(());
        }
        loop {
            self.blanks();
            let name = self.text()?;
            self.token(b':', "colon")?;
            member(&name, self)?;
            if self.next_is(b'}') {
                return Ok(());
            }
            self.token(b',', "comma")?;
        }
    }

    /// Reads an array; `element` has to read each value. `null` has no elements.
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if self.null()? {
            return Ok(());
        }
        self.token(b'[', "array")?;
        if self.next_is(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if self.next_is(b']') {
                return Ok(());
            }
            self.token(b',', "comma")?;
        }
    }

    /// Reads a string; `null` is empty.
    pub fn string(&mut self) -> Result<Cow<'a, str>> {
        if self.null()? { Ok(Cow::Borrowed("")) } else { self.text() }
    }

    /// Reads an integer without sign, fraction and exponent; `null` is 0.
    pub fn unsigned(&mut self) -> Result<u64> {
        let start = self.at;
        let digits = if self.null()? { "0" } else { self.number()? };
        digits.parse().map_err(|_| Invalid { expected: "unsigned 64-bit integer", at: start })
    }

    /// Reads an integer without fraction and exponent; `null` is 0.
    pub fn signed(&mut self) -> Result<i64> {
        let start = self.at;
        let digits = if self.null()? { "0" } else { self.number()? };
        digits.parse().map_err(|_| Invalid { expected: "signed 64-bit integer", at: start })
    }

    /// Reads a truth value; `null` is false.
    pub fn boolean(&mut self) -> Result<bool> {
        if self.null()? || self.literal(b"false") {
            Ok(false)
        } else if self.literal(b"true") {
            Ok(true)
        } else {
            Err(self.expected("true or false"))
        }
    }

    /// Skips a value of any kind, without recursion.
    pub fn skip(&mut self) -> Result<()> {
        let mut open = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    self.at += 1;
                    if open.len() == DEPTH {
                        return Err(self.expected("less nesting"));
                    }
                    let close = if bracket == b'{' { b'}' } else { b']' };
                    if !self.next_is(close) {
                        open.push(close);
                        self.name_of_skipped(close)?;
                        continue;
                    }
                }
                Some(b'"') => drop(self.text()?),
                Some(b'-' | b'0'..=b'9') => drop(self.number()?),
                _ if self.literal(b"null") || self.literal(b"true") || self.literal(b"false") => {}
                _ => return Err(self.expected("value")),
            }
            loop {
                let Some(&close) = open.last() else { return Ok(()) };
                if !self.next_is(close) {
                    self.token(b',', "comma")?;
                    self.name_of_skipped(close)?;
                    break;
                }
                open.pop();
            }
        }
    }

    fn name_of_skipped(&mut self, close: u8) -> Result<()> {
        if close == b'}' {
            self.blanks();
            self.text()?;
            self.token(b':', "colon")?;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str> {
        let start = self.at;
        self.eat(b'-');
        let whole = self.digits();
        let leading_zero = whole > 1 && self.bytes.get(self.at - whole) == Some(&b'0');
        let mut sound = whole > 0 && !leading_zero;
        if self.eat(b'.') {
            sound &= self.digits() > 0;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            sound &= self.digits() > 0;
        }
        let text = self.bytes.get(start..self.at).and_then(|digits| std::str::from_utf8(digits).ok());
        text.filter(|_| sound).ok_or(Invalid { expected: "number", at: start })
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn null(&mut self) -> Result<bool> {
        self.blanks();
        if self.at == self.bytes.len() { Err(self.expected("value")) } else { Ok(self.literal(b"null")) }
    }

    fn literal(&mut self, word: &[u8]) -> bool {
        let matches = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if matches {
            self.at += word.len();
        }
        matches
    }

    fn token(&mut self, byte: u8, name: &'static str) -> Result<()> {
        if self.next_is(byte) { Ok(()) } else { Err(self.expected(name)) }
    }

    fn next_is(&mut self, byte: u8) -> bool {
        self.blanks();
        self.eat(byte)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let matches = self.peek() == Some(byte);
        self.at += usize::from(matches);
        matches
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn expected(&self, expected: &'static str) -> Invalid {
        Invalid { expected, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Record {
        n: u64,
        i: i64,
        b: bool,
        s: String,
        a: Vec<u64>,
    }

    fn read(json: &[u8]) -> Result<Record> {
        let mut record = Record::default();
        Reader::whole(json, |name, value| {
            match name {
                "n" => record.n = value.unsigned()?,
                "i" => record.i = value.signed()?,
                "b" => record.b = value.boolean()?,
                "s" => record.s = value.string()?.into_owned(),
                "a" => {
                    record.a.clear();
                    value.array(|element| {
                        record.a.push(element.unsigned()?);
                        Ok(())
                    })?;
                }
                _ => value.skip()?,
            }
            Ok(())
        })?;
        Ok(record)
    }

    #[test]
    fn members_in_any_order_with_blanks_between() {
        let json = b" {\"s\" : \"x\" ,\n\"i\":-3,\t\"b\":true,\"a\":[1, 2],\"n\":18446744073709551615}\r\n";
        assert_eq!(read(json), Ok(Record { n: u64::MAX, i: -3, b: true, s: "x".into(), a: vec![1, 2] }));
        assert_eq!(read(b"{}"), Ok(Record::default()));
    }

    #[test]
    fn null_is_the_zero_value_and_the_last_duplicate_wins() {
        assert_eq!(read(b"{\"n\":null,\"i\":null,\"b\":null,\"s\":null,\"a\":null}"), Ok(Record::default()));
        assert_eq!(read(b"null"), Ok(Record::default()));
        assert_eq!(read(b"{\"n\":1,\"n\":2}").map(|record| record.n), Ok(2));
    }

    #[test]
    fn numbers_out_of_range_or_with_fraction_exponent_or_sign_are_invalid() {
        for number in
            ["1.0", "1e2", "-1", "-0", "18446744073709551616", "01", "+1", "\"1\"", "true", "", "-", "[]"]
        {
            assert!(read(format!("{{\"n\":{number}}}").as_bytes()).is_err(), "{number}");
        }
        for number in ["1.0", "9223372036854775808", "-9223372036854775809", "00", "1.", ".1", "1e"] {
            assert!(read(format!("{{\"i\":{number}}}").as_bytes()).is_err(), "{number}");
        }
        assert_eq!(read(b"{\"i\":-9223372036854775808}").map(|record| record.i), Ok(i64::MIN));
        assert_eq!(read(b"{\"i\":-0}").map(|record| record.i), Ok(0));
    }

    #[test]
    fn unknown_members_are_skipped_and_must_be_well_formed() {
        for value in
            ["1.5e-7", "[[],{},[{\"a\":[null,true,false]}]]", "{\"x\":{\"y\":\"\\u0041\"},\"z\":1}", "\"\""]
        {
            assert_eq!(read(format!("{{\"x\":{value},\"n\":7}}").as_bytes()).map(|record| record.n), Ok(7));
        }
        for value in
            ["[1,]", "{,}", "{\"a\"}", "{\"a\":}", "[}", "{]", "nul", "01", "[1 2]", "\"a", "'a'", "["]
        {
            assert!(read(format!("{{\"x\":{value},\"n\":7}}").as_bytes()).is_err(), "{value}");
        }
    }

    #[test]
    fn nesting_is_limited_without_recursion() {
        let nested = |depth: usize| format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(nested(DEPTH).as_bytes()).is_ok());
        assert!(read(nested(DEPTH + 1).as_bytes()).is_err());
        assert!(read(format!("{{\"x\":{}", "[".repeat(1 << 20)).as_bytes()).is_err());
    }

    #[test]
    fn every_truncation_and_trailing_data_are_invalid() {
        let json = b"{\"n\":12,\"s\":\"a\\n\",\"a\":[1],\"b\":true,\"x\":{\"y\":null}}";
        assert!(read(json).is_ok());
        for length in 0..json.len() {
            assert!(read(&json[..length]).is_err(), "{length}");
        }
        for tail in ["{}", "x", ",", "\0"] {
            assert!(read(&[json, tail.as_bytes()].concat()).is_err());
        }
        assert_eq!(read(b"{}x").unwrap_err().to_string(), "end of the value expected at byte 2 of the value");
    }
}
