//! Which objects have no place in the tree.

use crate::bug::Bug;
use crate::error::Result;
pub(super) use crate::model::s3::{Class, Fault};
use crate::tree::{self, ErrorKind};

/// A record of the layout's sorters is not as it was written.
pub(super) const RECORD: Bug = Bug::new("a record of an S3 object's path does not read back");

/// What helps where a key cannot stand at its own path.
pub(super) const RENAME_OPTION: &str = "--rename-collisions writes it under another name";

/// Turns what the file system refuses for one name into a fault of that object; all else ends the run.
pub(super) fn of_file(error: tree::Error) -> Result<Fault> {
    let class = match error.kind {
        ErrorKind::Taken => Class::S3_META_SUFFIX_COLLISION,
        ErrorKind::BadPath => Class::S3_MALFORMED_KEY,
        ErrorKind::NameTooLong | ErrorKind::CaseTwin => Class::IO,
        _ => return Err(error.into()),
    };
    Ok(Fault::new(class, error.kind.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::interrupt::Interrupted;

    #[test]
    fn only_names_are_faults_of_an_object() {
        let error = |kind| tree::Error { path: "s3/b/o".into(), kind };
        assert_eq!(of_file(error(ErrorKind::Taken)).unwrap().class, Class::S3_META_SUFFIX_COLLISION);
        assert_eq!(of_file(error(ErrorKind::NameTooLong)).unwrap().class, Class::IO);
        assert_eq!(of_file(error(ErrorKind::BadPath)).unwrap().class, Class::S3_MALFORMED_KEY);
        let full = ErrorKind::Io(std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert!(matches!(of_file(error(full)), Err(Error::Dump(_))));
        let stopped = of_file(error(Interrupted(2).into()));
        assert!(matches!(stopped, Err(Error::Interrupted(Interrupted(2)))), "no failure of a file");
    }
}
