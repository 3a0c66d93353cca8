//! RFC 3164 as it comes: what is there is read, what is not is not guessed.

use log_pipeline::message::{Malformed, Message, Protocol};
use log_pipeline::parse::{Policy, Year, parse};
use log_pipeline::timestamp::{Timestamp, TimestampError};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text.as_bytes()).unwrap()
}

fn read(frame: &str) -> Message<'_> {
    let message = parse(frame.as_bytes(), at("2026-12-01T00:00:00Z"), &Policy::default());
    assert_eq!(message.protocol, Protocol::Rfc3164);
    message
}

#[test]
fn section_5_4_examples() {
    let message =
        read("<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8");
    assert_eq!(message.pri.unwrap().number(), 34);
    assert_eq!(message.timestamp, Some(at("2026-10-11T22:14:15Z")));
    assert_eq!((message.hostname, message.appname), (Some("mymachine"), Some("su")));
    assert_eq!(message.message, b"'su root' failed for lonvick on /dev/pts/8");
    let message = read("Use the BFG!");
    assert_eq!((message.message, message.error), (&b"Use the BFG!"[..], Some(Malformed::Pri)));
}

#[test]
fn the_shapes_in_the_wild() {
    // frame, host, tag, process, text
    for (frame, host, tag, process, text) in [
        (
            "<13>Feb 13 20:07:26 74794bfb6795 root[8539]: i am foobar",
            Some("74794bfb6795"),
            Some("root"),
            Some("8539"),
            "i am foobar",
        ),
        (
            "<13>Feb 13 20:07:26 h root[8539]:no space",
            Some("h"),
            Some("root"),
            Some("8539"),
            "no space",
        ),
        (
            "<133>Jan 13 16:33:35 haproxy[73411]: no host",
            None,
            Some("haproxy"),
            Some("73411"),
            "no host",
        ),
        ("Feb 18 16:01:59 serverX -- MARK --", Some("serverX"), None, None, "-- MARK --"),
        ("<38> Mar  7 19:06:53 example tag: space", Some("example"), Some("tag"), None, "space"),
        ("<6>AUG 10 22:18:24 host tag no colon", Some("host"), None, None, "tag no colon"),
        (
            "<7>Mar 27 19:06:53 h sshd(pam_unix)[12750]: x",
            Some("h"),
            Some("sshd(pam_unix)"),
            Some("12750"),
            "x",
        ),
        (
            "<7>Mar  6 16:57:54 172.20.245.8 %PIX-7-710005: UDP",
            Some("172.20.245.8"),
            Some("%PIX-7-710005"),
            None,
            "UDP",
        ),
        ("<7>Mar  6 16:57:54 fe80::1 tag: x", Some("fe80::1"), Some("tag"), None, "x"),
        ("<7>Mar  6 16:57:54 fe80:: tag: x", Some("fe80::"), Some("tag"), None, "x"),
        ("<7>Mar  6 16:57:54 h http://x/ is down", Some("h"), None, None, "http://x/ is down"),
        ("<7>Mar  6 16:57:54 h 10:22:33 o'clock", Some("h"), None, None, "10:22:33 o'clock"),
        ("<7>Mar  6 16:57:54", None, None, None, ""),
        (
            "<13>2026-07-23T09:30:45.123+02:00 host daemon: variant",
            Some("host"),
            Some("daemon"),
            None,
            "variant",
        ),
        (
            "<46>Jan 5 10:01:00 \u{dc}bergr\u{f6}\u{df}e x",
            Some("\u{dc}bergr\u{f6}\u{df}e"),
            None,
            None,
            "x",
        ),
    ] {
        let message = read(frame);
        assert_eq!(
            (message.hostname, message.appname, message.procid),
            (host, tag, process),
            "{frame}"
        );
        assert_eq!(std::str::from_utf8(message.message).unwrap(), text, "{frame}");
        assert!(message.timestamp.is_some() && message.error.is_none(), "{frame}");
    }
}

#[test]
fn without_a_timestamp_a_tag_is_still_a_tag() {
    let message = read("<27>xapi: [error] gone");
    assert_eq!((message.appname, message.hostname, message.error), (Some("xapi"), None, None));
    let message = read("<189> 127.0.0.1 ubuntu tag1: text");
    assert_eq!(message.message, b" 127.0.0.1 ubuntu tag1: text");
    assert_eq!(message.error, Some(Malformed::NoTimestamp));
}

#[test]
fn a_bad_date_is_reported_and_everything_kept() {
    let message = read("<13>Feb 30 10:00:00 host tag: x");
    assert_eq!(message.error, Some(Malformed::Timestamp(TimestampError::Range)));
    assert_eq!(message.message, b"Feb 30 10:00:00 host tag: x");
    let message = read("Feb 30 10:00:00 host tag: x");
    assert_eq!(message.error, Some(Malformed::Timestamp(TimestampError::Range)));
}

#[test]
fn the_year_follows_from_reception() {
    let time = |received: &str, date: &str| {
        let frame = format!("<13>{date} h t: x");
        parse(frame.as_bytes(), at(received), &Policy::default()).timestamp.unwrap().to_string()
    };
    assert!(time("2026-01-01T00:00:10Z", "Dec 31 23:59:59").starts_with("2025-12-31T23:59:59"));
    assert!(time("2025-12-31T23:59:50Z", "Jan  1 00:00:01").starts_with("2026-01-01T00:00:01"));
    assert!(time("2026-06-15T00:00:00Z", "Jun 15 12:00:00").starts_with("2026-06-15"));
    assert!(time("2026-06-15T00:00:00Z", "Jun 17 12:00:00").starts_with("2025-06-17"));
    assert!(time("2026-06-15T00:00:00Z", "Feb 29 12:00:00").starts_with("2024-02-29"));
    assert!(
        time("2026-06-15T00:00:00Z", "Feb 28 2009 12:00:00.25")
            .starts_with("2009-02-28T12:00:00.25")
    );
    assert!(
        time("2026-06-15T00:00:00Z", "Feb 28 12:00:00 2009").starts_with("2009-02-28T12:00:00")
    );
}

#[test]
fn new_year_comes_at_the_senders_midnight() {
    for (offset, received, date, time) in [
        (13 * 3600, "2025-12-31T12:00:00Z", "Jan  1 00:30:00", "2025-12-31T11:30:00Z"),
        (-10 * 3600, "2026-01-01T09:00:00Z", "Dec 31 22:59:00", "2026-01-01T08:59:00Z"),
        (3600, "2026-01-01T00:00:00Z", "Dec 31 23:59:59", "2025-12-31T22:59:59Z"),
    ] {
        let policy = Policy { utc_offset_seconds: offset, ..Policy::default() };
        let frame = format!("<13>{date} host tag: x");
        let message = parse(frame.as_bytes(), at(received), &policy);
        assert_eq!(message.timestamp, Some(at(time)), "{date}");
    }
}

#[test]
fn the_policy_says_year_and_zone() {
    let policy = Policy { utc_offset_seconds: 7200, year: Year::Fixed(2011) };
    let message = parse(b"<13>Mar  1 01:00:00 h t: x", at("2026-06-15T00:00:00Z"), &policy);
    assert_eq!(message.timestamp, Some(at("2011-02-28T23:00:00Z")));
}

#[test]
fn a_number_after_the_pri_is_not_always_a_version() {
    assert_eq!(read("<14>1: ").message, b"1: ");
    assert_eq!(read("<14>2 monkeys").message, b"2 monkeys");
    let message = parse(b"<14>1 - - - - - -", Timestamp::default(), &Policy::default());
    assert_eq!(message.protocol, Protocol::Rfc5424);
}
