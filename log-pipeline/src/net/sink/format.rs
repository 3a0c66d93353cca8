//! What a message looks like on its way out.

use std::io::Write;

use super::feed::Item;
use crate::message::Message;
use crate::net::intake::Intake;
use crate::net::sources::Sources;
use crate::wal::Record;

/// The form of a message in a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The object of [`Message::write_json`] with three members more: `received_ns` (Unix
    /// nanoseconds), `peer` (address and port, or null) and `key` (`node/epoch/seq`, or `epoch/seq`
    /// without a node): the same at every delivery, so that a receiver can tell duplicates.
    Json,
    /// The frame as it was received. In files and on streams of lines, line feeds in it become
    /// spaces.
    Raw,
    /// RFC 5424: messages that are, and are well formed, pass byte for byte; others are written
    /// anew, with the year and zone of their source's policy.
    Rfc5424,
}

impl Format {
    /// A name for configurations.
    pub fn label(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Raw => "raw",
            Self::Rfc5424 => "rfc5424",
        }
    }

    /// Appends what a sink would write for `record`, without a line end, and says whether it is a
    /// message. `sources` and `node` as in [`Config`](crate::net::Config).
    pub fn write_record(
        self,
        record: &Record,
        sources: &Sources,
        node: &str,
        out: &mut Vec<u8>,
    ) -> bool {
        let item = Item::of(record);
        if let Some(item) = &item {
            self.write_item(item, sources, node, out);
        }
        item.is_some()
    }

    /// Appends the message to `out`, without a line end.
    pub(super) fn write(self, item: &Item, intake: &Intake, out: &mut Vec<u8>) {
        self.write_item(item, &intake.sources, &intake.node, out);
    }

    fn write_item(self, item: &Item, sources: &Sources, node: &str, out: &mut Vec<u8>) {
        match self {
            Self::Raw => out.extend_from_slice(&item.frame),
            Self::Rfc5424 => {
                let message = item.message(sources);
                if message.passes_as_rfc5424(&item.frame) {
                    out.extend_from_slice(&item.frame);
                } else {
                    message.write_rfc5424(out);
                }
            }
            Self::Json => json(&item.message(sources), item, node, out),
        }
    }

    /// Like [`Format::write`] for one line of many: it holds no line feed, and ends with one.
    pub(super) fn write_line(self, item: &Item, intake: &Intake, out: &mut Vec<u8>) {
        let start = out.len();
        self.write(item, intake, out);
        if self != Self::Json {
            let mut line = &mut out[start..];
            while let Some(at) = memchr::memchr(b'\n', line) {
                line[at] = b' ';
                line = &mut line[at + 1..];
            }
        }
        out.push(b'\n');
    }
}

fn json(message: &Message<'_>, item: &Item, node: &str, out: &mut Vec<u8>) {
    const FITS: &str = "writing to a Vec does not fail";
    message.write_json(out);
    // The closing brace makes room.
    out.pop();
    write!(out, ",\"received_ns\":{},\"peer\":", item.received_ns).expect(FITS);
    match item.peer {
        Some(peer) => write!(out, "\"{peer}\"").expect(FITS),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"key\":\"");
    out.extend(node.bytes().filter(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)));
    let slash = if node.is_empty() { "" } else { "/" };
    write!(out, "{slash}{}/{}\"}}", item.epoch, item.seq).expect(FITS);
}
