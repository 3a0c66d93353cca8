//! A message that owns its fields.

use super::{Malformed, Message, Protocol};
use crate::pri::Pri;
use crate::structured_data::StructuredDataBuf;
use crate::timestamp::Timestamp;

/// A message being built, or a parsed one that outlives its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builder {
    protocol: Protocol,
    pri: Option<Pri>,
    version: Option<u16>,
    timestamp: Option<Timestamp>,
    hostname: Option<String>,
    appname: Option<String>,
    procid: Option<String>,
    msgid: Option<String>,
    structured_data: StructuredDataBuf,
    message: Vec<u8>,
    error: Option<Malformed>,
}

impl Builder {
    /// An RFC 5424 message with nothing but its PRI.
    pub fn new(pri: Pri) -> Self {
        Self {
            protocol: Protocol::Rfc5424,
            pri: Some(pri),
            version: Some(1),
            timestamp: None,
            hostname: None,
            appname: None,
            procid: None,
            msgid: None,
            structured_data: StructuredDataBuf::default(),
            message: Vec::new(),
            error: None,
        }
    }

    /// TIMESTAMP; written in UTC with microseconds.
    pub fn timestamp(mut self, at: Timestamp) -> Self {
        self.timestamp = Some(at);
        self
    }

    /// HOSTNAME.
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.hostname = Some(name.into());
        self
    }

    /// APP-NAME.
    pub fn appname(mut self, name: impl Into<String>) -> Self {
        self.appname = Some(name.into());
        self
    }

    /// PROCID.
    pub fn procid(mut self, id: impl Into<String>) -> Self {
        self.procid = Some(id.into());
        self
    }

    /// MSGID.
    pub fn msgid(mut self, id: impl Into<String>) -> Self {
        self.msgid = Some(id.into());
        self
    }

    /// Adds a parameter of structured data, to the last element if it is called `id`, else to a
    /// new element.
    pub fn param(mut self, id: &str, name: &str, value: &str) -> Self {
        self.structured_data.push(id, name, value);
        self
    }

    /// MSG.
    pub fn message(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.message = text.into();
        self
    }

    /// The borrowed view of all fields.
    pub fn view(&self) -> Message<'_> {
        Message {
            protocol: self.protocol,
            pri: self.pri,
            version: self.version,
            timestamp: self.timestamp,
            hostname: self.hostname.as_deref(),
            appname: self.appname.as_deref(),
            procid: self.procid.as_deref(),
            msgid: self.msgid.as_deref(),
            structured_data: self.structured_data.view(),
            message: &self.message,
            error: self.error,
        }
    }

    /// The message in RFC 5424 form: see [`Message::write_rfc5424`].
    pub fn to_rfc5424(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.message.len());
        self.view().write_rfc5424(&mut out);
        out
    }
}

impl From<&Message<'_>> for Builder {
    fn from(message: &Message<'_>) -> Self {
        Self {
            protocol: message.protocol,
            pri: message.pri,
            version: message.version,
            timestamp: message.timestamp,
            hostname: message.hostname.map(str::to_owned),
            appname: message.appname.map(str::to_owned),
            procid: message.procid.map(str::to_owned),
            msgid: message.msgid.map(str::to_owned),
            structured_data: message.structured_data.into(),
            message: message.message.to_vec(),
            error: message.error,
        }
    }
}
