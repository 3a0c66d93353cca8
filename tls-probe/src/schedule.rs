//! When to probe which target next: evenly spread, with jitter, never one target twice at a time.
//!
//! It has no clock and starts nothing: it is asked what is due now, and when to be asked again.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

/// How often each target is probed.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// From the start of one probe of a target to the next; `None`: as soon as the last is over.
    pub every: Option<Duration>,
    /// Each probe begins later than its due time by up to this share of the period, 0 to 1, so
    /// that many probers do not keep step.
    pub jitter: f64,
    /// Probes of each target; `None`: until stopped.
    pub count: Option<u64>,
}

/// The schedule of a number of targets. Times are nanoseconds of any one clock.
#[derive(Debug, Clone)]
pub struct Schedule {
    timing: Timing,
    targets: Vec<Target>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    random: u64,
    skipped: u64,
}

#[derive(Debug, Clone, Copy)]
struct Target {
    first_ns: u64,
    /// Periods begun.
    turns: u64,
    left: Option<u64>,
    running: bool,
}

impl Schedule {
    /// A schedule that begins at `now_ns`. With a period, the targets' first probes are spread
    /// evenly over it. `seed` makes the jitter: any number, different for each prober.
    pub fn new(targets: usize, timing: Timing, now_ns: u64, seed: u64) -> Self {
        let every = timing.every.map_or(0, nanoseconds);
        let mut schedule = Self {
            timing: Timing { jitter: timing.jitter.clamp(0.0, 1.0), ..timing },
            targets: Vec::with_capacity(targets),
            due: BinaryHeap::with_capacity(targets),
            random: seed,
            skipped: 0,
        };
        if timing.count == Some(0) {
            return schedule;
        }
        for index in 0..targets {
            let offset = u128::from(every) * index as u128 / targets as u128;
            let first_ns = now_ns.saturating_add(offset as u64);
            let target = Target { first_ns, turns: 0, left: timing.count, running: false };
            schedule.targets.push(target);
            schedule.plan(index, first_ns);
        }
        schedule
    }

    /// The next target that is due, which now counts as running. A target whose last probe is not
    /// over at its time misses its turn.
    pub fn poll(&mut self, now_ns: u64) -> Option<usize> {
        while let Some(Reverse((_, index))) = self.due.peek().filter(|due| due.0.0 <= now_ns) {
            let index = *index;
            self.due.pop();
            self.plan_next(index, now_ns);
            let target = &mut self.targets[index];
            if target.running {
                self.skipped += 1;
                continue;
            }
            target.running = true;
            if let Some(left) = &mut target.left {
                *left -= 1;
            }
            return Some(index);
        }
        None
    }

    /// The probe of a target is over.
    ///
    /// # Panics
    /// If there is no such target.
    pub fn finished(&mut self, index: usize, now_ns: u64) {
        let target = &mut self.targets[index];
        target.running = false;
        if self.timing.every.is_none() && target.left != Some(0) {
            self.due.push(Reverse((now_ns, index)));
        }
    }

    /// When to ask again; `None` if nothing will be due before a probe is over, or ever.
    pub fn poll_timeout(&self) -> Option<u64> {
        self.due.peek().map(|due| due.0.0)
    }

    /// Every probe there was to be is over.
    pub fn is_done(&self) -> bool {
        self.targets.iter().all(|target| !target.running && target.left == Some(0))
    }

    /// Turns missed because the probe before was not over.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn plan(&mut self, index: usize, base_ns: u64) {
        let every = self.timing.every.map_or(0, nanoseconds);
        let late = every as f64 * self.timing.jitter * self.uniform();
        self.due.push(Reverse((base_ns.saturating_add(late as u64), index)));
    }

    /// The next turn that is not past already: a prober that slept does not catch up.
    fn plan_next(&mut self, index: usize, now_ns: u64) {
        let Some(every) = self.timing.every.map(nanoseconds) else { return };
        let target = &mut self.targets[index];
        // The turn at hand is taken unless one is under way.
        let last = target.left == Some(0) || target.left == Some(1) && !target.running;
        if last {
            return;
        }
        let past = now_ns.saturating_sub(target.first_ns) / every.max(1);
        target.turns = (target.turns + 1).max(past);
        let base = target.first_ns.saturating_add(target.turns.saturating_mul(every));
        self.plan(index, base);
    }

    /// From 0 to 1, by splitmix64.
    fn uniform(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn every(seconds: u64, jitter: f64, count: Option<u64>) -> Timing {
        Timing { every: Some(Duration::from_secs(seconds)), jitter, count }
    }

    /// Runs for so many seconds, each probe over at once: when which target was probed.
    fn run(schedule: &mut Schedule, until: u64) -> Vec<(u64, usize)> {
        let mut probes = Vec::new();
        while let Some(now) = schedule.poll_timeout().filter(|at| *at < until * S) {
            while let Some(index) = schedule.poll(now) {
                probes.push((now, index));
                schedule.finished(index, now);
            }
        }
        probes
    }

    #[test]
    fn targets_are_spread_over_the_period_and_keep_it() {
        let mut schedule = Schedule::new(4, every(8, 0.0, None), 0, 1);
        let probes = run(&mut schedule, 16);
        let want = [0, 2, 4, 6, 8, 10, 12, 14].map(|s| (s * S, (s / 2 % 4) as usize));
        assert_eq!(probes, want);
    }

    #[test]
    fn jitter_stays_within_its_share_and_does_not_add_up() {
        let mut schedule = Schedule::new(1, every(10, 0.3, None), 0, 7);
        let probes = run(&mut schedule, 1_000);
        assert_eq!(probes.len(), 100);
        let late: Vec<_> = (0..).zip(&probes).map(|(turn, (at, _))| at - turn * 10 * S).collect();
        assert!(late.iter().all(|late| *late < 3 * S));
        assert!(late.iter().any(|late| *late > 2 * S) && late.iter().any(|late| *late < S));
    }

    #[test]
    fn each_target_is_probed_so_many_times() {
        for timing in [every(1, 0.5, Some(3)), Timing { every: None, ..every(1, 0.0, Some(3)) }] {
            let mut schedule = Schedule::new(2, timing, 0, 3);
            assert!(!schedule.is_done());
            let probes = run(&mut schedule, 1_000);
            for target in 0..2 {
                assert_eq!(probes.iter().filter(|(_, index)| *index == target).count(), 3);
            }
            assert!(schedule.is_done());
            assert_eq!(schedule.poll_timeout(), None);
        }
        assert!(Schedule::new(2, every(1, 0.0, Some(0)), 0, 3).is_done());
    }

    #[test]
    fn a_slow_probe_costs_turns_and_is_never_doubled() {
        let mut schedule = Schedule::new(1, every(1, 0.0, Some(2)), 0, 0);
        assert_eq!(schedule.poll(0), Some(0));
        assert_eq!(schedule.poll(S), None);
        assert_eq!(schedule.poll(2 * S), None);
        assert_eq!(schedule.skipped(), 2);
        schedule.finished(0, 2 * S + 1);
        assert_eq!(schedule.poll(3 * S), Some(0), "its count is of probes, not of turns");
        schedule.finished(0, 3 * S);
        assert!(schedule.is_done());
    }

    #[test]
    fn a_prober_that_slept_does_not_catch_up() {
        let mut schedule = Schedule::new(1, every(1, 0.0, None), 0, 0);
        assert_eq!(schedule.poll(0), Some(0));
        schedule.finished(0, 0);
        assert_eq!(schedule.poll(1_000 * S + 5), Some(0));
        schedule.finished(0, 1_000 * S + 6);
        assert!(schedule.poll_timeout().is_some_and(|next| next >= 1_000 * S));
        assert!(run(&mut schedule, 1_003).len() <= 3);
    }
}
