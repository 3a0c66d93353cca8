//! How well a server does: round trips, time-outs, and whether it is worth asking at all.

use std::time::Duration;

use super::quantile::RecentQuantile;

/// What is known of one server.
#[derive(Clone, Debug)]
pub struct Health {
    /// Smoothed round trip and its variation (RFC 6298 §2); `None` before the first answer.
    rtt: Option<(Duration, Duration)>,
    recent: RecentQuantile,
    failures_in_a_row: u32,
    /// The share of its late answers that were refusals, failures or did not come; and when that was
    /// reckoned. It fades by itself, so that a server is tried again.
    useless: f32,
    useless_at: Duration,
    /// Since when it has been owing an answer, whatever it answered before.
    owing_since: Option<Duration>,
    /// The circuit: closed while `None`, else when a probe may be sent.
    probe_at: Option<Duration>,
}

/// Whether a server may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Yes.
    Up,
    /// It has failed several times; one query may try whether it is back, beside another server's.
    Probe,
    /// It has failed several times, and lately.
    Down,
}

impl Availability {
    /// A constant name for metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Availability::Up => "up",
            Availability::Probe => "probe",
            Availability::Down => "down",
        }
    }
}

impl Default for Health {
    fn default() -> Health {
        let recent = RecentQuantile::new();
        Health {
            rtt: None,
            recent,
            failures_in_a_row: 0,
            useless: 0.0,
            useless_at: Duration::ZERO,
            owing_since: None,
            probe_at: None,
        }
    }
}

impl Health {
    /// A query is on its way to it.
    pub(crate) fn asked(&mut self, now: Duration) {
        self.owing_since.get_or_insert(now);
    }

    /// An answer came after `rtt`.
    pub(crate) fn succeeded(&mut self, rtt: Duration) {
        self.alive(rtt);
        self.useless *= 1.0 - USELESS_WEIGHT;
    }

    /// A refusal or failure came after `rtt`: it is alive, and others are asked rather.
    pub(crate) fn answered_uselessly(&mut self, now: Duration, rtt: Duration) {
        self.alive(rtt);
        self.was_useless(now);
    }

    fn was_useless(&mut self, now: Duration) {
        let so_far = self.useless(now);
        self.useless = so_far + (1.0 - so_far) * USELESS_WEIGHT;
        self.useless_at = now;
    }

    fn useless(&self, now: Duration) -> f32 {
        let since = now.saturating_sub(self.useless_at);
        self.useless * (-since.as_secs_f32() / USELESS_HALF_LIFE.as_secs_f32()).exp2()
    }

    fn alive(&mut self, rtt: Duration) {
        self.rtt = Some(match self.rtt {
            None => (rtt, rtt / 2),
            Some((smoothed, variation)) => {
                (smoothed * 7 / 8 + rtt / 8, variation * 3 / 4 + rtt.abs_diff(smoothed) / 4)
            }
        });
        self.recent.note(rtt);
        self.owing_since = None;
        self.failures_in_a_row = 0;
        self.probe_at = None;
    }

    /// No answer came, or none that is any use.
    pub(crate) fn failed(&mut self, now: Duration) {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.owing_since = None;
        self.was_useless(now);
        if let Some(more) = self.failures_in_a_row.checked_sub(FAILURES_TO_OPEN) {
            let wait = FIRST_PROBE * 2_u32.pow(more.min(8));
            self.probe_at = Some(now + wait.min(MOST_PROBE));
        }
    }

    /// A probe is on its way: no second one before the next is due.
    pub(crate) fn probing(&mut self, now: Duration) {
        self.probe_at = Some(now + FIRST_PROBE);
    }

    /// Whether it may be asked.
    pub fn availability(&self, now: Duration) -> Availability {
        match self.probe_at {
            None => Availability::Up,
            Some(at) if now >= at => Availability::Probe,
            Some(_) => Availability::Down,
        }
    }

    /// The smoothed round trip; `None` before the first answer.
    pub fn smoothed_rtt(&self) -> Option<Duration> {
        self.rtt.map(|(smoothed, _)| smoothed)
    }

    /// What asking it costs: the smoothed round trip; the time it has been owing an answer, once that is
    /// longer than usual; and as much as asking another one takes when it refuses. Nothing is known to be
    /// cheaper than one that was never asked, and nothing dearer than one that never answered.
    pub(crate) fn cost(&self, now: Duration) -> Duration {
        let owing = self.owing_since.map(|since| now.saturating_sub(since));
        let useless = USELESS_COST.mul_f32(self.useless(now));
        match (self.smoothed_rtt(), owing) {
            (None, None) => useless,
            (None, Some(owing)) => FIRST_TIMEOUT + owing + useless,
            (Some(rtt), Some(owing)) if owing > rtt * 2 => owing + useless,
            (Some(rtt), _) => rtt + useless,
        }
    }

    /// After how long an answer is not expected any more (RFC 6298 §2.3, with bounds of our own).
    pub fn timeout(&self) -> Duration {
        self.rtt.map_or(FIRST_TIMEOUT, |(smoothed, variation)| {
            (smoothed + variation * 4).clamp(LEAST_TIMEOUT, MOST_TIMEOUT)
        })
    }

    /// After how long a second server is asked as well: when nineteen of twenty answers would have come.
    pub fn hedge_after(&self) -> Duration {
        let slow = self.recent.percentile(95).unwrap_or_else(|| self.timeout());
        slow.clamp(LEAST_HEDGE, self.timeout())
    }
}

/// Three in a row are no accident at one loss in ten: one in a thousand.
const FAILURES_TO_OPEN: u32 = 3;
const FIRST_PROBE: Duration = Duration::from_secs(1);
const MOST_PROBE: Duration = Duration::from_secs(30);
/// unbound begins with 376 ms, BIND with 800: a continent away and some loss are normal.
const FIRST_TIMEOUT: Duration = Duration::from_millis(400);
const LEAST_TIMEOUT: Duration = Duration::from_millis(150);
const MOST_TIMEOUT: Duration = Duration::from_secs(2);
const USELESS_WEIGHT: f32 = 1.0 / 8.0;
const USELESS_HALF_LIFE: Duration = Duration::from_secs(10);
const USELESS_COST: Duration = Duration::from_millis(400);
/// A hedge within the noise of two schedulers would only double the traffic.
const LEAST_HEDGE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn three_failures_open_the_circuit_and_an_answer_closes_it() {
        let mut health = Health::default();
        for at in 0..2 {
            health.failed(ms(at));
            assert_eq!(health.availability(ms(at)), Availability::Up);
        }
        health.failed(ms(2));
        assert_eq!(health.availability(ms(3)), Availability::Down);
        assert_eq!(health.availability(ms(1_002)), Availability::Probe);
        health.probing(ms(1_002));
        assert_eq!(health.availability(ms(1_003)), Availability::Down, "one probe at a time");
        health.failed(ms(1_400));
        assert_eq!(health.availability(ms(3_300)), Availability::Down, "and each wait is longer");
        health.succeeded(ms(5));
        assert_eq!(health.availability(ms(3_300)), Availability::Up);
    }

    #[test]
    fn waits_follow_the_round_trips() {
        let mut health = Health::default();
        assert_eq!(health.timeout(), FIRST_TIMEOUT);
        for i in 0..100 {
            health.succeeded(ms(20 + i % 3));
        }
        assert_eq!(health.timeout(), LEAST_TIMEOUT);
        assert!((ms(20)..ms(30)).contains(&health.hedge_after()), "{:?}", health.hedge_after());
    }
}
