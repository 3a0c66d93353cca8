//! The way into the log, shared by listeners and callers.

use std::net::SocketAddr;
use std::sync::Arc;

use super::sources::Sources;
use super::stats::{Counter, Dropped, ListenerStats, Refused, Transport};
use crate::envelope::{Envelope, KIND};
use crate::frame;
use crate::timestamp::Timestamp;
use crate::wal::{AppendError, Receipt, Wal};

/// The log and what every listener and sink needs with it.
pub(super) struct Intake {
    pub(super) wal: Wal,
    pub(super) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(super) sources: Sources,
    pub(super) node: String,
}

impl Intake {
    /// Unix nanoseconds.
    pub(super) fn now_ns(&self) -> u64 {
        u64::try_from((self.clock)().unix_ns()).unwrap_or(0)
    }

    /// Appends a frame; waits while the log is behind, which is how a sender is slowed.
    pub(super) async fn append(
        &self,
        frame: &[u8],
        received_ns: u64,
        peer: Option<SocketAddr>,
        truncated: bool,
    ) -> Result<Receipt, AppendError> {
        let envelope = Envelope { peer, truncated, journal_cursor: None, frame };
        self.append_envelope(envelope, received_ns).await
    }

    /// Like [`Intake::append`], whatever is in the envelope.
    pub(super) async fn append_envelope(
        &self,
        envelope: Envelope<'_>,
        received_ns: u64,
    ) -> Result<Receipt, AppendError> {
        let (head, length) = envelope.head();
        let parts = [&head[..length], envelope.cursor().unwrap_or_default(), envelope.frame];
        loop {
            match self.wal.try_append(KIND, received_ns, &parts) {
                Err(AppendError::Busy) => {
                    let bytes = parts.iter().map(|part| part.len()).sum();
                    std::future::poll_fn(|context| self.wal.poll_room(context, bytes)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Like [`Intake::append`], for a thread.
    pub(super) fn append_blocking(
        &self,
        frame: &[u8],
        received_ns: u64,
        peer: Option<SocketAddr>,
        truncated: bool,
    ) -> Result<Receipt, AppendError> {
        let (head, length) = Envelope { peer, truncated, journal_cursor: None, frame }.head();
        self.wal.append(KIND, received_ns, &[&head[..length], frame])
    }
}

/// What a listener counts: see [`ListenerStats`].
#[derive(Debug)]
pub(super) struct ListenerState {
    pub(super) transport: Transport,
    pub(super) address: String,
    pub(super) accepted: Counter,
    pub(super) too_many: Counter,
    pub(super) too_many_of_peer: Counter,
    pub(super) refused_not_allowed: Counter,
    pub(super) handshake: Counter,
    pub(super) open: Counter,
    pub(super) idle_closed: Counter,
    pub(super) violations: Counter,
    pub(super) received_bytes: Counter,
    frames: [Counter; 5],
    pub(super) dropped_kernel: Counter,
    pub(super) dropped_rate: Counter,
    pub(super) dropped_not_allowed: Counter,
    pub(super) dropped_full: Counter,
    pub(super) dropped_log: Counter,
}

impl ListenerState {
    pub(super) fn new(transport: Transport, address: String) -> Self {
        Self {
            transport,
            address,
            accepted: Counter::default(),
            too_many: Counter::default(),
            too_many_of_peer: Counter::default(),
            refused_not_allowed: Counter::default(),
            handshake: Counter::default(),
            open: Counter::default(),
            idle_closed: Counter::default(),
            violations: Counter::default(),
            received_bytes: Counter::default(),
            frames: Default::default(),
            dropped_kernel: Counter::default(),
            dropped_rate: Counter::default(),
            dropped_not_allowed: Counter::default(),
            dropped_full: Counter::default(),
            dropped_log: Counter::default(),
        }
    }

    /// Counts a message the log did not take.
    pub(super) fn count_refused(&self, peer: Option<SocketAddr>, error: &AppendError) {
        if error.is_final() {
            self.dropped_log.add(1);
            tracing::warn!(?peer, %error, "message lost");
        } else {
            self.dropped_full.add(1);
            tracing::debug!(?peer, %error, "message refused");
        }
    }

    /// Counts an entry of the journal.
    #[cfg(feature = "journal")]
    pub(super) fn count_entry(&self, truncated: bool) {
        let stats =
            frame::Stats { frames: 1, truncated: u64::from(truncated), ..frame::Stats::default() };
        self.count_frames(frame::Stats::default(), stats);
    }

    /// Adds what a decoder has seen since `before`.
    pub(super) fn count_frames(&self, before: frame::Stats, after: frame::Stats) {
        for (counter, number) in self.frames.iter().zip([
            after.frames - before.frames,
            after.octet_counted - before.octet_counted,
            after.truncated - before.truncated,
            after.resynchronised - before.resynchronised,
            after.discarded_bytes - before.discarded_bytes,
        ]) {
            if number > 0 {
                counter.add(number);
            }
        }
    }

    pub(super) fn snapshot(&self) -> ListenerStats {
        let [frames, octet_counted, truncated, resynchronised, discarded_bytes] =
            self.frames.each_ref().map(Counter::value);
        ListenerStats {
            transport: self.transport,
            address: self.address.clone(),
            accepted: self.accepted.value(),
            refused: Refused {
                too_many: self.too_many.value(),
                too_many_of_peer: self.too_many_of_peer.value(),
                not_allowed: self.refused_not_allowed.value(),
                handshake: self.handshake.value(),
            },
            open: self.open.value(),
            idle_closed: self.idle_closed.value(),
            violations: self.violations.value(),
            received_bytes: self.received_bytes.value(),
            frames: frame::Stats {
                frames,
                octet_counted,
                truncated,
                resynchronised,
                discarded_bytes,
            },
            dropped: Dropped {
                kernel: self.dropped_kernel.value(),
                rate: self.dropped_rate.value(),
                not_allowed: self.dropped_not_allowed.value(),
                full: self.dropped_full.value(),
                log: self.dropped_log.value(),
            },
        }
    }
}
