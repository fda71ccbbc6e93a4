//! Parts of the JSONL layout, one after the other.

use super::{File, ROW, Reader};
use crate::error::Result;
use crate::tree::part::{self, Record};

impl Reader<'_, '_> {
    /// Passes each line of all parts whose paths begin with `front` to `each`, with the file that it stands in: a part that
    /// is missing, and keys that do not ascend, are errors.
    pub(super) fn each_line(
        &mut self,
        front: &[u8],
        each: &mut dyn FnMut(&mut Self, &File, Record<'_>) -> Result<()>,
    ) -> Result<()> {
        let (mut at, mut parts) = (0, 0_u64);
        while let Some(file) = self.next_file(front, &mut at)? {
            if part::of(&file.path).is_none_or(|part| part.front != front) {
                return Err(self.unsound(&file.path, &"is no part of lines"));
            }
            parts += 1;
        }
        let mut last: Option<Vec<u8>> = None;
        for number in 1..=parts {
            let path = part::path(front, number);
            let Some(digest) = self.files.find(&path)? else {
                return Err(self.unsound(&path, &format!("is not there, and {parts} parts are")));
            };
            let file = File { path, digest: digest.as_slice().try_into().map_err(|_| ROW)? };
            let mut lines = self.lines(&file)?;
            while let Some(line) = lines.next()? {
                self.dump.interrupt().check()?;
                let record: Record<'_> = line.parse()?;
                let key = &*record.key.0;
                match &mut last {
                    Some(last) if last.as_slice() >= key => {
                        return Err(line.unsound(&"expected a greater key than that of the line before"));
                    }
                    Some(last) => {
                        last.clear();
                        last.extend_from_slice(key);
                    }
                    none => *none = Some(key.to_vec()),
                }
                each(self, &file, record)?;
            }
        }
        Ok(())
    }
}
