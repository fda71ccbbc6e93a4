//! What messages may say: names and keys, never what is stored under them.

use sha2::{Digest, Sha256};

use super::rows::{object_key, segment};
use crate::service::Options;
use crate::service::fixture::Rows;

const SECRET: &str = "plain-text";

/// A row of each family for each way in which it can be wrong.
fn damaged() -> Rows {
    let mut rows = Rows::default();
    let mut put =
        |family: &str, tail: &[u8], body: &[u8]| rows.put(&[family.as_bytes(), tail].concat(), body);
    put("!s3|bucket|meta|", &segment(b"b"), b"{\"generation\":1}");
    for (name, value) in [
        ("not-json", SECRET.to_owned()),
        ("type", format!(r#"{{"generation":"{SECRET}"}}"#)),
        ("number", format!(r#"{{"generation":{SECRET}}}"#)),
        ("owner", format!(r#"{{"owner":"{SECRET}","acl":"{SECRET}\u00zz"}}"#)),
    ] {
        put("!s3|bucket|meta|", &segment(name.as_bytes()), value.as_bytes());
    }
    put("!s3|bucket|meta|", b"malformed", SECRET.as_bytes());
    put("!s3|bucket|gen|", b"malformed", SECRET.as_bytes());
    put("!s3|blob|", b"malformed", SECRET.as_bytes());
    put("!s3|chunkref|", b"malformed", SECRET.as_bytes());
    put("!s3|chunkblob|", b"malformed", SECRET.as_bytes());
    put("!s3|obj|head|", b"malformed", SECRET.as_bytes());
    put("!s3|upload|meta|", b"malformed", SECRET.as_bytes());
    put("!s3|upload|part|", b"malformed", SECRET.as_bytes());
    let digest = Sha256::digest(b"sound");
    put("!s3|chunkblob|", hex::encode(digest).as_bytes(), SECRET.as_bytes());
    let headers = format!(
        r#""upload_id":"u","etag":"{SECRET}","content_type":"{SECRET}","user_metadata":{{"m":"{SECRET}"}}"#
    );
    for (name, more) in [
        ("no-json", SECRET.to_owned()),
        ("text-as-size", format!(r#""size_bytes":"{SECRET}""#)),
        ("unordered", r#""parts":[{"part_no":2},{"part_no":1}]"#.to_owned()),
        ("missing", r#""size_bytes":9,"parts":[{"part_no":1,"chunk_count":1}]"#.to_owned()),
        ("corrupt", r#""size_bytes":9,"parts":[{"part_no":1,"chunk_sizes":[3]}]"#.to_owned()),
        (
            "short",
            r#""size_bytes":9,"parts":[{"part_no":1,"chunk_sizes":[10,1],"chunk_count":7}]"#.to_owned(),
        ),
        (
            "reference",
            r#""size_bytes":5,"parts":[{"part_no":1,"chunk_count":1,"chunk_sizes":[5],"offloaded":true}]"#
                .to_owned(),
        ),
        (
            "damaged",
            r#""size_bytes":5,"parts":[{"part_no":1,"chunk_count":1,"chunk_sizes":[5],"offloaded":true}]"#
                .to_owned(),
        ),
        ("a/../b", r#""size_bytes":0"#.to_owned()),
        ("x.elastickv-meta.json", r#""size_bytes":0"#.to_owned()),
        ("large", format!(r#""cache_control":"{}""#, SECRET.repeat(500_000))),
    ] {
        let name = (b"b".to_vec(), 1, name.as_bytes().to_vec());
        let manifest = format!("{{{headers},{more}}}");
        put("", &object_key("!s3|obj|head|", &name), manifest.as_bytes());
        let chunk = [&segment(b"u")[..], &1_u64.to_be_bytes(), &0_u64.to_be_bytes()].concat();
        let blob = [&object_key("!s3|blob|", &name)[..], &chunk].concat();
        let reference = [&object_key("!s3|chunkref|", &name)[..], &chunk].concat();
        match &*name.2 {
            b"corrupt" | b"short" => put("", &blob, SECRET.as_bytes()),
            b"reference" => put("", &reference, SECRET.as_bytes()),
            b"damaged" => {
                let value = [&[1][..], &digest, &5_u64.to_be_bytes(), &[0, 0]].concat();
                put("", &reference, &value);
            }
            _ => {}
        }
    }
    let orphan = object_key("!s3|chunkref|", &(b"b".to_vec(), 1, b"orphan".to_vec()));
    let tail = [&segment(b"u")[..], &[0; 16]].concat();
    put("", &[orphan, tail].concat(), SECRET.as_bytes());
    rows
}

#[test]
fn no_warning_and_no_problem_quotes_a_value() {
    let options = Options { include_orphans: true, include_incomplete_uploads: true, ..Options::default() };
    for options in [Options::default(), options] {
        let dumped = damaged().dump(&options, super::super::dump).unwrap();
        let mut said = dumped.warnings.iter().map(|warning| format!("{warning:?}")).collect::<Vec<_>>();
        said.extend(dumped.problems.iter().map(ToString::to_string));
        assert!(said.len() > 30, "{}", said.len());
        for line in &said {
            for quoted in [SECRET.to_owned(), SECRET[..5].to_owned(), hex::encode(SECRET)] {
                assert!(!line.contains(&quoted), "{line}");
            }
        }
        let classes: std::collections::BTreeSet<_> =
            dumped.classes().into_iter().map(|(class, _)| class).collect();
        assert!(classes.len() >= 8, "{classes:?}");
    }
}

#[test]
fn each_skipped_record_is_named() {
    let dumped = damaged().dump(&Options::default(), super::super::dump).unwrap();
    let fields = |at: usize| {
        let skipped = dumped.warnings.iter().filter(|warning| warning.event == "s3_skipped_bad_record");
        skipped.map(|warning| warning.fields[at].1.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let named = [
        "!s3|bucket|gen|malformed",
        "!s3|chunkblob|malformed",
        "!s3|chunkref|malformed",
        "b",
        "!s3|blob|malformed",
    ];
    let mut found = fields(2);
    found.sort();
    let mut named = named.map(str::to_owned).to_vec();
    named.sort();
    assert_eq!(found, named);
    let orphan = dumped.warnings.iter().find(|warning| warning.fields.contains(&("object", "orphan".into())));
    assert_eq!(orphan.unwrap().event, "s3_skipped_bad_record");
}
