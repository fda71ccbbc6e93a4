//! One run of `encode`: a dump to a snapshot that nodes restore (`encoding.md`).
//!
//! In: an [`EncodeRequest`]. Out: an [`EncodeSummary`], the snapshot and its sidecar, or those of each Raft group; or an
//! error and none of them.

mod sidecar;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sidecar::Sidecar;
use target::Target;
use time::OffsetDateTime;

use super::objects::{pass_dump, walk};
use super::{Source, notice, problems};
use crate::encode::{Bodies, Encode, Known, Options, Proof, Proving, Written};
use crate::error::{Error, Result};
use crate::event::{Event, Warning};
use crate::interrupt::Interrupt;
use crate::keyspace::{Namespace, Routes};
use crate::not_there::NotThere;
use crate::problem::ListedProblem;
use crate::progress::{Phase, Progress};
use crate::reader::originals;
use crate::report::Report;
use crate::service::{self, Scope};
use crate::sort::Scratch;
use crate::time::{Hlc, UnixMs};
use crate::tree::manifest::{Adapters, Manifest, Origin};
use crate::tree::verify::{VerifyOptions, verify_names};
use crate::tree::{self, Dump, DumpFile, ErrorKind, Notice};

/// From here on a timestamp leaves no time after it: tools refuse it.
const MOST: u64 = u64::MAX - 0xffff;

/// What is asked of a run.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of the command, one for one")]
pub struct EncodeRequest {
    /// The dump: a tree or an archive.
    pub input: PathBuf,
    /// The file to create; with routes the directory.
    pub output: PathBuf,
    /// The groups that rows are split for; all are one group's without.
    pub routes: Option<Routes>,
    /// What is there is replaced.
    pub force: bool,
    /// What of the dump is restored: `excluded`, `scopes`, `selection`, `no_extra`.
    pub select: service::Options,
    /// The commit timestamp of all rows; the dump's own without it.
    pub commit_ts: Option<Hlc>,
    /// What the reference encoder writes, and nothing else.
    pub reference_rows: bool,
    /// Redis keys that have expired are left out.
    pub drop_expired: bool,
    /// Times of SQS messages move by the age of the dump.
    pub shift_sqs_times: bool,
    /// The finished file is read again, and compared.
    pub self_test: bool,
    /// The dump is verified first.
    pub verify: bool,
    /// Any problem is fatal.
    pub strict: bool,
    /// When the file is made.
    pub wall_time: OffsetDateTime,
    /// Number of threads that verify.
    pub threads: usize,
    /// Ends the run with [`Error::Interrupted`].
    pub interrupt: Interrupt,
    /// How far the run is.
    pub progress: Progress,
}

/// The outcome of a run. The order of the members is part of `docs/tree/commands.md`.
#[derive(Clone, Debug, Serialize)]
pub struct EncodeSummary {
    /// The snapshot; with routes the directory.
    pub output: String,
    /// Its sidecar; with routes each group has one.
    pub encode_info: Option<String>,
    /// Number of objects that are left out.
    pub problems: u64,
    /// Number of rows.
    pub rows: u64,
    /// Length of the snapshot, bytes.
    pub bytes: u64,
    /// SHA-256 of the snapshot, hex; with routes each group has one.
    pub sha256: Option<String>,
    /// The snapshots by Raft group, ascending, where rows were split.
    pub groups: Vec<EncodedGroup>,
    /// The commit timestamp of all rows.
    pub last_commit_ts: Hlc,
    /// What was said of the self-test in the sidecar.
    pub self_test: SelfTest,
    /// Number of objects by service and name.
    pub objects: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// The warnings that were kept, in the order in which they came up.
    pub warnings: Vec<Warning>,
    /// The first problems.
    pub problems_list: Vec<ListedProblem>,
    /// How often each event came up, kept or not.
    pub warning_counts: BTreeMap<&'static str, u64>,
}

/// Whether the finished file was compared with the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SelfTest {
    /// It was read again.
    pub ran: bool,
    /// It holds what the dump does.
    pub matched: bool,
}

/// The snapshot of one Raft group.
#[derive(Clone, Debug, Serialize)]
pub struct EncodedGroup {
    /// The group.
    pub group: u64,
    /// The snapshot.
    pub output: String,
    /// Its sidecar.
    pub encode_info: String,
    /// Number of rows.
    pub rows: u64,
    /// Length of the snapshot, bytes.
    pub bytes: u64,
    /// SHA-256 of the snapshot, hex.
    pub sha256: String,
}

/// Encodes a dump. `warn` is called with each warning that is kept, as it comes up.
///
/// An error leaves nothing: the target does not exist, or is as it was.
pub fn encode(request: &EncodeRequest, mut warn: impl FnMut(&Warning)) -> Result<EncodeSummary> {
    let (mut target, told) = Target::create(request)?;
    let made = make(request, &mut target, &told, &mut warn);
    if made.is_err() {
        for left in target.discard() {
            warn(&notice::cleanup_failed(&left));
        }
    }
    made
}

fn make(
    request: &EncodeRequest,
    target: &mut Target<'_>,
    told: &[Notice],
    warn: impl FnMut(&Warning),
) -> Result<EncodeSummary> {
    let scratch = Scratch::new(target.directory().to_owned()).polling(&request.interrupt);
    let mut report = Report::new(&scratch, warn);
    for notice in told {
        report.warn(notice::warning(notice));
    }
    let mut run = Run::open(request, &scratch, &mut report)?;
    let (written, scopes) = run.write(&scratch, &mut report, target)?;
    let problems = report.problem_count();
    if request.strict && problems > 0 {
        let listed = problems::write(None, &mut report)?;
        return Err(Error::Strict { problems, undecided: 0, listed });
    }
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let sidecar =
        Sidecar::new(request, &run.manifest, run.commit_ts, run.services().map(Namespace::name).collect())?;
    let (mut sidecars, mut groups, mut one) = (Vec::new(), Vec::new(), None);
    for (place, written) in target.places(&request.output).into_iter().zip(&written) {
        let (output, encode_info, sha256) =
            (text(&place.path), text(&place.sidecar), hex::encode(written.sha256));
        sidecars.push(sidecar.of(&output, &sha256));
        let Written { rows, bytes, .. } = *written;
        match place.group {
            Some(group) => groups.push(EncodedGroup { group, output, encode_info, rows, bytes, sha256 }),
            None => one = Some((encode_info, sha256)),
        }
    }
    let notices = target.publish(sidecars)?;
    for notice in &notices {
        report.warn(notice::warning(notice));
    }
    let (encode_info, sha256) = one.unzip();
    Ok(EncodeSummary {
        output: text(&request.output),
        encode_info,
        problems,
        rows: written.iter().map(|written| written.rows).sum(),
        bytes: written.iter().map(|written| written.bytes).sum(),
        sha256,
        groups,
        last_commit_ts: run.commit_ts,
        self_test: SelfTest { ran: request.self_test, matched: request.self_test },
        objects: counts(&scopes),
        problems_list: problems::write(None, &mut report)?,
        warnings: report.warnings().to_vec(),
        warning_counts: report.counts().clone(),
    })
}

/// A run whose dump is open.
struct Run<'r> {
    request: &'r EncodeRequest,
    dump: Dump,
    manifest: Manifest,
    commit_ts: Hlc,
}

impl<'r> Run<'r> {
    /// Opens the dump, verified where that is asked for.
    fn open(request: &'r EncodeRequest, scratch: &Scratch, report: &mut Report<'_>) -> Result<Self> {
        let EncodeRequest { input, interrupt, progress, .. } = request;
        let is_directory = std::fs::metadata(input).is_ok_and(|metadata| metadata.is_dir());
        if request.verify && is_directory {
            let options = VerifyOptions {
                threads: request.threads,
                scratch: scratch.clone(),
                interrupt: interrupt.clone(),
                progress: progress.clone(),
            };
            let findings = verify_names(input, &options)?.findings;
            if let Some(first) = findings.kept().next() {
                let path = String::from_utf8_lossy(&first.path);
                let (kind, total) = (first.kind.name(), findings.total());
                let parts = [kind, &*path, &*first.detail];
                let first = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
                let what = format!("verify finds {total} differences, first: {first}");
                if findings.is_unreadable() {
                    let kind = io::Error::other(what).into();
                    return Err(tree::Error { path: input.clone(), kind }.into());
                }
                return Err(unsound(input, what));
            }
        }
        let source = Source {
            interrupt: interrupt.clone(),
            progress: progress.clone(),
            ..Source::new(vec![input.clone()])
        };
        let no_dump = || unsound(input, "no dump is there, neither a tree nor an archive".to_owned());
        let mut dump = source.dump(scratch)?.ok_or_else(no_dump)?;
        if request.verify {
            // Whoever reads a file proves it; nothing is read twice.
            dump.note_proofs();
            if !is_directory {
                originals::check(&mut dump)?;
            }
        } else {
            report.warn(Warning::new(Event::ENCODE_UNVERIFIED));
            dump.list_as_it_is()?;
        }
        let (manifest, text) = dump.manifest()?;
        let own = match &manifest.origin {
            Origin::Live(live) if !request.reference_rows => manifest.last_commit_ts.max(live.read_ts),
            _ => manifest.last_commit_ts,
        };
        let commit_ts = request.commit_ts.unwrap_or(own);
        if commit_ts < manifest.last_commit_ts || commit_ts > Hlc(MOST) {
            return Err(Error::CommitTs { given: commit_ts.0, least: manifest.last_commit_ts.0, most: MOST });
        }
        let run = Self { request, dump, manifest, commit_ts: commit_ts.max(Hlc(1)) };
        run.look(&text, report);
        Ok(run)
    }

    /// Says what is to be known of the dump.
    fn look(&self, text: &[u8], report: &mut Report<'_>) {
        let Manifest { problems, inputs, .. } = &self.manifest;
        let members: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
        let complete = members.get("complete") != Some(&false.into());
        if *problems > 0 || !complete {
            report.warn(
                Warning::new(Event::ENCODE_DUMP_INCOMPLETE)
                    .with("problems", *problems)
                    .with("complete", complete),
            );
        }
        if inputs.len() > 1 && self.request.routes.is_none() {
            report.warn(Warning::new(Event::ENCODE_SINGLE_GROUP).with("groups", inputs.len()));
        }
    }

    /// Compares what was found with what was asked for, and with what the manifest tells of.
    fn check(&self, scopes: &BTreeMap<Namespace, Scope>) -> Result<()> {
        let select = &self.request.select;
        let nothing = Scope::new();
        let found = |service| scopes.get(&service).unwrap_or(&nothing);
        let Adapters { dynamodb, s3, sqs, .. } = &self.manifest.adapters;
        let all = [(Namespace::Dynamodb, dynamodb), (Namespace::S3, s3), (Namespace::Sqs, sqs)];
        for (&service, asked) in &select.scopes {
            let mut there: BTreeSet<_> = found(service).keys().cloned().collect();
            let missing: Vec<_> = asked.difference(&there).cloned().collect();
            if !missing.is_empty() {
                let names = all.iter().find(|(of, _)| *of == service).and_then(|(_, names)| names.as_ref());
                there.extend(names.into_iter().flatten().map(|name| name.0.clone()));
                return Err(Error::NotThere(NotThere::new(service, missing, there)));
            }
        }
        if let Some(selection) = &select.selection {
            return Ok(selection.check()?);
        }
        for (service, names) in all.into_iter().filter(|_| self.request.verify) {
            if select.excluded.contains(&service) || select.scopes.contains_key(&service) {
                continue;
            }
            let there: BTreeSet<_> =
                found(service).keys().map(|name| String::from_utf8_lossy(name)).collect();
            let gone = names.iter().flatten().find(|name| !there.contains(&String::from_utf8_lossy(&name.0)));
            if let Some(name) = gone {
                let name = String::from_utf8_lossy(&name.0);
                let what = format!("MANIFEST.json tells of {}/{name}, and no file is of it", service.name());
                return Err(unsound(&self.request.input, what));
            }
        }
        Ok(())
    }

    /// Lists the services that are restored.
    fn services(&self) -> impl Iterator<Item = Namespace> {
        let adapters = &self.manifest.adapters;
        let there = [
            (Namespace::Redis, adapters.redis.is_some()),
            (Namespace::Dynamodb, adapters.dynamodb.is_some()),
            (Namespace::S3, adapters.s3.is_some()),
            (Namespace::Sqs, adapters.sqs.is_some()),
        ];
        let excluded = &self.request.select.excluded;
        there
            .into_iter()
            .filter(|(service, is_there)| *is_there && !excluded.contains(service))
            .map(|(s, _)| s)
    }

    /// Writes the snapshots and compares them with the dump.
    fn write(
        &mut self,
        scratch: &Scratch,
        report: &mut Report<'_>,
        target: &mut Target<'_>,
    ) -> Result<(Vec<Written>, BTreeMap<Namespace, Scope>)> {
        let request = self.request;
        let now = request.wall_time.unix_timestamp_nanos() / 1_000_000;
        let now_ms = UnixMs(u64::try_from(now).unwrap_or_default());
        let age = now_ms.signed() - self.commit_ts.ms().signed();
        let preserve = self.manifest.exclusions.preserve_sqs_visibility;
        let options = Options {
            commit_ts: self.commit_ts,
            reference_rows: request.reference_rows,
            now_ms,
            drop_expired: request.drop_expired,
            sqs_shift_ms: if request.shift_sqs_times { age.max(0) } else { 0 },
            preserve_sqs_visibility: preserve,
        };
        let mut sink = Encode::new(scratch, options);
        if request.self_test {
            sink = sink.proving(Proof::new(scratch, preserve));
        }
        request.progress.enter(Phase::Writing, 0);
        let scopes = pass_dump(&mut self.dump, &request.select, scratch, report, &mut sink)?;
        self.check(&scopes)?;
        let (payload, proof) = sink.finish()?;
        let mut bodies = Files { dump: &mut self.dump, open: None };
        let (written, known) = match payload.write(&mut bodies, target) {
            Err(Error::Duplicate { key, objects, .. }) => {
                // The rows know their objects by numbers alone.
                let mut sink = Encode::new(scratch, options).naming(&objects);
                pass_dump(&mut self.dump, &request.select, scratch, report, &mut sink)?;
                return Err(Error::Duplicate { key, objects, names: sink.into_names() });
            }
            written => written?,
        };
        self.dump.prove_rest()?;
        let paths = target.end_rows()?;
        if let Some(proof) = proof {
            self.test(scratch, (proof, known), paths)?;
        }
        Ok((written, scopes))
    }

    /// Reads the finished snapshots and compares what they hold with what went into them.
    fn test(&self, scratch: &Scratch, (wanted, known): (Proof, Known), paths: Vec<PathBuf>) -> Result<()> {
        let EncodeRequest { interrupt, progress, .. } = self.request;
        let (interrupt, progress) = (interrupt.clone(), progress.clone());
        let source = Source { interrupt, progress, ..Source::new(paths) };
        let opened = source.open(scratch, &mut |_| ())?;
        let preserve = self.manifest.exclusions.preserve_sqs_visibility;
        let mut sink = Proving::new(Proof::new(scratch, preserve).knowing(known));
        let options = service::Options { preserve_sqs_visibility: preserve, ..service::Options::default() };
        let walked = walk(&opened.snapshot, &options, scratch, &mut sink, |_| ())?;
        let (mut names, count) = wanted.differences(sink.into_proof())?;
        if count == 0 && walked.problems > 0 {
            names.extend(walked.listed.iter().map(|problem| problem.message.clone()));
        }
        match count.max(walked.problems) {
            0 => Ok(()),
            count => Err(Error::SelfTest { names, count }),
        }
    }
}

/// The files of a dump that bodies are in: the last one stays open.
struct Files<'d> {
    dump: &'d mut Dump,
    open: Option<(Vec<u8>, u64, DumpFile)>,
}

impl Bodies for Files<'_> {
    fn read(&mut self, (path, digest): (&[u8], &[u8; 32]), offset: u64, buffer: &mut [u8]) -> Result<()> {
        let (at, file) = match &mut self.open {
            Some((open, at, file)) if open == path && *at == offset => (at, file),
            slot => {
                let mut file = self.dump.body(path, digest)?;
                if offset > 0 {
                    file.skip_to(offset);
                }
                let (_, at, file) = slot.insert((path.to_vec(), offset, file));
                (at, file)
            }
        };
        let mut read = file.read_exact(buffer);
        if read.is_ok() && file.is_at_end() {
            // What proves the file is said behind its last byte.
            read = file.read(&mut [0]).map(drop);
        }
        read.map_err(|error| self.dump.failed(path, error))?;
        *at = at.saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
        Ok(())
    }
}

fn counts(scopes: &BTreeMap<Namespace, Scope>) -> BTreeMap<&'static str, BTreeMap<String, u64>> {
    let name = |name: &Vec<u8>| String::from_utf8_lossy(name).into_owned();
    let counted = |scope: &Scope| scope.iter().map(|(scope, count)| (name(scope), *count)).collect();
    scopes.iter().map(|(service, scope)| (service.name(), counted(scope))).collect()
}

/// Returns the error of a dump that breaks a rule.
fn unsound(path: &Path, what: String) -> Error {
    tree::Error { path: path.to_owned(), kind: ErrorKind::Unsound(what) }.into()
}
