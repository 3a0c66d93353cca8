//! `recorder run --alert`: idle times of all handshakes, watched for changes across the clients.

use std::net::{IpAddr, Ipv6Addr};
use std::thread::JoinHandle;
use std::time::Duration;

use anomaly::Event;
use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use tls_probe::Report;

use crate::idle::IdleWatch;
use crate::webhook::Webhook;

/// What is watched of one handshake.
#[derive(Clone, Copy, Debug)]
pub struct Idled {
    client: IpAddr,
    end_ns: u64,
    by_client: Duration,
    by_server: Duration,
}

impl Idled {
    /// What a report says; `None` when nobody knows whose it is.
    pub fn of(report: &Report) -> Option<Self> {
        Some(Self {
            client: report.client?.ip(),
            end_ns: report.start_ns.saturating_add(report.phases.total.as_nanos() as u64),
            by_client: report.idle.client,
            by_server: report.idle.server,
        })
    }
}

/// The thread that watches.
#[derive(Debug)]
pub struct Changes {
    /// Handshakes go here; when it is full they are passed over.
    pub to: Sender<Idled>,
    thread: JoinHandle<()>,
}

impl Changes {
    /// Begins to learn windows of this length, thirty of them; then watches. `now_ns` tells the time.
    ///
    /// # Errors
    ///
    /// When the URL is none.
    pub fn watch(url: &str, window: Duration, now_ns: fn() -> u64) -> Result<Self> {
        let webhook = Webhook::new(url)?;
        let (to, idled) = crossbeam_channel::bounded(MOST_WAITING);
        let watch = move || watch(&idled, window, now_ns, &webhook);
        let thread = std::thread::Builder::new().name("changes".into()).spawn(watch);
        Ok(Self { to, thread: thread.context("starting a thread")? })
    }

    /// Ends when every other sender is gone, with what is under way delivered.
    pub fn join(self) {
        drop(self.to);
        let _ = self.thread.join();
    }
}

fn watch(idled: &Receiver<Idled>, window: Duration, now_ns: fn() -> u64, webhook: &Webhook) {
    let mut watch = IdleWatch::across(window, LEARNING, LEAST_CHANGE);
    loop {
        match idled.recv_timeout(window / 2) {
            Ok(Idled { client, end_ns, by_client, by_server }) => {
                watch.observe(&network(client), end_ns, by_client, by_server);
            }
            Err(RecvTimeoutError::Timeout) => watch.advance(now_ns()),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while let Some(event) = watch.poll_event() {
            match &event {
                Event::Raised(alert) => tracing::warn!(%alert, "behaviour has changed"),
                Event::Cleared(alert) => tracing::info!(%alert, "behaviour is as usual again"),
                _ => {}
            }
            webhook.send(&event);
        }
    }
}

/// The /24 or /48 a client is in: an office, a town, an access provider's corner.
fn network(client: IpAddr) -> String {
    match client.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => format!("{}/48", Ipv6Addr::from_bits(v6.to_bits() >> 80 << 80)),
    }
}

/// Windows before anything is said.
const LEARNING: u32 = 30;
/// A change that no user notices is none.
const LEAST_CHANGE: Duration = Duration::from_millis(20);
const MOST_WAITING: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_network() {
        let of = |ip: &str| network(ip.parse().expect("an address"));
        assert_eq!(of("192.0.2.7"), "192.0.2.0/24");
        assert_eq!(of("::ffff:192.0.2.9"), "192.0.2.0/24");
        assert_eq!(of("2001:db8:1:2::3"), "2001:db8:1::/48");
    }
}
