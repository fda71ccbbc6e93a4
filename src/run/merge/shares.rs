//! The dumps of all shares of one run: what they are, and that none is missing.
//!
//! In: directories. Out: the manifest of the whole; which share is where.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::unsound;
use crate::error::{Error, Result};
use crate::keyspace::Namespace;
use crate::layout::lines::ScopeNames;
use crate::name::{SERVICES, Shard};
use crate::run::manifest;
use crate::service::Scope;
use crate::tree::manifest::{Adapters, Manifest, ManifestError, Share};
use crate::tree::{self, Dump, MergedRows, Scratch, Sorter, TreeOptions, survey};

/// Memory for the directories, bytes.
const DIRECTORIES: usize = 4 << 20;

/// The shares in the order of their numbers.
#[derive(Debug)]
pub(super) struct Shares {
    dumps: Vec<(PathBuf, Manifest)>,
    scratch: Scratch,
    options: TreeOptions,
    /// The dump that was read last.
    open: Option<(usize, Dump)>,
}

impl Shares {
    /// Reads the manifests.
    ///
    /// # Errors
    ///
    /// Dumps that are not all shares of one run.
    pub(super) fn open(paths: &[PathBuf], scratch: &Scratch, options: &TreeOptions) -> Result<Self> {
        let mut shares =
            Self { dumps: Vec::new(), scratch: scratch.clone(), options: options.clone(), open: None };
        let mut found: BTreeMap<u32, (&Path, Manifest)> = BTreeMap::new();
        let mut of = None;
        for path in paths {
            let (manifest, shard) = shares.read(path)?;
            let (first, count) = *of.get_or_insert((path, shard.count()));
            if shard.count() != count {
                let what = format!(
                    "{} is a share of {count}, and {} of {}",
                    first.display(),
                    path.display(),
                    shard.count()
                );
                return Err(Error::Incomparable(what));
            }
            if let Some((other, _)) = found.insert(shard.index(), (path, manifest)) {
                let what = format!("{} and {} are both share {shard}", other.display(), path.display());
                return Err(Error::Incomparable(what));
            }
        }
        let count = of.map_or(0, |(_, count)| count);
        let missing: Vec<_> = (0..count)
            .filter(|index| !found.contains_key(index))
            .map(|index| format!("{index}/{count}"))
            .collect();
        if !missing.is_empty() {
            let what =
                format!("{} of {count} shares are there; missing: {}", found.len(), missing.join(", "));
            return Err(Error::Incomparable(what));
        }
        shares.dumps = found.into_values().map(|(path, manifest)| (path.to_owned(), manifest)).collect();
        Ok(shares)
    }

    fn read(&self, path: &Path) -> Result<(Manifest, Shard)> {
        let (_, text) = self.dump_at(path)?.manifest()?;
        let bad = |error: ManifestError| unsound(path.join("MANIFEST.json"), error.to_string());
        let manifest = Manifest::read_all(&text).map_err(bad)?;
        let shard = manifest.run.shard.as_ref().and_then(|share| share.share.parse().ok());
        let no_share = || Error::Incomparable(format!("{} is not a dump of --shard", path.display()));
        Ok((manifest, shard.ok_or_else(no_share)?))
    }

    fn dump_at(&self, path: &Path) -> Result<Dump> {
        let opened = match path.metadata() {
            Ok(found) if found.is_dir() => {
                Dump::open(path, &self.scratch, (&self.options.interrupt, &self.options.progress))?
            }
            // What cannot be looked at may well be a share.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(tree::Error { path: path.to_owned(), kind: error.into() }.into());
            }
            _ => None,
        };
        opened
            .ok_or_else(|| Error::Incomparable(format!("{} is not the directory of a dump", path.display())))
    }

    /// Returns the manifest of the whole, but for the number of problems.
    ///
    /// # Errors
    ///
    /// A share of another run.
    pub(super) fn manifest(&self) -> Result<Manifest> {
        let mut all = self.dumps.iter();
        let Some((first, manifest)) = all.next() else {
            return Err(Error::Incomparable("no shares".to_owned()));
        };
        let mut whole = shared(manifest);
        for (path, manifest) in all {
            if let Some(what) = difference(&whole, &shared(manifest)) {
                let what = format!("{} and {} differ in {what}", first.display(), path.display());
                return Err(Error::Incomparable(what));
            }
        }
        // The one that began first, whichever that was.
        let times = self.dumps.iter().map(|(_, manifest)| manifest.wall_time);
        whole.wall_time = times.min().unwrap_or(whole.wall_time);
        manifest::enter(&mut whole, &self.scopes()?);
        Ok(whole)
    }

    /// Adds up what the shares have found.
    fn scopes(&self) -> Result<BTreeMap<Namespace, Scope>> {
        let mut scopes: BTreeMap<Namespace, Scope> = BTreeMap::new();
        for (path, manifest) in &self.dumps {
            for (service, objects) in manifest.run.shard.iter().flat_map(|share| &share.objects) {
                let bad = || unsound(path.join("MANIFEST.json"), format!("shard.objects of {service}"));
                let service = SERVICES.into_iter().find(|known| known.name() == service).ok_or_else(bad)?;
                let scope = scopes.entry(service).or_default();
                for (name, count) in objects {
                    let name = URL_SAFE_NO_PAD.decode(name).map_err(|_| bad())?;
                    let known = scope.entry(name).or_default();
                    *known = known.saturating_add(*count);
                }
            }
        }
        Ok(scopes)
    }

    /// Returns the names of scopes that are no text.
    pub(super) fn scope_names(&self) -> Result<ScopeNames> {
        let mut names = ScopeNames::new();
        for (service, scope) in self.scopes()? {
            for name in scope.into_keys() {
                if let Err(error) = String::from_utf8(name) {
                    let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                    names.insert((service.name().to_owned(), text), error.into_bytes());
                }
            }
        }
        Ok(names)
    }

    /// Returns the number of files of each share, and the directories of all.
    pub(super) fn survey(&self) -> Result<(Vec<u64>, Sorter)> {
        let mut directories = Sorter::new(&self.scratch, DIRECTORIES);
        let files = self
            .dumps
            .iter()
            .map(|(path, _)| Ok(survey(path, &self.scratch, &self.options.interrupt, &mut directories)?));
        Ok((files.collect::<Result<_>>()?, directories))
    }

    /// Returns the rows of all CHECKSUMS.
    pub(super) fn rows(&self) -> Result<MergedRows> {
        let mut rows = MergedRows::new();
        for (path, _) in &self.dumps {
            rows.add(self.dump_at(path)?)?;
        }
        Ok(rows)
    }

    /// Returns a share to read files of.
    pub(super) fn dump(&mut self, share: usize) -> Result<&mut Dump> {
        let opened = match self.open.take() {
            Some(open) if open.0 == share => open,
            _ => (share, self.dump_at(&self.path(share))?),
        };
        Ok(&mut self.open.insert(opened).1)
    }

    /// Returns the directories.
    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.dumps.iter().map(|(path, _)| path)
    }

    /// Returns the directory of a share, for messages.
    pub(super) fn name(&self, share: usize) -> String {
        self.path(share).display().to_string()
    }

    /// Returns the error of a file of a share that is not as it should be.
    pub(super) fn unsound(&self, share: usize, path: &[u8], what: &str) -> Error {
        unsound(self.path(share).join(OsStr::from_bytes(path)), what.to_owned())
    }

    fn path(&self, share: usize) -> PathBuf {
        self.paths().nth(share).cloned().unwrap_or_default()
    }
}

/// Returns what all shares of a run have in common.
fn shared(manifest: &Manifest) -> Manifest {
    let mut shared = manifest.clone();
    shared.adapters = Adapters::default();
    shared.problems = 0;
    shared.run.objects.clear();
    shared.run.complete = shared.run.shard.take().and_then(|Share { complete, .. }| complete);
    shared
}

/// Says in what two manifests differ that should be one, their times aside.
fn difference(one: &Manifest, other: &Manifest) -> Option<&'static str> {
    let inputs = |manifest: &Manifest| {
        (manifest.origin.clone(), manifest.inputs.clone(), manifest.snapshot_index, manifest.last_commit_ts)
    };
    if inputs(one) != inputs(other) {
        return Some("their inputs");
    }
    if one.run.tool_version != other.run.tool_version {
        return Some("the version of the program");
    }
    (Manifest { wall_time: other.wall_time, ..one.clone() } != *other).then_some("what was asked for")
}
