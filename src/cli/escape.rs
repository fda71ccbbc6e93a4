//! User bytes on a terminal: never raw (`tree/commands.md#command-line`).

/// Longest key that is shown whole, bytes.
const SHOWN: usize = 96;

/// Returns the bytes with everything but printable ASCII as `\xHH`, cut at 96 bytes with the full
/// length behind.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let shown = bytes.get(..SHOWN).unwrap_or(bytes);
    let text = shown.escape_ascii();
    if shown.len() < bytes.len() { format!("{text}… ({} bytes)", bytes.len()) } else { text.to_string() }
}

/// Returns text with control characters escaped: for names of files and messages that may quote them.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(escaped(b"a|\x1b[2J\xff\n"), r"a|\x1b[2J\xff\n");
        assert_eq!(printable("a\u{1b}[2J\u{9b}é"), "a\\u{1b}[2J\\u{9b}é");
    }

    #[test]
    fn long_keys_are_cut_and_say_so() {
        assert_eq!(escaped(&[b'k'; 96]).len(), 96);
        assert!(escaped(&[b'k'; 97]).ends_with("k… (97 bytes)"));
    }
}
