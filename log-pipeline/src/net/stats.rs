//! What can be observed of a running pipeline.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::wal::Position;
use crate::{frame, wal};

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// The log.
    pub wal: wal::Stats,
    /// All TCP listeners together.
    pub tcp: TcpStats,
    /// Every sink that was started, in that order.
    pub sinks: Vec<SinkStats>,
}

/// What TCP listeners have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TcpStats {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed at once because there were too many.
    pub refused: u64,
    /// Connections open now.
    pub open: u64,
    /// Connections closed for being idle.
    pub idle_closed: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// The frames in them, of connections that are closed.
    pub frames: frame::Stats,
    /// Frames lost because the log was closed or had failed.
    pub lost_frames: u64,
}

/// What a sink has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SinkStats {
    /// Its name and its cursor's.
    pub name: String,
    /// Records it is done with: written and committed, or acknowledged.
    pub delivered_records: u64,
    /// Records in the log it is not done with.
    pub lag_records: u64,
    /// Why it stopped, if it did.
    pub failed: Option<String>,
}

/// Counters that tasks add to.
#[derive(Debug, Default)]
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

/// What a sink's task and the snapshot share.
#[derive(Debug)]
pub(super) struct SinkState {
    name: String,
    delivered: Counter,
    committed_seq: Counter,
    failed: Mutex<Option<String>>,
}

impl SinkState {
    pub(super) fn new(name: &str, committed: Position) -> Self {
        let state = Self {
            name: name.to_owned(),
            delivered: Counter::default(),
            committed_seq: Counter::default(),
            failed: Mutex::default(),
        };
        state.done(0, committed);
        state
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn done(&self, records: u64, position: Position) {
        self.delivered.add(records);
        self.committed_seq.set(position.seq());
    }

    pub(super) fn fail(&self, error: &io::Error) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn snapshot(&self, next_seq: u64) -> SinkStats {
        SinkStats {
            name: self.name.clone(),
            delivered_records: self.delivered.value(),
            lag_records: next_seq.saturating_sub(self.committed_seq.value()),
            failed: self.failure(),
        }
    }
}
