//! Numbers to publish; the only file that names metrics.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
#[cfg(all(feature = "server", feature = "zones"))]
use metrics::{describe_histogram, histogram};

use crate::resolve::Stats;

/// Describes every metric of this crate to the installed recorder.
pub fn describe() {
    describe_counter!(LOOKUPS, Unit::Count, "Looks into the cache, by outcome");
    describe_counter!(REFUSED, Unit::Count, "Queries refused");
    describe_counter!(SLOW, Unit::Count, "Queries that took the slow path");
    describe_counter!(
        DROPPED,
        Unit::Count,
        "Queries and answers dropped: no queries, too many waiting, above a rate limit"
    );
    describe_counter!(EVICTIONS, Unit::Count, "Answers thrown out of the cache for room");
    describe_gauge!(ENTRIES, Unit::Count, "Answers in the cache");
    describe_gauge!(BYTES, Unit::Bytes, "Bytes of the cache, administration included");
    #[cfg(feature = "server")]
    describe_server();
    #[cfg(all(feature = "server", feature = "zones"))]
    describe_transfers();
}

#[cfg(all(feature = "server", feature = "zones"))]
fn describe_transfers() {
    describe_counter!(TRANSFERS_IN, Unit::Count, "Primaries asked for zones, by what came of it");
    describe_counter!(TRANSFER_BYTES, Unit::Bytes, "Octets that primaries sent");
    describe_histogram!(TRANSFER_DURATION, Unit::Seconds, "Time that transfers in took");
    describe_counter!(TRANSFERS_OUT, Unit::Count, "Zones asked for by others, by what came of it");
    describe_gauge!(ZONE_SERIAL, Unit::Count, "The serial of a zone that others send");
    describe_gauge!(ZONE_EXPIRES, Unit::Seconds, "Time until a zone is not served any more");
}

#[cfg(feature = "server")]
fn describe_server() {
    describe_counter!(
        MISSES,
        Unit::Count,
        "Queries that others were asked for, by what the client got"
    );
    describe_counter!(FLIGHTS, Unit::Count, "Questions asked of others, by outcome");
    describe_counter!(PREFETCHES, Unit::Count, "Answers refreshed before they expired");
    describe_gauge!(WAITING, Unit::Count, "Clients waiting for others' answers");
    describe_gauge!(UP, Unit::Count, "1 while a server that is asked answers");
    describe_gauge!(RTT, Unit::Seconds, "Smoothed round trip to a server that is asked");
}

/// Publishes what a resolver has done.
pub fn publish(stats: &Stats) {
    counter!(LOOKUPS, "outcome" => "hit").absolute(stats.cache.hits);
    counter!(LOOKUPS, "outcome" => "stale").absolute(stats.cache.stale);
    counter!(LOOKUPS, "outcome" => "miss").absolute(stats.cache.misses);
    counter!(EVICTIONS).absolute(stats.cache.evictions);
    gauge!(ENTRIES).set(stats.cache.entries as f64);
    gauge!(BYTES).set(stats.cache.bytes as f64);
    counter!(REFUSED).absolute(stats.refused);
    counter!(SLOW).absolute(stats.slow);
    counter!(DROPPED, "reason" => "no_query").absolute(stats.dropped);
    counter!(DROPPED, "reason" => "rate_limited").absolute(stats.limited);
}

/// Publishes what a server is about. Servers that are asked are few and named by their address.
#[cfg(feature = "server")]
pub fn publish_status(status: &crate::net::Status) {
    let misses = &status.misses;
    counter!(MISSES, "outcome" => "answered").absolute(misses.answered);
    counter!(MISSES, "outcome" => "stale").absolute(misses.stale);
    counter!(MISSES, "outcome" => "failed").absolute(misses.failed);
    counter!(FLIGHTS, "outcome" => "answered").absolute(misses.flights_answered);
    counter!(FLIGHTS, "outcome" => "failed").absolute(misses.flights_failed);
    counter!(PREFETCHES).absolute(misses.prefetches);
    counter!(DROPPED, "reason" => "overloaded").absolute(status.overloaded);
    gauge!(WAITING).set(status.waiting as f64);
    for (upstream, availability, rtt) in &status.upstreams {
        let server = upstream.to_string();
        let up = *availability == crate::upstream::Availability::Up;
        gauge!(UP, "server" => server.clone()).set(f64::from(u8::from(up)));
        if let Some(rtt) = rtt {
            gauge!(RTT, "server" => server).set(rtt.as_secs_f64());
        }
    }
}

/// Publishes how transfers go. The zones are those of the configuration and of its catalogs.
#[cfg(all(feature = "server", feature = "zones"))]
pub fn publish_transfers(status: &crate::net::ReplicationStatus, sent: &crate::primary::Sent) {
    for (outcome, count) in &status.attempts {
        counter!(TRANSFERS_IN, "outcome" => *outcome).absolute(*count);
    }
    counter!(TRANSFER_BYTES).absolute(status.received_bytes);
    for took in &status.durations {
        histogram!(TRANSFER_DURATION).record(took.as_secs_f64());
    }
    for replica in &status.replicas {
        let zone = replica.origin.to_string();
        if let Some(serial) = replica.serial {
            gauge!(ZONE_SERIAL, "zone" => zone.clone()).set(f64::from(serial));
        }
        let left = replica.expires_in.unwrap_or_default();
        gauge!(ZONE_EXPIRES, "zone" => zone).set(left.as_secs_f64());
    }
    for (outcome, count) in [
        ("whole", sent.whole),
        ("changes", sent.changes),
        ("unchanged", sent.unchanged),
        ("refused", sent.refused),
        ("failed", sent.failed),
    ] {
        counter!(TRANSFERS_OUT, "outcome" => outcome).absolute(count);
    }
}

const LOOKUPS: &str = "dns_core_lookups_total";
const REFUSED: &str = "dns_core_refused_queries_total";
const SLOW: &str = "dns_core_slow_queries_total";
const DROPPED: &str = "dns_core_dropped_queries_total";
const EVICTIONS: &str = "dns_core_evictions_total";
const ENTRIES: &str = "dns_core_cache_entries";
const BYTES: &str = "dns_core_cache_bytes";
#[cfg(feature = "server")]
const MISSES: &str = "dns_core_misses_total";
#[cfg(feature = "server")]
const FLIGHTS: &str = "dns_core_flights_total";
#[cfg(feature = "server")]
const PREFETCHES: &str = "dns_core_prefetches_total";
#[cfg(feature = "server")]
const WAITING: &str = "dns_core_waiting_queries";
#[cfg(feature = "server")]
const UP: &str = "dns_core_upstream_up";
#[cfg(feature = "server")]
const RTT: &str = "dns_core_upstream_rtt_seconds";
#[cfg(all(feature = "server", feature = "zones"))]
const TRANSFERS_IN: &str = "dns_core_transfers_in_total";
#[cfg(all(feature = "server", feature = "zones"))]
const TRANSFER_BYTES: &str = "dns_core_transfer_received_bytes_total";
#[cfg(all(feature = "server", feature = "zones"))]
const TRANSFER_DURATION: &str = "dns_core_transfer_duration_seconds";
#[cfg(all(feature = "server", feature = "zones"))]
const TRANSFERS_OUT: &str = "dns_core_transfers_out_total";
#[cfg(all(feature = "server", feature = "zones"))]
const ZONE_SERIAL: &str = "dns_core_zone_serial";
#[cfg(all(feature = "server", feature = "zones"))]
const ZONE_EXPIRES: &str = "dns_core_zone_expires_seconds";
