//! An in-process consumer with a durable place in the log.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::intake::Intake;
use super::sink::{SinkState, received};
use crate::cursor::Cursor;
use crate::envelope::{Envelope, KIND};
use crate::message::Message;
use crate::parse::{Policy, parse};
use crate::timestamp::Timestamp;
use crate::wal::{Position, Record};

/// Messages in the order they were received, each at least once until it is acknowledged.
pub struct Subscription {
    pub(super) cursor: Cursor,
    pub(super) state: Arc<SinkState>,
    pub(super) intake: Arc<Intake>,
    pub(super) read: Option<Position>,
    pub(super) unacknowledged: u64,
}

/// One message delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// With `seq` the message's key: the same at every delivery, on every sink.
    pub epoch: u64,
    /// Its number in the log.
    pub seq: u64,
    /// When its frame was received.
    pub received: Timestamp,
    /// Who sent it; `None` when it was appended in-process.
    pub peer: Option<SocketAddr>,
    /// Whether the frame was cut.
    pub truncated: bool,
    /// The frame, sharing the chunk of the log it was read in.
    pub frame: Bytes,
    policy: Policy,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

impl Subscription {
    /// The next message; `None` when the pipeline was shut down and everything was delivered.
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// Whatever the log's storage says; the call may be repeated.
    pub async fn next(&mut self) -> io::Result<Option<Delivery>> {
        loop {
            let Some(record) = self.cursor.next().await? else { return Ok(None) };
            if let Some(delivery) = self.take(&record) {
                return Ok(Some(delivery));
            }
        }
    }

    /// The next message if there is one now.
    ///
    /// # Errors
    /// Whatever the log's storage says; the call may be repeated.
    pub fn try_next(&mut self) -> io::Result<Option<Delivery>> {
        loop {
            let Some(record) = self.cursor.try_next()? else { return Ok(None) };
            if let Some(delivery) = self.take(&record) {
                return Ok(Some(delivery));
            }
        }
    }

    /// Says that every message delivered so far is dealt with: after a crash they do not come
    /// again, nor after a loss of power once the log has synced the cursor.
    ///
    /// # Errors
    /// Whatever the log's storage says.
    pub fn ack(&mut self) -> io::Result<()> {
        let Some(position) = self.read.take() else { return Ok(()) };
        self.cursor.commit(position)?;
        self.state.done(std::mem::take(&mut self.unacknowledged), 0, position, 0);
        Ok(())
    }

    fn take(&mut self, record: &Record) -> Option<Delivery> {
        self.read = Some(record.position);
        if record.kind != KIND {
            return None;
        }
        self.unacknowledged += 1;
        let envelope = Envelope::decode(&record.payload);
        self.state.read(record.received_ns);
        let policy = self.intake.sources.of(envelope.peer.map(|peer| peer.ip())).policy;
        Some(Delivery {
            epoch: record.epoch,
            seq: record.seq,
            received: received(record),
            peer: envelope.peer,
            truncated: envelope.truncated,
            frame: record.payload.slice_ref(envelope.frame),
            policy,
        })
    }
}

impl Delivery {
    /// The message, parsed now and borrowed from the frame.
    pub fn message(&self) -> Message<'_> {
        parse(&self.frame, self.received, &self.policy)
    }
}
