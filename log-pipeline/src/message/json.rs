//! The JSON form, written by hand: one flat object does not earn a serializer in every build.

use std::io::Write;

use super::Message;
use crate::structured_data::{Param, StructuredData};
use crate::timestamp::Timestamp;

pub(super) fn write(message: &Message<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"facility\":");
    optional(out, message.pri.map(|pri| pri.facility().name()));
    out.extend_from_slice(b",\"severity\":");
    optional(out, message.pri.map(|pri| pri.severity().name()));
    out.extend_from_slice(b",\"version\":");
    number(out, message.version.map(i64::from));
    out.extend_from_slice(b",\"timestamp_ns\":");
    number(out, message.timestamp.map(Timestamp::unix_ns));
    for (key, value) in [
        ("hostname", message.hostname),
        ("appname", message.appname),
        ("procid", message.procid),
        ("msgid", message.msgid),
    ] {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        optional(out, value);
    }
    out.extend_from_slice(b",\"structured_data\":");
    structured_data(out, message.structured_data);
    out.extend_from_slice(b",\"message\":");
    string(out, &String::from_utf8_lossy(message.message));
    out.extend_from_slice(b",\"protocol\":");
    string(out, message.protocol.name());
    if let Some(error) = message.error {
        out.extend_from_slice(b",\"error\":");
        string(out, error.label());
    }
    out.push(b'}');
}

/// Keys are unique in the object whatever the sender repeats. Parameters are grouped by a stable
/// sort, so that a hostile message costs n log n.
fn structured_data(out: &mut Vec<u8>, data: StructuredData<'_>) {
    let mut all: Vec<(usize, &str, Option<Param<'_>>)> = Vec::new();
    let mut ids: Vec<(&str, usize)> = Vec::new();
    for (order, element) in data.elements().enumerate() {
        ids.push((element.id(), order));
        all.push((order, "", None));
        all.extend(element.params().map(|param| (order, param.name(), Some(param))));
    }
    ids.sort_by_key(|&(id, _)| id);
    // Elements of the same id share the rank of the first of them.
    let mut rank: Vec<usize> = vec![0; ids.len()];
    let mut names: Vec<&str> = vec![""; ids.len()];
    let mut first = 0;
    for index in 0..ids.len() {
        if ids[index].0 != ids[first].0 {
            first = index;
        }
        rank[ids[index].1] = ids[first].1;
        names[ids[index].1] = ids[index].0;
    }
    all.sort_by_key(|&(order, name, _)| (rank[order], name));

    out.push(b'{');
    let mut elements = all.chunk_by(|a, b| rank[a.0] == rank[b.0]).peekable();
    while let Some(element) = elements.next() {
        string(out, names[element[0].0]);
        out.extend_from_slice(b":{");
        let params = element.chunk_by(|a, b| a.1 == b.1).filter(|group| group[0].2.is_some());
        for (index, group) in params.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            string(out, group[0].1);
            out.push(b':');
            values(out, group.iter().filter_map(|&(_, _, param)| param), group.len() > 1);
        }
        out.push(b'}');
        if elements.peek().is_some() {
            out.push(b',');
        }
    }
    out.push(b'}');
}

fn values<'a>(out: &mut Vec<u8>, params: impl Iterator<Item = Param<'a>>, many: bool) {
    if many {
        out.push(b'[');
    }
    for (index, param) in params.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(out, &param.value());
    }
    if many {
        out.push(b']');
    }
}

fn optional(out: &mut Vec<u8>, value: Option<&str>) {
    match value {
        Some(value) => string(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn number(out: &mut Vec<u8>, value: Option<i64>) {
    match value {
        Some(value) => write!(out, "{value}").expect("writing to a Vec does not fail"),
        None => out.extend_from_slice(b"null"),
    }
}

/// A JSON string (RFC 8259 §7): runs that need no escape are copied whole.
fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            byte => write!(out, "\\u{byte:04x}").expect("writing to a Vec does not fail"),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
