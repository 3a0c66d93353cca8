//! Where a timed stream takes its instants from.

use std::time::SystemTime;

/// A clock that is read, never waited for. A closure that returns nanoseconds is one.
pub trait Clock: Clone {
    /// Now, in Unix nanoseconds.
    fn now_ns(&self) -> u64;
}

/// The system's clock. Should it be set back during a handshake, the gap concerned counts as none.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ns(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |since| since.as_nanos() as u64)
    }
}

impl<F: Fn() -> u64 + Clone> Clock for F {
    fn now_ns(&self) -> u64 {
        self()
    }
}
