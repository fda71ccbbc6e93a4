//! `ekv-backup get`: one object to standard output.

use std::cell::Cell;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::OnceLock;

use clap::Args;
use ekv_backup::interrupt::Interrupt;
use ekv_backup::run::{GetRequest, Got, Hidden, Why, get};

use super::escape::printable;
use super::progress::Display;
use super::time::hlc_time;
use super::words::Words;
use super::{args, exit, print};
use ekv_backup::time::Hlc;

const EXAMPLES: &str = args::after_help!(
    "\
Names: redis/<key>, dynamodb/<table>/<hash>[/<range>], s3/<bucket>/<key>, fs/<path>, kv/<key>,
sqs/<queue>/<message id>; %HH is a byte. A table, bucket or queue alone is its _schema.json,
_bucket.json, _queue.json. A path copied out of a dump means its file.

Examples:
  ekv-backup get snap.fsm redis/cart:17
  ekv-backup get snap.fsm s3/images/catalog/sku-1/front.png > front.png
  ekv-backup get snap.fsm dynamodb/orders '{\"customer\":\"user-1\",\"no\":3}' --at -2h
  ekv-backup get n1/ dump/redis/db_0/hashes/cart%3A17.json
  aws s3 cp s3://backups/dump.tar.zst - | ekv-backup get - redis/cart:17

An archive on standard input is copied to an unlinked file in TMPDIR, so that its files can be
read in any order; a compressed one takes the room of its plain bytes too.

",
    "  0    the object was written
  1    it is not there, or not whole; the reasons go to standard error"
);

/// Arguments as they are typed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(override_usage = "ekv-backup get [OPTIONS] <INPUT>... <NAME> [KEY]")]
pub(super) struct Arguments {
    /// Inputs as of decode, or one dump (a tree, .tar or .tar.zst); - for a snapshot or an archive on standard input; then the name of an object, and for an item of a table perhaps its key as JSON
    #[arg(required = true, value_name = "INPUT")]
    operands: Vec<OsString>,
    #[command(flatten)]
    source: args::Source,
    /// The stored value of the object's row instead of its file; of an object of several rows (collections, files of the
    /// filesystem) a JSON line a row, with key and value in base64
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    shown: args::Shown,
}

/// Runs the command and returns its exit code.
pub(super) fn run(arguments: &Arguments, interrupt: &Interrupt) -> u8 {
    let (inputs, name, key) = match operands(&arguments.operands) {
        Ok(operands) => operands,
        Err(message) => {
            print::err(&format!("error: {}", printable(&message)));
            return exit::USAGE;
        }
    };
    let request =
        GetRequest { source: arguments.source.of(&inputs, interrupt), name, key, raw: arguments.raw };
    let words = arguments.shown.words();
    words.time_taken(arguments.source.at.as_ref());
    let failed = Rc::new(OnceLock::new());
    let display = arguments.shown.display(&request.source.progress);
    let display = Rc::new(Cell::new(Some(display)));
    let out = Stdout { failed: Rc::clone(&failed), display: Rc::clone(&display) };
    let result =
        get(&request, Box::new(out), |warning| words.warning(warning), |notice| words.notice(notice));
    drop(display.take());
    match result {
        // Whoever closed the pipe has seen enough.
        Err(_) if failed.get().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) => {
            exit::COMPLETE
        }
        Err(_) if failed.get().is_some() => print::exit(
            exit::COMPLETE,
            Rc::into_inner(failed).and_then(OnceLock::into_inner).map_or(Ok(()), Err),
            "",
        ),
        Ok(got) => {
            if got.others > 0 {
                let hint = "a path of a dump, or the key of an item as JSON with types, tells them apart";
                words.say(&format!("note: {} more of this name; {hint}", got.others));
            }
            for hidden in &got.hidden {
                words.say(&printable(&format!("note: {}", rows_hidden(hidden))));
            }
            ended(&request, &got)
        }
        Err(error) => {
            print::error(&error);
            exit::code(&error)
        }
    }
}

/// Says what there is to say of the object, whole or not.
fn ended(request: &GetRequest, got: &Got) -> u8 {
    let name = printable(&request.name);
    let key = request.key.as_ref().map_or(String::new(), |key| format!(" {}", printable(key)));
    let words = Words::new(false);
    words.problems(&got.problems, 0);
    if got.bytes.is_some() {
        return if got.problems.is_empty() { exit::COMPLETE } else { exit::PROBLEMS };
    }
    let what = if got.problems.is_empty() { "not there" } else { "not whole" };
    print::err(&format!("error: {name}{key}: {what}"));
    if let Some(why) = &got.why {
        print::err(&printable(&reason(why)));
    }
    if !got.near.is_empty() {
        print::err("near it:");
        for near in &got.near {
            print::err(&format!("  {}", printable(near)));
        }
    }
    exit::PROBLEMS
}

fn rows_hidden(hidden: &Hidden) -> String {
    let Hidden { by, what, rows } = hidden;
    format!("hidden by another type: servers read the {by}, and not what is left of a {what} ({rows} rows)")
}

fn reason(why: &Why) -> String {
    let time = |at: Hlc| format!("{} (HLC {at})", hlc_time(at));
    match why {
        Why::Directory => "it is a directory, which has no bytes of its own".to_owned(),
        Why::Deleted { what, at } => format!("{what} was deleted at {}", time(*at)),
        Why::Expired { at } => format!("it expired at {}", time(*at)),
        Why::Later { at } => {
            format!(
                "the oldest version that is held was written at {}, after the time that is read at",
                time(*at)
            )
        }
        Why::Hidden(hidden) => rows_hidden(hidden),
        Why::Elsewhere { groups, is_sure } => {
            let all = groups.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            let (group, is) = if groups.len() == 1 { ("group", "is") } else { ("groups", "are") };
            match is_sure {
                _ if groups.is_empty() => {
                    "it may be in another group: not all Raft groups of the cluster are among the inputs"
                        .to_owned()
                }
                true => format!(
                    "in another group: its name is in the range of Raft {group} {all}, not among the inputs"
                ),
                false => format!("it may be in another group: Raft {group} {all} {is} not among the inputs"),
            }
        }
        Why::Unread { what, at } => {
            format!("no server reads its newest row, {what}, of {}: see ekv-backup log", time(*at))
        }
    }
}

/// Splits the arguments: the name is the last one, or the last but one when a key follows it.
pub(super) fn operands(arguments: &[OsString]) -> Result<(Vec<PathBuf>, String, Option<String>), String> {
    let is_key = |argument: &OsString| argument.as_encoded_bytes().first() == Some(&b'{');
    let (arguments, key) = match arguments.split_last() {
        Some((key, front)) if is_key(key) => (front, Some(key)),
        _ => (arguments, None),
    };
    let text = |argument: &OsString| {
        argument.to_str().map(str::to_owned).ok_or_else(|| {
            format!("{}: a byte that is no UTF-8 is spelt %HH in a name", argument.to_string_lossy())
        })
    };
    match arguments.split_last() {
        Some((name, inputs)) if !inputs.is_empty() => {
            Ok((inputs.iter().map(PathBuf::from).collect(), text(name)?, key.map(text).transpose()?))
        }
        _ => Err("expected at least one input and then the name of an object".to_owned()),
    }
}

/// Standard output, which remembers why it failed.
struct Stdout {
    failed: Rc<OnceLock<io::Error>>,
    /// Ends at the first byte: contents and a line that moves do not go together.
    display: Rc<Cell<Option<Display>>>,
}

impl Stdout {
    fn keep(&self, error: &io::Error) {
        let copy = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        if copy.kind() != io::ErrorKind::Interrupted {
            let _ = self.failed.set(copy);
        }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        drop(self.display.take());
        io::stdout().lock().write(bytes).inspect_err(|error| self.keep(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().lock().flush().inspect_err(|error| self.keep(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_last_but_for_a_key() {
        let of = |list: &[&str]| operands(&list.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of(&["a.fsm", "redis/a"]).unwrap(), (vec!["a.fsm".into()], "redis/a".into(), None));
        let (inputs, name, key) = of(&["a", "redis/b.fsm", "dynamodb/t", "{\"a\":1}"]).unwrap();
        assert_eq!((inputs.len(), &*name, key.as_deref()), (2, "dynamodb/t", Some("{\"a\":1}")));
        for few in [&[][..], &["a"], &["a", "{}"]] {
            assert!(of(few).is_err(), "{few:?}");
        }
    }
}
