//! The JSONL layout: `items/data-00001.jsonl` and so on, one item a line (`dynamodb.md` 5.1).

use crate::error::Result;
use crate::tree::{Tree, TreeFile};

/// Writes the items of one table.
#[derive(Debug)]
pub(super) struct Bundle {
    directory: Vec<u8>,
    size: u64,
    part: u64,
    path: Vec<u8>,
    file: Option<TreeFile>,
}

impl Bundle {
    /// Writes parts of at most `size` bytes, longer lines apart, into `items/` of a table's directory.
    pub(super) fn new(table_directory: &[u8], size: u64) -> Self {
        let directory = [table_directory, b"/items/"].concat();
        Self { directory, size, part: 0, path: Vec::new(), file: None }
    }

    /// Returns the path of the part that the last line is in.
    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    /// Returns the file for a line of this length, bytes, newline included.
    pub(super) fn file(&mut self, tree: &mut Tree, length: u64) -> Result<&mut TreeFile> {
        let fits = |file: &TreeFile| file.len().saturating_add(length) <= self.size;
        let file = match self.file.take() {
            Some(file) if file.is_empty() || fits(&file) => file,
            full => {
                if let Some(full) = full {
                    full.finish(tree)?;
                }
                self.part += 1;
                self.path.clear();
                self.path.extend_from_slice(&self.directory);
                self.path.extend_from_slice(format!("data-{:05}.jsonl", self.part).as_bytes());
                tree.file(&self.path)?
            }
        };
        Ok(self.file.insert(file))
    }

    /// Finishes the last part, if there is any.
    pub(super) fn finish(self, tree: &mut Tree) -> Result<()> {
        self.file.map_or(Ok(()), |file| Ok(file.finish(tree)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::TreeOptions;

    #[test]
    fn a_part_is_cut_before_the_line_that_would_exceed_the_size() {
        let parent = tempfile::tempdir().unwrap();
        let mut tree = Tree::create(&parent.path().join("out"), &TreeOptions::default()).unwrap();
        let mut bundle = Bundle::new(b"t", 10);
        let mut parts = Vec::new();
        for length in [4, 6, 1, 9, 11, 30, 10, 1] {
            let file = bundle.file(&mut tree, length.try_into().unwrap()).unwrap();
            file.write(&vec![b'x'; length]).unwrap();
            let part = std::str::from_utf8(bundle.path()).unwrap().strip_prefix("t/items/data-").unwrap();
            parts.push(part.strip_suffix(".jsonl").unwrap().to_owned());
        }
        assert_eq!(parts, ["00001", "00001", "00002", "00002", "00003", "00004", "00005", "00006"]);
        bundle.finish(&mut tree).unwrap();
        assert_eq!(tree.size().files, 6);
    }

    #[test]
    fn a_table_without_items_has_no_part() {
        let parent = tempfile::tempdir().unwrap();
        let mut tree = Tree::create(&parent.path().join("out"), &TreeOptions::default()).unwrap();
        Bundle::new(b"t", 10).finish(&mut tree).unwrap();
        assert_eq!(tree.size().files, 0);
    }
}
