//! Snapshots, runs of the binary, rounds, and the table.

mod dividing;
mod exporting;
mod memory;

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;

use crate::fixture::{DataKey, encrypt, key_file};
use crate::{generator, limit};

/// A generated input.
pub struct Snapshot {
    /// Where it is.
    pub path: String,
    /// Its size, bytes.
    pub bytes: u64,
}

impl Snapshot {
    /// Returns the options that name the keys of an encrypted snapshot.
    pub fn keys(&self) -> [String; 4] {
        let beside = |extension: &str| format!("{}.{extension}", self.path);
        ["--kek-file".to_owned(), beside("kek"), "--keys-file".to_owned(), beside("json")]
    }
}

/// Everything that the measures share.
pub struct Stage {
    directory: tempfile::TempDir,
    /// On disk, whatever `BENCH_DIR` says: what must not fit into memory goes here.
    disk: tempfile::TempDir,
    rounds: usize,
    only: String,
    trees: usize,
    table: Vec<[String; 5]>,
}

#[derive(Parser)]
struct Shape {
    #[command(flatten)]
    options: generator::Options,
}

impl Stage {
    /// Makes a directory below `BENCH_DIR`, or below the target directory.
    pub fn new(quick: bool, only: String) -> Self {
        let parent = std::env::var("BENCH_DIR").unwrap_or_else(|_| env!("CARGO_TARGET_TMPDIR").to_owned());
        let directory = tempfile::tempdir_in(parent).expect("BENCH_DIR is a directory that can be written");
        let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo makes this directory");
        Self { directory, disk, rounds: if quick { 3 } else { 5 }, only, trees: 0, table: Vec::new() }
    }

    /// Generates a snapshot.
    pub fn snapshot(&self, name: &str, shape: &[&str]) -> Snapshot {
        generate(&self.directory.path().join(format!("{name}.fsm")), shape)
    }

    /// Writes a copy of a snapshot with all values encrypted, and its keys beside it.
    pub fn seal(plain: &Snapshot) -> Snapshot {
        let path = format!("{}.encrypted", plain.path);
        let (kek, key) = ([3; 32], DataKey::storage(7));
        let mut input = std::io::BufReader::new(File::open(&plain.path).expect("files can be read"));
        let out = BufWriter::new(File::create(&path).expect("files can be made"));
        let out = encrypt(&mut input, plain.bytes, out, |_| Some(key)).expect("files can be written");
        out.into_inner().expect("files can be written").sync_all().expect("files can be flushed");
        fs::write(format!("{path}.kek"), kek).expect("files can be written");
        fs::write(format!("{path}.json"), key_file(&kek, &[key])).expect("files can be written");
        let bytes = fs::metadata(&path).expect("files have metadata").len();
        Snapshot { path, bytes }
    }

    /// Whether a measure whose name holds these words may have been asked for.
    pub fn wants(&self, words: &str) -> bool {
        self.only.is_empty() || words.contains(&self.only) || self.only.contains("encrypted")
    }

    /// Times a decode into a directory that goes again.
    pub fn decode_once(&self, snapshot: &Snapshot, options: &[&str]) -> Duration {
        let out = self.out("dump");
        let took = run(&decode(snapshot, &out.display().to_string(), options));
        fs::remove_dir_all(&out).expect("the tree can be removed");
        took
    }

    /// Measures `ours` and `least` in turn and adds a line to the table.
    pub fn measure(
        &mut self,
        name: &str,
        bytes: u64,
        ours: impl Fn(&Self) -> Duration,
        least: impl Fn(&Self),
    ) {
        if !name.contains(&self.only) {
            return;
        }
        let (mut took, mut needed) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            took.push(ours(self));
            let start = Instant::now();
            least(self);
            needed.push(start.elapsed());
        }
        let (took, needed) = (median(took), median(needed));
        let rate = bytes as f64 / took / 1e6;
        self.line([
            name.to_owned(),
            format!("{took:.3} s"),
            format!("{needed:.3} s"),
            format!("{:.2}", took / needed),
            format!("{rate:.0} MB/s"),
        ]);
    }

    /// Times an encode of a tree into a snapshot that goes again.
    pub fn encode_once(&self, tree: &str, options: &[&str]) -> Duration {
        let out = self.out("encoded.fsm");
        let target = out.display().to_string();
        let took = run(&[&["encode", tree, "-o", &target, "--force", "--quiet"], options].concat());
        fs::remove_file(&out).expect("the snapshot can be removed");
        took
    }

    /// Copies a snapshot to where another would be made.
    pub fn copy_once(&self, snapshot: &Snapshot) {
        let out = self.out("copied.fsm");
        limit::copy(&snapshot.path, &out);
        fs::remove_file(&out).expect("the copy can be removed");
    }

    /// Times a decode into an archive that goes again.
    pub fn archive_once(&self, snapshot: &Snapshot, name: &str) -> Duration {
        let out = self.out(name);
        let took = run(&decode(snapshot, &out.display().to_string(), &[]));
        fs::remove_file(&out).expect("the archive can be removed");
        took
    }

    /// Measures a decode into an archive beside one into a tree.
    pub fn against_tree(&mut self, name: &str, snapshot: &Snapshot, archive: &str) {
        if !name.contains(&self.only) {
            return;
        }
        let (mut took, mut needed) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            took.push(self.archive_once(snapshot, archive));
            let tree = self.new_tree();
            needed.push(run(&decode(snapshot, &tree.display().to_string(), &[])));
        }
        let (took, needed) = (median(took), median(needed));
        self.line([
            name.to_owned(),
            format!("{took:.3} s"),
            format!("{needed:.3} s"),
            format!("{:.2}", took / needed),
            format!("{:.1} times as fast", needed / took),
        ]);
    }

    /// Measures a decode beside a bare loop that creates the same files from memory.
    pub fn against_files(&mut self, name: &str, snapshot: &Snapshot, options: &[&str]) {
        if !name.contains(&self.only) {
            return;
        }
        let kept = self.kept_tree(snapshot, options);
        let tree = limit::load(Path::new(&kept));
        let (mut took, mut needed, mut synced) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            let out = self.new_tree();
            took.push(run(&decode(snapshot, &out.display().to_string(), options)));
            let bare = self.new_tree();
            let start = Instant::now();
            limit::create(&tree, &bare);
            needed.push(start.elapsed());
            sync(&bare);
            synced.push(start.elapsed());
        }
        let (took, needed, synced) = (median(took), median(needed), median(synced));
        self.line([
            name.to_owned(),
            format!("{took:.3} s"),
            format!("{needed:.3} s"),
            format!("{:.2}", took / needed),
            format!(
                "{:.0} MB/s, {:.0} files/s; limit with syncfs {synced:.3} s, ratio {:.2}",
                snapshot.bytes as f64 / took / 1e6,
                tree.len() as f64 / took,
                took / synced,
            ),
        ]);
    }

    /// Measures a decode of large bodies beside hashing the same bytes with one thread.
    pub fn against_hash(&mut self, name: &str, snapshot: &Snapshot) {
        if !name.contains(&self.only) {
            return;
        }
        let (mut took, mut needed, mut copied) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            let (out, copy) = (self.out("dump"), self.out("copy"));
            took.push(run(&decode(snapshot, &out.display().to_string(), &[])));
            fs::remove_dir_all(&out).expect("the tree can be removed");
            let start = Instant::now();
            limit::hash(&snapshot.path);
            needed.push(start.elapsed());
            let start = Instant::now();
            limit::copy(&snapshot.path, &copy);
            sync(self.directory.path());
            copied.push(start.elapsed());
            fs::remove_file(&copy).expect("the copy can be removed");
        }
        let (took, needed, copied) = (median(took), median(needed), median(copied));
        self.line([
            name.to_owned(),
            format!("{took:.3} s"),
            format!("{needed:.3} s"),
            format!("{:.2}", took / needed),
            format!(
                "{:.0} MB/s, {:.2} of its speed; read, write and syncfs alone {copied:.3} s",
                snapshot.bytes as f64 / took / 1e6,
                needed / took,
            ),
        ]);
    }

    /// Measures a scan of SST tables beside one of the same rows in the native payload, and beside SHA-256 alone: the
    /// manifest has that of each table, the native payload has none. Minima, since all four share two cores.
    pub fn against_native(&mut self, name: &str, shape: &[&str]) {
        if !name.contains(&self.only) {
            return;
        }
        let native = self.snapshot("native", shape);
        let tables = self.snapshot("tables", &[shape, &["--payload", "sst"]].concat());
        let timed = |job: &dyn Fn()| {
            let start = Instant::now();
            job();
            start.elapsed()
        };
        let mut took = [const { Vec::new() }; 4];
        for _ in 0..3 * self.rounds {
            let round = [
                run(&["inspect", &tables.path, "--json"]),
                run(&["inspect", &native.path, "--json"]),
                timed(&|| limit::hash(&tables.path)),
                timed(&|| limit::hash_halves(&tables.path)),
            ];
            took.iter_mut().zip(round).for_each(|(took, time)| took.push(time));
        }
        let least = took.each_ref().map(|took| took.iter().min().map_or(0.0, Duration::as_secs_f64));
        let [ours, scan, ..] = took.map(median);
        let [least_ours, least_scan, hash, halves] = least;
        self.line([
            name.to_owned(),
            format!("{least_ours:.3} s"),
            format!("{least_scan:.3} s"),
            format!("{:.2}", least_ours / least_scan),
            format!(
                "{:.2} of its speed, medians {:.2}; SHA-256 of the {:.0} MB with one thread {hash:.3} s, with two \
                 {halves:.3} s: at most {:.2}",
                least_scan / least_ours,
                scan / ours,
                tables.bytes as f64 / 1e6,
                least_scan / halves.max(least_scan),
            ),
        ]);
    }

    /// Generates one of several inputs.
    pub fn part(&self, name: &str, at: u64, shape: &[String]) -> Snapshot {
        let shape: Vec<&str> = shape.iter().map(String::as_str).collect();
        self.snapshot(&format!("{name}-{at}"), &shape)
    }

    /// Measures several inputs together beside the same ones by one: a decode, or an inspection.
    pub fn against_parts(&mut self, name: &str, parts: &[Snapshot], decode: bool) {
        if !name.contains(&self.only) {
            return;
        }
        let (mut took, mut needed) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            took.push(self.read_together(parts, decode));
            needed
                .push(parts.iter().map(|part| self.read_together(std::slice::from_ref(part), decode)).sum());
        }
        let (took, needed) = (median(took), median(needed));
        let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
        self.line([
            name.to_owned(),
            format!("{took:.3} s"),
            format!("{needed:.3} s"),
            format!("{:.2}", took / needed),
            format!("{:.0} MB/s", bytes as f64 / took / 1e6),
        ]);
    }

    /// Times a decode or an inspection of inputs.
    fn read_together(&mut self, parts: &[Snapshot], decode: bool) -> Duration {
        let mut arguments = vec![if decode { "decode" } else { "inspect" }];
        arguments.extend(parts.iter().map(|part| part.path.as_str()));
        let target = self.new_tree().display().to_string();
        if decode {
            arguments.extend(["-o", &target]);
        }
        run(&arguments)
    }

    /// Decodes into a directory that stays.
    pub fn kept_tree(&mut self, snapshot: &Snapshot, options: &[&str]) -> String {
        let target = self.new_tree().display().to_string();
        run(&decode(snapshot, &target, options));
        target
    }

    /// Prints the table.
    pub fn print(&self) {
        let head = ["measure / limit", "ours", "limit", "ratio", ""].map(str::to_owned);
        let width =
            |column: usize| self.table.iter().map(|line| line[column].len()).max().unwrap_or(0).max(6);
        for line in std::iter::once(&head).chain(&self.table) {
            let [name, ours, limit, ratio, rate] = line;
            let (w0, w1, w2) = (width(0).max(head[0].len()), width(1), width(2));
            println!("{name:w0$}  {ours:>w1$}  {limit:>w2$}  {ratio:>6}  {rate}");
        }
    }

    /// Returns the path of a tree that stays until all measures are done: ext4 steps over each inode that was freed
    /// in the last minutes before it gives one out.
    fn new_tree(&mut self) -> PathBuf {
        self.trees += 1;
        self.out(&format!("tree-{}", self.trees))
    }

    fn out(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn line(&mut self, line: [String; 5]) {
        eprintln!("{}", line.join("  "));
        self.table.push(line);
    }
}

/// Generates a snapshot at a path.
fn generate(path: &Path, shape: &[&str]) -> Snapshot {
    let shape = Shape::parse_from([&["bench"], shape].concat());
    let file = File::create(path).expect("files can be made");
    let out = BufWriter::new(file.try_clone().expect("files can be opened twice"));
    let bytes = generator::write(out, &shape.options).expect("files can be written");
    // Else the first decode, which flushes its file system, waits for the snapshot too.
    file.sync_all().expect("files can be flushed");
    Snapshot { path: path.display().to_string(), bytes }
}

/// Returns the arguments of a decode.
fn decode<'a>(snapshot: &'a Snapshot, target: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    [&["decode", &snapshot.path, "-o", target], options].concat()
}

/// Times a run of the binary.
pub fn run(arguments: &[&str]) -> Duration {
    let start = Instant::now();
    let status = command(arguments).status().expect("the binary can be run");
    let took = start.elapsed();
    assert!(status.success(), "{arguments:?}: {status}");
    took
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ekv-backup"));
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Waits until everything on the file system of `directory` is on disk, as a decode does.
fn sync(directory: &Path) {
    let directory = File::open(directory).expect("a directory can be opened");
    rustix::fs::syncfs(directory).expect("a file system can be flushed");
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}
