//! Every rule of `tree/manifest.md#manifestjson`, and the exact text of one manifest.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn names(names: &[&[u8]]) -> Names {
    names.iter().map(|name| Name(name.to_vec())).collect()
}

fn at(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap()
}

fn full() -> Manifest {
    let input = |path: &str, group, crc: Option<&str>| Input {
        path: Name(path.into()),
        group: Some(group),
        snapshot_index: Some(u64::MAX),
        last_commit_ts: Some(Hlc(7)),
        fsm_crc32c: crc.map(str::to_owned),
    };
    Manifest {
        origin: Origin::Snapshot(Some(Source {
            fsm_path: Name(b"a<b>/\xff.fsm".to_vec()),
            fsm_crc32c: Some("0123abcd".to_owned()),
        })),
        elastickv_version: "v1".to_owned(),
        cluster_id: "c".to_owned(),
        snapshot_index: u64::MAX,
        last_commit_ts: Hlc(1 << 63),
        adapters: Adapters {
            dynamodb: Some(names(&[b"b", b"B", b"a"])),
            s3: Some(Names::new()),
            redis: Some(BTreeSet::from([0])),
            sqs: None,
        },
        exclusions: Exclusions { include_orphans: true, rename_s3_collisions: true, ..Exclusions::default() },
        dynamodb_layout: DynamodbLayout::Jsonl,
        inputs: vec![input("a.fsm", 1, Some("0123abcd")), input("b.fsm", 2, None)],
        problems: 3,
        ..Manifest::new(at("2026-04-29T17:42:11.094000+02:00"))
    }
}

fn minimal() -> Value {
    let text = Manifest::new(at("2026-04-29T15:42:11Z")).write().unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn error(value: &Value) -> ManifestError {
    Manifest::read(value.to_string().as_bytes()).unwrap_err()
}

/// The error after one member was set; `null` stands for absent too, and is checked with it.
fn error_with(member: &str, value: Value) -> ManifestError {
    let mut manifest = minimal();
    if value.is_null() {
        manifest.as_object_mut().unwrap().remove(member);
        let absent = error(&manifest);
        manifest[member] = Value::Null;
        assert_eq!(error(&manifest), absent);
        return absent;
    }
    manifest[member] = value;
    error(&manifest)
}

#[test]
fn members_stand_in_the_order_of_the_format() {
    let expected = r#"{
  "format_version": 1,
  "phase": "phase0-snapshot-decode",
  "elastickv_version": "v1",
  "cluster_id": "c",
  "snapshot_index": 18446744073709551615,
  "last_commit_ts": 9223372036854775808,
  "wall_time_iso": "2026-04-29T15:42:11.094Z",
  "source": {
    "fsm_path": "a<b>/\ufffd.fsm",
    "fsm_crc32c": "0123abcd"
  },
  "adapters": {
    "dynamodb": {
      "tables": [
        "B",
        "a",
        "b"
      ]
    },
    "s3": {},
    "redis": {
      "databases": [
        0
      ]
    }
  },
  "exclusions": {
    "include_incomplete_uploads": false,
    "include_orphans": true,
    "preserve_sqs_visibility": false,
    "include_sqs_side_records": false,
    "rename_s3_collisions": true
  },
  "checksum_algorithm": "sha256",
  "checksum_format": "sha256sum",
  "encoded_filename_charset": "rfc3986-unreserved-plus-percent",
  "key_segment_max_bytes": 240,
  "s3_meta_suffix": ".elastickv-meta.json",
  "s3_collision_strategy": "leaf-data-suffix",
  "dynamodb_layout": "jsonl",
  "inputs": [
    {
      "path": "a.fsm",
      "group": 1,
      "snapshot_index": 18446744073709551615,
      "last_commit_ts": 7,
      "fsm_crc32c": "0123abcd"
    },
    {
      "path": "b.fsm",
      "group": 2,
      "snapshot_index": 18446744073709551615,
      "last_commit_ts": 7
    }
  ],
  "problems": 3
}
"#;
    assert_eq!(String::from_utf8(full().write().unwrap()).unwrap(), expected);
}

#[test]
fn what_is_empty_is_left_out() {
    let value = minimal();
    for member in [
        "elastickv_version",
        "cluster_id",
        "snapshot_index",
        "last_commit_ts",
        "source",
        "live",
        "inputs",
        "problems",
    ] {
        assert!(value.get(member).is_none(), "{member}");
    }
    assert_eq!(value["adapters"], json!({}));
    assert!(value["exclusions"].get("rename_s3_collisions").is_none());
    assert_eq!(value["wall_time_iso"], "2026-04-29T15:42:11Z");
}

#[test]
fn the_live_phase_reads_back() {
    let live = Live { read_ts: Hlc(5), pin_token_sha256: Some("ab".to_owned()) };
    let manifest = Manifest { origin: Origin::Live(live), ..full() };
    let manifest = Manifest { inputs: Vec::new(), ..manifest };
    assert_eq!(Manifest::read(&manifest.write().unwrap()).unwrap(), manifest);
}

#[test]
fn what_is_no_object_is_refused() {
    for text in ["", " ", "{", "[1]", "1", "null", "{\"format_version\":1", "\u{feff}{}"] {
        assert!(matches!(Manifest::read(text.as_bytes()), Err(ManifestError::Json(_))), "{text:?}");
    }
    let deep = "[".repeat(100_000);
    assert!(matches!(Manifest::read(deep.as_bytes()), Err(ManifestError::Json(_))));
}

#[test]
fn the_version_is_checked_before_the_types_of_other_members() {
    assert_eq!(error_with("format_version", Value::Null), ManifestError::Missing("format_version"));
    for version in [0, 2, u32::MAX] {
        let text = format!(r#"{{"format_version":{version},"phase":{{}},"adapters":7}} trailing"#);
        assert_eq!(Manifest::read(text.as_bytes()), Err(ManifestError::UnsupportedVersion(version)));
    }
    for version in [json!("1"), json!(-1), json!(1.5), json!(1_u64 << 32), json!([])] {
        assert!(matches!(error_with("format_version", version), ManifestError::Type(_)));
    }
}

#[test]
fn the_types_are_checked_before_what_stands_behind_and_that_before_the_values() {
    let mut wrong = minimal();
    wrong["phase"] = json!(7);
    assert!(matches!(Manifest::read(format!("{wrong} x").as_bytes()), Err(ManifestError::Type(_))));
    wrong["phase"] = json!("other");
    assert_eq!(Manifest::read(format!("{wrong} x").as_bytes()), Err(ManifestError::Trailing));
    assert_eq!(Manifest::read(format!("{wrong} {{}}").as_bytes()), Err(ManifestError::Trailing));
    assert!(Manifest::read(format!("{} \r\n\t", minimal()).as_bytes()).is_ok());
}

#[test]
fn numbers_keep_64_bits_and_nothing_else_is_a_number() {
    for member in ["snapshot_index", "last_commit_ts", "problems"] {
        let mut value = minimal();
        value[member] = json!(u64::MAX);
        assert!(Manifest::read(value.to_string().as_bytes()).is_ok());
        for wrong in [json!(-1), json!(1.0), json!("1"), json!(1e30)] {
            assert!(matches!(error_with(member, wrong), ManifestError::Type(_)), "{member}");
        }
    }
}

#[test]
fn each_exclusion_flag_is_there() {
    for flag in [
        "include_incomplete_uploads",
        "include_orphans",
        "preserve_sqs_visibility",
        "include_sqs_side_records",
    ] {
        let mut value = minimal();
        value["exclusions"][flag] = Value::Null;
        assert_eq!(error(&value), ManifestError::Missing(flag));
        value["exclusions"].as_object_mut().unwrap().remove(flag);
        // Before the phase.
        value["phase"] = json!("other");
        assert_eq!(error(&value), ManifestError::Missing(flag));
    }
}

#[test]
fn values_are_checked_in_order() {
    assert_eq!(error_with("phase", Value::Null), ManifestError::Phase(String::new()));
    assert_eq!(error_with("phase", json!("phase2")), ManifestError::Phase("phase2".to_owned()));
    assert_eq!(error_with("wall_time_iso", Value::Null), ManifestError::WallTime);
    for time in ["", "2026-04-29", "2026-04-29 15:42:11", "2026-04-29T15:42:11", "2026-13-01T00:00:00Z"] {
        assert_eq!(error_with("wall_time_iso", json!(time)), ManifestError::WallTime, "{time}");
    }
    assert_eq!(error_with("adapters", Value::Null), ManifestError::Missing("adapters"));
    assert_eq!(error_with("exclusions", Value::Null), ManifestError::Missing("exclusions"));
    for policy in [
        "checksum_algorithm",
        "checksum_format",
        "encoded_filename_charset",
        "s3_meta_suffix",
        "s3_collision_strategy",
    ] {
        assert_eq!(error_with(policy, Value::Null), ManifestError::Empty(policy));
        assert_eq!(error_with(policy, json!("")), ManifestError::Empty(policy));
    }
    assert_eq!(error_with("key_segment_max_bytes", json!(0)), ManifestError::Empty("key_segment_max_bytes"));
    assert_eq!(
        error_with("key_segment_max_bytes", Value::Null),
        ManifestError::Empty("key_segment_max_bytes")
    );
    assert_eq!(error_with("dynamodb_layout", json!("x")), ManifestError::DynamodbLayout("x".to_owned()));
    assert_eq!(error_with("dynamodb_layout", Value::Null), ManifestError::DynamodbLayout(String::new()));
}

#[test]
fn phases_do_not_mix() {
    assert_eq!(error_with("live", json!({"read_ts": 1})), ManifestError::OtherPhase("live"));
    let mut value = minimal();
    value["phase"] = json!("phase1-live-pinned");
    assert_eq!(error(&value), ManifestError::Missing("live"));
    for live in [json!({}), json!({"read_ts": 0}), json!({"read_ts": null})] {
        value["live"] = live;
        assert_eq!(error(&value), ManifestError::Empty("read_ts"));
    }
    value["live"] = json!({"read_ts": 1});
    assert!(Manifest::read(value.to_string().as_bytes()).is_ok());
    value["source"] = json!({"fsm_path": "a"});
    assert_eq!(error(&value), ManifestError::OtherPhase("source"));
}

#[test]
fn members_that_are_not_known_and_nulls_are_ignored() {
    let mut value = minimal();
    value["new"] = json!({"a": [1]});
    value["adapters"] = json!({"dynamodb": {"tables": null, "new": 1}, "s3": null, "new": {}});
    for member in ["elastickv_version", "snapshot_index", "source", "live", "inputs", "problems"] {
        value[member] = Value::Null;
    }
    let manifest = Manifest::read(value.to_string().as_bytes()).unwrap();
    assert_eq!(manifest.adapters, Adapters { dynamodb: Some(Names::new()), ..Adapters::default() });
}

#[test]
fn the_writer_refuses_what_the_reader_would() {
    let live = Origin::Live(Live { read_ts: Hlc::ZERO, pin_token_sha256: None });
    let manifest = Manifest { origin: live, ..full() };
    assert_eq!(manifest.write(), Err(ManifestError::Empty("read_ts")));
    let policies = Policies { checksum_format: String::new(), ..Policies::default() };
    let manifest = Manifest { policies, ..full() };
    assert_eq!(manifest.write(), Err(ManifestError::Empty("checksum_format")));
}

proptest! {
    #[test]
    fn manifests_read_back(seconds in 0_i64..4_000_000_000, nanoseconds in 0_u32..1_000_000_000, tables: BTreeSet<String>) {
        let wall_time = OffsetDateTime::from_unix_timestamp(seconds).unwrap().replace_nanosecond(nanoseconds).unwrap();
        let tables = tables.into_iter().map(|name| Name(name.into_bytes())).collect();
        let source = Source { fsm_path: Name(b"a".to_vec()), fsm_crc32c: None };
        let manifest = Manifest {
            wall_time,
            origin: Origin::Snapshot(Some(source)),
            adapters: Adapters { dynamodb: Some(tables), ..Adapters::default() },
            ..full()
        };
        prop_assert_eq!(Manifest::read(&manifest.write().unwrap()).unwrap(), manifest);
    }

    #[test]
    fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = Manifest::read(&bytes);
    }
}

#[test]
fn a_length_that_no_reader_takes_is_refused() {
    assert_eq!(check_length(limits::MANIFEST), Ok(()));
    let longer = limits::MANIFEST + 1;
    assert_eq!(check_length(longer), Err(ManifestError::TooLong(longer)));
}
