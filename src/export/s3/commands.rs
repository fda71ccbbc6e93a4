//! The upload plan in the words of other tools: lines for `s5cmd run`, a shell script of `rclone` commands.

use std::borrow::Cow;
use std::collections::BTreeMap;

const MIB: i64 = 1 << 20;
/// Least and most bytes of a part, of which the last may be shorter, and of what goes up in one request.
const PART: std::ops::RangeInclusive<i64> = 5 * MIB..=5120 * MIB;

/// An object that goes up.
pub(super) struct Upload<'a> {
    pub bucket: &'a [u8],
    pub key: &'a [u8],
    /// Path of its body.
    pub file: &'a [u8],
    pub size: i64,
    pub headers: &'a BTreeMap<&'static str, &'a str>,
    pub metadata: &'a BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// Lengths of the parts; none of an object that went up in one request.
    pub parts: &'a [i64],
}

/// What a tool cannot do with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cannot {
    /// It has no line.
    Say(&'static str),
    /// It goes up in other parts.
    Parts(&'static str),
}

/// What the script begins with: the remote is named from outside, and one failure ends nothing.
pub(super) const RCLONE_HEAD: &[u8] = b"#!/bin/sh\n# REMOTE=name sh rclone.sh, where this file is.\nset -u\n: \"${REMOTE:?name of the remote}\"\nfailed=0\n\
up() { rclone copyto --s3-no-check-bucket --s3-disable-checksum \"$@\" || failed=1; }\n";
/// What it ends with.
pub(super) const RCLONE_END: &[u8] = b"exit \"$failed\"\n";

/// Appends the line for `s5cmd run`.
pub(super) fn s5cmd(out: &mut Vec<u8>, upload: &Upload<'_>) -> Option<Cannot> {
    let text = [upload.bucket, upload.key, upload.file];
    let is_line = |bytes: &[u8]| !bytes.contains(&b'\n') && std::str::from_utf8(bytes).is_ok();
    let values = upload.metadata.iter().flat_map(|(name, value)| [&**name, &**value]);
    if !text.into_iter().all(is_line)
        || values.chain(upload.headers.values().copied()).any(|text| text.contains('\n'))
    {
        return Some(Cannot::Say("s5cmd: a line cannot hold its name or headers"));
    }
    if upload.key.is_empty() || upload.key.ends_with(b"/") {
        return Some(Cannot::Say("s5cmd: a key that ends in a slash is a folder to it"));
    }
    out.extend_from_slice(b"cp --raw");
    for (name, value) in upload.headers {
        option(out, &format!("--{}", name.to_ascii_lowercase()), value.as_bytes());
    }
    for (name, value) in upload.metadata {
        option(out, "--metadata", format!("{name}={value}").as_bytes());
    }
    let size = part_size(upload);
    if let Some(size) = size {
        option(out, "--part-size", (size / MIB).to_string().as_bytes());
    }
    quoted(out, upload.file);
    quoted(out, &[b"s3://", upload.bucket, b"/", upload.key].concat());
    out.push(b'\n');
    size.is_none()
        .then_some(Cannot::Parts("s5cmd: it goes up in parts of other sizes, and gets another ETag"))
}

/// Appends a command of the script.
pub(super) fn rclone(out: &mut Vec<u8>, upload: &Upload<'_>) -> Option<Cannot> {
    if std::str::from_utf8(upload.key).is_err() || upload.key.iter().any(u8::is_ascii_control) {
        return Some(Cannot::Say("rclone: a key that is no text, or has control characters"));
    }
    if upload.key.split(|&byte| byte == b'/').any(|part| matches!(part, b"" | b"." | b"..")) {
        return Some(Cannot::Say("rclone: a key with empty parts, . or .. is another path to it"));
    }
    out.extend_from_slice(b"up");
    for (name, value) in upload.headers {
        option(out, "--header-upload", format!("{name}: {value}").as_bytes());
    }
    for (name, value) in upload.metadata {
        option(out, "--header-upload", format!("X-Amz-Meta-{name}: {value}").as_bytes());
    }
    let size = part_size(upload);
    if upload.parts.is_empty() {
        out.extend_from_slice(b" --s3-upload-cutoff 5G");
    } else if let Some(size) = size {
        let chunks = format!(" --s3-upload-cutoff 0 --s3-chunk-size {}M", size / MIB);
        out.extend_from_slice(chunks.as_bytes());
    }
    quoted(out, upload.file);
    out.extend_from_slice(b" \"$REMOTE\"");
    word(out, &[b":", upload.bucket, b"/", upload.key].concat());
    out.push(b'\n');
    size.is_none()
        .then_some(Cannot::Parts("rclone: it goes up in parts of other sizes, and gets another ETag"))
}

/// Returns the length of parts, whole MiB, with which an object gets its `ETag`; `None` where there is none.
fn part_size(upload: &Upload<'_>) -> Option<i64> {
    let size = match upload.parts {
        [] => upload.size.checked_add(MIB)?.max(*PART.start()) / MIB * MIB,
        // Tools send what fits into one part in one request.
        [_] => return None,
        [first, rest @ ..] => {
            let (last, middle) = rest.split_last()?;
            let is_even = middle.iter().all(|length| length == first) && last <= first;
            if !is_even || first % MIB != 0 {
                return None;
            }
            *first
        }
    };
    PART.contains(&size).then_some(size)
}

fn option(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    quoted(out, value);
}

/// Appends a word as shells quote it, behind a space.
fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b' ');
    word(out, text);
}

/// Appends what a shell takes for this text, as a word or the rest of one.
fn word(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'\'');
    for (number, piece) in text.split(|&byte| byte == b'\'').enumerate() {
        if number > 0 {
            out.extend_from_slice(b"'\\''");
        }
        out.extend_from_slice(piece);
    }
    out.push(b'\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(key: &str, parts: &[i64], size: i64) -> ((String, Option<Cannot>), (String, Option<Cannot>)) {
        let headers = BTreeMap::from([("Content-Type", "text/plain; a='b'")]);
        let metadata = BTreeMap::from([("k".into(), "v 1".into())]);
        let (headers, metadata) = (&headers, &metadata);
        let upload =
            Upload { bucket: b"b", key: key.as_bytes(), file: b"s3/b/it's", size, headers, metadata, parts };
        let text = |write: fn(&mut Vec<u8>, &Upload<'_>) -> Option<Cannot>| {
            let mut out = Vec::new();
            let cannot = write(&mut out, &upload);
            (String::from_utf8(out).unwrap(), cannot)
        };
        (text(s5cmd), text(rclone))
    }

    #[test]
    fn each_tool_has_its_words_and_quotes() {
        let (s5cmd, rclone) = lines("a*'b", &[5 * MIB, 5 * MIB, 7], 10 * MIB + 7);
        assert_eq!(
            s5cmd.0,
            "cp --raw --content-type 'text/plain; a='\\''b'\\''' --metadata 'k=v 1' --part-size '5' 's3/b/it'\\''s' \
             's3://b/a*'\\''b'\n"
        );
        assert_eq!(
            rclone.0,
            "up --header-upload 'Content-Type: text/plain; a='\\''b'\\''' --header-upload 'X-Amz-Meta-k: v 1' --s3-upload-cutoff 0 --s3-chunk-size 5M \
             's3/b/it'\\''s' \"$REMOTE\"':b/a*'\\''b'\n"
        );
        assert_eq!((s5cmd.1, rclone.1), (None, None));
    }

    #[test]
    fn what_a_tool_cannot_do_is_said() {
        for (key, is_of_s5cmd, is_of_rclone) in [
            ("a\nb", true, true),
            ("a/", true, true),
            ("a//b", false, true),
            ("./a", false, true),
            ("", true, true),
        ] {
            let (s5cmd, rclone) = lines(key, &[], 1);
            assert_eq!((s5cmd.0.is_empty(), rclone.0.is_empty()), (is_of_s5cmd, is_of_rclone), "{key:?}");
        }
    }

    #[test]
    fn parts_are_even_and_of_whole_mib() {
        let size = |parts: &[i64], size| {
            let (headers, metadata) = (&BTreeMap::new(), &BTreeMap::new());
            part_size(&Upload { bucket: b"b", key: b"k", file: b"f", size, headers, metadata, parts })
        };
        assert_eq!(size(&[], 1), Some(5 * MIB));
        assert_eq!(size(&[], 100 * MIB), Some(101 * MIB));
        assert_eq!(size(&[], i64::MAX), None);
        assert_eq!(size(&[], 6000 * MIB), None);
        assert_eq!(size(&[5 * MIB, 5 * MIB], 10 * MIB), Some(5 * MIB));
        for parts in
            [&[5 * MIB][..], &[5 * MIB, 6 * MIB], &[5 * MIB, 6 * MIB, 1], &[5 * MIB + 1, 1], &[MIB, 1]]
        {
            assert_eq!(size(parts, 0), None, "{parts:?}");
        }
    }
}
