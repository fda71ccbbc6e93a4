//! `extra/fs/tree/…` and `extra/fs/inodes.jsonl` (`format/filesystem.md#records-of-the-filesystem`).
//!
//! In: nodes, files with their content. Out: directories, sparse files, a list of their inodes.

pub(crate) mod listing;
mod path;

use super::Root;
use crate::bug::Bug;
use crate::error::{Error, Result};
use crate::event::Class;
use crate::model::fs::{Node, NodeType};
use crate::model::{Answer, Piece, Refusal};
use crate::tree::{ErrorKind, Scratch, TreeFile};
use listing::Listing;
use path::NodePath;

/// Writes the files.
#[derive(Debug)]
pub(crate) struct Layout {
    listing: Listing,
    open: Option<OpenFile>,
}

/// The file at hand.
#[derive(Debug)]
struct OpenFile {
    original: Vec<u8>,
    path: NodePath,
    size: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Not created.
    Head,
    Created(TreeFile),
    /// Written by one call.
    Written,
}

const NOT_OPEN: Bug = Bug::new("content of a file that is not open");

/// Says that a path is too long for the tree.
#[must_use]
pub(crate) fn refusal(node: &Node<'_>) -> Option<Refusal> {
    let message = "the path is too long for CHECKSUMS or KEYMAP".to_owned();
    (!NodePath::of(node.path).fits(node.path)).then_some(Refusal { class: Class::FS_PATH_TOO_LONG, message })
}

/// Hears of a node of another share: what has no place is left out by each share, with what is in it.
pub(crate) fn other(node: &Node<'_>) -> Result<Answer> {
    Ok(name_taken(&NodePath::of(node.path), node)?.map_or(Answer::Left, Answer::Refused))
}

/// Says that another node is called what stands for a name that is too long.
fn name_taken(path: &NodePath, node: &Node<'_>) -> Result<Option<Refusal>> {
    let Some(name) = &path.fallback else { return Ok(None) };
    let message = format!("the name is too long, and another one is called {name}");
    Ok(node.siblings.0(name.as_bytes())?.then_some(Refusal { class: Class::FS_NAME_TAKEN, message }))
}

/// Returns the path of a node in the dump.
pub(crate) fn disk_path(path: &[u8]) -> Vec<u8> {
    NodePath::of(path).disk
}

impl Layout {
    /// Returns a layout without files.
    #[must_use]
    pub(crate) fn new(scratch: &Scratch) -> Self {
        Self { listing: Listing::new(scratch), open: None }
    }

    /// Lists a node, and creates it when it is a directory.
    pub(crate) fn node(&mut self, root: &mut Root, node: &Node<'_>) -> Result<Answer> {
        self.listing.push(node.path, node.inode, node.record)?;
        let path = NodePath::of(node.path);
        if let Some(refusal) = name_taken(&path, node)? {
            return Ok(Answer::Refused(refusal));
        }
        if node.record.node_type != NodeType::Directory {
            let original = if path.fallback.is_some() { node.path.to_vec() } else { Vec::new() };
            self.open = Some(OpenFile { original, path, size: node.record.size, state: State::Head });
            return Ok(Answer::Open);
        }
        let answer = answer(root.tree.directory(&path.disk).map_err(Error::from), Answer::Taken)?;
        if path.fallback.is_some() && answer == Answer::Taken {
            root.keymap.push(&path.disk, node.path)?;
        }
        Ok(answer)
    }

    /// Appends to the file at hand.
    pub(crate) fn piece(&mut self, root: &mut Root, piece: Piece<'_>) -> Result<Answer> {
        let open = self.open.as_mut().ok_or(NOT_OPEN)?;
        let answer = answer(open.append(root, piece), Answer::Open)?;
        if matches!(answer, Answer::Refused(_)) {
            self.open = None;
        }
        Ok(answer)
    }

    /// Ends the file at hand.
    pub(crate) fn end(&mut self, root: &mut Root) -> Result<Answer> {
        let open = self.open.take().ok_or(NOT_OPEN)?;
        answer(open.end(root), Answer::Taken)
    }

    /// Forgets the file at hand.
    pub(crate) fn abandon(&mut self) {
        self.open = None;
    }

    /// Writes the list.
    pub(crate) fn finish(&mut self, root: &mut Root) -> Result<()> {
        self.listing.write(&mut root.tree)
    }
}

impl OpenFile {
    fn append(&mut self, root: &mut Root, piece: Piece<'_>) -> Result<()> {
        if let (State::Head, Piece::Bytes(bytes)) = (&self.state, piece)
            && u64::try_from(bytes.len()) == Ok(self.size)
        {
            root.tree.write(&self.path.disk, bytes)?;
            self.state = State::Written;
            return Ok(());
        }
        let State::Created(file) = &mut self.state else {
            self.state = State::Created(root.tree.body(&self.path.disk)?);
            return self.append(root, piece);
        };
        match piece {
            Piece::Bytes(bytes) => file.write(bytes)?,
            Piece::Zeros(length) => file.zeros(length)?,
            Piece::Element(_) | Piece::File { .. } => return Err(NOT_OPEN.into()),
        }
        Ok(())
    }

    fn end(self, root: &mut Root) -> Result<()> {
        match self.state {
            State::Head => root.tree.write(&self.path.disk, b"")?,
            State::Created(file) => file.finish(&mut root.tree)?,
            State::Written => {}
        }
        if self.path.fallback.is_some() {
            root.keymap.push(&self.path.disk, &self.original)?;
        }
        Ok(())
    }
}

/// Separates the failures that concern one name of the tree from those that end the run.
fn answer(result: Result<()>, good: Answer) -> Result<Answer> {
    let error = match result {
        Ok(()) => return Ok(good),
        Err(Error::Dump(error)) => error,
        Err(error) => return Err(error),
    };
    let class = match error.kind {
        ErrorKind::Taken | ErrorKind::CaseTwin => Class::FS_NAME_TAKEN,
        ErrorKind::NameTooLong => Class::FS_NAME_TOO_LONG,
        _ => return Err(Error::Dump(error)),
    };
    Ok(Answer::Refused(Refusal { class, message: error.kind.to_string() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree;

    #[test]
    fn only_refusals_of_the_name_are_taken_out() {
        let class = |kind| {
            let error = Error::Dump(tree::Error { path: "p".into(), kind });
            match answer(Err(error), Answer::Taken) {
                Ok(Answer::Refused(refusal)) => Some(refusal.class),
                _ => None,
            }
        };
        assert_eq!(answer(Ok(()), Answer::Open).unwrap(), Answer::Open);
        assert_eq!(class(ErrorKind::Taken), Some(Class::FS_NAME_TAKEN));
        assert_eq!(class(ErrorKind::NameTooLong), Some(Class::FS_NAME_TOO_LONG));
        assert_eq!(class(ErrorKind::BadPath), None);
    }
}
