//! One command under every fault, and what must hold afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use nix::errno::Errno;

use crate::dump::{Tree, checksum_faults};
use crate::fault::{ALL, Fault, known};
use crate::tracer::{self, Call, Ended, Plan};

const BINARY: &str = env!("CARGO_BIN_EXE_ekv-backup");

/// A command, and what stands in its directory before it.
pub struct Scenario {
    /// Arguments of the command.
    pub arguments: &'static [&'static str],
    /// The names that it writes or reads. What it writes comes first.
    pub targets: &'static [&'static str],
    /// Commands that make ready.
    pub before: &'static [&'static [&'static str]],
}

/// What is found at a name.
#[derive(Debug, PartialEq)]
enum State {
    Absent,
    File(Vec<u8>),
    Tree(Tree),
}

impl State {
    fn of(path: &Path) -> Self {
        match path.metadata() {
            Err(_) => Self::Absent,
            Ok(metadata) if metadata.is_dir() => Self::Tree(Tree::read(path).unwrap()),
            Ok(_) => Self::File(fs::read(path).unwrap()),
        }
    }
}

/// What a run without a fault leaves.
struct Golden {
    before: Vec<State>,
    after: Vec<State>,
    /// All names that are there before.
    names: Vec<String>,
    out: Vec<u8>,
    code: Option<i32>,
    calls: Vec<Call>,
}

impl Scenario {
    /// Runs the command under each fault, and checks what is left. All that is wrong is told together.
    pub fn prove(&self) {
        let stage = Stage::new(self);
        let golden = stage.golden();
        assert_eq!(golden.code, Some(i32::from(self.arguments[0] == "diff")), "{:?}", self.arguments);
        if let Some(State::Tree(tree)) = golden.after.first() {
            assert_eq!(checksum_faults(tree), [""; 0]);
        }
        let strange: BTreeSet<u64> =
            golden.calls.iter().filter(|call| !known(call)).map(|call| call.number).collect();
        assert_eq!(strange, BTreeSet::new(), "system calls that no fault concerns: {:?}", self.arguments);
        let all = std::env::var_os("EKV_FAULTS").is_some_and(|value| value == "all");
        let (mut runs, mut wrong) = (0, Vec::new());
        for (fault, times) in ALL {
            let concerned: Vec<Call> =
                golden.calls.iter().copied().filter(|call| fault.concerns(call)).collect();
            for at in if all { (0..concerned.len() as u64).collect() } else { sample(&concerned) } {
                let plan = Plan { fault, times, at };
                let problems = stage.problems(&golden, plan);
                runs += 1;
                wrong.extend(problems.into_iter().map(|problem| format!("{plan:?}: {problem}")));
            }
        }
        let calls = golden.calls.iter().filter(|call| Fault::Kill.concerns(call)).count();
        println!("{:?}: {calls} calls, {runs} runs, {} faults found", self.arguments, wrong.len());
        assert!(wrong.is_empty(), "{:?}:\n{}", self.arguments, wrong.join("\n"));
    }
}

/// One call of each kind, another for each fault.
fn sample(concerned: &[Call]) -> Vec<u64> {
    let mut places: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (place, call) in concerned.iter().enumerate() {
        places.entry(call.number).or_default().push(place as u64);
    }
    let chosen = places.into_values().map(|of_kind| of_kind[(concerned.len() * 7919) % of_kind.len()]);
    chosen.collect()
}

/// The directory of a scenario's runs.
struct Stage<'a> {
    scenario: &'a Scenario,
    directory: tempfile::TempDir,
}

impl<'a> Stage<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        // Memory, where there is such a file system: each run flushes.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let stage = Self { scenario, directory: tempfile::tempdir_in(place).unwrap() };
        for (name, seed) in [("a.fsm", "1"), ("old.fsm", "2")] {
            fs::write(stage.kept(name), snapshot(seed)).unwrap();
        }
        let plain = fs::read(stage.kept("a.fsm")).unwrap();
        fs::write(stage.kept("a.fsm.zst"), zstd::encode_all(&plain[..], 1).unwrap()).unwrap();
        stage
    }

    /// Where inputs and outputs stand between runs.
    fn kept(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where the command runs.
    fn work(&self) -> PathBuf {
        self.directory.path().join("work")
    }

    /// Makes the directory anew: the first time by the commands, then as a copy of what they made.
    fn prepare(&self) {
        let (work, ready) = (self.work(), self.kept("ready"));
        let _ = fs::remove_dir_all(&work);
        if !ready.exists() {
            fs::create_dir_all(work.join("tmp")).unwrap();
            for name in ["a.fsm", "a.fsm.zst", "old.fsm"] {
                fs::copy(self.kept(name), work.join(name)).unwrap();
            }
            for command in self.scenario.before {
                let (program, arguments) = command.split_first().unwrap();
                let program = if *program == "ekv-backup" { BINARY } else { program };
                let output = self.command(program, arguments);
                assert!(output.status.success(), "{output:?}");
            }
            fs::rename(&work, &ready).unwrap();
        }
        let copied = Command::new("cp").arg("-a").args([&ready, &work]).status().unwrap();
        assert!(copied.success());
    }

    fn command(&self, program: &str, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(program);
        command.env_clear().env("SOURCE_DATE_EPOCH", "1714400000").env("TMPDIR", self.work().join("tmp"));
        command.args(arguments).current_dir(self.work()).output().unwrap()
    }

    fn run(&self, plan: Option<Plan>) -> (Ended, Vec<u8>, String) {
        self.prepare();
        let output = ["stdout", "stderr"].map(|name| File::create(self.kept(name)).unwrap());
        let [out, err] = output;
        let command = [&[BINARY], self.scenario.arguments].concat();
        let ended = tracer::run(&self.work(), &command, plan, (out, err));
        let err = String::from_utf8(fs::read(self.kept("stderr")).unwrap()).unwrap();
        (ended, fs::read(self.kept("stdout")).unwrap(), err)
    }

    fn golden(&self) -> Golden {
        self.prepare();
        let (before, names) = (self.targets(), self.names());
        let (ended, out, _) = self.run(None);
        let (calls, code) = (ended.calls, ended.code);
        Golden { before, after: self.targets(), names, out, code, calls }
    }

    fn targets(&self) -> Vec<State> {
        self.scenario.targets.iter().map(|target| State::of(&self.work().join(target))).collect()
    }

    fn names(&self) -> Vec<String> {
        let names = |at: PathBuf| {
            let entries = fs::read_dir(at).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap())
        };
        let temporary = names(self.work().join("tmp")).map(|name| format!("tmp/{name}"));
        names(self.work()).chain(temporary).collect()
    }

    /// Runs the command under a fault; returns what is wrong afterwards.
    fn problems(&self, golden: &Golden, plan: Plan) -> Vec<String> {
        let (ended, out, err) = self.run(Some(plan));
        let Some(call) = ended.hit else { return Vec::new() };
        let mut wrong = Vec::new();
        let mut must = |holds: bool, what: &str| {
            if !holds {
                let number = call.number;
                wrong.push(format!("system call {number}: {what}; exit {:?}, stderr {err:?}", ended.code));
            }
        };
        let killed = plan.fault == Fault::Kill;
        must(!ended.hung, "hangs");
        must(killed == ended.code.is_none(), "ended by a signal");
        must(!err.contains("panicked"), "panics");
        let (target, names) = (self.targets(), self.scenario.targets);
        must(
            target == golden.before
                || target == golden.after
                || ((killed || err.contains("; and ")) && is_between(&target, golden)),
            "target is neither as before nor complete",
        );
        let mut left = self.names();
        left.retain(|name| !golden.names.contains(name) && !names.contains(&name.as_str()));
        for name in &left {
            let mut marks = [".partial-", ".replaced-"].into_iter();
            let ours =
                marks.any(|mark| names.iter().any(|target| name.starts_with(&format!(".{target}{mark}"))));
            must(ours && (killed || err.contains(name.as_str())), &format!("{name} is left and not named"));
        }
        if ended.code == golden.code {
            must(target == golden.after, "success without the target");
            must(out == golden.out, "success with another output");
        } else if let Some(code) = ended.code {
            must(code == 4, "another exit code than 4");
            must(!err.is_empty(), "fails without a word");
        }
        let harmless =
            matches!(plan.fault, Fault::Short | Fault::Error(Errno::EINTR) | Fault::Late(Errno::EINTR));
        must(!harmless || ended.code == golden.code, "a harmless fault is no failure");
        if killed && golden.before != golden.after {
            // Of `export` there is no other run where it is done.
            let force: &[&str] = match self.scenario.arguments {
                ["export", ..] if target == golden.after => return wrong,
                ["export", ..] => &[],
                arguments if arguments.contains(&"--force") => &[],
                _ => &["--force"],
            };
            let again = self.command(BINARY, &[self.scenario.arguments, force].concat());
            let told = String::from_utf8(again.stderr).unwrap();
            must(again.status.code() == Some(0), &format!("the next run fails: {told}"));
            must(self.targets() == golden.after, "the next run does not complete the target");
            for name in &left {
                must(told.contains(name.as_str()), &format!("the next run does not name {name}: {told}"));
            }
        }
        wrong
    }
}

/// Whether this may be left by a kill, or, and be told of, where nothing can be moved back any more: of `encode` either
/// snapshot, without its sidecar.
fn is_between(found: &[State], golden: &Golden) -> bool {
    let [snapshot, State::Absent, ..] = found else { return false };
    golden.before.first() == Some(snapshot) || golden.after.first() == Some(snapshot)
}

/// Returns a small snapshot with objects of each service.
fn snapshot(seed: &str) -> Vec<u8> {
    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        options: crate::generator::Options,
    }
    let text = "x --redis-strings 2 --redis-ttl-every 2 --redis-hashes 1 --redis-lists 1 --redis-sets 1 \
                --redis-zsets 1 --redis-streams 1 --redis-elements 2 --dynamodb-tables 1 --dynamodb-items 2 \
                --s3-objects 1 --s3-object-size 300KiB --sqs-queues 1 --sqs-messages 2 --kv 2 --seed";
    let arguments = Arguments::parse_from(text.split_whitespace().chain([seed]));
    let mut bytes = Vec::new();
    crate::generator::write(&mut bytes, &arguments.options).unwrap();
    bytes
}
