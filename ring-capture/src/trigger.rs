//! A wish for a recording, what becomes of it, and what comes of it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use crate::flow::FlowKey;
use crate::packet::LinkType;
use crate::record::Direction;

/// A wish that the ring give up one flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Which flow.
    pub flow: FlowKey,
    /// The instant that matters: Unix nanoseconds.
    pub at_ns: u64,
    /// What kind of reason it is (`slow_tls_handshake`): each kind has its own rate.
    pub kind: Cow<'static, str>,
    /// Why, in a few words.
    pub reason: String,
    /// Whose doing it was, where that is known: each network (a /24, a /64) has its own rate.
    pub source: Option<IpAddr>,
    /// How much before it.
    pub pre: Duration,
    /// How much after it.
    pub post: Duration,
    /// What else is known of it, as names and values.
    pub attributes: Vec<(String, String)>,
}

impl Trigger {
    /// A trigger with two seconds before it and a quarter of a second after it.
    pub fn new(flow: FlowKey, at_ns: u64, kind: impl Into<Cow<'static, str>>) -> Self {
        let kind = kind.into();
        Self {
            flow,
            at_ns,
            reason: kind.clone().into_owned(),
            kind,
            source: None,
            pre: Duration::from_secs(2),
            post: Duration::from_millis(250),
            attributes: Vec::new(),
        }
    }
}

/// What became of a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accepted {
    /// A recording was begun.
    Begun,
    /// The flow is being recorded already: the reason was added to that recording.
    Joined,
}

/// Why there will be no recording. It is counted as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The flow was recorded a moment ago.
    #[error("the flow was recorded a moment ago")]
    Quiet,
    /// Triggers of this kind come too fast.
    #[error("too many triggers of this kind")]
    KindRate,
    /// Triggers of this network come too fast.
    #[error("too many triggers of this network")]
    NetworkRate,
    /// Too many flows are being recorded.
    #[error("too many recordings at once")]
    TooManyActive,
    /// The recordings under way hold too many bytes.
    #[error("recordings under way hold too many bytes")]
    TooManyBytes,
}

impl Refused {
    /// One word for a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::KindRate => "kind_rate",
            Self::NetworkRate => "network_rate",
            Self::TooManyActive => "too_many_active",
            Self::TooManyBytes => "too_many_bytes",
        }
    }
}

/// One flow, taken out of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The trigger that began it.
    pub trigger: Trigger,
    /// Reasons of later triggers for the same flow, the first few.
    pub further_reasons: Vec<String>,
    /// Its packets, in time order.
    pub packets: Vec<RecordedPacket>,
    /// Packets may be missing: the ring had gone round before they were taken, or no longer reached
    /// back to the start.
    pub incomplete: bool,
    /// It ended at the limit of bytes: later packets were left out.
    pub truncated: bool,
}

/// A packet copied out of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedPacket {
    /// When: Unix nanoseconds.
    pub timestamp_ns: u64,
    /// Its length before anything was cut off.
    pub original_len: u32,
    /// What it starts with.
    pub link: LinkType,
    /// Which interface, as numbered by the source.
    pub interface: u16,
    /// Which way it went.
    pub direction: Direction,
    /// What was captured.
    pub bytes: Box<[u8]>,
}
