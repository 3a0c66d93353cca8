//! What is written is read back: in RFC 5424, RFC 3164 and JSON.

use log_pipeline::message::{Builder, Message};
use log_pipeline::parse::{Policy, Year, parse};
use log_pipeline::pri::Pri;
use log_pipeline::timestamp::Timestamp;
use proptest::prelude::*;

fn rfc3164(message: &Message<'_>, offset: i32) -> Vec<u8> {
    let mut out = Vec::new();
    message.write_rfc3164(offset, &mut out);
    out
}

#[test]
fn the_form_of_rfc3164() {
    let at = Timestamp::parse(b"2026-03-01T22:14:15.5Z").unwrap();
    let full = Builder::new(Pri::from_number(34).unwrap())
        .timestamp(at)
        .hostname("my host")
        .appname("s:u")
        .procid("1]2")
        .message("it's");
    assert_eq!(rfc3164(&full.view(), 0), b"<34>Mar  1 22:14:15 my?host s?u[1?2]: it's");
    assert_eq!(rfc3164(&full.view(), 7200), b"<34>Mar  2 00:14:15 my?host s?u[1?2]: it's");
    let bare = Builder::new(Pri::from_number(34).unwrap()).timestamp(at).message("x");
    assert_eq!(rfc3164(&bare.view(), 0), b"<34>Mar  1 22:14:15 - x");
    let untimed =
        Builder::new(Pri::from_number(34).unwrap()).appname("a").hostname("h").message("x");
    assert_eq!(rfc3164(&untimed.view(), 0), b"<34>a: x");
    assert_eq!(rfc3164(&parse(b"x", at, &Policy::default()), 0), b"<13>x");
}

fn any_message() -> impl Strategy<Value = Builder> {
    let names = (
        "[a-z][a-z0-9.-]{0,60}",
        "[a-zA-Z][a-zA-Z0-9_./-]{0,40}",
        proptest::option::of("[0-9a-z:]{1,20}"),
    );
    let params = proptest::collection::vec(("[a-z@]{1,8}", "[a-z]{1,8}", ".{0,20}"), 0..4);
    let text = proptest::collection::vec(any::<u8>(), 0..60);
    (0u8..192, 0i64..4_000_000_000, names, params, text).prop_map(
        |(pri, second, (host, app, process), params, text)| {
            let mut builder = Builder::new(Pri::from_number(pri).unwrap())
                .timestamp(Timestamp::from_unix_ns(second * 1_000_000_000))
                .hostname(host)
                .appname(app)
                .msgid("ID47")
                .message(text);
            if let Some(process) = process {
                builder = builder.procid(process);
            }
            for (id, name, value) in params {
                builder = builder.param(&id, &name, &value);
            }
            builder
        },
    )
}

proptest! {
    #[test]
    fn rfc3164_is_read_back(builder in any_message(), hours in -12i32..14) {
        let (message, offset) = (builder.view(), hours * 3600);
        let wire = rfc3164(&message, offset);
        let at = message.timestamp.unwrap();
        let local = Timestamp::from_unix_ns(at.unix_ns() + i64::from(offset) * 1_000_000_000);
        let policy = Policy { utc_offset_seconds: offset, year: Year::Fixed(local.civil().year) };
        let read = parse(&wire, at, &policy);
        prop_assert_eq!(read.error, None);
        prop_assert_eq!((read.pri, read.timestamp), (message.pri, message.timestamp));
        prop_assert_eq!(read.hostname, message.hostname);
        prop_assert_eq!((read.appname, read.procid), (message.appname, message.procid));
        prop_assert_eq!(read.message, message.message);
    }

    #[test]
    fn json_holds_every_field(builder in any_message()) {
        let message = builder.view();
        let mut out = Vec::new();
        message.write_json(&mut out);
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let text = |name: &str| json[name].as_str();
        let pri = message.pri.unwrap();
        prop_assert_eq!(Pri::from_names(&format!("{}.{}", text("facility").unwrap(), text("severity").unwrap())), Some(pri));
        prop_assert_eq!(json["timestamp_ns"].as_i64(), message.timestamp.map(Timestamp::unix_ns));
        prop_assert_eq!((text("hostname"), text("appname")), (message.hostname, message.appname));
        prop_assert_eq!((text("procid"), text("msgid")), (message.procid, message.msgid));
        prop_assert_eq!(text("message").unwrap(), String::from_utf8_lossy(message.message));
        for element in message.structured_data.elements() {
            for param in element.params() {
                let values = &json["structured_data"][element.id()][param.name()];
                let value = serde_json::Value::from(param.value());
                prop_assert!(*values == value || values.as_array().unwrap().contains(&value));
            }
        }
    }

    #[test]
    fn whatever_was_read_is_written_well_formed(frame: Vec<u8>) {
        let policy = Policy { year: Year::Fixed(2026), ..Policy::default() };
        let message = parse(&frame, Timestamp::default(), &policy);
        let mut wire = Vec::new();
        message.write_rfc5424(&mut wire);
        let again = parse(&wire, Timestamp::default(), &policy);
        prop_assert_eq!(again.error, None);
        prop_assert_eq!(again.pri, Some(message.pri.unwrap_or(Pri::from_number(13).unwrap())));
    }
}
