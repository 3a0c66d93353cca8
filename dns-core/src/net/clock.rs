//! The clock of one server: time since it was started, plus a little, so that nothing lies before zero.

use std::time::{Duration, Instant};

/// A monotonic clock that all parts of a server share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Clock {
        Clock(Instant::now())
    }

    pub(super) fn now(self) -> Duration {
        HEAD_START + self.0.elapsed()
    }

    /// The instant at which [`now`](Self::now) is `at`.
    pub(super) fn instant(self, at: Duration) -> Instant {
        self.0 + at.saturating_sub(HEAD_START)
    }
}

const HEAD_START: Duration = Duration::from_secs(1);
