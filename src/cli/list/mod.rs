//! `ekv-backup list`.

mod arguments;
mod line;
mod overview;

use std::io::{self, BufWriter, IsTerminal, Write};

use ekv_backup::interrupt::Interrupt;
use ekv_backup::name::{Pattern, Selection};
use ekv_backup::run::{Source, Walked, list, list_dump};
use ekv_backup::sink::{Listed, Query};
use ekv_backup::{Error, Result};

use super::escape::printable;
use super::words::Words;
use super::{exit, positional, print};

pub(super) use arguments::Arguments;
use overview::Overview;

/// Runs the command and returns its exit code.
pub(super) fn run(arguments: &Arguments, interrupt: &Interrupt) -> u8 {
    let (inputs, patterns) = match positional::split(&arguments.operands).and_then(|(inputs, patterns)| {
        let patterns = patterns.iter().map(|text| Pattern::glob(text)).collect::<std::result::Result<_, _>>();
        Ok((inputs, patterns.map_err(|error| print::chain(&error))?))
    }) {
        Ok(operands) => operands,
        Err(message) => {
            print::err(&format!("error: {}", printable(&message)));
            return exit::USAGE;
        }
    };
    let words = arguments.shown.words();
    for (option, time) in
        [("--at", &arguments.source.at), ("--since", &arguments.since), ("--until", &arguments.until)]
    {
        words.time_taken_for(option, time.as_ref());
    }
    let source = arguments.source.of(&inputs, interrupt);
    let walked = pass(arguments, patterns, &source, words);
    if let Ok(Walked { untold: untold @ 1.., .. }) = walked {
        let why = "no name of their directory is held any more";
        words.say(&format!("note: {untold} deleted names of the filesystem are not listed: {why}"));
    }
    match walked {
        Ok(Walked { problems: 0, .. }) => exit::COMPLETE,
        Ok(Walked { problems, listed, .. }) => {
            words.problems(&listed, problems);
            exit::PROBLEMS
        }
        // Whoever closed the pipe has seen enough, and so has who asked for so many lines.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => exit::COMPLETE,
        Err(Error::Output(error)) => print::exit(exit::COMPLETE, Err(error), ""),
        Err(error) => {
            print::error(&error);
            match error {
                Error::NotThere(_) | Error::Unmatched(_) => exit::PROBLEMS,
                error => exit::code(&error),
            }
        }
    }
}

fn pass(arguments: &Arguments, patterns: Vec<Pattern>, source: &Source, words: Words) -> Result<Walked> {
    // Nothing is written, so what is spooled and sorted goes where temporary files go.
    let scratch = source.scratch(std::env::temp_dir());
    let display = arguments.shown.display(&source.progress);
    let input = match source.dump(&scratch)? {
        Some(_) if source.at.is_some() => {
            return Err(Error::Name("a dump is of one time, and --at of snapshots".to_owned()));
        }
        Some(dump) => Ok(dump),
        None => Err(source.open(&scratch, &mut |notice| words.notice(notice))?),
    };
    // Lines and a line that moves do not go together.
    drop(display);
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let is_overview = arguments.overview
        || (patterns.is_empty() && !arguments.asks_for_lines() && io::stdout().is_terminal());
    let selection = Selection::new(patterns, Vec::new()).with_shard(arguments.share.shard);
    let query = Query {
        since: arguments.since.as_ref().map(|at| at.read),
        until: arguments.until.as_ref().map(|at| at.read),
        order: arguments.sort.map(Into::into),
        deliveries: !is_overview && arguments.form() != line::Form::Name,
        deleted: arguments.deleted,
        limit: arguments.limit,
    };
    let mut overview = Overview::default();
    let mut render = |listed: &Listed<'_>, line: &mut Vec<u8>| {
        if is_overview {
            overview.count(listed);
        } else {
            line::write(line, listed, arguments.form());
        }
    };
    let warn = |warning: &_| words.warning(warning);
    let asked = (selection, query);
    let walked = match input {
        Ok(mut dump) => list_dump(&mut dump, asked, &scratch, &mut render, &mut out)?,
        Err(opened) => list(&opened.snapshot, asked, &scratch, warn, &mut render, &mut out)?,
    };
    if is_overview {
        overview.write(&mut out, arguments.json).map_err(Error::Output)?;
    }
    out.flush().map_err(Error::Output)?;
    Ok(walked)
}
