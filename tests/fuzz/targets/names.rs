//! Names: encoded segments, patterns, names of files and of lines, lists of names, manifests.
#![no_main]
use ekv_backup::name::{self, ItemKey, Literal, NameList, Pattern};
use ekv_backup::tree::manifest::Manifest;
use ekv_backup::tree::segment;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let encoded = segment::encode(bytes);
    let text = encoded.text.as_bytes();
    assert!(text.len() <= 240 && !text.contains(&b'/'));
    if !segment::looks_like_fallback(text) {
        assert_eq!(segment::decode(text).as_deref(), Ok(bytes));
    }
    if let Ok(raw) = segment::decode(bytes) {
        let _ = segment::encode(&raw);
    }
    if let Ok(manifest) = Manifest::read(bytes) {
        let text = manifest.write().expect("what was read can be written");
        assert_eq!(Manifest::read(&text).expect("what was written can be read"), manifest);
    }
    let _ = NameList::read("list", bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    assert_eq!(name::unescape(&escaped(text)), text.as_bytes());
    let (one, other) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(pattern) = Pattern::glob(one) {
        let _ = (pattern.matches(other), pattern.reaches(other));
    }
    if let Ok(pattern) = Pattern::literal(one) {
        assert!(pattern.matches(pattern.front()), "{one:?}");
    }
    let _ = (ItemKey::parse(one), Literal::parse(one, Some(other)));
});

fn escaped(text: &str) -> String {
    let mut out = String::new();
    name::escape(text.as_bytes(), true, &mut out);
    out
}
