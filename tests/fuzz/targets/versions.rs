//! The version filter against its definition (`format/container.md#native-stream`): keys without a prefix, their versions, tombstones and
//! expiries, read at any time.
#![no_main]
use std::collections::BTreeMap;

use ekv_backup::crypto::KeyFiles;
use ekv_backup::run::{Source, objects};
use ekv_backup::service::Options;
use ekv_backup::sink::Lines;
use ekv_backup::snapshot::ReadAt;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [at, rest @ ..] = bytes else { return };
    let last = 1_u64 << 60;
    let mut native = fuzz::Native::new(last);
    // Timestamps whose inverse is made of the bytes of keys, so that a key can imitate another's version.
    let ts = |byte: u8| !u64::from_be_bytes([0xf0 | byte >> 4, b'a', 0xff, b'a', 0, b'a', 0xff, byte & 15]);
    let mut model: BTreeMap<Vec<u8>, BTreeMap<u64, (u8, u64)>> = BTreeMap::new();
    for version in rest.chunks_exact(8) {
        let [stamp, flags, expiry, key @ ..] = version else { continue };
        let mut key: Vec<u8> = key.iter().map(|byte| [0, b'a', 0xff, 0xf0][usize::from(byte & 3)]).collect();
        key.truncate(1 + usize::from(flags >> 5));
        if flags & 16 != 0 {
            // The extension that imitates a version.
            key.extend((!ts(*expiry)).to_be_bytes());
        }
        let expiry = if flags & 6 == 0 { ts(*expiry) } else { 0 };
        model.entry(key).or_default().insert(ts(*stamp), (flags & 1, expiry));
    }
    for (key, versions) in &model {
        for (&ts, &(flags, expiry)) in versions {
            native.put(key, ts, (flags, expiry), if flags == 1 { b"" } else { b"v" });
        }
    }
    native.sort();
    let path = fuzz::input(&native.write());
    let at = (at & 1 == 1).then(|| ts(*at));
    let source = Source { at: at.map(ReadAt::Hlc), keys: KeyFiles::default(), ..Source::new(vec![path]) };
    let scratch = source.scratch(fuzz::place().to_owned());
    let opened = source.open(&scratch, &mut |_| ()).expect("a sound snapshot opens");
    let read_ts = opened.snapshot.read_ts();
    let visible = model.values().filter(|versions| {
        let newest = versions.range(..=read_ts).next_back();
        newest.is_some_and(|(_, &(flags, expiry))| flags == 0 && (expiry == 0 || expiry > read_ts))
    });
    let visible = visible.count();
    let options = Options::default();
    let mut lines = Lines::new(Vec::new());
    let problems = objects(&opened.snapshot, &options, &scratch, &mut lines, |_| ()).expect("it can be read");
    let found = lines.into_inner().iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!((found, problems), (visible, 0), "at {read_ts}: {model:?}");
});
