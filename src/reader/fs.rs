//! `extra/fs/`: files and directories, and the list of their inodes (`format/filesystem.md#records-of-the-filesystem`, `encoding.md#rows-from-extra`).

use std::cell::RefCell;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::{File, MEMORY, Reader};
use crate::error::Result;
use crate::event::Class;
use crate::keyspace::Namespace;
use crate::layout::fs::disk_path;
use crate::model::fs::{InodeRecord, Node, NodeType, Siblings};
use crate::model::{Answer, Object, Piece};
use crate::service::Scope;
use crate::sink::Wants;
use crate::sort::Sorter;
use crate::time::Hlc;

const DIRECTORY: &[u8] = b"extra/fs/";
const LINES: &[u8] = b"extra/fs/inodes.jsonl";
const TREE: &[u8] = b"extra/fs/tree/";
/// Bytes of content that are passed on at once, or as zeros.
const BLOCK: usize = 256 << 10;

#[derive(Deserialize)]
struct Line {
    path: String,
    #[serde(flatten)]
    record: InodeRecord,
}

/// Passes the nodes on, level by level.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> Result<Scope> {
    let (mut nodes, mut paths) = (Sorter::new(reader.scratch, MEMORY), Sorter::new(reader.scratch, MEMORY));
    let is_there = reader.files.find(LINES)?.is_some();
    let of_lines = File { path: LINES.to_vec(), ..Default::default() };
    if is_there {
        let list = reader.file(LINES)?;
        let mut lines = reader.lines(&list)?;
        while let Some(line) = lines.next()? {
            let path = URL_SAFE_NO_PAD.decode(line.parse::<Line>()?.path);
            let path = path.map_err(|_| line.unsound(&"path is not base64url without padding"))?;
            nodes.push(&order(&path), line.text)?;
            paths.push(&path, b"")?;
        }
    }
    let paths = RefCell::new(super::originals::table(paths, reader.scratch)?);
    let (mut last, mut files) = (None, 0);
    let mut nodes = nodes.into_sorted()?;
    while let Some((key, text)) = nodes.next()? {
        reader.dump.interrupt().check()?;
        // It was read before.
        let Line { path, record } = serde_json::from_slice(text).map_err(|_| super::ROW)?;
        let path = URL_SAFE_NO_PAD.decode(path).map_err(|_| super::ROW)?;
        if last.as_deref() == Some(key) {
            let shown = String::from_utf8_lossy(&path);
            return Err(reader.unsound(LINES, &format!("the path {shown:?} stands there twice")));
        }
        last = Some(key.to_vec());
        let parent = path
            .iter()
            .rposition(|&byte| byte == b'/')
            .map_or(&b""[..], |end| path.get(..=end).unwrap_or_default());
        let has = |name: &[u8]| Ok(paths.borrow_mut().find(&[parent, name].concat())?.is_some());
        let node = Node {
            path: &path,
            inode: record.inode,
            record: &record,
            siblings: Siblings(&has),
            commit_ts: Hlc::ZERO,
        };
        if record.node_type == NodeType::Directory {
            reader.put(Object::Fs(&node), &of_lines)?;
        } else {
            files += u64::from(file(reader, &node)?);
        }
    }
    check_files(reader, files)?;
    reader.sink.end_service(reader.report, Namespace::Fs)?;
    Ok(Scope::new())
}

/// Returns what the nodes are sorted by: level, directory, name. No name has a zero byte.
fn order(path: &[u8]) -> Vec<u8> {
    let level = memchr::memchr_iter(b'/', path).count() + usize::from(!path.is_empty());
    let level = u32::try_from(level).unwrap_or(u32::MAX).to_be_bytes();
    let (parent, name) = match path.iter().rposition(|&byte| byte == b'/') {
        Some(end) => path.split_at(end),
        None => (&b""[..], path),
    };
    [&level[..], parent, b"\0", name].concat()
}

/// Fails where a file is of no line.
fn check_files(reader: &mut Reader<'_, '_>, files: u64) -> Result<()> {
    let (mut at, mut found) = (0, 0);
    while let Some(file) = reader.next_file(DIRECTORY, &mut at)? {
        if file.path.starts_with(TREE) {
            found += 1;
        } else if file.path != LINES {
            return Err(reader.unsound(&file.path, &"is no file of the filesystem"));
        }
    }
    if found != files {
        let what = format!("{found} files are in extra/fs/tree, and lines of {files} of them here");
        return Err(reader.unsound(LINES, &what));
    }
    Ok(())
}

/// Passes a file on; whether it is in the dump.
fn file(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Result<bool> {
    let path = disk_path(node.path);
    let named = (Namespace::Fs.name(), &b""[..], node.path);
    if reader.files.find(&path)?.is_none() {
        let line = File { path: LINES.to_vec(), ..Default::default() };
        reader.problem(named, Class::FS_CONTENT, &line, "the file of a line is not in the dump")?;
        return Ok(false);
    }
    let file = reader.file(&path)?;
    let length = reader.dump.length(&path)?;
    if length != node.record.size {
        let what = format!("has {length} bytes, and its line says {}", node.record.size);
        reader.problem(named, Class::FS_CONTENT, &file, &what)?;
        return Ok(true);
    }
    let object = Object::Fs(node);
    let mut answer = reader.sink.object(reader.report, object)?;
    if answer == Answer::Open && reader.sink.wants() != Wants::Heads {
        answer = contents(reader, &file)?;
    }
    if answer == Answer::Open {
        answer = reader.sink.end(reader.report)?;
    }
    reader.taken(answer, object, &file)?;
    Ok(true)
}

/// Passes the content of the open file on: blocks of zeros as such.
fn contents(reader: &mut Reader<'_, '_>, file: &File) -> Result<Answer> {
    let place = reader.place(&file.path);
    let mut content = reader.dump.file(&file.path, &file.digest)?;
    let mut buffer = vec![0; BLOCK];
    loop {
        reader.dump.interrupt().check()?;
        let read = content.read(&mut buffer).map_err(|error| place.failed(error))?;
        let Some(bytes @ [_, ..]) = buffer.get(..read) else { return Ok(Answer::Open) };
        let piece = if bytes.iter().all(|&byte| byte == 0) {
            Piece::Zeros(u64::try_from(read).unwrap_or_default())
        } else {
            Piece::Bytes(bytes)
        };
        let answer = reader.sink.piece(piece)?;
        if answer != Answer::Open {
            return Ok(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_level_by_level_and_below_one_directory_by_name() {
        let mut paths: Vec<&[u8]> = vec![b"a/x", b"a.b/c", b"", b"a", b"a.b", b"a/x/y", b"a-", b"a/b"];
        paths.sort_by_key(|path| order(path));
        let want: [&[u8]; 8] = [b"", b"a", b"a-", b"a.b", b"a/b", b"a/x", b"a.b/c", b"a/x/y"];
        assert_eq!(paths, want);
    }
}
