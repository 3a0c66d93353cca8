//! One entry: fields in their order, names not unique.

use std::ops::Range;

use crate::message::Builder;
use crate::pri::Pri;
use crate::timestamp::Timestamp;

/// The fields of one entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) fields: &'a [Field],
    pub(super) truncated: bool,
}

/// Where name and value of a field are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
}

impl<'a> Entry<'a> {
    /// All fields: names are ASCII capitals, digits and `_`, values any bytes.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        self.fields.iter().map(|field| {
            let name = std::str::from_utf8(&bytes[field.name.clone()]).unwrap_or_default();
            (name, &bytes[field.value.clone()])
        })
    }

    /// The first field of that name.
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.fields().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The entry's place in the journal: what `journalctl --cursor` understands.
    pub fn cursor(&self) -> Option<&'a [u8]> {
        self.field("__CURSOR")
    }

    /// Whether the entry was longer than the decoder keeps; the fields that came last are cut or
    /// missing.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// The entry as a syslog message. PRI, HOSTNAME, APP-NAME, PROCID, MSGID and MSG come from the
    /// fields systemd has for them (systemd.journal-fields(7)), the time from what the sender said
    /// or else from when it was received. Other fields, but for those that begin with two
    /// underscores, become parameters of one element, `journal@32473` (the number RFC 5612 gives
    /// to those who have none), as text; names longer than the 32 bytes of RFC 5424 §6.3.3 are cut.
    pub fn to_message(&self) -> Builder {
        let text = |name| self.field(name).map(String::from_utf8_lossy);
        let mut builder = Builder::new(self.pri());
        if let Some(at) = self.timestamp() {
            builder = builder.timestamp(at);
        }
        if let Some(name) = text("_HOSTNAME") {
            builder = builder.hostname(name);
        }
        if let Some(name) = text("SYSLOG_IDENTIFIER").or_else(|| text("_COMM")) {
            builder = builder.appname(name);
        } else if self.field("_TRANSPORT") == Some(b"kernel") {
            builder = builder.appname("kernel");
        }
        if let Some(id) = text("SYSLOG_PID").or_else(|| text("_PID")) {
            builder = builder.procid(id);
        }
        if let Some(id) = text("MESSAGE_ID") {
            builder = builder.msgid(id);
        }
        for (name, value) in self.fields() {
            if !name.starts_with("__") && !TAKEN.contains(&name) {
                let name = &name[..name.len().min(LONGEST_PARAM)];
                builder = builder.param(ELEMENT, name, &String::from_utf8_lossy(value));
            }
        }
        builder.message(self.field("MESSAGE").unwrap_or_default())
    }

    fn pri(&self) -> Pri {
        let number =
            |name| -> Option<u8> { std::str::from_utf8(self.field(name)?).ok()?.parse().ok() };
        let severity = number("PRIORITY").filter(|severity| *severity < 8).unwrap_or(INFO);
        let is_kernel = self.field("_TRANSPORT") == Some(b"kernel");
        let otherwise = if is_kernel { KERNEL } else { USER };
        let facility = number("SYSLOG_FACILITY").filter(|f| *f < 24).unwrap_or(otherwise);
        Pri::from_number(facility * 8 + severity).expect("both are in range")
    }

    fn timestamp(&self) -> Option<Timestamp> {
        let micros =
            |name| -> Option<i64> { std::str::from_utf8(self.field(name)?).ok()?.parse().ok() };
        let micros =
            micros("_SOURCE_REALTIME_TIMESTAMP").or_else(|| micros("__REALTIME_TIMESTAMP"))?;
        Some(Timestamp::from_unix_ns(micros.checked_mul(1000)?))
    }
}

/// Fields that have a place of their own in a message.
const TAKEN: [&str; 9] = [
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_FACILITY",
    "SYSLOG_IDENTIFIER",
    "SYSLOG_PID",
    "SYSLOG_TIMESTAMP",
    "MESSAGE_ID",
    "_HOSTNAME",
    "_SOURCE_REALTIME_TIMESTAMP",
];
const ELEMENT: &str = "journal@32473";
const LONGEST_PARAM: usize = 32;
const INFO: u8 = 6;
const KERNEL: u8 = 0;
const USER: u8 = 1;
