//! The byte notation of the case files (`testdata/README.md`): text to bytes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Reads a line of a case from left to right.
pub struct Line<'a> {
    rest: &'a str,
}

type Result<T> = std::result::Result<T, String>;

impl<'a> Line<'a> {
    /// Begins at the start of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { rest: text.trim() }
    }

    /// Returns what is left of the line.
    pub fn rest(&self) -> &'a str {
        self.rest
    }

    /// Takes `token` when it stands next.
    pub fn take(&mut self, token: &str) -> bool {
        let found = self.rest.strip_prefix(token);
        self.rest = found.unwrap_or(self.rest).trim_start();
        found.is_some()
    }

    /// Takes the letters, digits, `_` and `.` that stand next.
    pub fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    /// Takes a number, or a timestamp `<unix ms>.<counter>`.
    pub fn number(&mut self) -> Result<u64> {
        let word = self.word();
        self.rest = self.rest.trim_start();
        let value = match word.split_once('.') {
            Some((ms, counter)) => {
                ms.parse::<u64>().ok().zip(counter.parse::<u64>().ok()).map(|(m, c)| m << 16 | c)
            }
            None => word.parse().ok(),
        };
        value.ok_or_else(|| format!("{word:?} is no number"))
    }

    /// Takes bytes, up to the first character that cannot begin bytes.
    pub fn bytes(&mut self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut last = 0;
        loop {
            self.rest = self.rest.trim_start();
            if self.take("*") {
                let (count, part) = (self.number()?, out.split_off(last));
                (0..count).for_each(|_| out.extend_from_slice(&part));
                last = out.len();
            } else if self
                .rest
                .starts_with(|c: char| matches!(c, '"' | '\'' | '{') || c.is_ascii_alphanumeric())
            {
                last = out.len();
                out.extend(self.atom()?);
            } else {
                return Ok(out);
            }
        }
    }

    /// Takes all that is left as bytes.
    pub fn last_bytes(&mut self) -> Result<Vec<u8>> {
        let bytes = self.bytes()?;
        self.end()?;
        Ok(bytes)
    }

    /// Fails unless the line is used up.
    pub fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(format!("unexpected {:?}", self.rest)) }
    }

    fn atom(&mut self) -> Result<Vec<u8>> {
        if self.rest.starts_with('"') {
            return self.quoted();
        }
        if let Some(rest) = self.rest.strip_prefix('\'') {
            let (text, rest) = rest.split_once('\'').ok_or("a ' without its end")?;
            self.rest = rest;
            return Ok(text.as_bytes().to_vec());
        }
        if self.take("{") {
            return Ok(counted(&self.enclosed("}")?));
        }
        let word = self.word();
        if !self.take(":") {
            return hex::decode(word).map_err(|error| format!("{word:?}: {error}"));
        }
        match word {
            "be8" => Ok(self.number()?.to_be_bytes().to_vec()),
            "le8" => Ok(self.number()?.to_le_bytes().to_vec()),
            "f64" => {
                let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
                let (number, rest) = self.rest.split_at(end);
                self.rest = rest;
                Ok(number.parse::<f64>().map_err(|e| e.to_string())?.to_be_bytes().to_vec())
            }
            "nest" => self.nest(),
            "be4" => Ok(u32::try_from(self.number()?).map_err(|e| e.to_string())?.to_be_bytes().to_vec()),
            "lp" => {
                let bytes = self.atom()?;
                let len = u32::try_from(bytes.len()).map_err(|e| e.to_string())?;
                Ok([&len.to_be_bytes(), bytes.as_slice()].concat())
            }
            "esc" => Ok([self.atom()?.as_slice(), &[0, 1]].concat()),
            "seg" => Ok(URL_SAFE_NO_PAD.encode(self.atom()?).into_bytes()),
            _ => Err(format!("unknown prefix {word:?}")),
        }
    }

    fn enclosed(&mut self, end: &str) -> Result<Vec<u8>> {
        let inner = self.bytes()?;
        if self.take(end) { Ok(inner) } else { Err(format!("a {end} is missing")) }
    }

    /// `nest:LEVELS:TAGS(BYTES)`: BYTES within length-prefixed fields, whose tags alternate; TAGS begins outside.
    fn nest(&mut self) -> Result<Vec<u8>> {
        let levels = usize::try_from(self.number()?).map_err(|e| e.to_string())?;
        self.take(":");
        let tags = hex::decode(self.word()).map_err(|e| e.to_string())?;
        if tags.is_empty() || !self.take("(") {
            return Err("expected nest:LEVELS:TAGS(BYTES)".into());
        }
        let mut bytes = self.enclosed(")")?;
        for level in (0..levels).rev() {
            bytes = [&tags[level % tags.len()..][..1], &counted(&bytes)].concat();
        }
        Ok(bytes)
    }

    fn quoted(&mut self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(out);
                }
                '\\' => match chars.next().map(|(_, escaped)| escaped) {
                    Some('n') => out.push(b'\n'),
                    Some('r') => out.push(b'\r'),
                    Some('t') => out.push(b'\t'),
                    Some(c @ ('"' | '\\')) => out.push(c as u8),
                    Some('x') => {
                        let digits: String = chars.by_ref().take(2).map(|(_, digit)| digit).collect();
                        out.extend(hex::decode(&digits).map_err(|error| format!("\\x{digits}: {error}"))?);
                    }
                    other => return Err(format!("unknown escape {other:?}")),
                },
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        Err("a \" without its end".into())
    }
}

/// Puts the length before the bytes, as protobuf does.
fn counted(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut len) = (Vec::new(), bytes.len());
    while len > 0x7f {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(bytes);
    out
}
