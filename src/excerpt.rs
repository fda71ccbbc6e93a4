//! The front of a user's key or name, for warnings: a key can have a megabyte, a warning is one line.

use crate::container::Excerpt;

/// Bytes of a key that are shown.
pub(crate) const KEY: usize = 64;
/// Bytes of a name that are shown: of a table, a bucket, a queue, a path.
pub(crate) const NAME: usize = 256;

/// Returns a key as text, at most [`KEY`] bytes of it.
#[must_use]
pub(crate) fn key(bytes: &[u8]) -> String {
    text(bytes, KEY)
}

/// Returns a name as text, at most [`NAME`] bytes of it.
#[must_use]
pub(crate) fn name(bytes: &[u8]) -> String {
    text(bytes, NAME)
}

/// Returns a name as text: whole up to [`NAME`] bytes, of a longer one its first bytes as ASCII and its length.
#[must_use]
pub(crate) fn name_or_length(bytes: &[u8]) -> String {
    if bytes.len() > NAME {
        Excerpt::of(bytes).to_string()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// Returns the first bytes of a key in hex.
#[must_use]
pub(crate) fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes.get(..KEY).unwrap_or(bytes))
}

/// Whether a key is shown as `\xHH` in part, so that its hex says more.
#[must_use]
pub(crate) fn needs_hex(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err()
}

/// Bytes that are no UTF-8 stand as `\xHH`; what was cut off as `…`.
fn text(bytes: &[u8], most: usize) -> String {
    let mut shown = bytes.get(..most).unwrap_or(bytes);
    // A character is not cut: at most three bytes of one can stand at the end.
    let is_cut = shown.len() < bytes.len();
    if is_cut {
        let whole = (0..4)
            .filter_map(|less| shown.get(..shown.len().saturating_sub(less)))
            .find(|front| std::str::from_utf8(front).is_ok());
        shown = whole.unwrap_or(shown);
    }
    let mut text = String::new();
    for chunk in shown.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().flat_map(|byte| byte.escape_ascii()).map(char::from));
    }
    if is_cut {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_keys_are_shown_whole() {
        assert_eq!(key(b""), "");
        assert_eq!(key("k:é\n".as_bytes()), "k:é\n");
        assert_eq!(key(&[b'k'; KEY]), "k".repeat(KEY));
        assert!(!needs_hex("é".as_bytes()));
    }

    #[test]
    fn long_keys_are_cut_between_two_characters() {
        assert_eq!(key(&[b'k'; KEY + 1]), "k".repeat(KEY) + "…");
        let long = "a".to_owned() + &"é".repeat(KEY);
        assert_eq!(key(long.as_bytes()), format!("a{}…", "é".repeat(31)));
        assert_eq!(name(&[b'n'; NAME + 9]), "n".repeat(NAME) + "…");
    }

    #[test]
    fn bytes_that_are_no_text_are_escaped_and_have_hex() {
        assert_eq!(key(b"a\xff\x80b"), r"a\xff\x80b");
        assert!(needs_hex(b"a\xff"));
        assert_eq!(hex(b"a\xff"), "61ff");
        assert_eq!(hex(&[0xab; 500]), "ab".repeat(KEY));
        assert_eq!(key(&[0xff; KEY + 1]), r"\xff".repeat(KEY) + "…");
    }

    #[test]
    fn long_names_say_how_long_they_are() {
        assert_eq!(name_or_length(&[b'n'; 256]), "n".repeat(256));
        assert_eq!(name_or_length(&[b'n'; 257]), format!("{}... (257 bytes)", "n".repeat(64)));
        assert_eq!(name_or_length(b"a\xff"), "a\u{fffd}");
    }
}
