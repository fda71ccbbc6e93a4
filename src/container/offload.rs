//! Payloads that the cluster's offload tool stored without their footer, and what vouches for them: the tool's
//! manifest, or the SHA-256 in the payload's name (`format/container.md#offloaded-payloads`).

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::source::{Digests, Source};
use super::spool::{Spool, not_a_snapshot};
use super::{Error, ErrorKind, name, open};
use crate::codec::gojson::read::{Folded, folded};
use crate::interrupt::Interrupt;
use crate::limits;
use crate::progress::{Phase, Progress};

/// Bytes that are hashed at a time.
const STEP: usize = 1 << 20;

/// What vouches for the bytes of an input, beside a footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The offload tool's manifest: length, SHA-256 and CRC32C were checked.
    Manifest {
        /// Raft index of the snapshot.
        snapshot_index: u64,
        /// Raft group, where the manifest tells it.
        group: Option<u64>,
        /// The footer that was cut off.
        crc32c: u32,
    },
    /// The SHA-256 in the file's own name.
    Name,
}

/// What a manifest says of its payload; other members do not matter here. The tool reads names in either case.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Manifest {
    snapshot_index: u64,
    /// A number; whatever else it may be says nothing about the payload.
    #[serde(default)]
    group_id: serde_json::Value,
    payload: Payload,
}

#[derive(Clone, Debug, Deserialize)]
struct Payload {
    bytes: u64,
    sha256: String,
    source_crc32c: u32,
}

/// Length, SHA-256 in hex and CRC32C of an input.
struct Found {
    bytes: u64,
    sha256: String,
    crc32c: u32,
}

impl Manifest {
    /// Reads a manifest that was given as an input; `None` for anything that is not named `.json`.
    pub(super) fn given(path: &Path, file: &File) -> Result<Option<Self>, ErrorKind> {
        if path.extension().is_none_or(|extension| extension != "json") {
            return Ok(None);
        }
        let text = read_text(file).map_err(ErrorKind::Io)?;
        let value = folded(&text, &[]).ok();
        let Some(Folded { value, .. }) =
            value.filter(|read| read.value.get("payload").is_some_and(serde_json::Value::is_object))
        else {
            return Err(not_a_snapshot(&text));
        };
        match serde_json::from_value::<Self>(value) {
            Ok(manifest) if name::is_digest(&manifest.payload.sha256) => Ok(Some(manifest)),
            Ok(_) => Err(ErrorKind::Manifest("payload.sha256 is not 64 lower-case hex digits".to_owned())),
            Err(error) => Err(ErrorKind::Manifest(error.to_string())),
        }
    }

    /// Reads a manifest; `None` for anything else.
    fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_value(folded(text, &[]).ok()?.value).ok()
    }

    /// Compares the bytes that there are with those that the manifest means.
    fn check(&self, found: &Found) -> Result<Proof, ErrorKind> {
        let Payload { bytes, sha256, source_crc32c } = &self.payload;
        let differ = |what, expected: String, found: String| {
            let (expected, found) = (expected.into(), found.into());
            Err(ErrorKind::NotAsVouched { what, expected, found })
        };
        if *bytes != found.bytes {
            return differ("the length in its manifest", bytes.to_string(), found.bytes.to_string());
        }
        if *sha256 != found.sha256 {
            return differ("the SHA-256 in its manifest", sha256.clone(), found.sha256.clone());
        }
        if *source_crc32c != found.crc32c {
            return differ(
                "the CRC32C in its manifest",
                format!("{source_crc32c:08x}"),
                format!("{:08x}", found.crc32c),
            );
        }
        // Group 0 is the timestamp oracle's, which its contents tell.
        let group = self.group_id.as_u64().filter(|group| *group != 0);
        Ok(Proof::Manifest { snapshot_index: self.snapshot_index, group, crc32c: *source_crc32c })
    }
}

/// Opens the payload that a manifest at `path` tells of: where the tool's layout has it, or beside the manifest.
pub(super) fn payload_of(path: &Path, manifest: &Manifest, spool: &Spool<'_>) -> Result<Source, Error> {
    let fail = |kind| Error { path: path.to_owned(), offset: 0, kind };
    let digits = &manifest.payload.sha256;
    let file = format!("{digits}.fsm");
    let directory = path.parent().unwrap_or(Path::new(""));
    let stored = Path::new("../../../payloads/sha256").join(digits.get(..2).unwrap_or_default()).join(&file);
    let places = [directory.join(stored), directory.join(&file)];
    let Some(payload) = places.iter().find(|place| place.is_file()) else {
        let [stored, beside] = places.map(|place| place.display().to_string());
        let message = format!("its payload stands neither at {stored} nor at {beside}");
        return Err(fail(ErrorKind::Manifest(message)));
    };
    let io = |error| Error { path: payload.clone(), offset: 0, kind: ErrorKind::Io(error) };
    let file = open::file_at(payload).map_err(io)?;
    let identity = super::identity::Identity::of_file(&file).map_err(io)?;
    let mut source = Source::in_place(payload, file, identity, spool.interrupt).map_err(io)?;
    let found = hash(&source, spool.progress)?;
    let proof = manifest.check(&found).map_err(|kind| source.error(0, kind))?;
    source.vouch(Ok(proof));
    Ok(source)
}

/// Lets a file's own name vouch for it, and a manifest where the tool's layout has one, or beside the file. Only a
/// name of 64 hex digits is looked into: others cost nothing.
pub(super) fn prove(source: &mut Source, spool: &Spool<'_>) -> Result<(), Error> {
    let Some(expected) = name::digest(source.path()) else { return Ok(()) };
    let found = hash(source, spool.progress)?;
    if expected != found.sha256 {
        // A file with a footer may be called what it likes.
        source.vouch(Err(Digests { expected, found: found.sha256 }));
        return Ok(());
    }
    let proof = match find(source.path(), &expected, spool.interrupt) {
        Err(kind) => Err(source.error(0, kind)),
        Ok(None) => Ok(Proof::Name),
        Ok(Some(manifest)) => manifest.check(&found).map_err(|kind| source.error(0, kind)),
    };
    source.vouch(Ok(proof?));
    Ok(())
}

/// Hashes an input in one pass.
fn hash(source: &Source, progress: &Progress) -> Result<Found, Error> {
    progress.enter(Phase::Copying, source.len());
    let (mut sha256, mut crc32c, mut bytes) = (Sha256::new(), 0, 0);
    let mut buffer = vec![0; STEP];
    loop {
        let read = source.read_at(&mut buffer, bytes)?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        sha256.update(piece);
        crc32c = crc32c::crc32c_append(crc32c, piece);
        bytes += read as u64;
        progress.add(read as u64);
    }
    Ok(Found { bytes, sha256: hex::encode(sha256.finalize()), crc32c })
}

/// Finds the manifest of the payload with this SHA-256; of several the one with the greatest index.
fn find(payload: &Path, sha256: &str, interrupt: &Interrupt) -> Result<Option<Manifest>, ErrorKind> {
    let directory = payload.parent().unwrap_or(Path::new(""));
    let mut best: Option<Manifest> = None;
    let mut left = limits::OFFLOAD_MANIFESTS;
    let mut folders = vec![directory.to_owned()];
    folders.extend(list(&directory.join("../../../groups")).into_iter().map(|group| group.join("snapshots")));
    for folder in folders {
        for path in list(&folder) {
            interrupt.check()?;
            let json = path.extension().is_some_and(|extension| extension == "json");
            if !json || !path.is_file() || left == 0 {
                continue;
            }
            left -= 1;
            let text = open::file_at(&path).and_then(|file| read_text(&file)).unwrap_or_default();
            // Other files may stand there; a damaged manifest vouches for nothing.
            let Some(manifest) = Manifest::read(&text) else { continue };
            let newer = best.as_ref().is_none_or(|best| best.snapshot_index < manifest.snapshot_index);
            if manifest.payload.sha256 == sha256 && newer {
                best = Some(manifest);
            }
        }
    }
    Ok(best)
}

/// Lists a directory, sorted; nothing where there is none.
fn list(directory: &Path) -> Vec<PathBuf> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

/// Reads a file that is to be a manifest; what is longer than one is cut, and is none.
fn read_text(file: &File) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(limits::OFFLOAD_MANIFEST).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Native;
    use super::super::{Layout, Payload};
    use super::*;

    /// A store of the offload tool with one payload: its root, and the paths of payload and manifest.
    struct Stored {
        root: tempfile::TempDir,
        payload: PathBuf,
        manifest: PathBuf,
    }

    impl Stored {
        fn new() -> Self {
            let mut bytes = Native::new(9).put(b"k", 5, b"v").file();
            let footer = u32::from_be_bytes(*bytes.last_chunk().unwrap());
            bytes.truncate(bytes.len() - 4);
            let digits = hex::encode(Sha256::digest(&bytes));
            let root = tempfile::tempdir().unwrap();
            let payloads = root.path().join("v1/payloads/sha256").join(&digits[..2]);
            let snapshots = root.path().join("v1/groups/1/snapshots");
            fs::create_dir_all(&payloads).unwrap();
            fs::create_dir_all(&snapshots).unwrap();
            let payload = payloads.join(format!("{digits}.fsm"));
            fs::write(&payload, &bytes).unwrap();
            let manifest = snapshots.join("00000000000000000100-00000000000000000002.json");
            let (len, stored) = (bytes.len(), Self { root, payload, manifest });
            stored.describe(&format!(
                r#"{{"snapshot_index":100,"group_id":1,"payload":
                    {{"key":"x","bytes":{len},"sha256":"{digits}","source_crc32c":{footer}}}}}"#
            ));
            stored
        }

        fn describe(&self, text: &str) {
            fs::write(&self.manifest, text).unwrap();
        }

        fn text(&self) -> String {
            fs::read_to_string(&self.manifest).unwrap()
        }

        fn open(&self, path: &Path) -> Result<Source, Error> {
            Source::open(path, self.root.path(), &Interrupt::default())
        }
    }

    #[test]
    fn a_manifest_leads_to_its_payload_and_back() {
        let stored = Stored::new();
        for path in [&stored.manifest, &stored.payload] {
            let source = stored.open(path).unwrap();
            assert!(
                matches!(source.proof(), Some(Proof::Manifest { snapshot_index: 100, group: Some(1), .. })),
                "{path:?}"
            );
            assert_eq!(source.snapshot_index(), Some(100));
            let layout = Layout::of(&source).unwrap();
            assert_eq!((layout.payload, layout.payload_end), (Payload::Native, source.len()));
            assert!(!layout.footer && layout.header.is_some());
        }
        let beside = stored.root.path().join("manifest.json");
        fs::rename(&stored.manifest, &beside).unwrap();
        let error = stored.open(&beside).unwrap_err();
        assert!(error.to_string().contains("its payload stands neither at"), "{error}");
        fs::rename(&stored.payload, stored.root.path().join(stored.payload.file_name().unwrap())).unwrap();
        assert!(matches!(stored.open(&beside).unwrap().proof(), Some(Proof::Manifest { .. })));
    }

    #[test]
    fn without_a_manifest_the_name_vouches_and_tells_no_index() {
        let stored = Stored::new();
        fs::remove_file(&stored.manifest).unwrap();
        let source = stored.open(&stored.payload).unwrap();
        assert_eq!((source.proof(), source.snapshot_index()), (Some(Proof::Name), None));
        let other = stored.payload.with_file_name(format!("{}.fsm", "0".repeat(64)));
        fs::rename(&stored.payload, &other).unwrap();
        let source = stored.open(&other).unwrap();
        assert_eq!(source.proof(), None);
        let error = source.disproof().unwrap();
        assert!(matches!(error.kind, ErrorKind::NotAsVouched { what: "the SHA-256 in its name", .. }));
    }

    #[test]
    fn each_member_of_a_manifest_is_checked() {
        let stored = Stored::new();
        let text = stored.text();
        let len = fs::metadata(&stored.payload).unwrap().len();
        for (from, to, what) in [
            (format!("\"bytes\":{len}"), format!("\"bytes\":{}", len + 4), "length"),
            ("\"source_crc32c\":".to_owned(), "\"source_crc32c\":1".to_owned(), "CRC32C"),
        ] {
            let changed = text.replace(&from, &to);
            // One more digit may be one too many.
            if Manifest::read(changed.as_bytes()).is_none() {
                continue;
            }
            stored.describe(&changed);
            for path in [&stored.manifest, &stored.payload] {
                let error = stored.open(path).unwrap_err();
                assert!(!error.kind.is_unreadable());
                assert!(error.to_string().contains(what), "{error}");
            }
        }
        stored.describe(&text);
        let mut bytes = fs::read(&stored.payload).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&stored.payload, bytes).unwrap();
        let error = stored.open(&stored.manifest).unwrap_err();
        assert!(error.to_string().contains("SHA-256"), "{error}");
    }

    #[test]
    fn names_of_members_count_in_either_case() {
        let stored = Stored::new();
        stored.describe(&crate::codec::gojson::read::in_capitals(&stored.text()));
        assert!(matches!(stored.open(&stored.payload).unwrap().proof(), Some(Proof::Manifest { .. })));
        assert!(matches!(stored.open(&stored.manifest).unwrap().proof(), Some(Proof::Manifest { .. })));
    }

    #[test]
    fn other_json_is_no_snapshot() {
        let stored = Stored::new();
        for (text, word) in [
            ("{\"format_version\":1}", "JSON text"),
            ("no json", "not a snapshot"),
            ("{\"payload\":{}}", "missing field"),
            (r#"{"snapshot_index":1,"payload":{"bytes":1,"sha256":"../x","source_crc32c":1}}"#, "64 lower"),
        ] {
            stored.describe(text);
            let error = stored.open(&stored.manifest).unwrap_err();
            assert!(error.to_string().contains(word) && !error.kind.is_unreadable(), "{error}");
        }
    }

    #[test]
    fn of_several_manifests_the_newest_counts() {
        let stored = Stored::new();
        let newer = stored.root.path().join("v1/groups/0/snapshots");
        fs::create_dir_all(&newer).unwrap();
        fs::write(newer.join("a.json"), stored.text().replace(":100,", ":200,")).unwrap();
        fs::write(newer.join("b.json"), "damaged").unwrap();
        assert_eq!(stored.open(&stored.payload).unwrap().snapshot_index(), Some(200));
    }
}
