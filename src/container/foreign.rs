//! What people pass instead of a snapshot, told by its first bytes.

/// Whether a snapshot can begin with these bytes, of which there may be few: what cannot is refused before more of a
/// stream is waited for (`format/container.md#the-layers-of-a-file`).
pub(super) fn can_begin(head: &[u8]) -> bool {
    const MAGIC: [&[u8]; 4] = [b"EKVTHLC", b"EKVPBBL1", b"EKVMVCC2", b"EKVSSTI1"];
    let agree = |magic: &[u8]| magic.iter().zip(head).all(|(expected, found)| expected == found);
    // Without a magic: four zero bytes, or a ceiling below 2^48 ms and its footer.
    let bare = head.len() <= 12 && head.iter().take(2).all(|&byte| byte == 0);
    bare || MAGIC.into_iter().any(agree)
}

/// Says what a file is that begins with `head`, and what to do with it; `None` where nothing is known.
pub(super) fn name(head: &[u8]) -> Option<&'static str> {
    const TAR: &str = "a tar archive: unpack it and give the .fsm file in it";
    const ZIP: &str = "a zip archive: unpack it and give the .fsm file in it";
    match head {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some("compressed with xz: decompress it first (xz -d)"),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some("compressed with bzip2: decompress it first (bzip2 -d)"),
        [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => {
            Some("compressed with lz4: decompress it first (lz4 -d)")
        }
        [b'L', b'Z', b'I', b'P', ..] => Some("compressed with lzip: decompress it first (lzip -d)"),
        [0x1f, 0x9d, ..] => Some("compressed with compress: decompress it first (uncompress)"),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("compressed twice: decompress it once first"),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => Some(ZIP),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => {
            Some("a 7z archive: unpack it and give the .fsm file in it")
        }
        [b'E', b'K', b'V', b'T', 1, ..] => {
            Some("a snapshot token: the snapshot is the file in fsm-snap/ whose name has the token's index")
        }
        [0x7f, b'E', b'L', b'F', ..] => Some("a program"),
        [b'{' | b'[', ..] => Some("JSON text: of a dump or a manifest, perhaps; give the .fsm file"),
        _ if head.get(257..262) == Some(b"ustar") => Some(TAR),
        _ if head.len() >= 8 && head.iter().all(|&byte| byte == 0) => Some(
            "zero bytes, as a copy that was cut leaves them: copy the snapshot again, or take the one before it",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_byte_can_be_enough() {
        for head in [&b""[..], b"E", b"EKV", b"EKVTHLC9", b"EKVPBBL1....", b"EKVSSTI", b"EKVMVCC2", &[0; 4]] {
            assert!(can_begin(head), "{head:?}");
        }
        assert!(can_begin(&hex::decode("0000018f2a3403b8fdbefded").unwrap()));
        for head in [&b"h"[..], b"EKX", b"EKVPBBL2", b"\0\x01", &[0; 13], b"{\"", b"\xff"] {
            assert!(!can_begin(head), "{head:?}");
        }
    }

    #[test]
    fn what_people_have_at_hand_is_named() {
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (head, word) in [
            (tar.as_slice(), "tar"),
            (b"PK\x03\x04", "zip"),
            (b"\xfd7zXZ\0", "xz -d"),
            (b"BZh9", "bzip2"),
            (b"\x04\x22\x4d\x18", "lz4"),
            (b"{\n", "JSON"),
            (&[0; 4096], "copy the snapshot again"),
            (b"EKVT\x01", "token"),
            (b"\x1f\x8b", "twice"),
        ] {
            assert!(name(head).unwrap().contains(word), "{word}");
        }
        assert_eq!(name(b"some text"), None);
        assert_eq!(name(b""), None);
    }
}
