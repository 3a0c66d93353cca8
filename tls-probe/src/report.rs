//! What is known of a handshake once it is over.

use std::{net::SocketAddr, time::Duration};

use crate::{
    gap::Idle,
    names::{CipherSuite, ProtocolVersion},
    outcome::{Alert, Messages, Outcome, Settled},
    plaintext::Plaintext,
    tally::Tally,
    timeline::Timeline,
    verdict::Verdict,
};

/// How long each part took; `None` for a part that was not seen to its end.
///
/// The parts follow one another without overlap. Together they make the total, but for the
/// server's closing flight of a full TLS 1.2 handshake, which follows the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Phases {
    /// From the first SYN to the ACK that answers the SYN-ACK. `None` in a server's own stream.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::some_seconds"))]
    pub tcp: Option<Duration>,
    /// From there (or from the first packet, or from when the server began to listen) to the
    /// packet that completes the first ClientHello.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::some_seconds"))]
    pub client_hello: Option<Duration>,
    /// From there to the last packet of the server before the client's answer. With a
    /// HelloRetryRequest, that and the second ClientHello are within it.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::some_seconds"))]
    pub server_flight: Option<Duration>,
    /// From there to the packet that completes the client's Finished.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::some_seconds"))]
    pub client_flight: Option<Duration>,
    /// From the first packet to the last of the handshake, or to when it was given up. It equals
    /// the sum of the idle times.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::seconds"))]
    pub total: Duration,
    /// The resolver, before the rest and not in the total; for a client that asked it.
    #[cfg_attr(
        feature = "serde",
        serde(
            serialize_with = "crate::json::some_seconds",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub dns: Option<Duration>,
    /// The dialogue in clear that ended in TLS, between the TCP handshake and the ClientHello and
    /// not in the total; for a client that led it.
    #[cfg_attr(
        feature = "serde",
        serde(
            serialize_with = "crate::json::some_seconds",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub starttls: Option<Duration>,
}

/// One handshake: who, what was settled, how long, and whose silence it was.
///
/// With feature `serde` it is written as the object of `probe`: durations in seconds, instants in
/// Unix nanoseconds, names as strings; `timeline` and what follows it stay out.
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that was seen, or was not")]
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Report {
    /// The client's address and port, if known.
    pub client: Option<SocketAddr>,
    /// The server's.
    pub server: Option<SocketAddr>,
    /// The name the client asked for (SNI).
    pub server_name: Option<String>,
    /// The connection's version; the client's best offer if the server never answered.
    pub version: Option<ProtocolVersion>,
    /// The chosen cipher suite.
    pub cipher: Option<CipherSuite>,
    /// The chosen application protocol. TLS 1.3 sends it encrypted: known inside a server only.
    pub alpn: Option<String>,
    /// JA3 fingerprint of the client's first hello; with feature `fingerprint`.
    pub ja3: Option<String>,
    /// JA4 fingerprint of the client's first hello; with feature `fingerprint`.
    pub ja4: Option<String>,
    /// An earlier session was resumed.
    pub resumed: bool,
    /// What was spoken in clear before the hello (STARTTLS), or instead of it.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub plaintext: Option<Plaintext>,
    /// How it ended.
    pub outcome: Outcome,
    /// The alert that ended it, if one did.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub alert: Option<Alert>,
    /// The first packet, in Unix nanoseconds; the ClientHello's after STARTTLS.
    pub start_ns: u64,
    /// How long each part took.
    pub phases: Phases,
    /// Whose time it was.
    pub idle: Idle,
    /// The initial round trip; where the TCP handshake was not seen, the shortest seen since.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::some_seconds"))]
    pub rtt: Option<Duration>,
    /// Packets that made good a loss, both ways.
    pub retransmissions: u32,
    /// Who made it wait.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub because: String,
    /// Packet by packet, for whoever draws it.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub timeline: Timeline,
    /// The client's message types seen in clear.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub client_messages: Messages,
    /// The server's.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub server_messages: Messages,
    /// The client sent an Encrypted Client Hello (RFC 9849), or what pretends to be one: from outside
    /// they look alike. If it is one, `server_name` is the outer name.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub ech: bool,
    /// The server asked for a second hello (HelloRetryRequest).
    #[cfg_attr(feature = "serde", serde(skip))]
    pub retried: bool,
    /// The client announced data before the handshake's end (0-RTT).
    #[cfg_attr(feature = "serde", serde(skip))]
    pub early_data: bool,
    /// Retransmissions, duplicates and zero windows of each side, the client first.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub tallies: [Tally; 2],
    /// Bytes of the two streams that the packets lacked; `because` says it too.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub missing_bytes: u64,
}

impl Report {
    /// Takes over what was settled in clear.
    pub(crate) fn settle(&mut self, settled: &Settled) {
        self.server_name.clone_from(&settled.server_name);
        self.version = settled.version;
        self.cipher = settled.cipher;
        self.alpn.clone_from(&settled.alpn);
        self.resumed = settled.resumed;
        self.ech = settled.ech;
        self.retried = settled.retried;
        self.early_data = settled.early_data;
        #[cfg(feature = "fingerprint")]
        if let Some([ja3, ja4]) = settled.fingerprints.clone() {
            (self.ja3, self.ja4) = (Some(ja3), Some(ja4));
        }
    }
}
