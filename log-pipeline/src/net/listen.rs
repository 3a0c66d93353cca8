//! The listeners: who may send, how fast, in which framing, and into the log.

mod bind;
mod gate;
mod reader;
mod lines;
mod relp;
mod accept;
mod datagram;
#[cfg(feature = "journal")]
mod place;
#[cfg(feature = "journal")]
mod export;
#[cfg(feature = "journal")]
mod journal;

pub use bind::{ListenError, UnixMode, bind_tcp, bind_udp, bind_unix_datagram, bind_unix_stream};
#[cfg(feature = "journal")]
pub use journal::{JournalConfig, JournalError};

pub(super) use accept::{Listener, Service, SocketFile, serve};
pub(super) use datagram::{DatagramSocket, Datagrams};
#[cfg(feature = "journal")]
pub(super) use export::take_export;
#[cfg(feature = "journal")]
pub(super) use journal::Follower;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::intake::{Intake, ListenerState};
use super::limits::Limits;
use super::rate::Buckets;

/// What all connections of a listener share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) intake: Arc<Intake>,
    pub(super) state: Arc<ListenerState>,
    pub(super) limits: Arc<Limits>,
    buckets: Option<Arc<Mutex<Buckets>>>,
    pub(super) stop: watch::Receiver<bool>,
}

impl Shared {
    pub(super) fn new(
        intake: Arc<Intake>,
        state: Arc<ListenerState>,
        limits: Limits,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let buckets = limits.rate.map(|rate| Arc::new(Mutex::new(Buckets::new(rate))));
        let most = intake.wal.max_record_bytes().saturating_sub(MOST_ENVELOPE_BYTES);
        let limits = Limits { max_frame_bytes: limits.max_frame_bytes.min(most), ..limits };
        Self { intake, state, limits: Arc::new(limits), buckets, stop }
    }

    /// Waits until the source may send again, after `messages` more.
    async fn throttle(&self, now_ns: u64, peer: Option<SocketAddr>, messages: u64) {
        let (Some(buckets), Some(peer)) = (&self.buckets, peer) else { return };
        let wait = {
            let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
            buckets.charge(now_ns, peer.ip(), messages)
        };
        if wait > Duration::ZERO {
            let mut stop = self.stop.clone();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stopped(&mut stop) => {}
            }
        }
    }

    /// Whether the source may send one more message now.
    fn takes(&self, now_ns: u64, peer: IpAddr) -> bool {
        let Some(buckets) = &self.buckets else { return true };
        buckets.lock().unwrap_or_else(PoisonError::into_inner).take(now_ns, peer)
    }
}

/// Ends when the pipeline is shut down or dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

const MOST_ENVELOPE_BYTES: usize = 19;
