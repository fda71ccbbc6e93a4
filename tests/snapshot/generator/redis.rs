//! Redis keys, in the layouts that live nodes write (`format/redis.md#what-nodes-write-today`).

use std::io::{self, Write};

use clap::Args;

use super::rows::{NOW_MS, Rows, counted, field};

/// Redis: how many keys of each type
#[derive(Args)]
#[group(id = "redis")]
pub struct Options {
    /// Redis strings
    #[arg(long = "redis-strings", default_value_t = 0)]
    strings: u64,
    /// Bytes of each of them
    #[arg(long = "redis-string-size", default_value = "200", value_parser = super::size)]
    string_size: usize,
    /// Every Nth string has an expiry; 0: none
    #[arg(long = "redis-ttl-every", default_value_t = 0)]
    ttl_every: u64,
    /// Redis hashes
    #[arg(long = "redis-hashes", default_value_t = 0)]
    hashes: u64,
    /// Redis lists
    #[arg(long = "redis-lists", default_value_t = 0)]
    lists: u64,
    /// Redis sets
    #[arg(long = "redis-sets", default_value_t = 0)]
    sets: u64,
    /// Redis sorted sets
    #[arg(long = "redis-zsets", default_value_t = 0)]
    zsets: u64,
    /// Redis streams
    #[arg(long = "redis-streams", default_value_t = 0)]
    streams: u64,
    /// Fields, items, members or entries of each of them
    #[arg(long = "redis-elements", default_value_t = 10)]
    elements: u64,
}

const SIGN: u64 = 1 << 63;

/// Writes strings and the index of their expiries.
pub fn write_strings<W: Write>(rows: &mut Rows<W>, options: &Options) -> io::Result<()> {
    let every = options.ttl_every;
    let expires = |number: u64| every > 0 && number.is_multiple_of(every);
    for key in rows.numbers(options.strings) {
        let mut value = vec![0xff, 1, u8::from(expires(key.number))];
        if expires(key.number) {
            value.extend_from_slice(&(NOW_MS + 86_400_000).to_be_bytes());
        }
        value.extend_from_slice(rows.random.bytes(options.string_size));
        rows.write(&key, format!("!redis|str|string:{key}").as_bytes(), &value)?;
    }
    for key in rows.numbers(options.strings).filter(|key| expires(key.number)) {
        let at = (NOW_MS + 86_400_000).to_be_bytes();
        rows.write(&key, format!("!redis|ttl|string:{key}").as_bytes(), &at)?;
    }
    Ok(())
}

/// Writes hashes: fields, then metas.
pub fn write_hashes<W: Write>(rows: &mut Rows<W>, options: &Options) -> io::Result<()> {
    for key in rows.numbers(options.hashes) {
        let name = counted(format!("hash:{key}").as_bytes());
        for element in 0..options.elements {
            let value = rows.random.text(20);
            let field = format!("field{element:010}");
            rows.write(&key, &[b"!hs|fld|", &name[..], field.as_bytes()].concat(), value.as_bytes())?;
        }
    }
    metas(rows, "!hs|meta|", "hash", options.hashes, options.elements)
}

/// Writes sets: members, then metas.
pub fn write_sets<W: Write>(rows: &mut Rows<W>, options: &Options) -> io::Result<()> {
    for key in rows.numbers(options.sets) {
        let name = counted(format!("set:{key}").as_bytes());
        for element in 0..options.elements {
            let member = format!("member{element:010}");
            rows.write(&key, &[b"!st|mem|", &name[..], member.as_bytes()].concat(), b"")?;
        }
    }
    metas(rows, "!st|meta|", "set", options.sets, options.elements)
}

/// Writes sorted sets: members, metas, then the score index.
pub fn write_zsets<W: Write>(rows: &mut Rows<W>, options: &Options) -> io::Result<()> {
    for key in rows.numbers(options.zsets) {
        let name = counted(format!("zset:{key}").as_bytes());
        for element in 0..options.elements {
            let member = format!("member{element:010}");
            let score = score(element).to_be_bytes();
            rows.write(&key, &[b"!zs|mem|", &name[..], member.as_bytes()].concat(), &score)?;
        }
    }
    metas(rows, "!zs|meta|", "zset", options.zsets, options.elements)?;
    for key in rows.numbers(options.zsets) {
        let name = counted(format!("zset:{key}").as_bytes());
        for element in 0..options.elements {
            let score = (score(element).to_bits() ^ SIGN).to_be_bytes();
            let member = format!("member{element:010}");
            rows.write(&key, &[b"!zs|scr|", &name[..], &score, member.as_bytes()].concat(), b"")?;
        }
    }
    Ok(())
}

fn score(element: u64) -> f64 {
    f64::from(element as u32) / 4.0
}

/// Writes lists: items, then metas.
pub fn write_lists<W: Write>(rows: &mut Rows<W>, options: &Options) -> io::Result<()> {
    let len = options.elements;
    for key in rows.numbers(options.lists) {
        for element in 0..len {
            let item = rows.random.text(20);
            let sequence = (element ^ SIGN).to_be_bytes();
            let user_key = [format!("!lst|itm|list:{key}").as_bytes(), &sequence].concat();
            rows.write(&key, &user_key, item.as_bytes())?;
        }
    }
    for key in rows.numbers(options.lists) {
        let meta = [0, len, len, 0].map(u64::to_be_bytes).concat();
        rows.write(&key, format!("!lst|meta|list:{key}").as_bytes(), &meta)?;
    }
    Ok(())
}

/// Writes streams: entries, then metas.
pub fn write_streams<W: Write>(rows: &mut Rows<W>, options: &Options) -> io::Result<()> {
    let len = options.elements;
    for key in rows.numbers(options.streams) {
        let name = counted(format!("stream:{key}").as_bytes());
        for element in 0..len {
            let ms = NOW_MS - len + element;
            let value = rows.random.text(20);
            let entry = [
                b"\0RXE\x01".to_vec(),
                field(1, format!("{ms}-0").as_bytes()),
                field(2, b"field"),
                field(2, value.as_bytes()),
            ];
            let user_key = [b"!stream|entry|", &name[..], &ms.to_be_bytes(), &[0; 8]].concat();
            rows.write(&key, &user_key, &entry.concat())?;
        }
    }
    for key in rows.numbers(options.streams) {
        let name = counted(format!("stream:{key}").as_bytes());
        let meta = [len, NOW_MS - 1, 0, 0, 0, 0].map(u64::to_be_bytes).concat();
        rows.write(&key, &[b"!stream|meta|", &name[..]].concat(), &meta)?;
    }
    Ok(())
}

fn metas<W: Write>(rows: &mut Rows<W>, prefix: &str, kind: &str, count: u64, len: u64) -> io::Result<()> {
    for key in rows.numbers(count) {
        let name = counted(format!("{kind}:{key}").as_bytes());
        let meta = [len, 0].map(u64::to_be_bytes).concat();
        rows.write(&key, &[prefix.as_bytes(), &name].concat(), &meta)?;
    }
    Ok(())
}
