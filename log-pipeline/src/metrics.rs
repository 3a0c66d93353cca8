//! Numbers to publish; the only file that names metrics.
//!
//! A pipeline counts by itself; whoever runs it calls [`publish`] now and then, every second or so,
//! and names the metrics once with [`describe`]. Nothing is published on the hot path.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::net::{Health, ListenerStats, SinkStats, Stats};
use crate::wal;

/// Describes every metric of this crate to the installed recorder.
pub fn describe() {
    for (name, unit, text) in COUNTERS {
        describe_counter!(name, unit, text);
    }
    for (name, unit, text) in GAUGES {
        describe_gauge!(name, unit, text);
    }
}

/// Publishes what a pipeline has done so far. Listeners of one transport are one.
pub fn publish(stats: &Stats) {
    publish_wal(&stats.wal);
    let mut listeners: Vec<&ListenerStats> = stats.listeners.iter().collect();
    listeners.sort_by_key(|listener| listener.transport);
    for listeners in listeners.chunk_by(|a, b| a.transport == b.transport) {
        publish_listeners(listeners);
    }
    let dropped = |of: fn(&ListenerStats) -> u64| stats.listeners.iter().map(of).sum::<u64>();
    for (reason, number) in [
        ("kernel", dropped(|listener| listener.dropped.kernel)),
        ("rate", dropped(|listener| listener.dropped.rate)),
        ("not_allowed", dropped(|listener| listener.dropped.not_allowed)),
        ("full", dropped(|listener| listener.dropped.full)),
        ("log", dropped(|listener| listener.dropped.log)),
    ] {
        counter!(DROPPED, "reason" => reason).absolute(number);
    }
    stats.sinks.iter().for_each(publish_sink);
}

fn publish_wal(stats: &wal::Stats) {
    counter!(APPENDED).absolute(stats.appended_records);
    counter!(APPENDED_BYTES).absolute(stats.appended_bytes);
    counter!(BATCHES).absolute(stats.batches);
    counter!(SYNCS).absolute(stats.syncs);
    gauge!(SYNC_TIME).set(stats.sync_time.as_secs_f64());
    counter!(QUARANTINED_BYTES).absolute(stats.quarantined_bytes);
    counter!(EVICTED).absolute(stats.evicted_segments);
    counter!(DISK_FULL).absolute(stats.disk_full);
    gauge!(SEGMENTS).set(stats.segments as f64);
    gauge!(USED).set(stats.used_bytes as f64);
    gauge!(WAITS_FOR_DISK).set(f64::from(u8::from(stats.waits_for_disk)));
}

fn publish_listeners(listeners: &[&ListenerStats]) {
    let Some(transport) = listeners.first().map(|listener| listener.transport.label()) else {
        return;
    };
    let sum = |of: fn(&ListenerStats) -> u64| listeners.iter().map(|l| of(l)).sum::<u64>();
    counter!(RECEIVED, "transport" => transport).absolute(sum(|l| l.frames.frames));
    counter!(RECEIVED_BYTES, "transport" => transport).absolute(sum(|l| l.received_bytes));
    counter!(TRUNCATED, "transport" => transport).absolute(sum(|l| l.frames.truncated));
    counter!(RESYNCHRONISED, "transport" => transport).absolute(sum(|l| l.frames.resynchronised));
    counter!(ACCEPTED, "transport" => transport).absolute(sum(|l| l.accepted));
    gauge!(OPEN, "transport" => transport).set(sum(|l| l.open) as f64);
    for (reason, number) in [
        ("too_many", sum(|l| l.refused.too_many)),
        ("too_many_of_peer", sum(|l| l.refused.too_many_of_peer)),
        ("not_allowed", sum(|l| l.refused.not_allowed)),
        ("handshake", sum(|l| l.refused.handshake)),
        ("too_slow", sum(|l| l.idle_closed)),
        ("violation", sum(|l| l.violations)),
    ] {
        counter!(REFUSED, "transport" => transport, "reason" => reason).absolute(number);
    }
}

fn publish_sink(stats: &SinkStats) {
    let sink = || stats.name.clone();
    counter!(DELIVERED, "sink" => sink()).absolute(stats.delivered_records);
    counter!(DELIVERED_BYTES, "sink" => sink()).absolute(stats.delivered_bytes);
    counter!(SKIPPED, "sink" => sink()).absolute(stats.skipped_records);
    counter!(RETRIES, "sink" => sink()).absolute(stats.retries);
    gauge!(LAG, "sink" => sink()).set(stats.lag.as_secs_f64());
    gauge!(LAG_RECORDS, "sink" => sink()).set(stats.lag_records as f64);
    let healthy = stats.health == Health::Running;
    gauge!(HEALTHY, "sink" => sink()).set(f64::from(u8::from(healthy)));
}

const APPENDED: &str = "log_pipeline_appended_messages_total";
const APPENDED_BYTES: &str = "log_pipeline_appended_bytes_total";
const BATCHES: &str = "log_pipeline_written_batches_total";
const SYNCS: &str = "log_pipeline_syncs_total";
const SYNC_TIME: &str = "log_pipeline_sync_seconds";
const QUARANTINED_BYTES: &str = "log_pipeline_quarantined_bytes_total";
const EVICTED: &str = "log_pipeline_evicted_segments_total";
const DISK_FULL: &str = "log_pipeline_disk_full_total";
const USED: &str = "log_pipeline_spool_bytes";
const WAITS_FOR_DISK: &str = "log_pipeline_waits_for_disk";
const SKIPPED: &str = "log_pipeline_skipped_messages_total";
const SEGMENTS: &str = "log_pipeline_segments";
const RECEIVED: &str = "log_pipeline_received_messages_total";
const RECEIVED_BYTES: &str = "log_pipeline_received_bytes_total";
const TRUNCATED: &str = "log_pipeline_truncated_messages_total";
const RESYNCHRONISED: &str = "log_pipeline_resynchronised_total";
const ACCEPTED: &str = "log_pipeline_accepted_connections_total";
const OPEN: &str = "log_pipeline_open_connections";
const REFUSED: &str = "log_pipeline_refused_connections_total";
const DROPPED: &str = "log_pipeline_dropped_messages_total";
const DELIVERED: &str = "log_pipeline_delivered_messages_total";
const DELIVERED_BYTES: &str = "log_pipeline_delivered_bytes_total";
const RETRIES: &str = "log_pipeline_retries_total";
const LAG: &str = "log_pipeline_lag_seconds";
const LAG_RECORDS: &str = "log_pipeline_lag_messages";
const HEALTHY: &str = "log_pipeline_sink_healthy";

const COUNTERS: [(&str, Unit, &str); 18] = [
    (APPENDED, Unit::Count, "Messages taken into the log"),
    (APPENDED_BYTES, Unit::Bytes, "Bytes of the messages taken into the log"),
    (BATCHES, Unit::Count, "Batches written to the log"),
    (SYNCS, Unit::Count, "fdatasync calls on the log"),
    (QUARANTINED_BYTES, Unit::Bytes, "Damaged bytes of the log set aside"),
    (EVICTED, Unit::Count, "Segments given up because the log was as large as it may be"),
    (DISK_FULL, Unit::Count, "How often the log found the disk full"),
    (RECEIVED, Unit::Count, "Messages received"),
    (RECEIVED_BYTES, Unit::Bytes, "Bytes received"),
    (TRUNCATED, Unit::Count, "Messages cut at the limit or by the end of their stream"),
    (RESYNCHRONISED, Unit::Count, "Stretches of bytes between frames that belong to none"),
    (ACCEPTED, Unit::Count, "Connections accepted"),
    (REFUSED, Unit::Count, "Connections refused or ended by a limit, by reason"),
    (DROPPED, Unit::Count, "Messages that came and were not taken, by reason"),
    (DELIVERED, Unit::Count, "Messages a sink is done with"),
    (DELIVERED_BYTES, Unit::Bytes, "Bytes a sink has written for these"),
    (SKIPPED, Unit::Count, "Messages given up before a sink had read them"),
    (RETRIES, Unit::Count, "Attempts of a sink that failed and are repeated"),
];

const GAUGES: [(&str, Unit, &str); 8] = [
    (SEGMENTS, Unit::Count, "Segments of the log on disk"),
    (USED, Unit::Bytes, "What the log takes, as its quota counts it"),
    (WAITS_FOR_DISK, Unit::Count, "1 while the disk is full and appending waits"),
    (SYNC_TIME, Unit::Seconds, "Time spent in fdatasync calls on the log so far"),
    (OPEN, Unit::Count, "Connections open"),
    (LAG, Unit::Seconds, "Age of the oldest message a sink has looked at and is not done with"),
    (LAG_RECORDS, Unit::Count, "Messages in the log a sink is not done with"),
    (HEALTHY, Unit::Count, "1 while a sink delivers or waits, 0 while it retries or has stopped"),
];
