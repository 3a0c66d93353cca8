//! RFC 5424: the examples of §6.5, and what §6 says about each field.

use log_pipeline::message::{Malformed, Message, Protocol};
use log_pipeline::parse::{Policy, parse};
use log_pipeline::structured_data::StructuredDataError;
use log_pipeline::timestamp::{Timestamp, TimestampError};
use proptest::prelude::*;

fn read(frame: &[u8]) -> Message<'_> {
    parse(frame, Timestamp::default(), &Policy::default())
}

fn json(message: &Message<'_>) -> serde_json::Value {
    let mut out = Vec::new();
    message.write_json(&mut out);
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn section_6_5_example_1() {
    let message = read(
        b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed for lonvick on /dev/pts/8",
    );
    assert_eq!(
        json(&message),
        serde_json::json!({
            "facility": "auth", "severity": "crit", "version": 1,
            "timestamp_ns": 1_065_910_455_003_000_000_i64,
            "hostname": "mymachine.example.com", "appname": "su", "procid": null, "msgid": "ID47",
            "structured_data": {}, "message": "'su root' failed for lonvick on /dev/pts/8",
            "protocol": "rfc5424"
        })
    );
}

#[test]
fn section_6_5_example_2() {
    let message = read(
        b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
    );
    assert_eq!(message.timestamp.unwrap().unix_ns(), 1_061_727_255_000_003_000);
    assert_eq!((message.hostname, message.procid), (Some("192.0.2.1"), Some("8710")));
    assert_eq!(message.message, b"%% It's time to make the do-nuts.");
    assert_eq!(message.error, None);
}

#[test]
fn section_6_5_examples_3_and_4() {
    let head = "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 \
        [exampleSDID@32473 iut=\"3\" eventSource=\"Application\" eventID=\"1011\"]";
    let three = format!("{head} \u{feff}An application event log entry...");
    let message = read(three.as_bytes());
    assert_eq!(message.message, b"An application event log entry...");
    assert_eq!(message.structured_data.value("exampleSDID@32473", "eventID").unwrap(), "1011");
    let four = format!("{head}[examplePriority@32473 class=\"high\"]");
    let message = read(four.as_bytes());
    assert_eq!((message.message, message.error), (&b""[..], None));
    assert_eq!(json(&message)["structured_data"]["examplePriority@32473"]["class"], "high");
}

#[test]
fn what_is_not_understood_is_kept_whole_with_the_reason() {
    for (frame, message, error) in [
        ("<13>1 - h", "h", Malformed::Header),
        (
            "<13>1 2003-02-30T00:00:00Z h a p m - x",
            "2003-02-30T00:00:00Z h a p m - x",
            Malformed::Timestamp(TimestampError::Range),
        ),
        (
            "<13>1 - h a p m [x y] text",
            "[x y] text",
            Malformed::StructuredData(StructuredDataError::Value),
        ),
        ("<13>1 - h a p m -text", "-text", Malformed::StructuredData(StructuredDataError::Name)),
        ("<13>1 - h a p m", "m", Malformed::Header),
        ("<13>1 - h  p m - x", " p m - x", Malformed::Header),
    ] {
        let read = read(frame.as_bytes());
        assert_eq!(std::str::from_utf8(read.message).unwrap(), message, "{frame}");
        assert_eq!(read.error, Some(error), "{frame}");
        assert_eq!(read.protocol, Protocol::Rfc5424);
        assert_eq!(json(&read)["error"], error.label());
    }
}

#[test]
fn any_bytes_may_be_the_message() {
    let read = read(b"<13>1 - - - - - - \xff\0\n ");
    assert_eq!((read.message, read.error), (&b"\xff\0\n "[..], None));
    assert_eq!(json(&read)["message"], "\u{fffd}\0\n ");
}

#[test]
fn json_names_are_unique_whatever_repeats() {
    let message = read(br#"<13>1 - - - - - [a x="1" y="2" x="\"3\""][b][a x="4"] m"#);
    let mut out = Vec::new();
    message.write_json(&mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.contains(r#""structured_data":{"a":{"x":["1","\"3\"","4"],"y":"2"},"b":{}}"#),
        "{text}"
    );
}

#[test]
fn liberties_in_structured_data_are_taken_and_not_passed_on() {
    let message = read(br#"<13>1 - - - - - [a  x= "]" y="\n" ][b] m"#);
    assert_eq!(message.error, None);
    assert_eq!(message.structured_data.value("a", "x").as_deref(), Some("]"));
    let mut out = Vec::new();
    message.write_rfc5424(&mut out);
    assert_eq!(out, br#"<13>1 - - - - - [a x="\]" y="\\n"][b] m"#);
}

#[test]
fn what_is_emitted_is_always_well_formed() {
    let read_back = |frame: &[u8]| {
        let mut out = Vec::new();
        read(frame).write_rfc5424(&mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(read_back(b"no syslog"), "<13>1 - - - - - - no syslog");
    let long = format!("<13>1 - {} - - - - \u{e4}", "h".repeat(300));
    assert_eq!(
        read_back(long.as_bytes()),
        format!("<13>1 - {} - - - - \u{feff}\u{e4}", "h".repeat(255))
    );
    let host = "<13>Oct 11 22:14:15 h\u{f6}st t[1]: x".as_bytes();
    assert_eq!(
        read_back(host),
        "<13>1 1970-10-11T22:14:15.000000Z h??st t 1 - - x".replace("1970", "1969")
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(frame: Vec<u8>, received: i64) {
        let message = parse(&frame, Timestamp::from_unix_ns(received), &Policy::default());
        json(&message);
    }

    #[test]
    fn nearly_good_messages_never_panic_and_lose_nothing(
        at in 0usize..110, cut in 0usize..110, byte: u8
    ) {
        let mut frame = br#"<165>1 2003-10-11T22:14:15.003Z host app 1 ID47 [a@1 x="3" y="\]"][b z=""] text"#.to_vec();
        let length = frame.len();
        frame[at % length] = byte;
        frame.truncate(1 + cut % length);
        let message = read(&frame);
        prop_assert!(frame.ends_with(message.message));
        json(&message);
    }

    #[test]
    fn what_is_emitted_is_read_back(
        number in 0u8..192, micros in -9_000_000_000_000_000i64..9_000_000_000_000_000,
        host in "[!-~]{1,255}", app in "[!-~]{1,48}", process in "[!-~]{1,128}", id in "[!-~]{1,32}",
        params in proptest::collection::vec(("[a-z@]{1,8}", "[a-z]{1,8}", ".{0,20}"), 0..4),
        text in "([^\u{feff}].*)?",
    ) {
        use log_pipeline::{message::Builder, pri::Pri};
        let mut builder = Builder::new(Pri::from_number(number).unwrap())
            .timestamp(Timestamp::from_unix_ns(micros * 1000))
            .hostname(host).appname(app).procid(process).msgid(id).message(text);
        for (id, name, value) in &params {
            builder = builder.param(id, name, value);
        }
        let wire = builder.to_rfc5424();
        let message = read(&wire);
        prop_assert_eq!(message.error, None);
        // A lone dash is the NILVALUE.
        let view = builder.view();
        prop_assert_eq!(message.hostname, view.hostname.filter(|text| *text != "-"));
        prop_assert_eq!(message.msgid, view.msgid.filter(|text| *text != "-"));
        prop_assert_eq!(message.timestamp, view.timestamp);
        prop_assert_eq!(message.structured_data, view.structured_data);
        prop_assert_eq!(message.message, view.message);
    }
}
