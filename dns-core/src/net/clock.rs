//! The clock of one server: Unix time at its start and what has passed since, so that cookies and snapshots
//! mean the same on the next host and after a restart, and no step of the wall clock ages an answer.

use std::time::{Duration, Instant, SystemTime};

/// A monotonic clock that all parts of a server share.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    begun: Instant,
    unix: Duration,
}

impl Clock {
    /// Begins now.
    pub fn start() -> Clock {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // A host that thinks it is 1970 still has a second before it began.
        Clock { begun: Instant::now(), unix: unix.max(Duration::from_secs(1)) }
    }

    /// Time since the Unix epoch, as far as the wall clock was right when this one began.
    pub fn now(self) -> Duration {
        self.unix + self.begun.elapsed()
    }

    /// The instant at which [`now`](Self::now) is `at`.
    pub(super) fn instant(self, at: Duration) -> Instant {
        self.begun + at.saturating_sub(self.unix)
    }
}
