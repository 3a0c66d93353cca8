//! A slow handshake as a syslog message (RFC 5424), and back.
//!
//! The structured data carries all that a trigger needs, so that any program that can write syslog
//! can ask for a recording: `[tls@32473 client="…" server="…" start_ns="…" total="0.412" …]`.
//! 32473 is the enterprise number for examples (RFC 5612).

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use log_pipeline::message::{Builder, Message};
use log_pipeline::pri::{Facility, Pri, Severity};
use log_pipeline::timestamp::Timestamp;
use ring_capture::{FlowKey, Trigger};
use tls_probe::Report;

/// What is logged of a slow handshake.
#[derive(Clone, Debug, PartialEq)]
pub struct SlowHandshake {
    /// The client's end.
    pub client: SocketAddr,
    /// The server's.
    pub server: SocketAddr,
    /// When it began: Unix nanoseconds.
    pub start_ns: u64,
    /// How long it took.
    pub total: Duration,
    /// The phases that were seen to their end, by name.
    pub phases: Vec<(&'static str, Duration)>,
}

/// Why a message is no request for a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSlow {
    /// The message is about something else.
    #[error("no {SD_ID} element")]
    NoElement,
    /// A parameter is missing or unreadable.
    #[error("parameter {0:?} of {SD_ID} is missing or unreadable")]
    Parameter(&'static str),
}

impl SlowHandshake {
    /// What a report says, if both ends are known.
    pub fn of(report: &Report) -> Option<Self> {
        let phases = [
            ("tcp", report.phases.tcp),
            ("client_hello", report.phases.client_hello),
            ("server_flight", report.phases.server_flight),
            ("client_flight", report.phases.client_flight),
        ];
        Some(Self {
            client: report.client?,
            server: report.server?,
            start_ns: report.start_ns,
            total: report.phases.total,
            phases: phases.into_iter().filter_map(|(name, took)| Some((name, took?))).collect(),
        })
    }

    /// When it was over: Unix nanoseconds.
    pub fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.total.as_nanos() as u64)
    }

    /// The message in the wire format of RFC 5424.
    pub fn to_syslog(&self) -> Vec<u8> {
        let mut message = Builder::new(Pri::new(Facility::LOCAL0, Severity::WARNING))
            .timestamp(Timestamp::from_unix_ns(self.end_ns() as i64))
            .appname("recorder")
            .msgid("SLOWTLS")
            .param(SD_ID, "client", &self.client.to_string())
            .param(SD_ID, "server", &self.server.to_string())
            .param(SD_ID, "start_ns", &self.start_ns.to_string())
            .param(SD_ID, "total", &seconds(self.total));
        for (phase, took) in &self.phases {
            message = message.param(SD_ID, phase, &seconds(*took));
        }
        let text = format!("slow TLS handshake: {:.1} ms", self.total.as_secs_f64() * 1e3);
        message.message(text).to_rfc5424()
    }

    /// Reads it back.
    ///
    /// # Errors
    ///
    /// When the message is about something else, or half of it is missing.
    pub fn from_message(message: &Message<'_>) -> Result<Self, NotSlow> {
        let data = &message.structured_data;
        if !data.elements().any(|element| element.id() == SD_ID) {
            return Err(NotSlow::NoElement);
        }
        fn read<T: FromStr>(message: &Message<'_>, name: &'static str) -> Result<T, NotSlow> {
            let value = message.structured_data.value(SD_ID, name);
            value.and_then(|text| text.parse().ok()).ok_or(NotSlow::Parameter(name))
        }
        let duration = |name| {
            let took = read::<f64>(message, name)?;
            Duration::try_from_secs_f64(took).map_err(|_| NotSlow::Parameter(name))
        };
        let phases = PHASES.into_iter().filter_map(|name| Some((name, duration(name).ok()?)));
        Ok(Self {
            client: read(message, "client")?,
            server: read(message, "server")?,
            start_ns: read(message, "start_ns")?,
            total: duration("total")?,
            phases: phases.collect(),
        })
    }

    /// The wish for a recording: from before its first packet until a while after its last.
    pub fn trigger(&self) -> Trigger {
        Trigger {
            reason: format!("slow TLS handshake: {:.1} ms", self.total.as_secs_f64() * 1e3),
            source: Some(self.client.ip()),
            pre: self.total + BEFORE,
            post: AFTER,
            ..Trigger::new(FlowKey::tcp(self.client, self.server), self.end_ns(), KIND)
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.9}", duration.as_secs_f64())
}

/// Triggers of this kind share a rate.
const KIND: &str = "slow_tls_handshake";
const SD_ID: &str = "tls@32473";
const PHASES: [&str; 4] = ["tcp", "client_hello", "server_flight", "client_flight"];
/// The handshake's clock may start after the connection's first packet.
const BEFORE: Duration = Duration::from_secs(2);
/// What came of it: the first exchange, or the reset.
const AFTER: Duration = Duration::from_millis(250);
