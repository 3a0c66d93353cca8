//! Numbers to publish; the only file that names metrics.
//!
//! The ring counts by itself; whoever runs it calls [`publish`] now and then, every second or so,
//! and names the metrics once with [`describe`]. Nothing is published on the hot path.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::recorder::RecorderStats;
use crate::ring::{Ring, Stats};
use crate::store::StoreStats;

/// Describes every metric of this crate to the installed recorder.
pub fn describe() {
    describe_counter!(PUSHED, Unit::Count, "Records taken into the ring");
    describe_counter!(PUSHED_BYTES, Unit::Bytes, "Bytes of the records taken into the ring");
    describe_counter!(DROPPED, Unit::Count, "Records not taken, by reason");
    describe_gauge!(PINS, Unit::Count, "Blocks held by readers; a number that stays up is a leak");
    describe_gauge!(HISTORY, Unit::Seconds, "How far back the ring reaches");
    describe_gauge!(MEMORY, Unit::Bytes, "Memory of the ring, index included");
    describe_counter!(KERNEL, Unit::Count, "Packets offered by the kernel");
    describe_counter!(
        KERNEL_DROPPED,
        Unit::Count,
        "Packets the kernel dropped for want of a block"
    );
    describe_counter!(RECORDINGS, Unit::Count, "Recordings, by how far they came");
    describe_counter!(JOINED, Unit::Count, "Triggers added to a recording under way");
    describe_counter!(REFUSED, Unit::Count, "Triggers refused, by reason");
    describe_gauge!(ACTIVE, Unit::Count, "Recordings under way");
    describe_gauge!(HELD, Unit::Bytes, "Bytes held by recordings under way");
    describe_counter!(FILES_WRITTEN, Unit::Count, "Files written");
    describe_counter!(FILES_REMOVED, Unit::Count, "Files removed to keep the quota");
    describe_counter!(FILES_LOST, Unit::Count, "Files not written because the disk was full");
    describe_gauge!(DISK_BYTES, Unit::Bytes, "Bytes of the files in the folder");
    describe_gauge!(DISK_FILES, Unit::Count, "Files in the folder");
    describe_gauge!(DISK_FULL, Unit::Count, "1 while the disk is full and nothing is written");
}

/// Publishes what a ring has done so far.
pub fn publish(ring: &Ring) {
    let Stats { pushed, pushed_bytes, dropped_pinned, dropped_too_large, pins } = ring.stats();
    counter!(PUSHED).absolute(pushed);
    counter!(PUSHED_BYTES).absolute(pushed_bytes);
    counter!(DROPPED, "reason" => "all_pinned").absolute(dropped_pinned);
    counter!(DROPPED, "reason" => "too_large").absolute(dropped_too_large);
    gauge!(PINS).set(pins as f64);
    gauge!(HISTORY).set(ring.history().map_or(0.0, |history| history.span().as_secs_f64()));
    gauge!(MEMORY).set(ring.memory_bytes() as f64);
}

/// Publishes what became of triggers, and what is being recorded now.
pub fn publish_recorder(stats: &RecorderStats) {
    counter!(RECORDINGS, "state" => "begun").absolute(stats.begun);
    counter!(RECORDINGS, "state" => "finished").absolute(stats.finished);
    counter!(RECORDINGS, "state" => "incomplete").absolute(stats.incomplete);
    counter!(RECORDINGS, "state" => "truncated").absolute(stats.truncated);
    counter!(JOINED).absolute(stats.joined);
    counter!(REFUSED, "reason" => "quiet").absolute(stats.refused_quiet);
    counter!(REFUSED, "reason" => "rate").absolute(stats.refused_rate);
    counter!(REFUSED, "reason" => "load").absolute(stats.refused_load);
    gauge!(ACTIVE).set(stats.active as f64);
    gauge!(HELD).set(stats.held_bytes as f64);
}

/// Publishes what a folder of recordings holds, and what could not be written.
pub fn publish_store(stats: &StoreStats) {
    counter!(FILES_WRITTEN).absolute(stats.written);
    counter!(FILES_REMOVED).absolute(stats.removed);
    counter!(FILES_LOST).absolute(stats.lost);
    gauge!(DISK_BYTES).set(stats.bytes as f64);
    gauge!(DISK_FILES).set(stats.files as f64);
    gauge!(DISK_FULL).set(f64::from(u8::from(stats.full)));
}

/// Publishes what the kernel counted for all sockets of a capture together.
#[cfg(all(feature = "afpacket", target_os = "linux"))]
pub fn publish_kernel(stats: &crate::source::afpacket::KernelStats) {
    counter!(KERNEL).absolute(stats.packets);
    counter!(KERNEL_DROPPED).absolute(stats.dropped);
}

const PUSHED: &str = "ring_capture_pushed_records_total";
const PUSHED_BYTES: &str = "ring_capture_pushed_bytes_total";
const DROPPED: &str = "ring_capture_dropped_records_total";
const PINS: &str = "ring_capture_pins";
const HISTORY: &str = "ring_capture_history_seconds";
const MEMORY: &str = "ring_capture_memory_bytes";
const KERNEL: &str = "ring_capture_kernel_packets_total";
const RECORDINGS: &str = "ring_capture_recordings_total";
const JOINED: &str = "ring_capture_joined_triggers_total";
const REFUSED: &str = "ring_capture_refused_triggers_total";
const ACTIVE: &str = "ring_capture_active_recordings";
const HELD: &str = "ring_capture_held_bytes";
const FILES_WRITTEN: &str = "ring_capture_written_files_total";
const FILES_REMOVED: &str = "ring_capture_removed_files_total";
const FILES_LOST: &str = "ring_capture_lost_files_total";
const DISK_BYTES: &str = "ring_capture_disk_bytes";
const DISK_FILES: &str = "ring_capture_disk_files";
const DISK_FULL: &str = "ring_capture_disk_full";
const KERNEL_DROPPED: &str = "ring_capture_kernel_dropped_packets_total";
