//! One case: text of `testdata/cases/<part>/<name>.case` to an input and what its decoding must give.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::bytes::Line;
use super::input::Input;

/// A snapshot, how it is decoded, and the outcome.
#[derive(Default)]
pub struct Case {
    /// The `.fsm` file.
    pub input: Vec<u8>,
    /// Options of `decode` besides `-o` and `--json`.
    pub options: Vec<String>,
    /// Exit code.
    pub exit: i32,
    /// The input is refused: the documents' names of the error, `a | b` where both will do.
    pub refused: Option<String>,
    /// The last line on standard error.
    pub message: Option<String>,
    /// Events that must be among the warnings.
    pub warnings: Vec<String>,
    /// Members of `MANIFEST.json` by dotted path; `null` for one that must be absent.
    pub manifest: Vec<(String, Value)>,
    /// Every file of the adapter trees and of `extra/`.
    pub files: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Every empty directory there.
    pub directories: BTreeSet<Vec<u8>>,
    /// One object a line of `PROBLEMS.jsonl`: the members that it must have.
    pub problems: Vec<Value>,
}

impl Case {
    /// Reads a case file; an error names the line.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut case = Self::default();
        let mut input = Input::default();
        for (number, statement) in statements(&text) {
            let read = match statement.text.strip_prefix("input ") {
                Some(name) => Self::read(&path.with_file_name(format!("{name}.case"))).map(|other| {
                    case.input = other.input;
                }),
                None => case.statement(&mut input, &statement),
            };
            read.map_err(|error| format!("{}:{number}: {error}", path.display()))?;
        }
        case.input.extend(input.finish());
        Ok(case)
    }

    fn statement(&mut self, input: &mut Input, statement: &Statement) -> Result<(), String> {
        let mut line = Line::new(&statement.text);
        let verb = line.word();
        line = Line::new(line.rest());
        match verb {
            "options" => self.options.extend(line.rest().split_whitespace().map(str::to_owned)),
            "exit" => self.exit = line.rest().parse().map_err(|_| "no exit code")?,
            "refused" => {
                self.exit = if self.exit == 0 { 3 } else { self.exit };
                self.refused = Some(line.rest().to_owned());
            }
            "message" => self.message = Some(line.rest().to_owned()),
            "warning" => self.warnings.push(line.rest().to_owned()),
            "manifest" => {
                let (path, value) = line.rest().split_once(" = ").ok_or("no ` = `")?;
                self.manifest
                    .push((path.to_owned(), serde_json::from_str(value).map_err(|e| e.to_string())?));
            }
            "file" => {
                let path = line.bytes()?;
                let mut content = if line.take("=") { line.bytes()? } else { Vec::new() };
                line.end()?;
                content.extend_from_slice(&statement.block);
                self.files.insert(path, content);
            }
            "directory" => _ = self.directories.insert(line.last_bytes()?),
            "problem" => self.problems.push(serde_json::from_str(line.rest()).map_err(|e| e.to_string())?),
            _ => return input.statement(verb, line),
        }
        Ok(())
    }
}

/// A line with its continuation lines, and the block of text below it.
struct Statement {
    text: String,
    block: Vec<u8>,
}

fn statements(text: &str) -> Vec<(usize, Statement)> {
    let mut out: Vec<(usize, Statement)> = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        let last = out.last_mut().map(|(_, statement)| statement);
        match (last, line.as_bytes().first()) {
            (_, None | Some(b'#')) => {}
            (Some(last), Some(b' ')) => last.text += line,
            (Some(last), Some(b'|')) => {
                if let Some(unended) = line.strip_prefix("|- ") {
                    last.block.extend_from_slice(unended.as_bytes());
                } else {
                    last.block.extend_from_slice(line.strip_prefix("| ").unwrap_or("").as_bytes());
                    last.block.push(b'\n');
                }
            }
            _ => out.push((at + 1, Statement { text: line.to_owned(), block: Vec::new() })),
        }
    }
    out
}
