//! What a sink's task and the snapshot share.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::net::stats::{Counter, Health, SinkStats};
use crate::wal::Position;

#[derive(Debug)]
pub(in crate::net) struct SinkState {
    name: String,
    records: Counter,
    bytes: Counter,
    committed_seq: Counter,
    /// When the oldest record was received that was read and not committed; 0 when there is none.
    oldest_ns: Counter,
    retries: Counter,
    health: Mutex<(Health, Option<String>)>,
}

impl SinkState {
    pub(in crate::net) fn new(name: &str, committed: Position) -> Self {
        let state = Self {
            name: name.to_owned(),
            records: Counter::default(),
            bytes: Counter::default(),
            committed_seq: Counter::default(),
            oldest_ns: Counter::default(),
            retries: Counter::default(),
            health: Mutex::default(),
        };
        state.committed_seq.set(committed.seq());
        state
    }

    pub(in crate::net) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::net) fn delivered(&self) -> u64 {
        self.records.value()
    }

    /// A record was read that was received at `received_ns`.
    pub(in crate::net) fn read(&self, received_ns: u64) {
        if self.oldest_ns.value() == 0 {
            self.oldest_ns.set(received_ns);
        }
    }

    /// Everything before `position` is done with; `oldest_ns` is when the oldest that was read and
    /// is not done with was received, 0 when there is none.
    pub(in crate::net) fn done(
        &self,
        records: u64,
        bytes: u64,
        position: Position,
        oldest_ns: u64,
    ) {
        self.records.add(records);
        self.bytes.add(bytes);
        self.committed_seq.set(position.seq());
        self.oldest_ns.set(oldest_ns);
    }

    /// An attempt failed and will be repeated.
    pub(in crate::net) fn retrying(&self, error: &dyn Display) {
        self.retries.add(1);
        self.set(Health::Retrying, Some(error.to_string()));
    }

    /// It works, or works again.
    pub(in crate::net) fn running(&self) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if health.0 == Health::Retrying {
            tracing::info!(sink = self.name, "sink works again");
            *health = (Health::Running, None);
        }
    }

    /// It has ended; with an error it did not end well.
    pub(in crate::net) fn stopped(&self, error: Option<&dyn Display>) {
        self.set(Health::Stopped, error.map(ToString::to_string));
    }

    pub(in crate::net) fn failure(&self) -> Option<String> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    fn set(&self, health: Health, reason: Option<String>) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = (health, reason);
    }

    pub(in crate::net) fn snapshot(
        &self,
        next_seq: u64,
        skipped_records: u64,
        now_ns: u64,
    ) -> SinkStats {
        let (health, failed) = self.health.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lag = match self.oldest_ns.value() {
            0 => Duration::ZERO,
            oldest => Duration::from_nanos(now_ns.saturating_sub(oldest)),
        };
        SinkStats {
            name: self.name.clone(),
            delivered_records: self.records.value(),
            delivered_bytes: self.bytes.value(),
            lag_records: next_seq.saturating_sub(self.committed_seq.value()),
            lag,
            skipped_records,
            retries: self.retries.value(),
            health,
            failed,
        }
    }
}
