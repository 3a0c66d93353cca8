//! What a handshake settled, and how it ended.

use crate::names::{CipherSuite, ProtocolVersion, Side};

/// How a handshake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
pub enum Outcome {
    /// Both sides have what they need to send data.
    Established,
    /// A side refused with an alert.
    Alert,
    /// The connection was reset.
    Reset,
    /// It took longer than it was given.
    Timeout,
    /// The connection was closed, or the packets ended, before the handshake did.
    Incomplete,
}

impl Outcome {
    /// `established`, `alert`, `reset`, `timeout` or `incomplete`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Alert => "alert",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Incomplete => "incomplete",
        }
    }
}

/// An alert that ended a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    /// Who sent it.
    pub side: Side,
    /// Its description (RFC 8446 §6); `None` if it was encrypted.
    pub description: Option<u8>,
}

/// The handshake message types seen in clear from one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Messages(u32);

impl Messages {
    /// Whether a message of this type (RFC 8446 §4, RFC 5246 §7.4) was seen to begin.
    pub fn contains(self, kind: u8) -> bool {
        kind < 32 && self.0 & (1 << kind) != 0
    }

    /// The types, in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..32).filter(move |kind| self.contains(*kind))
    }

    pub(crate) fn insert(&mut self, kind: u8) {
        if kind < 32 {
            self.0 |= 1 << kind;
        }
    }
}

/// What a handshake settled, as far as it is sent in clear.
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that was said, or was not")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// The name the client asked for.
    pub server_name: Option<String>,
    /// The connection's version; the client's best offer while the server has not answered.
    pub version: Option<ProtocolVersion>,
    /// The chosen cipher suite.
    pub cipher: Option<CipherSuite>,
    /// The chosen application protocol, up to TLS 1.2.
    pub alpn: Option<String>,
    /// An earlier session was resumed.
    pub resumed: bool,
    /// The client's hello holds an Encrypted Client Hello, or what pretends to be one (RFC 9849 §6.2).
    pub ech: bool,
    /// The server asked for a second hello.
    pub retried: bool,
    /// The client announced data before the handshake's end (0-RTT).
    pub early_data: bool,
    /// The first hello's JA3 and JA4.
    #[cfg(feature = "fingerprint")]
    pub fingerprints: Option<[String; 2]>,
}
