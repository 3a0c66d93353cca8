//! The RFC 3164 form (§4.1).

use std::io::Write;

use super::Message;
use crate::pri::Pri;
use crate::timestamp::Timestamp;

pub(super) fn write(message: &Message<'_>, utc_offset_seconds: i32, out: &mut Vec<u8>) {
    const FITS: &str = "writing to a Vec does not fail";
    let pri = message.pri.unwrap_or(Pri::USER_NOTICE).number();
    write!(out, "<{pri}>").expect(FITS);
    if let Some(time) = message.timestamp {
        let east = i64::from(utc_offset_seconds) * 1_000_000_000;
        let local = Timestamp::from_unix_ns(time.unix_ns().saturating_add(east)).civil();
        let (month, s) = (MONTHS[local.month as usize - 1], local.second_of_day);
        let (hour, minute, second) = (s / 3600, s / 60 % 60, s % 60);
        write!(out, "{month} {:>2} {hour:02}:{minute:02}:{second:02} ", local.day).expect(FITS);
        match message.hostname {
            // In front of a host that is a tag or a time to its reader, the NILVALUE of RFC 5424.
            None | Some("") => out.push(b'-'),
            Some(host) => out.extend(host.bytes().map(printable)),
        }
        out.push(b' ');
    }
    if let Some(tag) = message.appname.filter(|tag| !tag.is_empty()) {
        let tag = tag.bytes().take(LONGEST_TAG).map(printable);
        out.extend(tag.map(|byte| if matches!(byte, b'[' | b']' | b':') { b'?' } else { byte }));
        if let Some(process) = message.procid {
            out.push(b'[');
            out.extend(process.bytes().map(|byte| match printable(byte) {
                b'[' | b']' | b'"' | b'=' => b'?',
                byte => byte,
            }));
            out.push(b']');
        }
        out.extend_from_slice(b": ");
    }
    out.extend_from_slice(message.message);
}

fn printable(byte: u8) -> u8 {
    if byte.is_ascii_graphic() { byte } else { b'?' }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// RFC 3164 §5.3 says 32 and counts the process to it; readers take more.
const LONGEST_TAG: usize = 128;
