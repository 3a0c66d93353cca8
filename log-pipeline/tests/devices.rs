//! What devices and daemons really send, by the forms their makers document.

use log_pipeline::message::{Malformed, Message, Protocol};
use log_pipeline::parse::{Policy, Year, parse};
use log_pipeline::pri::Pri;
use log_pipeline::timestamp::Timestamp;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text.as_bytes()).unwrap()
}

fn read(frame: &[u8]) -> Message<'_> {
    let policy = Policy { year: Year::Fixed(2021), ..Policy::default() };
    parse(frame, at("2021-06-01T00:00:00Z"), &policy)
}

const MILLIS: &str = "2021-03-21T13:14:15.123Z";

#[test]
fn every_form_is_read() {
    let mut lines = include_str!("devices.txt").lines();
    let mut forms = 0;
    while let Some(frame) = lines.next() {
        if frame.is_empty() || frame.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = lines.next().unwrap().trim_start().splitn(6, " | ").collect();
        let [pri, time, host, tag, process, text] = fields[..] else { panic!("{frame}") };
        let field = |text| Some(text).filter(|&text| text != "-");
        let message = read(frame.as_bytes());
        assert_eq!(message.error, None, "{frame}");
        assert_eq!(message.pri.map(Pri::number), field(pri).map(|n| n.parse().unwrap()), "{frame}");
        assert_eq!(message.timestamp, field(time).map(at), "{frame}");
        assert_eq!(message.hostname, field(host), "{frame}");
        assert_eq!(message.appname, field(tag), "{frame}");
        assert_eq!(message.procid, field(process), "{frame}");
        assert_eq!(std::str::from_utf8(message.message).unwrap(), text, "{frame}");
        forms += 1;
    }
    assert!(forms > 70, "{forms}");
}

#[test]
fn nothing_is_a_message_too() {
    let message = read(b"<7>Mar 21 13:14:15 h :");
    assert_eq!((message.hostname, message.message), (Some("h"), &b""[..]));
}

#[test]
fn bytes_of_no_text_are_kept() {
    let message = read(b"\xef\xbb\xbf<13>Mar 21 13:14:15 h t[1]: a");
    assert_eq!((message.appname, message.message), (Some("t"), &b"a"[..]));
    let message = read(b"<13>Mar 21 13:14:15 h t[1]: a\0b\xff\xfe");
    assert_eq!((message.appname, message.message), (Some("t"), &b"a\0b\xff\xfe"[..]));
    let message = read(b"<13>Mar 21 13:14:15 h\xff t: x");
    assert_eq!((message.hostname, message.message), (None, &b"h\xff t: x"[..]));
    let message = read(b"\xff\xfe\0\0");
    assert_eq!((message.error, message.message), (Some(Malformed::Pri), &b"\xff\xfe\0\0"[..]));
}

#[test]
fn what_has_no_header_has_a_reason() {
    for (frame, error) in [
        (
            "<189>date=2021-03-21 clock=13:14:15 devname=\"FG\" type=\"traffic\"",
            Malformed::NoTimestamp,
        ),
        ("<6>[    0.000000] Linux version 6", Malformed::NoTimestamp),
        ("<30>system,info,account user admin logged in", Malformed::NoTimestamp),
        ("<192>Mar 21 13:14:15 h t: x", Malformed::Pri),
        ("", Malformed::Pri),
        ("<13>", Malformed::NoTimestamp),
    ] {
        let message = read(frame.as_bytes());
        assert_eq!(message.error, Some(error), "{frame}");
        let kept =
            if error == Malformed::Pri { frame } else { &frame[frame.find('>').unwrap() + 1..] };
        assert_eq!(message.message, kept.as_bytes(), "{frame}");
    }
}

#[test]
fn rfc5424_in_the_wild() {
    for frame in [
        "<165>1 2021-03-21T13:14:15.123Z h a 1 m - x",
        "<165> 1 2021-03-21T13:14:15.123Z h a 1 m - x",
        "<165>1 2021-03-21T14:14:15.123+0100 h a 1 m - x",
        "1 2021-03-21T13:14:15.123Z h a 1 m - x",
    ] {
        let message = read(frame.as_bytes());
        assert_eq!((message.protocol, message.error), (Protocol::Rfc5424, None), "{frame}");
        assert_eq!(message.timestamp, Some(at(MILLIS)), "{frame}");
        assert_eq!((message.hostname, message.appname), (Some("h"), Some("a")), "{frame}");
        assert_eq!(message.message, b"x", "{frame}");
    }
}
