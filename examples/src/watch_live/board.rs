//! `--metrics`: what a live task is about.

use std::net::SocketAddr;

use anomaly::Fleet;
use anyhow::{Context, Result};
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::desk::{DELIVERIES, NOTICES, RELOADS, SILENCES};
use super::state::REFUSED;

pub(super) fn serve(runtime: &tokio::runtime::Runtime, address: SocketAddr) -> Result<()> {
    let _context = runtime.enter();
    PrometheusBuilder::new()
        .with_http_listener(address)
        .install()
        .with_context(|| format!("cannot serve metrics on {address}"))?;
    describe_gauge!(SERIES, Unit::Count, "Series watched");
    describe_gauge!(ON, Unit::Count, "Alerts that are on");
    describe_counter!(EVICTED, Unit::Count, "Series given up for new ones");
    describe_counter!(IDLE, Unit::Count, "Series forgotten because nothing was heard of them");
    describe_counter!(RAISED, Unit::Count, "Alerts raised, told or not");
    describe_counter!(GROUPED, Unit::Count, "Series that joined an alert instead of raising one");
    describe_counter!(NOTICES, Unit::Count, "What was told, by status");
    describe_gauge!(SILENCES, Unit::Count, "Silences and maintenance windows known");
    describe_counter!(RELOADS, Unit::Count, "Times the file of silences was changed, by outcome");
    describe_counter!(REFUSED, Unit::Count, "Saved alerts that could not be taken up, by reason");
    describe_counter!(DELIVERIES, Unit::Count, "Deliveries to destinations, by outcome");
    Ok(())
}

pub(super) fn publish(fleet: &Fleet) {
    let stats = fleet.stats();
    gauge!(SERIES).set(stats.series as f64);
    gauge!(ON).set(fleet.alerts().active().count() as f64);
    counter!(EVICTED).absolute(stats.evicted);
    counter!(IDLE).absolute(stats.idle);
    counter!(RAISED).absolute(stats.alerts.raised);
    counter!(GROUPED).absolute(stats.alerts.grouped);
}

const SERIES: &str = "watch_series";
const ON: &str = "watch_active_alerts";
const EVICTED: &str = "watch_evicted_series_total";
const IDLE: &str = "watch_idle_series_total";
const RAISED: &str = "watch_raised_alerts_total";
const GROUPED: &str = "watch_grouped_series_total";
