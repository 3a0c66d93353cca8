//! What can be observed of a running pipeline.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{frame, wal};

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// The log.
    pub wal: wal::Stats,
    /// Every listener that was started, in that order.
    pub listeners: Vec<ListenerStats>,
    /// Every sink that was started, in that order.
    pub sinks: Vec<SinkStats>,
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// RFC 5426.
    Udp,
    /// RFC 6587.
    Tcp,
    /// RFC 5425.
    Tls,
    /// RELP over TCP.
    Relp,
    /// A local stream socket.
    UnixStream,
    /// A local datagram socket, like `/dev/log`.
    UnixDatagram,
    /// The systemd journal.
    Journal,
}

impl Transport {
    /// A name for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Relp => "relp",
            Self::UnixStream => "unix_stream",
            Self::UnixDatagram => "unix_datagram",
            Self::Journal => "journal",
        }
    }
}

/// What a listener has done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenerStats {
    /// What it speaks.
    pub transport: Transport,
    /// Where it listens.
    pub address: String,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed at once or before they said anything.
    pub refused: Refused,
    /// Connections open now.
    pub open: u64,
    /// Connections closed for being idle, or for not ending a frame in time.
    pub idle_closed: u64,
    /// RELP sessions that broke the protocol.
    pub violations: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// The frames in them; datagrams count as frames.
    pub frames: frame::Stats,
    /// Messages that came and were not taken.
    pub dropped: Dropped,
}

/// Connections refused, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Refused {
    /// There were too many.
    pub too_many: u64,
    /// There were too many from that address.
    pub too_many_of_peer: u64,
    /// From a network that may not send.
    pub not_allowed: u64,
    /// The TLS handshake failed or took too long.
    pub handshake: u64,
}

/// Messages dropped, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Dropped {
    /// By the kernel, its receive buffer being full (`SO_RXQ_OVFL`).
    pub kernel: u64,
    /// Datagrams beyond the rate of their source.
    pub rate: u64,
    /// Datagrams from a network that may not send.
    pub not_allowed: u64,
    /// The log was as large as it may be and refuses what comes then.
    pub full: u64,
    /// The log was closed or had failed.
    pub log: u64,
}

/// What a sink has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SinkStats {
    /// Its name and its cursor's.
    pub name: String,
    /// Records it is done with: written and committed, or acknowledged.
    pub delivered_records: u64,
    /// Bytes written for these, as the sink formats them.
    pub delivered_bytes: u64,
    /// Records in the log it is not done with.
    pub lag_records: u64,
    /// How long ago the oldest of these was received that the sink has looked at; zero when it
    /// is done with all it has read.
    pub lag: Duration,
    /// Records given up before it had read them, because the log was as large as it may be.
    pub skipped_records: u64,
    /// Attempts that failed and were or will be repeated.
    pub retries: u64,
    /// How it does now.
    pub health: Health,
    /// Why it stopped or is waiting to try again; the last reason there was.
    pub failed: Option<String>,
}

/// How a sink does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Health {
    /// Delivering, or waiting for records.
    #[default]
    Running,
    /// Something failed; it will try again.
    Retrying,
    /// It has ended.
    Stopped,
}

impl Health {
    /// A name for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Stopped => "stopped",
        }
    }
}

/// Counters that tasks add to.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    // Relaxed everywhere: these only count, nothing is ordered by them.
    pub(super) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    pub(super) fn subtract(&self, number: u64) {
        self.0.fetch_sub(number, Ordering::Relaxed);
    }

    pub(super) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}
