//! The lines of a case that make its snapshot, in the order of the file: header, payload, rows, footer.

use super::bytes::Line;
use crate::fixture::{Bundle, Memory, Shape, Stream, encoded_key, encoded_value};

/// What was read so far.
#[derive(Default)]
pub struct Input {
    done: Vec<u8>,
    payload: Payload,
    unsorted: bool,
    rows: Vec<Row>,
    tail: Vec<u8>,
}

#[derive(Default)]
enum Payload {
    #[default]
    None,
    Native {
        last_commit_ts: u64,
    },
    Memory {
        version: u32,
        crc: Option<u32>,
        last_commit_ts: u64,
        min_retained_ts: u64,
    },
    Sst(Tables),
}

/// How rows are put into tables, and what the manifest says beside them.
#[derive(Clone, Copy)]
struct Tables {
    last_commit_ts: u64,
    min_retained_ts: u64,
    pending_min_retained_ts: u64,
    applied_index: Option<u64>,
    /// Bytes of keys and values after which a new table begins, and a new block.
    table: usize,
    block: usize,
    snappy: bool,
}

#[derive(Default)]
struct Row {
    key: Vec<u8>,
    /// `None`: the key and the value are encoded ones.
    commit_ts: Option<u64>,
    flags: u8,
    expire_at: u64,
    body: Vec<u8>,
}

type Result<T> = std::result::Result<T, String>;

impl Input {
    /// Reads a statement: its first word and the rest of its line.
    pub fn statement(&mut self, verb: &str, mut line: Line<'_>) -> Result<()> {
        match verb {
            "header" => self.header(line),
            "native" | "memory" => self.begin(verb, line.rest()),
            "sst" => self.begin_tables(line.rest()),
            "put" | "del" | "raw" => self.row(verb, line),
            "bytes" => {
                self.tail.extend(line.last_bytes()?);
                Ok(())
            }
            "footer" => {
                self.flush();
                let right = crc32c::crc32c(&self.done).to_be_bytes().to_vec();
                let footer = if line.rest().is_empty() { right } else { line.last_bytes()? };
                self.done.extend(footer);
                Ok(())
            }
            _ => Err(format!("unknown statement {verb:?}")),
        }
    }

    /// Returns the file.
    pub fn finish(mut self) -> Vec<u8> {
        self.flush();
        self.done
    }

    fn header(&mut self, mut line: Line<'_>) -> Result<()> {
        let (mut ceiling, mut cutover, mut more) = (0, 0, Vec::new());
        let version = line.word();
        for (name, value) in attributes(line.rest())? {
            match name {
                "ceiling" => ceiling = Line::new(value).number()?,
                "cutover" => cutover = Line::new(value).number()?,
                "more" => more = Line::new(value).last_bytes()?,
                _ => return Err(format!("unknown attribute {name:?}")),
            }
        }
        let mut file = Stream::new(std::mem::take(&mut self.done));
        let wrote = match version {
            "v1" => file.header_v1(ceiling),
            "v2" => file.header_v2(ceiling, cutover, &more),
            _ => return Err(format!("unknown header {version:?}")),
        };
        self.done = wrote.and_then(|()| file.finish()).map_err(|error| error.to_string())?.1;
        Ok(())
    }

    fn begin(&mut self, verb: &str, attributes_text: &str) -> Result<()> {
        self.flush();
        let (mut last_commit_ts, mut min_retained_ts, mut version, mut crc) = (0, 0, 1, None);
        for (name, value) in attributes(attributes_text)? {
            let mut value = Line::new(value);
            match name {
                "last_commit_ts" => last_commit_ts = value.number()?,
                "min_retained_ts" => min_retained_ts = value.number()?,
                "version" => version = u32::try_from(value.number()?).map_err(|e| e.to_string())?,
                "crc" => crc = Some(u32::from_str_radix(value.rest(), 16).map_err(|e| e.to_string())?),
                "unsorted" => self.unsorted = true,
                _ => return Err(format!("unknown attribute {name:?}")),
            }
        }
        self.payload = match verb {
            "native" => Payload::Native { last_commit_ts },
            _ => Payload::Memory { version, crc, last_commit_ts, min_retained_ts },
        };
        Ok(())
    }

    fn begin_tables(&mut self, attributes_text: &str) -> Result<()> {
        self.flush();
        let mut tables = Tables {
            last_commit_ts: 0,
            min_retained_ts: 0,
            pending_min_retained_ts: 0,
            applied_index: None,
            table: 64 << 20,
            block: 4096,
            snappy: true,
        };
        for (name, value) in attributes(attributes_text)? {
            let number = || Line::new(value).number();
            match name {
                "last_commit_ts" => tables.last_commit_ts = number()?,
                "min_retained_ts" => tables.min_retained_ts = number()?,
                "pending_min_retained_ts" => tables.pending_min_retained_ts = number()?,
                "applied_index" => tables.applied_index = Some(number()?),
                "table" => tables.table = number()? as usize,
                "block" => tables.block = number()? as usize,
                "stored" => tables.snappy = false,
                "unsorted" => self.unsorted = true,
                _ => return Err(format!("unknown attribute {name:?}")),
            }
        }
        self.payload = Payload::Sst(tables);
        Ok(())
    }

    /// `put KEY @TS [expires=TS] [flags=HH] [history | older=HEX] = BODY`, `del KEY @TS [flags=HH]`,
    /// `raw KEY = VALUE`.
    fn row(&mut self, verb: &str, mut line: Line<'_>) -> Result<()> {
        let mut row = Row { key: line.bytes()?, flags: u8::from(verb == "del"), ..Row::default() };
        if verb != "raw" {
            if !line.take("@") {
                return Err("no @ behind the key".into());
            }
            row.commit_ts = Some(line.number()?);
            if line.take("expires=") {
                row.expire_at = line.number()?;
            }
            if line.take("flags=") {
                row.flags = u8::from_str_radix(line.word(), 16).map_err(|error| error.to_string())?;
                line = Line::new(line.rest());
            }
            if line.take("history") {
                self.rows.push(row.older(5, 1, b""));
                self.rows.push(row.older(7, 0, b"older bytes"));
            }
            if line.take("older=") {
                self.rows.push(row.older(1 << 16, 0, &line.bytes()?));
            }
        }
        if line.take("=") {
            row.body = line.bytes()?;
        }
        self.rows.push(row);
        line.end()
    }

    fn flush(&mut self) {
        let (mut rows, tail) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.tail));
        match std::mem::take(&mut self.payload) {
            Payload::None => self.done.extend(tail),
            Payload::Native { last_commit_ts } => {
                if !self.unsorted {
                    rows.sort_by_key(Row::encoded_key);
                }
                let mut file = Stream::new(Vec::new());
                let wrote = file.native(last_commit_ts).and_then(|()| {
                    rows.iter().try_for_each(|row| file.record(&row.encoded_key(), &row.encoded_value()))
                });
                let payload = wrote.and_then(|()| file.finish()).expect("memory takes every byte").1;
                self.done.extend(payload);
                self.done.extend(tail);
            }
            Payload::Sst(tables) => {
                if !self.unsorted {
                    rows.sort_by_key(Row::encoded_key);
                }
                self.done.extend(tables.payload(&rows));
                self.done.extend(tail);
            }
            Payload::Memory { version, crc, last_commit_ts, min_retained_ts } => {
                if !self.unsorted {
                    rows.sort_by(|a, b| (&a.key, a.commit_ts).cmp(&(&b.key, b.commit_ts)));
                }
                let mut memory = Memory::default();
                for row in &rows {
                    let commit_ts = row.commit_ts.unwrap_or_default();
                    memory.version(&row.key, commit_ts, row.flags, row.expire_at, &row.body);
                }
                self.done.extend(memory.payload(version, crc, last_commit_ts, min_retained_ts, &tail));
            }
        }
    }
}

impl Tables {
    fn payload(self, rows: &[Row]) -> Vec<u8> {
        let shape = Shape { block: self.block, snappy: self.snappy, ..Shape::default() };
        let rows: Vec<_> = rows.iter().map(|row| (row.encoded_key(), row.encoded_value())).collect();
        let mut bundle = Bundle::new(self.last_commit_ts, &rows, self.table, &shape);
        bundle.head.min_retained_ts = self.min_retained_ts;
        bundle.head.pending_min_retained_ts = self.pending_min_retained_ts;
        bundle.head.applied_index = self.applied_index;
        bundle.payload()
    }
}

impl Row {
    /// A version of the same key, `age` earlier.
    fn older(&self, age: u64, flags: u8, body: &[u8]) -> Self {
        let commit_ts = self.commit_ts.map(|ts| ts - age);
        Self { key: self.key.clone(), commit_ts, flags, expire_at: 0, body: body.to_vec() }
    }

    fn encoded_key(&self) -> Vec<u8> {
        self.commit_ts.map_or_else(|| self.key.clone(), |ts| encoded_key(&self.key, ts))
    }

    fn encoded_value(&self) -> Vec<u8> {
        match self.commit_ts {
            Some(_) => encoded_value(self.flags, self.expire_at, &self.body),
            None => self.body.clone(),
        }
    }
}

/// Splits `name=value name=value flag`; a value has no spaces.
fn attributes(text: &str) -> Result<Vec<(&str, &str)>> {
    let pairs = text.split_whitespace().map(|word| word.split_once('=').unwrap_or((word, "")));
    let pairs: Vec<_> = pairs.collect();
    if pairs.iter().any(|(name, _)| name.is_empty()) {
        Err("a value without a name".into())
    } else {
        Ok(pairs)
    }
}
