//! The worked rows of `encoding.md`, and what no object may be.

use std::collections::BTreeMap;

use super::{Encode, Options, Outputs};
use crate::error::Error;
use crate::keyspace::redis::StreamId;
use crate::keyspace::{Namespace, dynamodb as ddb_keys};
use crate::model::dynamodb::{self, Attributes, Item, KeyValue, KeyValues, Schema, Table};
use crate::model::fs::{InodeRecord, Node, NodeType, Siblings};
use crate::model::kv::Pair;
use crate::model::redis::{Collection, Element, EntryFields, Key, Value};
use crate::model::s3::{self, Bucket, BucketMeta, Headers, ObjectHead};
use crate::model::sqs::{self, Message, NamedQueue, Queue};
use crate::model::{Answer, Object, Piece, ScopeEnd};
use crate::report::Report;
use crate::sink::Sink;
use crate::sort::Scratch;
use crate::time::{Hlc, UnixMs};

const T: u64 = 0x018f_2a33_f800_0001;
const E: u64 = 1_714_400_010_000;

/// Collects the rows of objects: user key -> body.
struct Rows {
    sink: Encode,
    report: Report<'static>,
}

impl Rows {
    fn new(reference_rows: bool) -> Self {
        let scratch = Scratch::default();
        let options = Options { commit_ts: Hlc(T), reference_rows, ..Options::default() };
        Self { sink: Encode::new(&scratch, options), report: Report::new(&scratch, |_| ()) }
    }

    fn put(&mut self, object: Object<'_>, pieces: &[Piece<'_>]) -> Answer {
        let answer = self.sink.object(&mut self.report, object).unwrap();
        if answer != Answer::Open {
            assert!(pieces.is_empty());
            return answer;
        }
        for piece in pieces {
            assert_eq!(self.sink.piece(*piece).unwrap(), Answer::Open);
        }
        self.sink.end(&mut self.report).unwrap()
    }

    fn redis(&mut self, key: &[u8], value: Value<'_>, expiry_ms: Option<UnixMs>) {
        let key = Key { key, value, expiry_ms, commit_ts: Hlc::ZERO, shares_name: false };
        assert_eq!(self.put(Object::Redis(&key), &[]), Answer::Taken);
    }

    fn collection(&mut self, key: &[u8], collection: Collection, expiry: Option<UnixMs>, of: &[Element<'_>]) {
        let value = Value::Collection { collection, elements: None, bytes: None, last: StreamId::default() };
        let key = Key { key, value, expiry_ms: expiry, commit_ts: Hlc::ZERO, shares_name: false };
        let pieces: Vec<_> = of.iter().map(|element| Piece::Element(*element)).collect();
        assert_eq!(self.put(Object::Redis(&key), &pieces), Answer::Taken);
    }

    fn payload(self) -> Result<Vec<u8>, Error> {
        let mut payload = Vec::new();
        let (rows, _) = self.sink.finish()?;
        let (written, _) = rows.write(&mut (), &mut payload)?;
        assert_eq!(usize::try_from(written[0].bytes).unwrap(), payload.len());
        Ok(payload)
    }

    fn finish(self) -> BTreeMap<String, Vec<u8>> {
        let payload = self.payload().unwrap();
        let mut rest = payload.strip_prefix(b"EKVPBBL1").unwrap().strip_prefix(&T.to_le_bytes()).unwrap();
        let mut rows = BTreeMap::new();
        while !rest.is_empty() {
            let mut part = || {
                let (length, tail) = rest.split_first_chunk::<8>().unwrap();
                let (part, tail) = tail.split_at(usize::try_from(u64::from_le_bytes(*length)).unwrap());
                rest = tail;
                part
            };
            let key = part().strip_suffix(&(!T).to_be_bytes()).unwrap();
            rows.insert(hex::encode(key), part().strip_prefix(&[0; 9]).unwrap().to_vec());
        }
        rows
    }
}

impl Outputs for Vec<u8> {
    fn write(&mut self, _output: usize, bytes: &[u8]) -> Result<(), Error> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// Reads rows as the document writes them: hex digits of key and body, parted by `=`.
fn hex_rows(text: &str) -> BTreeMap<String, Vec<u8>> {
    let plain = |text: &str| text.replace(' ', "");
    let row = |line: &str| {
        let (key, body) = line.split_once('=').unwrap();
        (plain(key), hex::decode(plain(body)).unwrap())
    };
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(row).collect()
}

#[test]
fn the_payload_of_one_string_is_65_bytes() {
    let mut rows = Rows::new(false);
    rows.redis(b"a", Value::String(b"v"), None);
    let wanted = "454b565042424c31010000f8332a8f0114000000000000002172656469737c7374727c61fe70d5cc07fffffe\
                  0d00000000000000000000000000000000ff010076";
    assert_eq!(hex::encode(rows.payload().unwrap()), wanted);
    assert_eq!(Rows::new(false).payload().unwrap().len(), 16);
}

#[test]
fn worked_rows_of_redis() {
    let mut rows = Rows::new(true);
    rows.redis(b"t", Value::String(b"v"), Some(UnixMs(E)));
    rows.redis(b"ht", Value::Hll(b"\0RS\x01\x0a\x01x"), Some(UnixMs(E)));
    rows.collection(b"h2", Collection::Hash, Some(UnixMs(E)), &[Element::Field { name: b"f", value: b"v" }]);
    rows.collection(b"l1", Collection::List, Some(UnixMs(E)), &[Element::Item(b"x"), Element::Item(b"y")]);
    let scored = [(b"a", -1.5), (b"b", f64::INFINITY), (b"z", -0.0)];
    let scored = scored.map(|(member, score)| Element::Scored { member, score });
    rows.collection(b"z1", Collection::Zset, None, &scored);
    let fields = EntryFields::new(b"\x12\x01n\x12\x01v");
    let entry = Element::Entry { id: StreamId { ms: 5, seq: 1 }, fields };
    rows.collection(b"x1", Collection::Stream, None, &[entry]);
    let wanted = hex_rows(
        "2172656469737c7374727c74 = ff0101 0000018f2a341f10 76
         2172656469737c686c6c7c6874 = ff0201 0000018f2a341f10 005253010a0178
         2172656469737c74746c7c6874 = 0000018f2a341f10
         2172656469737c74746c7c6832 = 0000018f2a341f10
         2172656469737c74746c7c6c31 = 0000018f2a341f10
         2168737c6d6574617c 00000002 6832 = 0000000000000001 0000018f2a341f10
         2168737c666c647c 00000002 6832 66 = 76
         216c73747c6d6574617c 6c31 = 0000000000000000 0000000000000002 0000000000000002 0000018f2a341f10
         216c73747c69746d7c 6c31 8000000000000000 = 78
         216c73747c69746d7c 6c31 8000000000000001 = 79
         217a737c6d6574617c 00000002 7a31 = 0000000000000003
         217a737c6d656d7c 00000002 7a31 61 = bff8000000000000
         217a737c7363727c 00000002 7a31 4007ffffffffffff 61 =
         217a737c6d656d7c 00000002 7a31 7a = 8000000000000000
         217a737c7363727c 00000002 7a31 8000000000000000 7a =
         217a737c6d656d7c 00000002 7a31 62 = 7ff0000000000000
         217a737c7363727c 00000002 7a31 fff0000000000000 62 =
         2173747265616d7c6d6574617c 00000002 7831 = 0000000000000001 0000000000000005 0000000000000001
         2173747265616d7c656e7472797c 00000002 7831 0000000000000005 0000000000000001 = 0052584501 0a03352d31 12016e 120176",
    );
    assert_eq!(rows.finish(), wanted);
}

#[test]
fn an_hll_that_looks_like_an_envelope_gets_one() {
    let mut rows = Rows::new(false);
    rows.redis(b"k", Value::Hll(b"\xff\x02\x01"), None);
    rows.redis(b"l", Value::Hll(b"\xff\x01\x01"), None);
    let wanted = hex_rows("2172656469737c686c6c7c6b = ff0200ff0201\n2172656469737c686c6c7c6c = ff0101");
    assert_eq!(rows.finish(), wanted);
}

#[test]
fn worked_rows_of_dynamodb() {
    let schema = "004453010a017412060a01671201531206 0a01681201531206 0a017212014e1a060a0168120172221a0a036964781213\
                  0a030a0167120c0a07494e434c55444512017628023801";
    let body = hex::decode(schema.replace(' ', "")).unwrap();
    let parsed = Schema::parse(b"t", &body).unwrap();
    let mut rows = Rows::new(false);
    let table = Table { name: b"t", schema: &parsed, commit_ts: Hlc::ZERO };
    rows.put(Object::Dynamodb(dynamodb::Object::Table(&table)), &[]);
    // Attributes in any order, the last of a name.
    let first = "0a0a0a017212051203312e30 0a070a016e12022801 0a080a016712030a0179 0a080a016812030a0161 0a080a016712030a0178";
    let second = "0a080a016812030a0161 0a080a01721203120132";
    for (message, range) in [(first, "1.0"), (second, "2")] {
        let message = hex::decode(message.replace(' ', "")).unwrap();
        let item = Item {
            table: b"t",
            keys: KeyValues { hash: KeyValue::S("a"), range: Some(KeyValue::N(range)) },
            attributes: Attributes { message: &message, unknown_fields: 0 },
            unservable: None.into(),
            row_key: b"",
            place: None,
            commit_ts: Hlc::ZERO,
        };
        assert_eq!(rows.put(Object::Dynamodb(dynamodb::Object::Item(&item)), &[]), Answer::Taken);
        let keys = KeyValues { hash: KeyValue::N("x"), range: None };
        let bad = Item { keys, ..item };
        assert!(matches!(
            rows.put(Object::Dynamodb(dynamodb::Object::Item(&bad)), &[]),
            Answer::Refused(refusal) if refusal.class == "ddb_invalid_item"
        ));
    }
    let wanted = hex_rows(&format!(
        "216464627c6d6574617c7461626c657c 6441 = {schema}
         216464627c6d6574617c67656e7c 6441 = 31
         216464627c6974656d7c 6441 7c31 7c 610001 0202010100ff310001 = 00444901 0a080a016712030a0178 0a080a016812030a0161 0a070a016e12022801 0a0a0a017212051203312e30
         216464627c6974656d7c 6441 7c31 7c 610001 0202010100ff320001 = 00444901 0a080a016812030a0161 0a080a01721203120132
         216464627c6773697c 6441 7c31 7c 61575234 7c 780001 610001 0202010100ff310001 = 216464627c6974656d7c64417c317c6100010202010100ff310001"
    ));
    assert_eq!(rows.finish(), wanted);
    assert!(ddb_keys::ItemKey::parse(b"!ddb|item|dA|1|a\0\x01").is_ok());
}

fn head<'a>(key: &'a [u8], headers: &'a Headers<'a>) -> ObjectHead<'a> {
    ObjectHead { bucket: b"b", generation: 7, key, headers, parts: &[], commit_ts: Hlc::ZERO }
}

#[test]
fn worked_rows_of_s3() {
    let mut rows = Rows::new(true);
    let meta = BucketMeta {
        generation: 7,
        created_at: Hlc(5 << 16),
        region: "us-east-1".to_owned(),
        acl: "private".to_owned(),
        ..BucketMeta::default()
    };
    let bucket = Bucket { name: b"b", meta: Some(&meta), commit_ts: None };
    rows.put(Object::S3(s3::Object::Bucket(&bucket)), &[]);
    let headers = Headers {
        etag: "5d41402abc4b2a76b9719d911017c592".into(),
        size: 5,
        last_modified: Hlc((1_714_400_000_120 << 16) | 9),
        content_type: "text/plain".into(),
        user_metadata: [("who".into(), "a<b".into())].into(),
        ..Headers::default()
    };
    let hello = head(b"dir/k", &headers);
    rows.put(Object::S3(s3::Object::Object(&hello)), &[Piece::Bytes(b"he"), Piece::Bytes(b"llo")]);
    let empty = Headers::default();
    rows.put(Object::S3(s3::Object::Object(&head(b"e", &empty))), &[]);
    let found = rows.finish();
    let text = |key: &str| String::from_utf8(found[&key.replace(' ', "")].clone()).unwrap();
    assert_eq!(
        text("2173337c6275636b65747c6d6574617c 620001"),
        r#"{"bucket_name":"b","generation":1,"created_at_hlc":0,"owner":"","region":"us-east-1","acl":"private"}"#
    );
    assert_eq!(found["2173337c6275636b65747c67656e7c620001"], 1_u64.to_be_bytes());
    assert_eq!(
        text("2173337c6f626a7c686561647c 620001 0000000000000001 6469722f6b0001"),
        r#"{"upload_id":"elastickv-restore","etag":"5d41402abc4b2a76b9719d911017c592","size_bytes":5,"last_modified_hlc":112354918407864320,"content_type":"text/plain","content_encoding":"","cache_control":"","content_disposition":"","user_metadata":{"who":"a\u003cb"},"parts":[{"part_no":1,"etag":"5d41402abc4b2a76b9719d911017c592","size_bytes":5,"chunk_count":1,"chunk_sizes":[5],"part_version":0,"chunk_ref_version":0,"offloaded":false}]}"#
    );
    assert_eq!(
        text(
            "2173337c626c6f627c 620001 0000000000000001 6469722f6b0001 656c61737469636b762d726573746f7265 0001 0000000000000001 0000000000000000"
        ),
        "hello"
    );
    let empty = text("2173337c6f626a7c686561647c 620001 0000000000000001 650001");
    assert!(empty.contains(r#""size_bytes":0,"#) && empty.ends_with(r#""user_metadata":null,"parts":null}"#));
    assert_eq!(found.len(), 5);
}

#[test]
fn bodies_are_cut_into_chunks_however_they_come() {
    let body: Vec<u8> = (0..(2 << 20) + 7).map(|at: u32| at.to_be_bytes()[2]).collect();
    let zeros = vec![0; 3 << 20];
    let headers = Headers { size: i64::try_from(body.len() + zeros.len()).unwrap(), ..Headers::default() };
    let mut all = Vec::new();
    for piece in [1, 1000, 1 << 20, 1 << 22] {
        let mut rows = Rows::new(false);
        let mut pieces: Vec<_> = body.chunks(piece).map(Piece::Bytes).collect();
        pieces.push(Piece::Zeros(3 << 20));
        let object = head(b"k", &headers);
        assert_eq!(rows.put(Object::S3(s3::Object::Object(&object)), &pieces), Answer::Taken);
        all.push(rows.finish());
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    let chunks: Vec<_> = all[0].iter().filter(|(key, _)| key.starts_with("2173337c626c6f62")).collect();
    assert_eq!(chunks.len(), 6);
    assert!(chunks.iter().take(5).all(|(_, chunk)| chunk.len() == 1 << 20));
    assert_eq!(
        chunks.into_iter().flat_map(|(_, chunk)| chunk).copied().collect::<Vec<_>>(),
        [body, zeros].concat()
    );
}

#[test]
fn no_chunk_reaches_into_another_part() {
    let sizes = [(1 << 20) + 5, 0, 7, 3 << 20];
    let parts = sizes.map(|size| s3::Part { size, md5: [9; 16] });
    let length = usize::try_from(sizes.iter().sum::<u64>()).unwrap();
    let headers = Headers { etag: "e-4".into(), size: i64::try_from(length).unwrap(), ..Headers::default() };
    let mut all = Vec::new();
    for piece in [1000, 1 << 20, 1 << 23] {
        let mut rows = Rows::new(false);
        let body = vec![1; length - (2 << 20)];
        let mut pieces: Vec<_> = body.chunks(piece).map(Piece::Bytes).collect();
        pieces.push(Piece::Zeros(2 << 20));
        let object = ObjectHead { parts: &parts, ..head(b"k", &headers) };
        assert_eq!(rows.put(Object::S3(s3::Object::Object(&object)), &pieces), Answer::Taken);
        all.push(rows.finish());
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    let chunks: Vec<_> = all[0].iter().filter(|(key, _)| key.starts_with("2173337c626c6f62")).collect();
    let chunks: Vec<_> =
        chunks.into_iter().map(|(key, chunk)| (&key[key.len() - 32..], chunk.len())).collect();
    let wanted = [(1, 0, 1 << 20), (1, 1, 5), (3, 0, 7), (4, 0, 1 << 20), (4, 1, 1 << 20), (4, 2, 1 << 20)];
    let wanted = wanted.map(|(part, chunk, length)| (format!("{part:016x}{chunk:016x}"), length));
    assert_eq!(chunks, wanted.each_ref().map(|(key, length)| (key.as_str(), *length)));
    let manifest = all[0].iter().find(|(key, _)| key.starts_with("2173337c6f626a7c68656164")).unwrap().1;
    let manifest = String::from_utf8(manifest.clone()).unwrap();
    let part = r#"{"part_no":3,"etag":"09090909090909090909090909090909","size_bytes":7,"chunk_count":1,"chunk_sizes":[7],"#;
    assert!(manifest.contains(part), "{manifest}");
}

#[test]
fn an_object_of_another_length_than_its_record_is_left_out() {
    let mut rows = Rows::new(false);
    let headers = Headers { size: 3, ..Headers::default() };
    let object = Object::S3(s3::Object::Object(&head(b"k", &headers)));
    let answer = rows.put(object, &[Piece::Bytes(b"four")]);
    assert!(matches!(answer, Answer::Refused(refusal) if refusal.class == "S3_CORRUPT_OBJECT"));
    // Its bucket has a record all the same: the two rows of one that nothing tells of.
    let bucket = hex::encode("!s3|bucket|");
    let keys: Vec<_> = rows.finish().into_keys().collect();
    assert!(keys.len() == 2 && keys.iter().all(|key| key.starts_with(&bucket)), "{keys:?}");
}

#[test]
fn worked_rows_of_sqs() {
    let mut rows = Rows::new(true);
    let queue = Queue {
        generation: 9,
        visibility_timeout: 30,
        message_retention: 345_600,
        maximum_message_size: 262_144,
        ..Queue::default()
    };
    let named = |name: &'static str, queue| NamedQueue {
        name: name.as_bytes(),
        text: name,
        encoded: "",
        queue,
        commit_ts: Hlc::ZERO,
    };
    rows.put(Object::Sqs(sqs::Object::Queue(&named("q", &queue))), &[]);
    let message = Message {
        id: "m1".into(),
        body: b"hi",
        md5_of_body: "49f68a5c8493ec2c0bf489821c21fc3b".into(),
        send_timestamp: 1000,
        available_at: 1500,
        visible_at: 99,
        receive_count: 4,
        queue_generation: 9,
        queue: b"q",
        ..Message::default()
    };
    // A partition that a queue of one has in no key, written out, and one that it has not.
    let first = Message { partition: Some(0), ..message.clone() };
    assert_eq!(rows.put(Object::Sqs(sqs::Object::Message(&first)), &[]), Answer::Taken);
    let second = Message { partition: Some(1), id: "m2".into(), ..message.clone() };
    assert!(matches!(rows.put(Object::Sqs(sqs::Object::Message(&second)), &[]), Answer::Refused(_)));
    rows.sink.end_scope(&mut rows.report, ScopeEnd::Queue { last_sequence: 0 }).unwrap();
    let fifo = Queue {
        fifo: true,
        content_based_deduplication: true,
        partition_count: 4,
        fifo_throughput_limit: "perMessageGroupId".into(),
        ..Queue::default()
    };
    rows.put(Object::Sqs(sqs::Object::Queue(&named("p.fifo", &fifo))), &[]);
    let grouped = Message {
        available_at: 1000,
        group_id: "g0".into(),
        sequence_number: 7,
        partition: Some(2),
        queue: b"p.fifo",
        ..message.clone()
    };
    rows.put(Object::Sqs(sqs::Object::Message(&grouped)), &[]);
    let lost = Message { partition: Some(4), ..grouped };
    assert!(matches!(rows.put(Object::Sqs(sqs::Object::Message(&lost)), &[]), Answer::Refused(_)));
    rows.sink.end_scope(&mut rows.report, ScopeEnd::Queue { last_sequence: 8 }).unwrap();
    let found = rows.finish();
    let text = |key: &str| String::from_utf8(found[&key.replace(' ', "")].clone()).unwrap();
    assert_eq!(
        text("217371737c71756575657c6d6574617c 6351"),
        "\0SQ\x01{\"name\":\"q\",\"generation\":1,\"visibility_timeout_seconds\":30,\"message_retention_seconds\":345600,\
         \"delay_seconds\":0,\"receive_message_wait_seconds\":0,\"maximum_message_size\":262144}"
    );
    assert_eq!(text("217371737c71756575657c67656e7c 6351"), "1");
    assert_eq!(
        text("217371737c6d73677c646174617c 6351 0000000000000001 625445"),
        "\0SM\x01{\"message_id\":\"m1\",\"body\":\"aGk=\",\"md5_of_body\":\"49f68a5c8493ec2c0bf489821c21fc3b\",\
         \"send_timestamp_millis\":1000,\"available_at_millis\":1500,\"visible_at_millis\":0,\"receive_count\":0,\
         \"current_receipt_token\":null,\"queue_generation\":1}"
    );
    assert_eq!(text("217371737c6d73677c7669737c 6351 0000000000000001 00000000000005dc 625445"), "m1");
    assert_eq!(text("217371737c6d73677c62796167657c 6351 0000000000000001 00000000000003e8 625445"), "m1");
    let partition = "707c 6343356d61575a76 7c 00000002 0000000000000001";
    assert!(found.contains_key(&format!("217371737c6d73677c646174617c {partition} 625445").replace(' ', "")));
    assert_eq!(text(&format!("217371737c6d73677c7669737c {partition} 00000000000003e8 625445")), "m1");
    let window =
        hex::encode("OGY0MzQzNDY2NDhmNmI5NmRmODlkZGE5MDFjNTE3NmIxMGE2ZDgzOTYxZGQzYzFhYzg4YjU5YjJkYzMyN2FhNA");
    assert_eq!(
        text(&format!("217371737c6d73677c64656475707c {partition} 5a7a41 7c {window}")),
        r#"{"message_id":"m1","send_timestamp_ms":1000,"expires_at_millis":301000,"original_sequence":7}"#
    );
    assert_eq!(text("217371737c71756575657c7365717c 6343356d61575a76"), "7");
    assert_eq!(found.len(), 12);
}

#[test]
fn the_filesystem_is_what_a_node_needs() {
    let mut rows = Rows::new(false);
    let siblings = Siblings(&|_| Ok(false));
    let directory = InodeRecord { node_type: NodeType::Directory, nlink: 1, ..InodeRecord::default() };
    let size = (4 << 20) + 3;
    let file = InodeRecord { node_type: NodeType::File, nlink: 1, size, ..InodeRecord::default() };
    // A file comes before the directory that it is in, as paths sort.
    for (path, inode, record) in [(&b"d/f"[..], 9, &file), (b"", 1, &directory), (b"d", 3, &directory)] {
        let node = Node { path, inode, record, siblings, commit_ts: Hlc::ZERO };
        let pieces: &[_] = if inode == 9 {
            &[Piece::Bytes(b"ab\0"), Piece::Zeros((4 << 20) - 2), Piece::Bytes(b"cd")]
        } else {
            &[]
        };
        assert_eq!(rows.put(Object::Fs(&node), pieces), Answer::Taken);
    }
    rows.sink.end_service(&mut rows.report, Namespace::Fs).unwrap();
    assert_eq!(rows.report.problem_count(), 0);
    let found = rows.finish();
    let key = |text: &[u8], numbers: &[u64], rest: &[u8]| {
        let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        hex::encode([text, &numbers, rest].concat())
    };
    let text = |key: &str| String::from_utf8(found[key].clone()).unwrap();
    assert_eq!(
        text(&key(b"!fs|ino|", &[9], b"")),
        "{\"inode\":9,\"parent\":3,\"type\":\"file\",\"mode\":0,\"uid\":0,\"gid\":0,\"size\":4194307,\"atime_nsec\":0,\
         \"mtime_nsec\":0,\"ctime_nsec\":0,\"chunk_size\":4194304,\"home_slot\":9,\"epoch\":1,\"nlink\":1,\"generation\":0}"
    );
    assert!(text(&key(b"!fs|ino|", &[1], b"")).contains("\"parent\":1,"));
    assert_eq!(text(&key(b"!fs|home|", &[3], b"")), r#"{"home_slot":3,"state":"active","epoch":1}"#);
    assert_eq!(text(&key(b"!fs|dir|", &[1], b"d\0\0")), r#"{"inode":3,"type":"directory"}"#);
    assert_eq!(text(&key(b"!fs|dir|", &[3], b"f\0\0")), r#"{"inode":9,"type":"file"}"#);
    assert_eq!(found[&key(b"!fs|chk|", &[9, 9, 0], b"")], b"ab");
    assert_eq!(found[&key(b"!fs|chk|", &[9, 9, 1], b"")], b"\0cd");
    assert_eq!(text(&key(b"!fs|usage", &[], b"")), r#"{"files":3,"bytes":5}"#);
    assert_eq!(found.len(), 11);
}

#[test]
fn two_objects_of_one_row_are_refused() {
    let mut rows = Rows::new(false);
    rows.redis(b"a", Value::String(b"1"), None);
    let pair = Pair { key: b"!redis|str|a", value: b"2", commit_ts: Hlc::ZERO };
    assert_eq!(rows.put(Object::Kv(&pair), &[]), Answer::Taken);
    match rows.payload() {
        Err(Error::Duplicate { key, objects, .. }) => {
            assert_eq!((&*key, objects), (&b"!redis|str|a"[..], [1, 2]));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_that_no_node_takes_are_left_out() {
    let mut rows = Rows::new(false);
    let long = vec![b'k'; 1 << 20];
    for (key, class) in [(&long[..], None), (&[&long[..], b"k"].concat(), Some("over_restore_limit"))] {
        let pair = Pair { key, value: b"", commit_ts: Hlc::ZERO };
        let answer = rows.put(Object::Kv(&pair), &[]);
        match class {
            None => assert_eq!(answer, Answer::Taken),
            Some(class) => assert!(matches!(answer, Answer::Refused(refusal) if refusal.class == class)),
        }
    }
    assert_eq!(rows.finish().len(), 1);
    // With this timestamp behind it, the key is that of the node's own clock.
    let scratch = Scratch::default();
    let commit_ts = !u64::from_be_bytes(*b"ommit_ts");
    let mut sink = Encode::new(&scratch, Options { commit_ts: Hlc(commit_ts), ..Options::default() });
    let pair = Pair { key: b"_meta_last_c", value: b"", commit_ts: Hlc::ZERO };
    let answer = sink.object(&mut Report::new(&scratch, |_| ()), Object::Kv(&pair)).unwrap();
    assert!(matches!(answer, Answer::Refused(refusal) if refusal.class == "reserved_row_key"));
}

#[test]
fn an_object_that_is_abandoned_leaves_no_row() {
    let mut rows = Rows::new(false);
    rows.redis(b"a", Value::String(b"1"), None);
    let value = Value::Collection {
        collection: Collection::Set,
        elements: None,
        bytes: None,
        last: StreamId::default(),
    };
    let key = Key { key: b"s", value, expiry_ms: None, commit_ts: Hlc::ZERO, shares_name: false };
    assert_eq!(rows.sink.object(&mut rows.report, Object::Redis(&key)).unwrap(), Answer::Open);
    rows.sink.piece(Piece::Element(Element::Member(b"m"))).unwrap();
    rows.sink.abandon().unwrap();
    rows.redis(b"b", Value::String(b"2"), None);
    assert_eq!(
        rows.finish().into_keys().collect::<Vec<_>>(),
        ["2172656469737c7374727c61", "2172656469737c7374727c62"]
    );
}
