//! A slow handshake as a syslog message (RFC 5424), and back.
//!
//! The structured data carries all that a trigger needs, so that any program that can write syslog
//! can ask for a recording: `[tls@32473 client="…" server="…" start_ns="…" total="0.412" …]`; the
//! names of all fields are [`ring_capture::fields`]'s.
//! 32473 is the enterprise number for examples (RFC 5612).

use std::net::SocketAddr;
use std::time::Duration;

use log_pipeline::message::{Builder, Message};
use log_pipeline::pri::{Facility, Pri, Severity};
use log_pipeline::timestamp::Timestamp;
use ring_capture::{FieldError, FlowKey, Trigger};
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSlow {
    /// The message is about something else.
    #[error("no {SD_ID} element")]
    NoElement,
    /// A parameter is missing or unreadable.
    #[error("{SD_ID}: {0}")]
    Field(#[from] FieldError),
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
            .param(SD_ID, "total", &seconds(self.total))
            .param(SD_ID, "kind", KIND)
            .param(SD_ID, "reason", &self.reason())
            .param(SD_ID, "pre", &seconds(self.total + BEFORE))
            .param(SD_ID, "post", &seconds(AFTER));
        for (phase, took) in &self.phases {
            message = message.param(SD_ID, phase, &seconds(*took));
        }
        message.message(self.reason()).to_rfc5424()
    }

    fn reason(&self) -> String {
        format!("slow TLS handshake: {:.1} ms", self.total.as_secs_f64() * 1e3)
    }

    /// The wish for a recording: from before its first packet until a while after its last.
    pub fn trigger(&self) -> Trigger {
        Trigger {
            reason: self.reason(),
            source: Some(self.client.ip()),
            pre: self.total + BEFORE,
            post: AFTER,
            ..Trigger::new(FlowKey::tcp(self.client, self.server), self.end_ns(), KIND)
        }
    }
}

/// What a message asks for: any program's `tls@32473` element, in the fields of [`ring_capture::fields`].
///
/// # Errors
///
/// When the message is about something else, or what must be said is not.
pub fn trigger_of(message: &Message<'_>) -> Result<Trigger, NotSlow> {
    let mut elements = message.structured_data.elements();
    let element = elements.find(|element| element.id() == SD_ID).ok_or(NotSlow::NoElement)?;
    let fields: Vec<_> = element.params().map(|param| (param.name(), param.value())).collect();
    let fields = fields.iter().map(|(name, value)| (*name, value.as_ref()));
    Ok(Trigger::from_fields(fields)?)
}

fn seconds(duration: Duration) -> String {
    format!("{:.9}", duration.as_secs_f64())
}

/// Triggers of this kind share a rate.
const KIND: &str = "slow_tls_handshake";
const SD_ID: &str = "tls@32473";
/// The handshake's clock may start after the connection's first packet.
const BEFORE: Duration = Duration::from_secs(2);
/// What came of it: the first exchange, or the reset.
const AFTER: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_asks_for_what_was_meant() {
        let slow = SlowHandshake {
            client: "192.0.2.7:40312".parse().expect("an address"),
            server: "[2001:db8::1]:443".parse().expect("an address"),
            start_ns: 1_700_000_000_000_000_000,
            total: Duration::from_millis(480),
            phases: vec![("tcp", Duration::from_millis(20))],
        };
        let wire = slow.to_syslog();
        let received = Timestamp::from_unix_ns(0);
        let parsed =
            log_pipeline::parse::parse(&wire, received, &log_pipeline::parse::Policy::default());
        let asked = trigger_of(&parsed).expect("a trigger");
        let attributes = vec![("tcp".to_owned(), "0.020000000".to_owned())];
        assert_eq!(asked, Trigger { attributes, ..slow.trigger() });
    }
}
