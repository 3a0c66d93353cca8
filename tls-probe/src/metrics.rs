//! Numbers to publish; the only file that names metrics.
//!
//! Whoever collects reports calls [`publish`] for each and [`publish_table`] now and then, and names the
//! metrics once with [`describe`].

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::report::Report;

/// Describes every metric of this crate to the installed recorder.
pub fn describe() {
    describe_histogram!(PHASE, Unit::Seconds, "How long a phase of a handshake took");
    describe_histogram!(IDLE, Unit::Seconds, "Whose time it was, handshake by handshake");
    describe_counter!(HANDSHAKES, Unit::Count, "Handshakes, by how they ended");
    describe_counter!(VERDICTS, Unit::Count, "Handshakes, by who made them wait");
    describe_counter!(PACKETS, Unit::Count, "Packets taken");
    describe_counter!(LEFT_OUT, Unit::Count, "Packets left out of account, by reason");
    describe_counter!(FLOWS, Unit::Count, "Connections begun");
    describe_counter!(GIVEN_UP, Unit::Count, "Connections given up unfinished, by reason");
    describe_gauge!(FOLLOWED, Unit::Count, "Connections followed now");
    describe_gauge!(HELD, Unit::Bytes, "Bytes on the heap for the connections followed now");
}

/// Publishes one handshake.
pub fn publish(report: &Report) {
    let phases = &report.phases;
    for (phase, took) in [
        ("tcp", phases.tcp),
        ("client_hello", phases.client_hello),
        ("server_flight", phases.server_flight),
        ("client_flight", phases.client_flight),
        ("total", Some(phases.total)),
    ] {
        if let Some(took) = took {
            histogram!(PHASE, "phase" => phase).record(took);
        }
    }
    let idle = &report.idle;
    for (side, took) in
        [("client", idle.client), ("server", idle.server), ("network", idle.network)]
    {
        histogram!(IDLE, "side" => side).record(took);
    }
    counter!(HANDSHAKES, "outcome" => report.outcome.label()).increment(1);
    counter!(VERDICTS, "verdict" => report.verdict.label()).increment(1);
}

/// Publishes what a table has counted, and what it holds.
#[cfg(feature = "passive")]
pub fn publish_table(stats: &crate::table::Stats) {
    counter!(PACKETS).absolute(stats.packets);
    counter!(LEFT_OUT, "reason" => "ignored").absolute(stats.ignored_packets);
    counter!(LEFT_OUT, "reason" => "duplicate").absolute(stats.duplicate_packets);
    counter!(FLOWS).absolute(stats.flows);
    counter!(GIVEN_UP, "reason" => "evicted").absolute(stats.evicted_flows);
    counter!(GIVEN_UP, "reason" => "expired").absolute(stats.expired_flows);
    gauge!(FOLLOWED).set(stats.followed_flows as f64);
    gauge!(HELD).set(stats.held_bytes as f64);
}

const PHASE: &str = "tls_probe_phase_duration_seconds";
const IDLE: &str = "tls_probe_idle_seconds";
const HANDSHAKES: &str = "tls_probe_handshakes_total";
const VERDICTS: &str = "tls_probe_verdicts_total";
const PACKETS: &str = "tls_probe_packets_total";
const LEFT_OUT: &str = "tls_probe_left_out_packets_total";
const FLOWS: &str = "tls_probe_flows_total";
const GIVEN_UP: &str = "tls_probe_given_up_flows_total";
const FOLLOWED: &str = "tls_probe_followed_flows";
const HELD: &str = "tls_probe_held_bytes";
