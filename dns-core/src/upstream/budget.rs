//! How many queries a server may get: a token bucket, so that a site never gets itself blocked.

use std::time::Duration;

/// So many queries a second, and a second's worth at once.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    per_second: u32,
    tokens: f64,
    at: Duration,
}

impl Budget {
    pub(crate) fn new(per_second: u32) -> Budget {
        Budget { per_second, tokens: f64::from(per_second), at: Duration::ZERO }
    }

    /// Takes one; false when there is none left for now.
    pub(crate) fn take(&mut self, now: Duration) -> bool {
        let most = f64::from(self.per_second);
        let gained = now.saturating_sub(self.at).as_secs_f64() * most;
        self.tokens = (self.tokens + gained).min(most);
        self.at = self.at.max(now);
        let any = self.tokens >= 1.0;
        if any {
            self.tokens -= 1.0;
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_sees_more_than_twice_the_rate_and_no_minute_more_than_its_share() {
        let mut budget = Budget::new(10);
        let taken = (0..60_000).filter(|&ms| budget.take(Duration::from_millis(ms))).count();
        assert!((600..=610).contains(&taken), "{taken}");
        assert!(!budget.take(Duration::from_secs(1)), "a clock that went back gains nothing");
    }
}
