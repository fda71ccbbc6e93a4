//! Lines of a file that others may have written: bounded, and whole even where one is too long.

use std::io::{BufRead, Read, Result};

use crate::limits;

/// One line without its newline. The last line of a file may lack it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line within the bound.
    Text(&'a [u8]),
    /// A line over the bound, which was skipped.
    TooLong,
    /// A line that goes on and on: zeros of a sparse file, a device. The reader ends here.
    Endless,
}

/// Lends the lines of a reader one by one, each of at most `bound` bytes.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    bound: usize,
    buffer: Vec<u8>,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R, bound: usize) -> Self {
        Self { input, bound, buffer: Vec::new(), ended: false }
    }

    /// Lends the next line, `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>> {
        if self.ended {
            return Ok(None);
        }
        self.buffer.clear();
        let most = u64::try_from(self.bound).unwrap_or(u64::MAX).saturating_add(1);
        if (&mut self.input).take(most).read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        match self.buffer.strip_suffix(b"\n") {
            Some(_) => {}
            None if self.buffer.len() <= self.bound => return Ok(Some(Line::Text(&self.buffer))),
            None => {
                let mut skipped = (&mut self.input).take(limits::LINE_SKIPPED);
                skipped.skip_until(b'\n')?;
                self.ended = skipped.limit() == 0;
                return Ok(Some(if self.ended { Line::Endless } else { Line::TooLong }));
            }
        }
        self.buffer.pop();
        Ok(Some(Line::Text(&self.buffer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, bound: usize) -> Vec<Option<String>> {
        let mut lines = Lines::new(text.as_bytes(), bound);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push(match line {
                Line::Text(text) => Some(String::from_utf8(text.to_vec()).unwrap()),
                Line::TooLong | Line::Endless => None,
            });
        }
        all
    }

    #[test]
    fn lines_end_at_newlines_and_at_the_end() {
        assert_eq!(lines("", 3), []);
        assert_eq!(lines("a\n\nb", 3), [Some("a".into()), Some(String::new()), Some("b".into())]);
        assert_eq!(lines("a\n", 3), [Some("a".into())]);
    }

    #[test]
    fn a_line_over_the_bound_is_skipped_whole() {
        assert_eq!(lines("abc\nabcd\nabc", 3), [Some("abc".into()), None, Some("abc".into())]);
        assert_eq!(lines("abcd", 3), [None]);
        assert_eq!(lines("abcdefgh\nx", 3), [None, Some("x".into())]);
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let mut lines = Lines::new(std::io::BufReader::new(std::io::repeat(0)), 3);
        assert_eq!(lines.next().unwrap(), Some(Line::Endless));
        assert_eq!(lines.next().unwrap(), None);
    }
}
