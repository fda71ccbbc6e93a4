//! The names of struct fields. In S3's records, in those of the filesystem, in key files and manifests they match as Go's decoder matches them (`format/s3.md#values`): one that is spelt
//! like the member, else one that differs in case alone. Fields of the server's records are lower case and differ in
//! more, so the first rule follows from the second. In those of SQS they match exactly (`format/sqs.md#reading-json`), and in maps, which
//! have no fields, each spelling is a name of its own.

use std::borrow::Cow;

/// Returns the spelling that a field in lower-case ASCII has when it matches `name`: Go folds the case of Unicode, by
/// which the long s and the sign of Kelvin are letters of ASCII too.
pub(super) fn fold(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        Cow::Owned(name.chars().map(lower).collect())
    } else {
        name
    }
}

fn lower(character: char) -> char {
    match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        _ => character.to_ascii_lowercase(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Spells the names of all members in capitals but those of one letter.
    pub(crate) fn in_capitals(json: &str) -> String {
        let mut words: Vec<_> = json.split('"').map(str::to_owned).collect();
        for at in 1..words.len() {
            if at % 2 == 1 && words[at].len() > 1 && words[at + 1].starts_with(':') {
                words[at].make_ascii_uppercase();
            }
        }
        words.join("\"")
    }

    #[test]
    fn names_in_either_case_are_those_of_the_field() {
        for name in ["size_tk", "Size_TK", "SIZE_TK", "\u{17f}ize_t\u{212a}"] {
            assert_eq!(fold(name.into()), "size_tk");
        }
        assert!(matches!(fold("size_1".into()), Cow::Borrowed("size_1")));
    }

    #[test]
    fn other_letters_stay_others() {
        for name in ["s\u{131}ze", "\u{df}ize", "size ", "si-ze", "\u{ff33}ize", "size\0"] {
            assert_ne!(fold(name.into()), "size");
        }
        assert_eq!(fold("\u{c4}B".into()), "\u{c4}b");
    }
}
