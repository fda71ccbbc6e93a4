//! Whether bytes are JSON, piece by piece: one value, or one value a line. Nothing is kept but the brackets
//! that are open.
//!
//! In: the bytes of a file in pieces of any length. Out: nothing, or where they stop being JSON.

use crate::codec::gojson::escape::prefix;

/// Deepest nesting, as in Go's `encoding/json`.
const DEPTH: usize = 10_000;

/// Where a text stops being JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} (line {line}, offset {offset})")]
pub(super) struct SyntaxError {
    /// Number of the line, from 1.
    line: u64,
    /// Offset in the file, bytes.
    offset: u64,
    what: &'static str,
}

/// Checks one file.
#[derive(Debug)]
pub(super) struct Syntax {
    /// Whether each line is a value of its own.
    lines: bool,
    /// Whether strings may hold bytes that are not UTF-8.
    any_text: bool,
    state: State,
    /// For each open bracket, whether it is that of an object.
    open: Vec<bool>,
    line: u64,
    offset: u64,
    /// Offset of the first byte of the line.
    line_start: u64,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The outermost value.
    Start,
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    /// Nothing but space.
    Done,
    Text {
        key: bool,
    },
    Escape {
        key: bool,
    },
    Hex {
        key: bool,
        left: u8,
    },
    /// The next byte of a character lies in this range, and `more` come behind it.
    Character {
        key: bool,
        low: u8,
        high: u8,
        more: u8,
    },
    Number(Number),
    /// The rest of `true`, `false` or `null`.
    Word(&'static [u8]),
}

/// What of a number was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

impl Syntax {
    /// Returns a checker of one value.
    pub(super) fn value() -> Self {
        Self {
            lines: false,
            any_text: false,
            state: State::Start,
            open: Vec::new(),
            line: 1,
            offset: 0,
            line_start: 0,
        }
    }

    /// Returns a checker of one value a line.
    pub(super) fn lines() -> Self {
        Self { lines: true, ..Self::value() }
    }

    /// Takes strings of any bytes: message attributes are carried as they are stored (`tree/sqs.md#lines-of-messages`), and what
    /// was not written by a server may be stored in any encoding.
    pub(super) fn of_any_text(self) -> Self {
        Self { any_text: true, ..self }
    }

    /// Checks the next bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), SyntaxError> {
        loop {
            if matches!(self.state, State::Text { .. }) {
                let plain = prefix(bytes, in_text_special);
                bytes = bytes.get(plain..).unwrap_or_default();
                self.offset += u64::try_from(plain).unwrap_or_default();
            }
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            self.state = self.step(byte).map_err(|what| self.error(what))?;
            self.offset += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = self.offset;
            }
            bytes = rest;
        }
    }

    /// Checks that the file may end here.
    pub(super) fn finish(mut self) -> Result<(), SyntaxError> {
        if let State::Number(number) = self.state
            && number.is_whole()
        {
            self.state = self.value_end();
        }
        match self.state {
            State::Done => Ok(()),
            State::Start if self.lines && self.offset == self.line_start => Ok(()),
            State::Start if self.lines => Err(self.error("blank line")),
            State::Start => Err(self.error("empty")),
            _ => Err(self.error("ends inside a value")),
        }
    }

    fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { line: self.line, offset: self.offset, what }
    }

    fn step(&mut self, byte: u8) -> Result<State, &'static str> {
        match self.state {
            State::Text { key } if self.any_text && byte >= 0x80 => Ok(State::Text { key }),
            State::Text { key } => text(byte, key).map(|state| state.unwrap_or_else(|| self.text_end(key))),
            State::Escape { key } => match byte {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(State::Text { key }),
                b'u' => Ok(State::Hex { key, left: 4 }),
                _ => Err("unknown escape"),
            },
            State::Hex { key, left } => match (byte.is_ascii_hexdigit(), left) {
                (false, _) => Err("unknown escape"),
                (true, 1) => Ok(State::Text { key }),
                (true, _) => Ok(State::Hex { key, left: left - 1 }),
            },
            State::Character { key, low, high, more } => match ((low..=high).contains(&byte), more) {
                (false, _) => Err("not UTF-8"),
                (true, 0) => Ok(State::Text { key }),
                (true, _) => Ok(State::Character { key, low: 0x80, high: 0xbf, more: more - 1 }),
            },
            State::Number(number) => match number.next(byte) {
                Some(number) => Ok(State::Number(number)),
                None if number.is_whole() => {
                    self.state = self.value_end();
                    self.step(byte)
                }
                None => Err("not a number"),
            },
            State::Word(rest) => match rest.split_first() {
                Some((&expected, rest)) if expected == byte => {
                    Ok(if rest.is_empty() { self.value_end() } else { State::Word(rest) })
                }
                _ => Err("not a value"),
            },
            state if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => self.space(byte, state),
            State::ValueOrEnd if byte == b']' => Ok(self.close()),
            State::Start | State::Value | State::ValueOrEnd => self.value_start(byte),
            State::KeyOrEnd if byte == b'}' => Ok(self.close()),
            State::Key | State::KeyOrEnd if byte == b'"' => Ok(State::Text { key: true }),
            State::Key | State::KeyOrEnd => Err("not a member name"),
            State::Colon if byte == b':' => Ok(State::Value),
            State::Colon => Err("no colon behind a member name"),
            State::CommaOrEnd => match (byte, self.open.last()) {
                (b',', Some(true)) => Ok(State::Key),
                (b',', Some(false)) => Ok(State::Value),
                (b'}', Some(true)) | (b']', Some(false)) => Ok(self.close()),
                _ => Err("neither a comma nor the bracket's end"),
            },
            State::Done => Err("data behind the value"),
        }
    }

    fn space(&self, byte: u8, state: State) -> Result<State, &'static str> {
        match state {
            _ if byte != b'\n' || !self.lines => Ok(state),
            State::Done => Ok(State::Start),
            State::Start => Err("blank line"),
            _ => Err("line ends inside a value"),
        }
    }

    fn value_start(&mut self, byte: u8) -> Result<State, &'static str> {
        match byte {
            b'{' | b'[' if self.open.len() >= DEPTH => Err("nested too deep"),
            b'{' | b'[' => {
                self.open.push(byte == b'{');
                Ok(if byte == b'{' { State::KeyOrEnd } else { State::ValueOrEnd })
            }
            b'"' => Ok(State::Text { key: false }),
            b'-' => Ok(State::Number(Number::Minus)),
            b'0' => Ok(State::Number(Number::Zero)),
            b'1'..=b'9' => Ok(State::Number(Number::Integer)),
            b't' => Ok(State::Word(b"rue")),
            b'f' => Ok(State::Word(b"alse")),
            b'n' => Ok(State::Word(b"ull")),
            _ => Err("not a value"),
        }
    }

    fn close(&mut self) -> State {
        self.open.pop();
        self.value_end()
    }

    fn text_end(&self, key: bool) -> State {
        if key { State::Colon } else { self.value_end() }
    }

    fn value_end(&self) -> State {
        if self.open.is_empty() { State::Done } else { State::CommaOrEnd }
    }
}

#[expect(clippy::needless_bitwise_bool, reason = "without branches the test of a block is vector code")]
fn in_text_special(byte: u8) -> bool {
    !(0x20..0x80).contains(&byte) | (byte == b'"') | (byte == b'\\')
}

/// Returns the state behind a byte of a string, `None` behind its end.
fn text(byte: u8, key: bool) -> Result<Option<State>, &'static str> {
    let character = |low, high, more| Ok(Some(State::Character { key, low, high, more }));
    match byte {
        b'"' => Ok(None),
        b'\\' => Ok(Some(State::Escape { key })),
        0..0x20 => Err("control character in a string"),
        0x20..0x80 => Ok(Some(State::Text { key })),
        // The table of well-formed byte sequences of the Unicode standard.
        0xc2..=0xdf => character(0x80, 0xbf, 0),
        0xe0 => character(0xa0, 0xbf, 1),
        0xed => character(0x80, 0x9f, 1),
        0xe1..=0xef => character(0x80, 0xbf, 1),
        0xf0 => character(0x90, 0xbf, 2),
        0xf1..=0xf3 => character(0x80, 0xbf, 2),
        0xf4 => character(0x80, 0x8f, 2),
        _ => Err("not UTF-8"),
    }
}

impl Number {
    fn next(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Minus, b'0') => Some(Self::Zero),
            (Self::Minus, b'1'..=b'9') | (Self::Integer, b'0'..=b'9') => Some(Self::Integer),
            (Self::Zero | Self::Integer, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Some(Self::E),
            (Self::E, b'+' | b'-') => Some(Self::Sign),
            (Self::E | Self::Sign | Self::Exponent, b'0'..=b'9') => Some(Self::Exponent),
            _ => None,
        }
    }

    fn is_whole(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::Exponent)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn check(mut syntax: Syntax, text: &[u8], piece: usize) -> Result<(), SyntaxError> {
        for bytes in text.chunks(piece) {
            syntax.feed(bytes)?;
        }
        syntax.finish()
    }

    fn what(syntax: Syntax, text: &str) -> &'static str {
        check(syntax, text.as_bytes(), 3).unwrap_err().what
    }

    #[test]
    fn an_error_says_where() {
        let error = check(Syntax::value(), b"{\n\"a\": [1,\n x]}", 4).unwrap_err();
        assert_eq!(error, SyntaxError { line: 3, offset: 12, what: "not a value" });
        assert_eq!(error.to_string(), "not a value (line 3, offset 12)");
    }

    #[test]
    fn a_file_is_one_value() {
        for text in ["1", " {} \n", "\"é\u{10ffff}\\ud800\"", "-0.5e+10", "[null,true,false,{\"a\":[]}]"] {
            assert_eq!(check(Syntax::value(), text.as_bytes(), 1), Ok(()), "{text}");
        }
        for text in ["", " \n"] {
            assert_eq!(what(Syntax::value(), text), "empty");
        }
        for text in ["[", "{\"a\"", "\"", "tru", "-", "1.", "1e", "[1", "\"\\u00"] {
            assert_eq!(what(Syntax::value(), text), "ends inside a value", "{text}");
        }
        assert_eq!(what(Syntax::value(), "1 2"), "data behind the value");
        assert_eq!(what(Syntax::value(), "{}x"), "data behind the value");
        assert_eq!(what(Syntax::value(), "01"), "data behind the value");
    }

    #[test]
    fn each_line_is_a_value() {
        for text in ["", "1\n", "{}\n[1, 2] \r\n3", "1"] {
            assert_eq!(check(Syntax::lines(), text.as_bytes(), 2), Ok(()), "{text:?}");
        }
        assert_eq!(what(Syntax::lines(), "1\n\n2\n"), "blank line");
        assert_eq!(what(Syntax::lines(), " \n"), "blank line");
        assert_eq!(what(Syntax::lines(), "[\n1]"), "line ends inside a value");
        assert_eq!(what(Syntax::lines(), "1 2\n"), "data behind the value");
        assert_eq!(what(Syntax::lines(), "1\n{"), "ends inside a value");
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert_eq!(check(Syntax::value(), nested(DEPTH).as_bytes(), 4096), Ok(()));
        assert_eq!(what(Syntax::value(), &nested(DEPTH + 1)), "nested too deep");
    }

    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let token = prop_oneof![
            4 => prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"a\":", "\"\"", "1", "-0.0", "1e9", "null", "true", " ", "\n", "[]", "{}",
                "[1,", "{\"k\":1}", "\"\\n\"", "\"\\u00e9\"", "\\", "0", "-", ".", "e", "\"é\"", "\t",
            ]).prop_map(|text| text.as_bytes().to_vec()),
            1 => any::<u8>().prop_map(|byte| vec![byte]),
            1 => proptest::collection::vec(any::<u8>(), 0..5).prop_map(|bytes| [b"\"", &bytes[..], b"\""].concat()),
        ];
        let wrapped = proptest::collection::vec(token, 0..7).prop_map(|tokens| tokens.concat());
        (wrapped, 0..3).prop_map(|(text, depth)| match depth {
            0 => text,
            1 => [b"[", &text[..], b"]"].concat(),
            _ => [b"{\"k\":", &text[..], b"}"].concat(),
        })
    }

    #[test]
    fn strings_of_any_bytes_are_taken_where_they_may_stand() {
        assert_eq!(check(Syntax::lines().of_any_text(), b"{\"a\":\"\xff\xc3\"}\n", 1), Ok(()));
        assert_eq!(what(Syntax::lines().of_any_text(), "\u{e9}"), "not a value");
        assert!(check(Syntax::lines(), b"\"\xff\"\n", 1).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn it_takes_what_a_json_parser_takes(text in texts(), piece in 1_usize..9) {
            let expected = std::str::from_utf8(&text).is_ok() && serde_json::from_slice::<IgnoredAny>(&text).is_ok();
            let found = check(Syntax::value(), &text, piece);
            prop_assert_eq!(found.is_ok(), expected, "{:?} {:?}", String::from_utf8_lossy(&text), found);
        }

        #[test]
        fn lines_are_those_of_a_json_parser(text in texts(), piece in 1_usize..9) {
            let lines = text.strip_suffix(b"\n").unwrap_or(&text);
            let expected = text.is_empty() || lines.split(|&byte| byte == b'\n').all(|line| {
                std::str::from_utf8(line).is_ok() && serde_json::from_slice::<IgnoredAny>(line).is_ok()
            });
            prop_assert_eq!(check(Syntax::lines(), &text, piece).is_ok(), expected, "{:?}", String::from_utf8_lossy(&text));
        }
    }
}
