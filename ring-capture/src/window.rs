//! A span of time to read from the ring.

use std::time::Duration;

/// A span of time, both ends included, in Unix nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Earliest timestamp wanted.
    pub from_ns: u64,
    /// Latest timestamp wanted.
    pub until_ns: u64,
}

impl Window {
    /// Everything the ring still holds.
    pub const ALL: Self = Self { from_ns: 0, until_ns: u64::MAX };

    /// From `pre` before an instant until `post` after it.
    pub fn around(at_ns: u64, pre: Duration, post: Duration) -> Self {
        let nanos = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        Self {
            from_ns: at_ns.saturating_sub(nanos(pre)),
            until_ns: at_ns.saturating_add(nanos(post)),
        }
    }

    /// Whether an instant lies inside.
    pub fn holds(&self, at_ns: u64) -> bool {
        (self.from_ns..=self.until_ns).contains(&at_ns)
    }
}
