//! A cursor over one JSON document.
//!
//! In: text that nobody has checked. Out: its tokens, one method a type. Nothing recurses; a value that is
//! skipped is checked all the same. `null` is the zero value of every type but a number that is kept as it is spelt.

use std::borrow::Cow;
use std::str::FromStr;

use super::{Error, ErrorKind, Result, name, string};
use crate::interrupt::Interrupt;

/// Most brackets that may be open at once: the limit of the server's own JSON reader.
const DEPTH: usize = 10_000;

/// Reads a JSON document from the front.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    text: &'a [u8],
    rest: &'a [u8],
    /// Looked at once in 65,536 values.
    interrupt: Option<&'a Interrupt>,
    values: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bracket {
    Object,
    Array,
}

impl<'a> Reader<'a> {
    /// Returns a reader at the start of `text`.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, rest: text, interrupt: None, values: 0 }
    }

    /// Ends with [`ErrorKind::Interrupted`] once `interrupt` is set: one document can be millions of values.
    #[must_use]
    pub fn polling(self, interrupt: &'a Interrupt) -> Self {
        Self { interrupt: Some(interrupt), ..self }
    }

    /// Returns the text from where `start`, an earlier clone of the reader, stands to where it stands now.
    #[must_use]
    pub fn since(&self, start: &Self) -> &'a [u8] {
        let length = start.rest.len().saturating_sub(self.rest.len());
        start.rest.get(..length).unwrap_or_default()
    }

    /// Takes a `null`, if one comes next.
    pub fn null(&mut self) -> Result<bool> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.literal(b"null")?;
        Ok(true)
    }

    /// Takes `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool> {
        match self.peek() {
            Some(b't') => self.literal(b"true").map(|()| true),
            Some(b'f') => self.literal(b"false").map(|()| false),
            _ if self.zero() => Ok(false),
            _ => Err(self.expected("a boolean")),
        }
    }

    /// Takes an integer without fraction and exponent that fits `T`.
    pub fn integer<T: FromStr + Default>(&mut self) -> Result<T> {
        if self.zero() {
            return Ok(T::default());
        }
        let start = self.clone();
        let text = self.number()?;
        let signed = || "-1".parse::<T>().is_ok();
        text.parse().map_err(|_| start.error(ErrorKind::Integer { signed: signed() }))
    }

    /// Takes a number as it is spelt.
    pub fn number(&mut self) -> Result<&'a str> {
        self.space();
        let start = self.rest;
        let length = number_length(start).ok_or_else(|| self.expected("a number"))?;
        let (number, rest) = start.split_at_checked(length).unwrap_or_default();
        self.rest = rest;
        Ok(std::str::from_utf8(number).unwrap_or_default())
    }

    /// Takes a string; borrowed when it has no escape and is UTF-8.
    pub fn string(&mut self) -> Result<Cow<'a, str>> {
        if self.zero() { Ok(Cow::Borrowed("")) } else { self.text() }
    }

    fn text(&mut self) -> Result<Cow<'a, str>> {
        self.space();
        let (raw, escaped) = self.quoted()?;
        Ok(if escaped { Cow::Owned(string::unescape(raw)) } else { string::replace_invalid(raw) })
    }

    /// Takes an object that the server decodes into a struct: the names are [folded](name::fold), so that `member` knows
    /// those of the struct's fields in either case.
    pub fn members<E: From<Error>>(
        &mut self,
        mut member: impl FnMut(&str, &mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.object(|name, reader| member(&name::fold(name), reader))
    }

    /// Takes an object that the server decodes into a map: `member` is called with each name as it is spelt and must
    /// take the value behind it.
    pub fn object<E: From<Error>>(
        &mut self,
        mut member: impl FnMut(Cow<'a, str>, &mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.zero() {
            return Ok(());
        }
        if !self.eat(b'{') {
            return Err(self.expected("an object").into());
        }
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            self.poll()?;
            let name = self.text()?;
            self.colon()?;
            member(name, self)?;
            if !self.eat(b',') {
                break;
            }
        }
        if self.eat(b'}') { Ok(()) } else { Err(self.expected("a comma or the end of an object").into()) }
    }

    /// Whether an array comes next.
    pub fn is_array(&mut self) -> bool {
        self.peek() == Some(b'[')
    }

    /// Takes an array: `element` is called at each element and must take it.
    pub fn array<E: From<Error>>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.zero() {
            return Ok(());
        }
        if !self.eat(b'[') {
            return Err(self.expected("an array").into());
        }
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            self.poll()?;
            element(self)?;
            if !self.eat(b',') {
                break;
            }
        }
        if self.eat(b']') { Ok(()) } else { Err(self.expected("a comma or the end of an array").into()) }
    }

    /// Takes a value of any type, checked, and returns its text.
    pub fn value(&mut self) -> Result<&'a [u8]> {
        self.space();
        let start = self.rest;
        let mut open = Vec::new();
        loop {
            self.poll()?;
            match self.peek() {
                Some(b'{' | b'[') if open.len() == DEPTH => return Err(self.error(ErrorKind::Depth)),
                Some(b'{') if !self.empty(b'{', b'}') => {
                    open.push(Bracket::Object);
                    self.name()?;
                    continue;
                }
                Some(b'[') if !self.empty(b'[', b']') => {
                    open.push(Bracket::Array);
                    continue;
                }
                Some(b'{' | b'[') => {}
                _ => self.scalar()?,
            }
            while let Some(&bracket) = open.last() {
                if self.eat(b',') {
                    if bracket == Bracket::Object {
                        self.name()?;
                    }
                    break;
                }
                let close = if bracket == Bracket::Object { b'}' } else { b']' };
                if !self.eat(close) {
                    return Err(self.expected("a comma or a closing bracket"));
                }
                open.pop();
            }
            if open.is_empty() {
                let length = start.len() - self.rest.len();
                return Ok(start.get(..length).unwrap_or_default());
            }
        }
    }

    /// Checks that nothing but white space is left.
    pub fn end(&mut self) -> Result<()> {
        self.space();
        if self.rest.is_empty() { Ok(()) } else { Err(self.error(ErrorKind::Trailing)) }
    }

    /// Returns an error at the next token.
    #[must_use]
    pub fn expected(&self, what: &'static str) -> Error {
        self.error(ErrorKind::Expected(what))
    }

    /// Returns an error at the next token.
    #[must_use]
    pub fn error(&self, kind: ErrorKind) -> Error {
        Error { at: self.text.len() - self.rest.len(), kind }
    }

    fn poll(&mut self) -> Result<()> {
        self.values = self.values.wrapping_add(1);
        match self.interrupt {
            Some(interrupt) if self.values == 0 => {
                interrupt.check().map_err(|interrupted| self.error(ErrorKind::Interrupted(interrupted)))
            }
            _ => Ok(()),
        }
    }

    /// Takes an opening bracket, and the closing one when it follows at once.
    fn empty(&mut self, open: u8, close: u8) -> bool {
        self.eat(open) && self.eat(close)
    }

    fn name(&mut self) -> Result<()> {
        self.space();
        self.quoted()?;
        self.colon()
    }

    fn colon(&mut self) -> Result<()> {
        if self.eat(b':') { Ok(()) } else { Err(self.expected("a colon")) }
    }

    fn scalar(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'"') => self.quoted().map(|_| ()),
            Some(b't' | b'f') => self.boolean().map(|_| ()),
            Some(b'n') => self.literal(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number().map(|_| ()),
            _ => Err(self.expected("a value")),
        }
    }

    /// Takes a `null`, if one comes next; what only begins like one is left.
    fn zero(&mut self) -> bool {
        self.peek() == Some(b'n') && self.literal(b"null").is_ok()
    }

    fn literal(&mut self, literal: &[u8]) -> Result<()> {
        self.rest = self.rest.strip_prefix(literal).ok_or_else(|| self.expected("a literal"))?;
        Ok(())
    }

    /// Takes a string and returns what stands between its quotes, and whether there are escapes in it.
    fn quoted(&mut self) -> Result<(&'a [u8], bool)> {
        let start = self.rest.strip_prefix(b"\"").ok_or_else(|| self.expected("a string"))?;
        let mut escaped = false;
        let mut at = 0;
        loop {
            let tail = start.get(at..).unwrap_or_default();
            let found = memchr::memchr2(b'"', b'\\', tail);
            let (plain, tail) = tail.split_at_checked(found.unwrap_or(tail.len())).unwrap_or_default();
            // Counting has no early exit, so the compiler compares many bytes at once.
            if found.is_none() || plain.iter().filter(|&&byte| byte < 0x20).count() > 0 {
                let bad = plain.iter().position(|&byte| byte < 0x20).unwrap_or(plain.len());
                let at = self.text.len() - start.len() + at + bad;
                let character = ErrorKind::Character { at, expected: "character of a string" };
                return Err(self.error(if found.is_none() { ErrorKind::Unclosed { at } } else { character }));
            }
            at += plain.len();
            match tail.get(..2) {
                _ if tail.first() == Some(&b'"') => break,
                Some([_, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't']) => at += 2,
                Some([_, b'u']) if string::code_unit(tail).is_some() => at += 6,
                _ => {
                    let expected = if tail.get(1) == Some(&b'u') { "four hex digits" } else { "escape" };
                    let at = self.text.len() - start.len() + at + 1;
                    return Err(self.error(ErrorKind::Character { at, expected }));
                }
            }
            escaped = true;
        }
        let (raw, rest) = start.split_at_checked(at).unwrap_or_default();
        self.rest = rest.get(1..).unwrap_or_default();
        Ok((raw, escaped))
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.rest = self.rest.get(usize::from(found)..).unwrap_or_default();
        found
    }

    fn peek(&mut self) -> Option<u8> {
        self.space();
        self.rest.first().copied()
    }

    fn space(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}

/// Returns the length of the number at the front of `text`; `None` when there is none.
fn number_length(text: &[u8]) -> Option<usize> {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let mut rest = match unsigned.split_first()? {
        (b'0', rest) => rest,
        _ => digits(unsigned)?,
    };
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = digits(fraction)?;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let unsigned = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+"));
        rest = digits(unsigned.unwrap_or(exponent))?;
    }
    Some(text.len() - rest.len())
}

/// Skips at least one digit.
fn digits(text: &[u8]) -> Option<&[u8]> {
    let length = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    if length == 0 { None } else { text.get(length..) }
}

#[cfg(test)]
mod tests;
