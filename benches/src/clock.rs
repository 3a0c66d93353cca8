//! CPU time of this thread: on a shared machine a clock on the wall measures the neighbours.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time this thread has used.
pub fn cpu_time() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// CPU time all threads of this process have used.
pub fn process_cpu_time() -> Duration {
    read(ClockId::ProcessCPUTime)
}

fn read(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(now.tv_sec.cast_unsigned(), now.tv_nsec as u32)
}

/// The middle of some measurements, and the distance of the quartiles in parts of it.
pub fn median_and_spread(values: &mut [f64]) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |share: usize| values[(values.len() - 1) * share / 4];
    (at(2), (at(3) - at(1)) / at(2))
}
