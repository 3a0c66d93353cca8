//! Numbers to publish; the only file that names metrics.
//!
//! The ring counts by itself; whoever runs it calls [`publish`] now and then, every second or so,
//! and names the metrics once with [`describe`]. Nothing is published on the hot path.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::ring::{Ring, Stats};

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
const KERNEL_DROPPED: &str = "ring_capture_kernel_dropped_packets_total";
