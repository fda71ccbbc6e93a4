//! Plans of whole buckets, and what holds of any plan.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::limits;
use crate::tree::segment;

type Outcome = Result<(Vec<u8>, &'static str), Class>;

const RENAME: Rules =
    Rules { rename: true, orphans: false, incomplete_uploads: false, tracker: false, directory: 4 };

fn plan(keys: &[&[u8]], rules: Rules) -> BTreeMap<Vec<u8>, Outcome> {
    let scratch = tempfile::tempdir().unwrap();
    let scratch = Scratch::new(scratch.path().to_owned());
    let mut keys: Vec<_> = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    let mut sorter = PlacementsSorter::new(&scratch, 1 << 16);
    let mut list = |each: &mut dyn FnMut(&[u8]) -> Result<()>| keys.iter().try_for_each(|key| each(key));
    Planner::new(&scratch).plan((b"b", 7), rules, &mut list, &mut sorter).unwrap();
    let mut placements = sorter.sort().unwrap();
    let mut outcomes = BTreeMap::new();
    for key in keys {
        let outcome = match placements.of(b"b", 7, key).unwrap() {
            None => Ok((key.to_vec(), "")),
            Some(Placement::At(path, kind)) => Ok((path, kind.name())),
            Some(Placement::Failed(fault)) => Err(fault.class),
        };
        outcomes.insert(key.to_vec(), outcome);
    }
    outcomes
}

#[expect(clippy::unnecessary_wraps, reason = "stands beside failures in tables of outcomes")]
fn at(path: &str, kind: &'static str) -> Outcome {
    Ok((path.into(), kind))
}

fn expect(keys: &[(&str, Outcome)], rules: Rules) {
    let plan = plan(&keys.iter().map(|(key, _)| key.as_bytes()).collect::<Vec<_>>(), rules);
    for (key, outcome) in keys {
        assert_eq!(plan.get(key.as_bytes()), Some(outcome), "{key}");
    }
}

#[test]
fn a_file_that_is_also_a_directory_becomes_leaf_data() {
    let keys = [
        ("path/to", at("path/to.elastickv-leaf-data", "s3-leaf-data")),
        ("path/to!", at("path/to!", "")),
        ("path/to/sub/x", at("path/to/sub/x", "")),
        ("path/too", at("path/too", "")),
    ];
    expect(&keys, Rules::default());
}

#[test]
fn a_renamed_object_whose_new_name_is_a_key_fails() {
    let failed = || Err(Class::S3_META_SUFFIX_COLLISION);
    let leaf =
        [("p", failed()), ("p.elastickv-leaf-data", at("p.elastickv-leaf-data", "")), ("p/x", at("p/x", ""))];
    expect(&leaf, Rules::default());
    expect(&leaf, RENAME);
    let user = [
        ("x.elastickv-meta.json", failed()),
        ("x.elastickv-meta.json.user-data", at("x.elastickv-meta.json.user-data", "")),
    ];
    expect(&user, RENAME);
}

#[test]
fn the_sidecar_suffix_is_tested_before_the_directory() {
    let keys = [
        ("a.elastickv-meta.json", at("a.elastickv-meta.json.user-data", "meta-suffix-rename")),
        ("a.elastickv-meta.json/b", at("a.elastickv-meta.json/b", "")),
    ];
    expect(&keys, RENAME);
}

#[test]
fn keys_that_fail_are_no_directories() {
    expect(&[("a", at("a", "")), ("a//b", Err(Class::S3_MALFORMED_KEY))], Rules::default());
    let leaf = ("a", at("a.elastickv-leaf-data", "s3-leaf-data"));
    expect(&[leaf, ("a//b", at("a/e3b0c44298fc1c149afbf4c8996fb924__/b", "sha-fallback"))], RENAME);
}

#[test]
fn a_folder_marker_makes_its_folder_a_directory() {
    let leaf = |path| at(path, "s3-leaf-data");
    let keys = [
        ("a", leaf("a.elastickv-leaf-data")),
        ("a/", leaf("a/.elastickv-leaf-data")),
        ("a/b", leaf("a/b.elastickv-leaf-data")),
        ("a/b/", leaf("a/b/.elastickv-leaf-data")),
        ("c/", leaf("c/.elastickv-leaf-data")),
    ];
    for rules in [Rules::default(), RENAME] {
        expect(&keys, rules);
    }
}

#[test]
fn a_folder_marker_makes_way_for_a_key_that_has_its_new_name() {
    let keys = [
        ("a/", Err(Class::S3_META_SUFFIX_COLLISION)),
        ("a/.elastickv-leaf-data", at("a/.elastickv-leaf-data", "")),
    ];
    expect(&keys, Rules::default());
    expect(&keys, RENAME);
    let below = [
        ("a/", at("a/.elastickv-leaf-data", "s3-leaf-data")),
        ("a/.elastickv-leaf-data/", Err(Class::S3_META_SUFFIX_COLLISION)),
        ("b", at("b", "")),
        ("b.elastickv-meta.json/", Err(Class::S3_META_SUFFIX_COLLISION)),
    ];
    expect(&below, Rules::default());
}

#[test]
fn names_of_the_layout_are_left_to_it() {
    let natural = [("KEYMAP.jsonl", at("KEYMAP.jsonl", "")), ("_orphans", at("_orphans", ""))];
    expect(&natural, Rules::default());
    let bucket_file = [
        ("KEYMAP.jsonl", at("KEYMAP.jsonl.elastickv-leaf-data", "s3-leaf-data")),
        ("_bucket.json", at("_bucket.json.elastickv-leaf-data", "s3-leaf-data")),
        ("_orphans", at("_orphans.elastickv-leaf-data", "s3-leaf-data")),
        ("_incomplete_uploads", at("_incomplete_uploads", "")),
    ];
    expect(&bucket_file, Rules { orphans: true, ..Rules::default() });
}

#[test]
fn a_directory_with_the_name_of_a_sidecar_clashes() {
    let clash = "a.elastickv-meta.json/x";
    expect(&[("a", at("a", "")), (clash, Err(Class::S3_META_SUFFIX_COLLISION))], Rules::default());
    let plan = plan(&[b"a", clash.as_bytes()], RENAME);
    let (path, kind) = plan[clash.as_bytes()].clone().unwrap();
    assert!(path.ends_with(b"__a.elastickv-meta.json/x") && kind == "sha-fallback");
    assert_eq!(plan[&b"a"[..]], at("a", ""));
}

#[test]
fn what_is_moved_from_below_a_file_may_clash_once_more() {
    let user_data = "a.elastickv-meta.json.user-data";
    let (file, below) = (format!("{user_data}/b"), format!("{user_data}/b.elastickv-meta.json/"));
    let keys = [b"a.elastickv-meta.json", file.as_bytes(), below.as_bytes()];
    let plan = plan(&keys, RENAME);
    let moved = segment::fallback(user_data.as_bytes());
    let inner = segment::fallback(b"b.elastickv-meta.json");
    assert_eq!(plan[file.as_bytes()], at(&format!("{moved}/b"), "sha-fallback"));
    let marker = at(&format!("{moved}/{inner}/.elastickv-leaf-data"), "sha-fallback");
    assert_eq!(plan[below.as_bytes()], marker);
}

#[test]
fn a_leaf_data_name_that_is_a_directory_clashes() {
    let keys = [
        ("p", at("p.elastickv-leaf-data", "s3-leaf-data")),
        ("p.elastickv-leaf-data/x", Err(Class::S3_META_SUFFIX_COLLISION)),
        ("p/y", at("p/y", "")),
    ];
    expect(&keys, Rules::default());
}

#[test]
fn a_path_that_is_too_long_as_a_whole_fails_and_is_no_directory() {
    let rules = Rules { directory: 4, ..Rules::default() };
    let long = |last: usize| format!("{}{}", "d/".repeat(1935), "l".repeat(last));
    let (fits, over) = (long(200), long(201));
    assert_eq!("s3/b/".len() + fits.len() + sidecar::SUFFIX.len(), limits::PATH);
    expect(&[("d", at("d.elastickv-leaf-data", "s3-leaf-data")), (&fits, at(&fits, ""))], rules);
    expect(&[("d", at("d", "")), (&over, Err(Class::S3_PATH_TOO_LONG))], rules);
    // It would fit, but not where it has to make way.
    let below = format!("{}/x", long(190));
    expect(&[(&long(190), Err(Class::S3_PATH_TOO_LONG)), (&below, at(&below, ""))], rules);
    let marker = format!("{}/", long(180));
    expect(&[("d", at("d", "")), (&marker, Err(Class::S3_PATH_TOO_LONG))], rules);

    let moved = |key: &str| at(&segment::fallback(key.as_bytes()), "sha-fallback");
    expect(&[("d", at("d", "")), (&over, moved(&over)), (&marker, moved(&marker))], RENAME);
    expect(&[(&long(190), moved(&long(190))), (&below, at(&below, ""))], RENAME);
    // A replaced segment may be longer than it was.
    let clash = format!("a.elastickv-meta.json/{}", "e/".repeat(2010) + "x");
    expect(&[("a", at("a", "")), (&clash, moved(&clash))], RENAME);
}

#[test]
fn a_forged_fallback_name_makes_way() {
    let forged = "dir/e3b0c44298fc1c149afbf4c8996fb924__/x";
    let plan = plan(&[b"dir//x", forged.as_bytes()], RENAME);
    assert_eq!(plan[&b"dir//x"[..]], at(forged, "sha-fallback"));
    assert_eq!(plan[forged.as_bytes()].as_ref().unwrap().1, "sha-fallback");
}

fn hostile_key() -> impl Strategy<Value = Vec<u8>> {
    let segment = prop_oneof![
        Just(b"".to_vec()),
        Just(b".".to_vec()),
        Just(b"..".to_vec()),
        Just(b"_bucket.json".to_vec()),
        Just(b"KEYMAP.jsonl".to_vec()),
        Just(b"_orphans".to_vec()),
        Just(b"a".to_vec()),
        Just(b"a.elastickv-meta.json".to_vec()),
        Just(b"a.elastickv-leaf-data".to_vec()),
        Just(b"a.elastickv-meta.json.user-data".to_vec()),
        Just(b"e3b0c44298fc1c149afbf4c8996fb924__".to_vec()),
        Just(vec![b'n'; 240]),
        Just(vec![b'n'; 216]),
        Just(b"a\\..\\b".to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(segment, 1..4).prop_map(|segments| segments.join(&b'/'))
}

proptest! {
    #[test]
    fn hostile_keys_stay_in_their_bucket_and_never_share_a_path(
        keys in prop::collection::vec(hostile_key(), 1..12),
        rename in any::<bool>(),
        orphans in any::<bool>(),
    ) {
        let keys: Vec<_> = keys.iter().map(|key| &key[..]).collect();
        let plan = plan(&keys, Rules { rename, orphans, ..Rules::default() });
        let renamed = plan.values().flatten().any(|(_, kind)| !kind.is_empty());
        let mut files = BTreeMap::new();
        for (key, (path, kind)) in plan.iter().filter_map(|(key, at)| Some((key, at.as_ref().ok()?))) {
            for segment in path.split(|&byte| byte == b'/') {
                prop_assert!(!matches!(segment, b"" | b"." | b".."), "{:?}", path);
                prop_assert!(!segment.contains(&0) && !segment.contains(&b'\\') && segment.len() <= 255);
            }
            prop_assert!(!path.ends_with(sidecar::SUFFIX));
            prop_assert!(path != b"_bucket.json" && !path.starts_with(b"_bucket.json/"));
            prop_assert!(!renamed || path != b"KEYMAP.jsonl");
            prop_assert!(!path.starts_with(b"_orphans/"));
            prop_assert_eq!(path == key, kind.is_empty());
            prop_assert!(kind.is_empty() || std::str::from_utf8(path).is_ok());
            prop_assert_eq!(files.insert(path.clone(), key), None);
            let sidecar = [path, sidecar::SUFFIX].concat();
            prop_assert!(sidecar.rsplit(|&byte| byte == b'/').next().unwrap().len() <= 255);
            prop_assert_eq!(files.insert(sidecar, key), None);
        }
        for path in files.keys() {
            for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
                prop_assert!(!files.contains_key(&path[..at]), "{:?} below a file", path);
            }
        }
    }
}
