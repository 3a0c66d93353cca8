//! How often a delivery is tried.

use std::time::Duration;

/// Tries a few times, with growing pauses; then gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
    first: Duration,
    most: Duration,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The other side answered with this HTTP status.
    Status(u16),
    /// There was no answer.
    Unreachable,
}

impl Failure {
    /// Whether the same thing may go better later: a client's mistake will not.
    pub fn may_pass(self) -> bool {
        match self {
            Self::Status(status) => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::Unreachable => true,
        }
    }
}

impl Default for Retry {
    /// Four attempts, after 0.5, 1 and 2 s.
    fn default() -> Self {
        let (first, most) = (Duration::from_millis(500), Duration::from_secs(30));
        Self { attempts: 4, first, most }
    }
}

impl Retry {
    /// How many attempts in all (4; 1…100).
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.clamp(1, 100);
        self
    }

    /// The first pause (0.5 s), doubled each time up to `most` (30 s).
    pub fn pauses(mut self, first: Duration, most: Duration) -> Self {
        (self.first, self.most) = (first, most.max(first));
        self
    }

    /// How long to wait after the `attempt`-th attempt (counted from 1) before the next; `None`
    /// to give up. What the other side asked for (`Retry-After`) is kept to, up to the longest
    /// pause.
    pub fn pause(
        &self,
        attempt: u32,
        failure: Failure,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        if attempt >= self.attempts || !failure.may_pass() {
            return None;
        }
        let doubled = self.first.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        Some(doubled.max(asked.unwrap_or_default()).min(self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let retry = Retry::default().attempts(5).pauses(Duration::from_secs(1), 3 * SECOND);
        let pauses = (1..=5).map(|n| retry.pause(n, Failure::Unreachable, None));
        let seconds = |n: u32| Some(n * SECOND);
        assert!(pauses.eq([seconds(1), seconds(2), seconds(3), seconds(3), None]));
        assert_eq!(retry.pause(1, Failure::Status(429), Some(2 * SECOND)), seconds(2));
        assert_eq!(retry.pause(1, Failure::Status(503), Some(900 * SECOND)), seconds(3));
        assert_eq!(retry.pause(1, Failure::Status(400), None), None);
    }

    const SECOND: Duration = Duration::from_secs(1);
}
