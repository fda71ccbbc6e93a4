//! Arguments of commands that take inputs and then names or patterns: `list <INPUT>... [PATTERN...]`.

use std::ffi::OsString;
use std::path::PathBuf;

use ekv_backup::name;

/// Splits arguments into inputs and patterns: the first is an input, and the first one behind it that begins with a
/// service ends them. A file of such a name is typed as `./redis/...`.
///
/// # Errors
///
/// A sentence, where a pattern is no text.
pub(super) fn split(arguments: &[OsString]) -> Result<(Vec<PathBuf>, Vec<String>), String> {
    let is_pattern =
        |argument: &OsString| argument.to_str().is_some_and(|text| name::service(text).is_some());
    let patterns = arguments.iter().skip(1).position(is_pattern).map_or(arguments.len(), |at| at + 1);
    let (inputs, patterns) = arguments.split_at_checked(patterns).unwrap_or((arguments, &[]));
    let text = |pattern: &OsString| {
        pattern.to_str().map(str::to_owned).ok_or_else(|| {
            format!("{}: a byte that is no UTF-8 is spelt %HH in a name", pattern.to_string_lossy())
        })
    };
    let patterns = patterns.iter().map(text).collect::<Result<_, _>>()?;
    Ok((inputs.iter().map(PathBuf::from).collect(), patterns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_of(arguments: &[&str]) -> (Vec<PathBuf>, Vec<String>) {
        split(&arguments.iter().map(OsString::from).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn inputs_end_at_the_first_name() {
        let (inputs, patterns) = split_of(&["a.fsm", "b.fsm", "redis/x*", "other"]);
        assert_eq!((inputs.len(), patterns), (2, vec!["redis/x*".to_owned(), "other".to_owned()]));
        let (inputs, patterns) = split_of(&["redis/dump.fsm", "./redis/b.fsm", "s3"]);
        assert_eq!((inputs.len(), patterns), (2, vec!["s3".to_owned()]));
        assert_eq!(split_of(&["a.fsm"]).1, Vec::<String>::new());
    }

    #[test]
    fn a_pattern_is_text() {
        use std::os::unix::ffi::OsStringExt;
        let bytes = OsString::from_vec(b"\xff".to_vec());
        assert!(split(&["a".into(), "redis/a".into(), bytes]).unwrap_err().contains("%HH"));
    }
}
