//! Commands as the Redis protocol frames them: a count, then each argument behind its length.

use crate::error::Result;
use crate::export::out::Out;

/// Arguments of one command, at most, without those that all commands of its key have.
const ARGUMENTS: usize = 512;
/// Bytes of the arguments from which on a command is sent.
const BYTES: usize = 64 << 10;

/// Appends a whole command.
pub(super) fn write(out: &mut Out<'_>, arguments: &[&[u8]]) -> Result<()> {
    head(out.buffer(), b'*', arguments.len());
    for argument in arguments {
        head(out.buffer(), b'$', argument.len());
        out.write(argument)?;
        out.buffer().extend_from_slice(b"\r\n");
    }
    out.flush_if_full()
}

/// A command whose arguments come one by one, cut into several where they are many.
#[derive(Debug, Default)]
pub(super) struct Batch {
    arguments: Vec<u8>,
    count: usize,
}

impl Batch {
    /// Adds an argument.
    pub(super) fn push(&mut self, argument: &[u8]) {
        head(&mut self.arguments, b'$', argument.len());
        self.arguments.extend_from_slice(argument);
        self.arguments.extend_from_slice(b"\r\n");
        self.count += 1;
    }

    /// Whether the command is long enough; asked where it may end.
    pub(super) fn is_full(&self) -> bool {
        self.count >= ARGUMENTS || self.arguments.len() >= BYTES
    }

    /// Appends the command `verb key` with what was added, if anything was.
    pub(super) fn send(&mut self, out: &mut Out<'_>, verb: &[u8], key: &[u8]) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        head(out.buffer(), b'*', 2 + self.count);
        for argument in [verb, key] {
            head(out.buffer(), b'$', argument.len());
            out.write(argument)?;
            out.buffer().extend_from_slice(b"\r\n");
        }
        out.write(&self.arguments)?;
        self.forget();
        Ok(())
    }

    /// Forgets what was added.
    pub(super) fn forget(&mut self) {
        self.arguments.clear();
        self.arguments.shrink_to(2 * BYTES);
        self.count = 0;
    }
}

/// Appends `mark`, a number and the end of the line.
fn head(out: &mut Vec<u8>, mark: u8, number: usize) {
    out.push(mark);
    decimal(out, u64::try_from(number).unwrap_or(u64::MAX));
    out.extend_from_slice(b"\r\n");
}

/// Appends the digits of a number: `write!` takes several times as long.
pub(super) fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let begin = out.len();
    loop {
        out.push(b'0' + u8::try_from(number % 10).unwrap_or(0));
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(begin..) {
        digits.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Target;

    fn written(fill: impl FnOnce(&mut Out<'_>)) -> String {
        let mut bytes = Vec::new();
        let mut out = Out::new(Target::Stream(&mut bytes));
        fill(&mut out);
        out.finish().map(drop).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_command_counts_its_arguments_and_their_bytes() {
        let text = written(|out| write(out, &[b"SET", b"", &[b'x'; 100]]).unwrap());
        assert_eq!(text, format!("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$100\r\n{}\r\n", "x".repeat(100)));
        let long = vec![b'y'; 300_000];
        let text = written(|out| write(out, &[b"SET", b"k", &long, b"PXAT", b"5"]).unwrap());
        assert!(text.starts_with("*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$300000\r\ny"), "{}", text.len());
        assert!(text.ends_with("y\r\n$4\r\nPXAT\r\n$1\r\n5\r\n"));
        assert_eq!(text.len(), 4 + 9 + 7 + (9 + 300_000 + 2) + 10 + 7);
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 9, 10, 12_345, u64::MAX] {
            let mut out = b"x".to_vec();
            decimal(&mut out, number);
            assert_eq!(out, format!("x{number}").into_bytes());
        }
    }

    #[test]
    fn a_batch_is_full_by_number_or_bytes_and_sends_nothing_when_it_is_empty() {
        let text = written(|out| {
            let mut batch = Batch::default();
            batch.send(out, b"SADD", b"k").unwrap();
            for _ in 0..ARGUMENTS {
                assert!(!batch.is_full());
                batch.push(b"m");
            }
            assert!(batch.is_full());
            batch.send(out, b"SADD", b"k").unwrap();
            assert!(!batch.is_full());
            batch.push(&vec![b'z'; BYTES]);
            assert!(batch.is_full());
            batch.forget();
            batch.send(out, b"SADD", b"k").unwrap();
        });
        assert_eq!(text, "*514\r\n$4\r\nSADD\r\n$1\r\nk\r\n".to_owned() + &"$1\r\nm\r\n".repeat(ARGUMENTS));
    }
}
