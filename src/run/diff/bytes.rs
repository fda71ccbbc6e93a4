//! Two contents that are no documents: their sizes, and where they differ first.

use std::io::{self, Read};

use super::change::{Change, Changes};

/// Longest value that is shown itself, bytes.
const SHORT: usize = 64;
/// Bytes that are read at once.
const BUFFER: usize = 64 << 10;

/// Reads from one side: what was read last, and how much of it.
struct Half<'r, R> {
    reader: &'r mut R,
    buffer: Vec<u8>,
    /// The front of all, as far as it may be shown.
    front: Vec<u8>,
    total: u64,
}

impl<R: Read> Half<'_, R> {
    /// Fills the buffer, as far as there is anything.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.clear();
        self.reader.take(BUFFER as u64).read_to_end(&mut self.buffer)?;
        self.total = self.total.saturating_add(u64::try_from(self.buffer.len()).map_err(io::Error::other)?);
        let room = (SHORT + 1).saturating_sub(self.front.len());
        self.front.extend(self.buffer.iter().take(room));
        Ok(())
    }

    /// Returns the value if it is short, and text.
    fn shown(&self) -> Option<String> {
        let text = std::str::from_utf8(&self.front).ok().filter(|text| text.len() <= SHORT)?;
        (!text.chars().any(char::is_control)).then(|| format!("{text:?}"))
    }
}

/// Compares what two readers give, which are read to their ends. An error has the number of its reader.
pub(super) fn compare<R: Read>(what: &str, [old, new]: &mut [R; 2]) -> Result<Changes, (usize, io::Error)> {
    let half = |reader| Half { reader, buffer: Vec::new(), front: Vec::new(), total: 0 };
    let (mut old, mut new) = (half(old), half(new));
    let (mut first, mut offset) = (None, 0_u64);
    loop {
        old.fill().map_err(|error| (0, error))?;
        new.fill().map_err(|error| (1, error))?;
        if old.buffer.is_empty() && new.buffer.is_empty() {
            break;
        }
        if first.is_none() && old.buffer != new.buffer {
            let common = old.buffer.iter().zip(&new.buffer).take_while(|(one, other)| one == other).count();
            first = Some(offset.saturating_add(u64::try_from(common).unwrap_or(u64::MAX)));
        }
        offset = offset.saturating_add(BUFFER as u64);
    }
    let mut changes = Changes::default();
    changes.push(|| {
        let shown = old.shown().zip(new.shown()).unwrap_or_else(|| {
            let at = first.map_or(String::new(), |first| format!(", first difference at {first}"));
            (format!("{} bytes", old.total), format!("{} bytes{at}", new.total))
        });
        Change::new(what, None, Some(&shown.0), Some(&shown.1))
    });
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(old: &[u8], new: &[u8]) -> String {
        let changes = compare("body", &mut [old, new]).unwrap();
        let change = &changes.listed()[0];
        format!("{} -> {}", change.old.as_deref().unwrap(), change.new.as_deref().unwrap())
    }

    #[test]
    fn sizes_and_the_first_difference_are_said() {
        assert_eq!(compared(b"12", b"13"), r#""12" -> "13""#);
        assert_eq!(compared(b"\xff", b"13"), "1 bytes -> 2 bytes, first difference at 0");
        let (mut old, length) = (vec![7; 200_000], 200_000);
        assert_eq!(compared(&old, &old[..70_000]), "200000 bytes -> 70000 bytes, first difference at 70000");
        let new = old.clone();
        old[131_072] = 8;
        let said = format!("{length} bytes -> {length} bytes, first difference at 131072");
        assert_eq!(compared(&old, &new), said);
    }
}
