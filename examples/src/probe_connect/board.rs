//! The last probes of each target, and how many there were: what /metrics shows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tls_probe::net::Probed;

use super::exposition;

/// Shared between the loop that probes and the server of metrics.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last: BTreeMap<String, Vec<Probed>>,
    outcomes: BTreeMap<&'static str, u64>,
}

impl Board {
    /// The probes of one turn of a target.
    pub(super) fn put(&self, target: &str, probed: Vec<Probed>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for one in &probed {
            let label = one.failure.map_or("success", tls_probe::net::Failure::label);
            *inner.outcomes.entry(label).or_default() += 1;
        }
        inner.last.insert(target.to_owned(), probed);
    }

    /// All of it in Prometheus's text format.
    pub(super) fn render(&self) -> String {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last: Vec<_> = inner.last.values().flatten().collect();
        let mut text = exposition::render(&last, true);
        exposition::outcomes(&mut text, &inner.outcomes);
        text
    }
}
