//! The last probes of each target, how many there were, and the histograms of all: what /metrics
//! shows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tls_probe::net::{Failure, Probed};

use super::exposition;

/// Shared between the loop that probes and the server of metrics.
pub(super) struct Board {
    inner: Mutex<Inner>,
    histograms: PrometheusHandle,
}

#[derive(Debug, Default)]
struct Inner {
    last: BTreeMap<String, Vec<Probed>>,
    outcomes: BTreeMap<&'static str, u64>,
}

impl Board {
    /// An empty board, and the recorder behind it for the whole process.
    pub(super) fn install() -> Result<Self> {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).context("buckets")?;
        let histograms = builder.install_recorder().context("installing the metrics' recorder")?;
        tls_probe::metrics::describe();
        Ok(Self { inner: Mutex::default(), histograms })
    }

    /// The probes of one turn of a target.
    pub(super) fn put(&self, target: &str, probed: Vec<Probed>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for one in &probed {
            tls_probe::metrics::publish(&one.report);
            let label = one.failure.map_or("success", Failure::label);
            *inner.outcomes.entry(label).or_default() += 1;
        }
        inner.last.insert(target.to_owned(), probed);
    }

    /// All of it in Prometheus's text format.
    pub(super) fn render(&self) -> String {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let last: Vec<_> = inner.last.values().flatten().collect();
        let mut text = exposition::render(&last, true);
        exposition::outcomes(&mut text, &inner.outcomes);
        drop(inner);
        self.histograms.run_upkeep();
        text + &self.histograms.render()
    }
}

/// From a host next door to the patience of a person.
const BUCKETS: [f64; 13] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
