//! The JSONL layout: `<front>00001.jsonl` and so on, one object a line (`tree/dynamodb.md#items-as-lines`, `docs/tree/commands.md`).

use crate::error::Result;
use crate::tree::{Sorter, Tree, TreeFile, part};

/// Writes the parts that are called alike.
#[derive(Debug)]
pub(crate) struct Parts {
    /// What their paths begin with.
    front: Vec<u8>,
    size: u64,
    part: u64,
    path: Vec<u8>,
    file: Option<TreeFile>,
}

impl Parts {
    /// Writes parts of at most `size` bytes, longer lines apart.
    pub(crate) fn new(front: Vec<u8>, size: u64) -> Self {
        Self { front, size, part: 0, path: Vec::new(), file: None }
    }

    /// Writes the values of sorted records, each a line, as parts.
    pub(crate) fn write_sorted(front: Vec<u8>, size: u64, tree: &mut Tree, lines: &mut Sorter) -> Result<()> {
        let mut parts = Self::new(front, size);
        let mut lines = lines.sort()?;
        while let Some((_, line)) = lines.next()? {
            parts.append(tree, line)?;
        }
        parts.finish(tree)
    }

    /// Appends a line, its newline included.
    pub(crate) fn append(&mut self, tree: &mut Tree, line: &[u8]) -> Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        Ok(self.file(tree, length)?.write(line)?)
    }

    /// Returns what the paths of all parts begin with.
    pub(crate) fn front(&self) -> &[u8] {
        &self.front
    }

    /// Returns the path of the part that the last line is in.
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// Returns the file for a line of this length, bytes, newline included.
    pub(crate) fn file(&mut self, tree: &mut Tree, length: u64) -> Result<&mut TreeFile> {
        let fits = |file: &TreeFile| file.len().saturating_add(length) <= self.size;
        let file = match self.file.take() {
            Some(file) if file.is_empty() || fits(&file) => file,
            full => {
                if let Some(full) = full {
                    full.finish(tree)?;
                }
                self.part += 1;
                self.path = part::path(&self.front, self.part);
                tree.file(&self.path)?
            }
        };
        Ok(self.file.insert(file))
    }

    /// Finishes the last part, if there is any.
    pub(crate) fn finish(self, tree: &mut Tree) -> Result<()> {
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
        let mut numbered = Parts::new(b"t/items/data-".to_vec(), 10);
        let mut parts = Vec::new();
        for length in [4, 6, 1, 9, 11, 30, 10, 1] {
            let file = numbered.file(&mut tree, length.try_into().unwrap()).unwrap();
            file.write(&vec![b'x'; length]).unwrap();
            let part = std::str::from_utf8(numbered.path()).unwrap().strip_prefix("t/items/data-").unwrap();
            parts.push(part.strip_suffix(".jsonl").unwrap().to_owned());
        }
        assert_eq!(parts, ["00001", "00001", "00002", "00002", "00003", "00004", "00005", "00006"]);
        numbered.finish(&mut tree).unwrap();
        assert_eq!(tree.size().files, 6);
    }

    #[test]
    fn what_has_no_line_has_no_part() {
        let parent = tempfile::tempdir().unwrap();
        let mut tree = Tree::create(&parent.path().join("out"), &TreeOptions::default()).unwrap();
        Parts::new(b"t/items/data-".to_vec(), 10).finish(&mut tree).unwrap();
        assert_eq!(tree.size().files, 0);
    }
}
