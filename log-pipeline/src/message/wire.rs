//! The RFC 5424 form (§6).

use std::io::Write;

use super::Message;
use crate::pri::Pri;

pub(super) fn write(message: &Message<'_>, out: &mut Vec<u8>) {
    let pri = message.pri.unwrap_or(Pri::USER_NOTICE).number();
    write!(out, "<{pri}>1 ").expect("writing to a Vec does not fail");
    match message.timestamp {
        Some(time) => write!(out, "{}", time.rfc5424()).expect("writing to a Vec does not fail"),
        None => out.push(b'-'),
    }
    // Greatest lengths: RFC 5424 §6.
    for (field, longest) in
        [(message.hostname, 255), (message.appname, 48), (message.procid, 128), (message.msgid, 32)]
    {
        out.push(b' ');
        match field {
            None | Some("") => out.push(b'-'),
            Some(text) => out.extend(text.bytes().take(longest).map(printable)),
        }
    }
    out.push(b' ');
    if message.structured_data.is_empty() {
        out.push(b'-');
    } else {
        message.structured_data.write(out);
    }
    if !message.message.is_empty() {
        out.push(b' ');
        if !message.message.is_ascii() && std::str::from_utf8(message.message).is_ok() {
            out.extend_from_slice(BYTE_ORDER_MARK);
        }
        out.extend_from_slice(message.message);
    }
}

fn printable(byte: u8) -> u8 {
    if byte.is_ascii_graphic() { byte } else { b'?' }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
