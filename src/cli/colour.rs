//! Colours: on a terminal that has them, unless `NO_COLOR` is set. They repeat what the words say.

use std::io::IsTerminal;

/// A colour, by its number among the attributes of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Cyan = 36,
}

/// Whether a stream takes colours.
pub(super) fn takes(stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    stream.is_terminal() && set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

/// Returns a line whose front stands in a colour. `front` is what the line begins with.
pub(super) fn painted(line: &str, front: &str, colour: Colour) -> String {
    match line.strip_prefix(front) {
        Some(rest) => format!("\x1b[{}m{front}\x1b[0m{rest}", colour as u8),
        None => line.to_owned(),
    }
}

/// Returns a line of standard error, with the word that says what it is in its colour.
pub(super) fn said(line: &str) -> String {
    let words = [
        ("error:", Colour::Red),
        ("problem:", Colour::Red),
        ("warning:", Colour::Yellow),
        ("note:", Colour::Cyan),
    ];
    let found = words.into_iter().find(|(word, _)| line.starts_with(word));
    found.map_or_else(|| line.to_owned(), |(word, colour)| painted(line, word, colour))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_in_front_is_painted_and_nothing_else() {
        assert_eq!(said("error: no warning: here"), "\x1b[31merror:\x1b[0m no warning: here");
        assert_eq!(said("an error: x"), "an error: x");
        assert_eq!(painted("+ a", "-", Colour::Red), "+ a");
    }
}
