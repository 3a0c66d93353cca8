//! Messages of both grammars.

use log_pipeline::message::{Message, Protocol};
use log_pipeline::parse::{Policy, Year, parse as read};
use log_pipeline::pri::Pri;
use log_pipeline::timestamp::Timestamp;

/// Reads the bytes as a message. What it did not understand lies at its end; and what is written
/// of it, in any form, is read back as it was.
pub fn parse(frame: &[u8]) {
    let policy = Policy { utc_offset_seconds: 0, year: Year::Fixed(2024) };
    let now = Timestamp::from_unix_ns(1_720_000_000_000_000_000);
    read(frame, now, &Policy { utc_offset_seconds: 5400, year: Year::FromReception });
    let message = read(frame, now, &policy);
    assert!(frame.ends_with(message.message));
    let owned = message.to_owned();
    assert_eq!(owned.view().message, message.message);
    modern(&message, &policy);
    bsd(&message, &policy);
    let mut json = Vec::new();
    message.write_json(&mut json);
    assert!(std::str::from_utf8(&json).is_ok() && !json.contains(&b'\n'));
    if message.passes_as_rfc5424(frame) {
        assert!(frame.starts_with(b"<") && message.version.is_some());
    }
}

/// In RFC 5424: well formed, and the same fields as far as the form can carry them.
fn modern(message: &Message<'_>, policy: &Policy) {
    let mut wire = Vec::new();
    message.write_rfc5424(&mut wire);
    let again = read(&wire, Timestamp::default(), policy);
    assert_eq!((again.protocol, again.error), (Protocol::Rfc5424, None));
    assert_eq!(again.pri, Some(message.pri.unwrap_or(Pri::USER_NOTICE)));
    let micros = |at: Timestamp| at.unix_ns().div_euclid(1000);
    assert_eq!(again.timestamp.map(micros), message.timestamp.map(micros));
    for (again, before, most) in [
        (again.hostname, message.hostname, 255),
        (again.appname, message.appname, 48),
        (again.procid, message.procid, 128),
        (again.msgid, message.msgid, 32),
    ] {
        let whole = before.is_none_or(|text| {
            text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic())
        });
        assert!(!whole || again == before.filter(|text| !matches!(*text, "" | "-")));
    }
    let params = |message: &Message<'_>| {
        let elements = message.structured_data.elements();
        let params = elements.flat_map(|element| element.params());
        params.map(|param| param.value().into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(params(&again), params(message));
    let text = message.message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message.message);
    assert!(again.message == message.message || again.message == text);
}

/// In RFC 3164: its writer and its reader agree on plain fields.
fn bsd(message: &Message<'_>, policy: &Policy) {
    let mut wire = Vec::new();
    message.write_rfc3164(0, &mut wire);
    let again = read(&wire, Timestamp::default(), policy);
    assert_eq!(again.pri, Some(message.pri.unwrap_or(Pri::USER_NOTICE)));
    assert!(wire.ends_with(message.message));
    let (Some(time), Some(tag)) = (message.timestamp, message.appname) else { return };
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let lettered = tag.bytes().any(|byte| byte.is_ascii_alphabetic());
    let host = message.hostname.is_none_or(|host| plain(host) && host.len() > 8);
    let process = message.procid.is_none_or(plain);
    if time.civil().year == 2024 && host && lettered && plain(tag) && tag.len() < 128 && process {
        let seconds = |at: Timestamp| at.unix_ns().div_euclid(1_000_000_000);
        assert_eq!(again.timestamp.map(seconds), message.timestamp.map(seconds));
        if !matches!(tag, "CEF" | "LEEF") {
            assert_eq!((again.hostname, again.appname), (message.hostname, message.appname));
            assert_eq!(again.procid, message.procid);
            assert_eq!(again.message, message.message);
        }
    }
}
