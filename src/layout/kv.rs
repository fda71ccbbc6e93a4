//! `extra/kv/<segment>.bin`, a value byte for byte, and `extra/kv/KEYMAP.jsonl` (`keyspaces.md` 9).

use super::{Root, write_lines};
use crate::error::Result;
use crate::event::Class;
use crate::model::kv::Pair;
use crate::model::{Answer, Refusal};
use crate::tree::{self, ErrorKind, Scratch, Sorter, keymap, segment};

const DIRECTORY: &[u8] = b"extra/kv/";
const SUFFIX: &[u8] = b".bin";
const KEYMAP: &[u8] = b"extra/kv/KEYMAP.jsonl";
const MEMORY: usize = 4 << 20;

/// Writes the files, and remembers the names that need a KEYMAP record.
#[derive(Debug)]
pub(crate) struct Layout {
    path: Vec<u8>,
    keymap: Sorter,
}

impl Layout {
    /// Returns a layout without files.
    #[must_use]
    pub(crate) fn new(scratch: &Scratch) -> Self {
        Self { path: Vec::new(), keymap: Sorter::new(scratch, MEMORY) }
    }

    /// Writes one key's file.
    pub(crate) fn pair(&mut self, root: &mut Root, pair: &Pair<'_>) -> Result<Answer> {
        if root.options.no_extra {
            return Ok(Answer::Left);
        }
        let segment = segment::encode(pair.key);
        let encoded = segment.text.as_bytes();
        if segment.fallback
            && let Some(message) = keymap::too_long(encoded, pair.key)
        {
            return Ok(Answer::Refused(Refusal { class: Class::KEYMAP_LINE_TOO_LONG, message }));
        }
        self.path.clear();
        for part in [DIRECTORY, encoded, SUFFIX] {
            self.path.extend_from_slice(part);
        }
        match root.tree.write(&self.path, pair.value) {
            // Where the file system knows no case, `Key` and `key` are one name (`dump.md` 2).
            Err(tree::Error { kind: kind @ (ErrorKind::Taken | ErrorKind::CaseTwin), .. }) => {
                return Ok(Answer::Refused(Refusal {
                    class: Class::KV_NAME_TAKEN,
                    message: kind.to_string(),
                }));
            }
            other => other?,
        }
        if segment.fallback {
            let mut line = Vec::new();
            keymap::line(&mut line, encoded, pair.key, keymap::Kind::ShaFallback);
            self.keymap.push(encoded, &line)?;
        }
        Ok(Answer::Taken)
    }

    /// Writes `KEYMAP.jsonl`, sorted by the encoded name; none when no name needs a record.
    pub(crate) fn finish(&mut self, root: &mut Root) -> Result<()> {
        write_lines(&mut root.tree, KEYMAP, &mut self.keymap)
    }
}
