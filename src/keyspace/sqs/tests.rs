//! Keys of `format/sqs.md#examples`, `reading/sqs.md#cases`, and each way in which a key can be malformed.

use super::*;

fn key(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

type Fields = (Vec<u8>, Option<u32>, u64, Vec<u8>);

fn data(rest: &[&[u8]]) -> Result<Fields, Malformed> {
    let key = key(&[b"!sqs|msg|data|", &rest.concat()]);
    let parsed = DataKey::parse(&key).map_err(|bad| bad.malformed)?;
    let DataKey { queue, partition, generation, message_id } = parsed;
    Ok((queue.text().to_vec(), partition, generation, message_id.text().to_vec()))
}

fn side_queue(family: Family, rest: &[&[u8]]) -> Result<Vec<u8>, Malformed> {
    let key = key(&[family.prefix(), &rest.concat()]);
    side(family, &key).map(|queue| queue.text().to_vec()).map_err(|bad| bad.malformed)
}

const GENERATION: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 7];

#[test]
fn a_classic_message_key_splits_at_the_first_byte_outside_the_alphabet() {
    let parsed = data(&[b"b3JkZXJz", GENERATION, b"bXNnLWlk"]).unwrap();
    assert_eq!(parsed, (b"b3JkZXJz".to_vec(), None, 7, b"bXNnLWlk".to_vec()));
}

#[test]
fn a_partitioned_message_key_carries_its_partition() {
    let parsed = data(&[b"p|cGF5LmZpZm8|", &[0, 0, 0, 2], GENERATION, b"bTE"]).unwrap();
    assert_eq!(parsed, (b"cGF5LmZpZm8".to_vec(), Some(2), 7, b"bTE".to_vec()));
}

#[test]
fn fixed_fields_may_look_like_separators() {
    let bars = [0, 0, 0, 0, 0, 0, b'|', b'|'];
    assert_eq!(data(&[b"cQ", &bars, b"bTE"]).unwrap().2, 0x7c7c);
    let parsed = data(&[b"p|cQ|", b"||||", b"p|p|p|p|", b"bTE"]).unwrap();
    assert_eq!((parsed.1, parsed.2), (Some(0x7c7c_7c7c), 0x707c_707c_707c_707c));
}

#[test]
fn a_classic_message_key_is_cut_at_no_field() {
    assert_eq!(data(&[]), Err(Malformed::Queue));
    assert_eq!(data(&[GENERATION, b"bTE"]), Err(Malformed::Queue));
    assert_eq!(data(&[b"c", GENERATION, b"bTE"]), Err(Malformed::Queue));
    for length in 0..8 {
        let expected = Malformed::Short { expected: 9, found: length };
        assert_eq!(data(&[b"cQ", &GENERATION[..length]]), Err(expected));
    }
    assert_eq!(data(&[b"cQ", GENERATION]), Err(Malformed::Short { expected: 9, found: 8 }));
    for id in [&b"b"[..], b"bTF", b"bT\nE", b"bTE="] {
        assert_eq!(data(&[b"cQ", GENERATION, id]), Err(Malformed::MessageId));
    }
}

#[test]
fn a_partitioned_message_key_is_cut_at_no_field() {
    let whole = [&[0, 0, 0, 2][..], GENERATION].concat();
    assert_eq!(data(&[b"p|"]), Err(Malformed::Terminator));
    assert_eq!(data(&[b"p|cQ"]), Err(Malformed::Terminator));
    assert_eq!(data(&[b"p||", &whole, b"bTE"]), Err(Malformed::Queue));
    assert_eq!(data(&[b"p|cR|", &whole, b"bTE"]), Err(Malformed::Queue));
    for length in 0..=12 {
        let expected = Malformed::Short { expected: 13, found: length };
        assert_eq!(data(&[b"p|cQ|", &whole[..length]]), Err(expected));
    }
    assert_eq!(data(&[b"p|cQ|", &whole, b"b"]), Err(Malformed::MessageId));
}

#[test]
fn the_whole_rest_of_a_queue_key_is_its_segment() {
    let name = |family: Family, rest: &[u8]| {
        let key = [family.prefix(), rest].concat();
        queue(family, &key).map(|queue| queue.text().to_vec()).map_err(|bad| bad.malformed)
    };
    for family in [Family::SqsQueueMeta, Family::SqsQueueGeneration, Family::SqsQueueSequence] {
        assert_eq!(name(family, b"cQ").unwrap(), b"cQ");
        assert_eq!(name(family, b""), Err(Malformed::Queue));
        assert_eq!(name(family, b"cQ\0"), Err(Malformed::Queue));
        assert_eq!(name(family, b"p|cQ"), Err(Malformed::Queue));
    }
    assert_eq!(queue(Family::SqsQueueMeta, b"!sqs|queue|gen|cQ"), Err(Malformed::Prefix.into()));
}

#[test]
fn a_classic_side_key_needs_a_trailer_of_any_length() {
    for family in [
        Family::SqsByAge,
        Family::SqsDedup,
        Family::SqsGroup,
        Family::SqsVisibility,
        Family::SqsQueueTombstone,
    ] {
        assert_eq!(side_queue(family, &[b"cQ", GENERATION]).unwrap(), b"cQ");
        assert_eq!(side_queue(family, &[b"cQ", b"\0"]).unwrap(), b"cQ");
        let cut = side_queue(family, &[b"cQQQ"]);
        assert_eq!(cut, Err(Malformed::Short { expected: 1, found: 0 }));
        assert_eq!(side_queue(family, &[GENERATION]), Err(Malformed::Queue));
    }
}

#[test]
fn a_partitioned_side_key_needs_its_partition_and_generation() {
    let whole = [&[0, 0, 0, 2][..], GENERATION].concat();
    for family in [Family::SqsByAge, Family::SqsDedup, Family::SqsGroup, Family::SqsVisibility] {
        assert_eq!(side_queue(family, &[b"p|cQ|", &whole]).unwrap(), b"cQ");
        let cut = side_queue(family, &[b"p|cQ|", &whole[..11]]);
        assert_eq!(cut, Err(Malformed::Short { expected: 12, found: 11 }));
        assert_eq!(side_queue(family, &[b"p|cQ"]), Err(Malformed::Terminator));
        assert_eq!(side_queue(family, &[b"p||", &whole]), Err(Malformed::Queue));
    }
}

#[test]
fn sequence_and_tombstone_keys_have_no_partitioned_form() {
    assert_eq!(side_queue(Family::SqsQueueSequence, &[b"cQ"]).unwrap(), b"cQ");
    assert_eq!(side_queue(Family::SqsQueueSequence, &[b"cQ", GENERATION]), Err(Malformed::Queue));
    assert_eq!(side_queue(Family::SqsQueueTombstone, &[b"p|cQ|", &[0; 12]]), Err(Malformed::Queue));
}

#[test]
fn a_malformed_key_tells_its_queue_where_it_can() {
    let queue_of = |key: &[u8]| {
        let bad = DataKey::parse(key).unwrap_err();
        bad.queue.map(|queue| queue.text().to_vec())
    };
    for rest in [&b"cQ\0"[..], b"cQ\0\0\0\0\0\0\0\x01b", b"p|cQ|", b"p|cQ|\0"] {
        assert_eq!(queue_of(&key(&[b"!sqs|msg|data|", rest])), Some(b"cQ".to_vec()), "{rest:?}");
    }
    for rest in [&b""[..], b"cQ", b"c\0", b"p|cQ", b"p||\0"] {
        assert_eq!(queue_of(&key(&[b"!sqs|msg|data|", rest])), None, "{rest:?}");
    }
    let bad = side(Family::SqsVisibility, b"!sqs|msg|vis|p|cQ|").unwrap_err();
    assert_eq!(bad.queue.map(Segment::text), Some(&b"cQ"[..]));
}

#[test]
fn only_partitioned_keys_have_a_partition() {
    let found =
        |parts: &[&[u8]]| partition(&key(parts)).map(|(queue, number)| (queue.text().to_vec(), number));
    let whole = [&[0, 0, 0, 2][..], GENERATION].concat();
    for family in BY_PARTITION {
        assert_eq!(found(&[family.prefix(), b"p|cQ|", &whole]), Some((b"cQ".to_vec(), 2)));
        assert_eq!(found(&[family.prefix(), b"cQ", GENERATION]), None);
        assert_eq!(found(&[family.prefix(), b"p|cQ|", &whole[..3]]), None);
    }
    assert_eq!(found(&[b"!sqs|queue|meta|p|cQ|", &whole]), None);
    assert_eq!(found(&[b"!redis|str|p|cQ|", &whole]), None);
}
