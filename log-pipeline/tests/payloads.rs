//! JSON in messages: found, read without memory, and the same as serde_json reads it.

use log_pipeline::message::payload::{Payload, PayloadError, Text, Value};
use log_pipeline::parse::{Policy, parse};
use log_pipeline::timestamp::Timestamp;
use proptest::prelude::*;

fn payload(frame: &str) -> Option<Payload<'_>> {
    parse(frame.as_bytes(), Timestamp::default(), &Policy::default()).payload()
}

fn flat(text: &str) -> Vec<(String, Value<'_>)> {
    let payload = Payload::parse(text.as_bytes()).unwrap();
    payload.fields().map(|field| (field.path.to_string(), field.value)).collect()
}

#[test]
fn it_is_found_wherever_it_is_put() {
    for frame in [
        r#"<13>1 2021-03-21T13:14:15Z h a 1 m - @cee: {"k":1}"#,
        r#"<13>1 2021-03-21T13:14:15Z h a 1 m - {"k":1}"#,
        r#"<13>Mar 21 13:14:15 h a[1]: @cee:{"k":1}"#,
        r#"<13>Mar 21 13:14:15 h a[1]: {"k":1}  "#,
        r#"<13>Mar 21 13:14:15 h @cee: {"k":1}"#,
        r#"<13>a: {"k":1}"#,
        r#"<13>{"k":1}"#,
        r#"<13> @cee: {"k":1}"#,
        r#"{"k":1}"#,
        r#"  {"k":1}  "#,
    ] {
        let found = payload(frame).expect(frame);
        assert_eq!(found.json(), r#"{"k":1}"#);
        let message = parse(frame.as_bytes(), Timestamp::default(), &Policy::default());
        assert_eq!(message.error, None, "{frame}");
    }
    for frame in [r#"<13>Mar 21 13:14:15 h a: {"k":1} and more"#, "<13>{", "[1]", "{\"k\"}", "text"]
    {
        assert_eq!(payload(frame), None, "{frame}");
    }
}

#[test]
fn a_line_of_an_access_log_is_read_field_by_field() {
    let line = r#"{"time":"2026-08-24T05:14:15.003Z","request":{"method":"GET","path":"\/a\u0020b","headers":{"x":[1,{"y":2}]}},"status":200,"ms":1.25e1,"cached":true,"error":null,"empty":{}}"#;
    let string = |text| Value::String(text);
    let fields = flat(line);
    let names: Vec<&str> = fields.iter().map(|field| field.0.as_str()).collect();
    assert_eq!(
        names,
        [
            "time",
            "request.method",
            "request.path",
            "request.headers.x",
            "status",
            "ms",
            "cached",
            "error",
            "empty"
        ]
    );
    let found = payload(line).unwrap();
    assert!(matches!(found.value("request.path"), Some(Value::String(path)) if path == *"/a b"));
    assert_eq!(found.value("request.headers.x"), Some(Value::Array(r#"[1,{"y":2}]"#)));
    assert_eq!(found.value("status"), Some(Value::Number("200")));
    assert_eq!(found.value("ms"), Some(Value::Number("1.25e1")));
    assert_eq!(found.value("cached"), Some(Value::Bool(true)));
    assert_eq!(found.value("error"), Some(Value::Null));
    assert_eq!(found.value("empty"), Some(Value::Object("{}")));
    assert_eq!(found.value("request"), None);
    assert_eq!(found.timestamp(), Timestamp::parse(b"2026-08-24T05:14:15.003Z").ok());
    let Some(Value::String(method)) = found.value("request.method") else { panic!() };
    assert_eq!((string(method), method.plain()), (Value::String(method), "GET".into()));
}

#[test]
fn a_line_alone_says_when_it_happened() {
    let time =
        |frame: &str| parse(frame.as_bytes(), Timestamp::default(), &Policy::default()).timestamp;
    let noon = Timestamp::parse(b"2026-08-24T12:00:00Z").ok();
    assert_eq!(time(r#"{"status":200,"time":"2026-08-24T12:00:00Z"}"#), noon);
    assert_eq!(time(r#"<13>@cee:{"time":"2026-08-24T12:00:00Z"}"#), noon);
    assert_eq!(time(r#"{"status":200}"#), None);
    // A header goes before.
    let header = r#"<13>1 2026-08-24T12:00:00Z h a - - - {"time":"2020-01-01T00:00:00Z"}"#;
    assert_eq!(time(header), noon);
}

#[test]
fn the_last_of_equal_names_counts() {
    let found = payload(r#"{"a.b":1,"a":{"b":2}}"#).unwrap();
    assert_eq!(found.value("a.b"), Some(Value::Number("2")));
}

#[cfg(feature = "serde")]
#[test]
fn the_owned_form_is_a_value_of_serde_json() {
    let found = payload(r#"<13>@cee: {"a":{"b":[1,"\n"]}}"#).unwrap();
    assert_eq!(found.to_value().unwrap(), serde_json::json!({"a": {"b": [1, "\n"]}}));
}

#[test]
fn times_by_their_names_and_sizes() {
    for (text, ns) in [
        (r#"{"ts":1616332455.123}"#, 1_616_332_455_123_000_000),
        (r#"{"ts":1616332455}"#, 1_616_332_455_000_000_000),
        (r#"{"time":"1616332455123"}"#, 1_616_332_455_123_000_000),
        (r#"{"timestamp":1616332455123456}"#, 1_616_332_455_123_456_000),
        (r#"{"timestamp":1616332455123456789}"#, 1_616_332_455_123_456_789),
        (r#"{"msec":"1616332455.123"}"#, 1_616_332_455_123_000_000),
        (r#"{"time":7,"@timestamp":"2021-03-21T13:14:15.123Z"}"#, 1_616_332_455_123_000_000),
    ] {
        assert_eq!(payload(text).unwrap().timestamp().map(Timestamp::unix_ns), Some(ns), "{text}");
    }
    assert_eq!(payload(r#"{"ts":1.6e9,"time":"noon"}"#).unwrap().timestamp(), None);
}

#[test]
fn surrogates_are_joined_or_replaced() {
    let found = payload(r#"{"a":"\ud83d\ude00","b":"\ud83dx","c":"\ude00"}"#).unwrap();
    let text = |name| match found.value(name) {
        Some(Value::String(text)) => text.plain().into_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (text("a"), text("b"), text("c")),
        ("😀".into(), "\u{fffd}x".into(), "\u{fffd}".into())
    );
}

#[test]
fn what_is_none_is_refused_with_its_place() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    for (text, error) in [
        ("", PayloadError::NoObject),
        ("@cee: text", PayloadError::NoObject),
        ("[{}]", PayloadError::NoObject),
        ("{", PayloadError::Syntax { at: 1 }),
        ("{\"a\":01}", PayloadError::Syntax { at: 6 }),
        ("{\"a\":1,}", PayloadError::Syntax { at: 7 }),
        ("{\"a\":[1 2]}", PayloadError::Syntax { at: 8 }),
        ("{\"a\":\"\\x\"}", PayloadError::Syntax { at: 6 }),
        ("{\"a\":\"\n\"}", PayloadError::Syntax { at: 6 }),
        ("{} {}", PayloadError::Syntax { at: 2 }),
        (&deep, PayloadError::TooDeep),
        (&long, PayloadError::TooLong),
    ] {
        let shown = &text[..text.len().min(40)];
        assert_eq!(Payload::parse(text.as_bytes()), Err(error), "{shown}");
    }
    assert_eq!(Payload::parse(b"{\"a\":\"\xff\"}"), Err(PayloadError::Utf8));
}

/// The flat fields, gathered from the owned form.
fn gather(
    path: &str,
    depth: usize,
    value: &serde_json::Value,
    out: &mut Vec<(String, serde_json::Value)>,
) {
    match value {
        serde_json::Value::Object(object) if depth < 8 && (!object.is_empty() || depth == 0) => {
            for (name, value) in object {
                let path = if depth == 0 { name.clone() } else { format!("{path}.{name}") };
                gather(&path, depth + 1, value, out);
            }
        }
        value => out.push((path.to_owned(), value.clone())),
    }
}

fn owned(value: Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(it) => it.into(),
        Value::String(text) => text.plain().into(),
        Value::Number(json) | Value::Array(json) | Value::Object(json) => {
            serde_json::from_str(json).unwrap()
        }
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(10, 60, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            proptest::collection::btree_map("[a-z\"\\\\\u{e4}]{0,3}", inner, 0..5)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn every_object_reads_as_serde_json_reads_it(
        object in proptest::collection::btree_map("[a-z\n]{0,3}", any_json(), 0..6), pretty: bool
    ) {
        let value: serde_json::Value = object.into_iter().collect();
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.unwrap();
        let payload = Payload::parse(text.as_bytes()).unwrap();
        let ours: Vec<_> =
            payload.fields().map(|field| (field.path.to_string(), owned(field.value))).collect();
        let mut theirs = Vec::new();
        // As serde_json reads it: not every f64 survives its default reader.
        let value = serde_json::from_str(&text).unwrap();
        gather("", 0, &value, &mut theirs);
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn damaged_objects_are_refused_as_serde_json_refuses_them(at in 0usize..80, byte: u8) {
        let mut text = br#"{"a":{"b":[1,-2.5e3,"x\u00e4\\"]},"c":true,"d":null,"e":{"f":{}}}"#.to_vec();
        let length = text.len();
        text[at % length] = byte;
        let theirs = serde_json::from_slice::<serde_json::Value>(&text);
        if text[0] == b'{' {
            prop_assert_eq!(Payload::parse(&text).is_ok(), theirs.is_ok());
        }
    }

    #[test]
    fn strings_end_where_they_end(bytes in proptest::collection::vec(
        prop_oneof![3 => 0x1eu8..0x24, 1 => any::<u8>(), 1 => Just(b'\\'), 1 => Just(b'"')], 0..30)
    ) {
        let text = [b"{\"a\":\"", &bytes[..], b"\"}"].concat();
        let theirs = serde_json::from_slice::<serde_json::Value>(&text);
        prop_assert_eq!(Payload::parse(&text).is_ok(), theirs.is_ok());
    }

    #[test]
    fn texts_are_compared_as_meant(text: String, other: String) {
        let json = serde_json::to_string(&text).unwrap();
        let object = format!("{{\"a\":{json}}}");
        let payload = Payload::parse(object.as_bytes()).unwrap();
        let Some(Value::String(read)) = payload.value("a") else { panic!() };
        let read: Text<'_> = read;
        prop_assert!(read == *text.as_str());
        prop_assert_eq!(read == *other.as_str(), text == other);
        prop_assert_eq!(read.to_string(), text);
    }
}
