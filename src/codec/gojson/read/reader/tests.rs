//! The grammar, token by token, against `serde_json` where that is as strict.

use proptest::prelude::*;

use super::*;

fn value(text: &str) -> Result<&str> {
    let mut reader = Reader::new(text.as_bytes());
    let value = reader.value()?;
    reader.end()?;
    Ok(std::str::from_utf8(value).unwrap())
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind
}

#[test]
fn a_value_is_returned_as_it_is_spelt() {
    for text in ["null", "true", "false", "-0.5e+10", "\"a\\u0041\"", "[]", "{}", "[ 1 , {\"a\" : [ ] } ]"] {
        assert_eq!(value(&format!(" \t\r\n{text} ")), Ok(text));
    }
}

#[test]
fn what_is_no_value_is_refused() {
    for text in [
        "",
        " ",
        "nul",
        "True",
        "-",
        "+1",
        "01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u123\"",
        "\"\n\"",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{1:1}",
        "{\"a\" 1}",
        "[1}",
        "{\"a\":1]",
        "1 1",
        "{}}",
        "]",
    ] {
        assert!(value(text).is_err(), "{text}");
    }
}

#[test]
fn trailing_data_is_told_from_a_bad_value() {
    assert_eq!(kind(value("{} x")), ErrorKind::Trailing);
    assert_eq!(
        value("[1 2]").unwrap_err(),
        Error { at: 3, kind: ErrorKind::Expected("a comma or a closing bracket") }
    );
}

#[test]
fn nesting_ends_at_the_limit() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(value(&nested(DEPTH)).is_ok());
    assert_eq!(kind(value(&nested(DEPTH + 1))), ErrorKind::Depth);
    assert_eq!(kind(value(&"[".repeat(1 << 20))), ErrorKind::Depth);
}

#[test]
fn integers_fit_their_type_or_fail() {
    let signed = |text: &str| Reader::new(text.as_bytes()).integer::<i64>();
    let unsigned = |text: &str| Reader::new(text.as_bytes()).integer::<u64>();
    assert_eq!(signed("-9223372036854775808"), Ok(i64::MIN));
    assert_eq!(kind(signed("9223372036854775808")), ErrorKind::Integer { signed: true });
    assert_eq!(unsigned(" 18446744073709551615"), Ok(u64::MAX));
    for text in ["18446744073709551616", "-1", "1.0", "1e3"] {
        assert_eq!(kind(unsigned(text)), ErrorKind::Integer { signed: false });
    }
    assert_eq!(kind(unsigned("\"1\"")), ErrorKind::Expected("a number"));
}

#[test]
fn strings_borrow_unless_their_spelling_forbids_it() {
    let string = |text: &'static [u8]| Reader::new(text).string().unwrap();
    assert!(matches!(string(b"\"plain \xc3\xa9\""), Cow::Borrowed("plain é")));
    assert!(matches!(string(b"\"\""), Cow::Borrowed("")));
    assert_eq!(string(b"\"a\\n\xff\\ud800\""), "a\n\u{fffd}\u{fffd}");
    assert!(Reader::new(b"1").string().is_err());
}

#[test]
fn objects_call_back_for_each_member_in_order() {
    let mut seen = Vec::new();
    let mut reader = Reader::new(br#" { "a" : 1 , "\u0062":null,"a":"x"} "#);
    reader
        .object(|name, value| {
            seen.push((name.into_owned(), value.value()?.to_vec()));
            Ok::<_, Error>(())
        })
        .unwrap();
    reader.end().unwrap();
    let expected = [("a", &b"1"[..]), ("b", b"null"), ("a", b"\"x\"")];
    assert_eq!(seen, expected.map(|(name, value)| (name.to_owned(), value.to_vec())));
}

#[test]
fn members_of_a_struct_are_known_in_either_case_and_those_of_a_map_are_not_touched() {
    let text = br#"{"Size_Bytes":1,"\u0053IZE_BYTES":2,"\u017fize_bytes":3,"size_bytes":4}"#;
    let mut sum = 0;
    Reader::new(text)
        .members(|name, value| {
            assert_eq!(name, "size_bytes");
            value.integer::<u64>().map(|number| sum += number)
        })
        .unwrap();
    assert_eq!(sum, 10);
    let mut names = Vec::new();
    Reader::new(text).object(|name, value| value.value().map(|_| names.push(name))).unwrap();
    assert_eq!(names, ["Size_Bytes", "SIZE_BYTES", "\u{17f}ize_bytes", "size_bytes"]);
}

#[test]
fn null_is_the_zero_value() {
    let reader = || Reader::new(b" null");
    assert_eq!(reader().string(), Ok("".into()));
    assert_eq!((reader().integer::<u64>(), reader().integer::<i64>()), (Ok(0), Ok(0)));
    assert_eq!(reader().boolean(), Ok(false));
    assert_eq!(reader().array(|_| Err(reader().expected("no element"))), Ok(()));
    assert_eq!(reader().object(|_, _| Err(reader().expected("no member"))), Ok(()));
    assert!(reader().number().is_err());
    assert_eq!(kind(Reader::new(b"nul").string()), ErrorKind::Expected("a string"));
    assert!(Reader::new(b"{null:1}").object(|_, value| value.value().map(drop)).is_err());
}

#[test]
fn only_the_literals_themselves_are_literals() {
    assert_eq!(Reader::new(b" null").null(), Ok(true));
    assert_eq!(Reader::new(b"1").null(), Ok(false));
    assert!(Reader::new(b"nil").null().is_err());
    assert_eq!(Reader::new(b"true").boolean(), Ok(true));
    assert!(Reader::new(b"\"true\"").boolean().is_err());
}

proptest! {
    #[test]
    fn values_are_accepted_exactly_where_a_strict_parser_accepts_them(
        text in "([\\[\\]{},:0-9eE.+\\- ]|\"a\"|\"\\\\n\"|true|null|\"a\":){0,12}",
    ) {
        let strict = serde_json::from_str::<Box<serde_json::value::RawValue>>(&text);
        prop_assert_eq!(value(&text).is_ok(), strict.is_ok(), "{}", text);
    }
}

#[test]
fn a_document_of_many_values_ends_when_the_run_is_asked_to_stop() {
    type Way = fn(&mut Reader<'_>) -> Result<()>;
    let interrupt = Interrupt::default();
    let array = format!("[{}1]", "1,".repeat(70_000));
    let object = format!("{{{}\"a\":1}}", "\"a\":1,".repeat(70_000));
    let read = |text: &str, how: Way| how(&mut Reader::new(text.as_bytes()).polling(&interrupt));
    let ways: [(&str, Way); 4] = [
        (&array, |reader| reader.value().map(|_| ())),
        (&object, |reader| reader.value().map(|_| ())),
        (&array, |reader| reader.array(|reader| reader.number().map(|_| ()))),
        (&object, |reader| reader.object(|_, reader| reader.number().map(|_| ()))),
    ];
    for (text, how) in ways {
        interrupt.flag().store(0, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(read(text, how), Ok(()));
        interrupt.flag().store(15, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(kind(read(text, how)), ErrorKind::Interrupted(crate::interrupt::Interrupted(15)));
        assert_eq!(read("[1]", |reader| reader.value().map(|_| ())), Ok(()));
    }
}

#[test]
fn the_text_between_two_places_is_as_it_is_spelt() {
    let mut reader = Reader::new(b"[1, {\"a\" : 2} ]");
    let start = reader.clone();
    assert_eq!(reader.since(&start), b"");
    reader
        .array(|reader| {
            let start = reader.clone();
            reader.value()?;
            assert!([&b"1"[..], b" {\"a\" : 2}"].contains(&reader.since(&start)));
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(reader.since(&start), b"[1, {\"a\" : 2} ]");
}
