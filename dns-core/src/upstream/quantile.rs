//! How long a server's slow answers take: a quantile over its recent round trips.

use std::time::Duration;

/// Counts in buckets a quarter of an octave wide, from 64 µs to about four seconds. The counts are halved
/// when there are many, so that the past fades.
#[derive(Clone, Debug)]
pub(super) struct RecentQuantile {
    counts: [u16; BUCKETS],
    total: u32,
}

impl RecentQuantile {
    pub(super) fn new() -> RecentQuantile {
        RecentQuantile { counts: [0; BUCKETS], total: 0 }
    }

    pub(super) fn note(&mut self, value: Duration) {
        self.counts[bucket(value)] += 1;
        self.total += 1;
        if self.total >= FADE_AT {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().copied().map(u32::from).sum();
        }
    }

    /// The value that `share` hundredths lie below, rounded up to the end of its bucket; `None` before
    /// sixteen values are known.
    pub(super) fn percentile(&self, share: u32) -> Option<Duration> {
        if self.total < ENOUGH {
            return None;
        }
        let mut below = self.total * share / 100;
        for (index, &count) in self.counts.iter().enumerate() {
            match below.checked_sub(u32::from(count)) {
                Some(left) => below = left,
                None => return Some(upper_end(index)),
            }
        }
        Some(upper_end(BUCKETS - 1))
    }
}

fn bucket(value: Duration) -> usize {
    let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX).max(LEAST_MICROS);
    let octave = (micros / LEAST_MICROS).ilog2();
    let quarter = (micros >> octave).saturating_sub(LEAST_MICROS) * 4 / LEAST_MICROS;
    (octave as usize * 4 + quarter as usize).min(BUCKETS - 1)
}

fn upper_end(index: usize) -> Duration {
    let (octave, quarter) = (index / 4, index as u64 % 4);
    Duration::from_micros((LEAST_MICROS + (quarter + 1) * LEAST_MICROS / 4) << octave)
}

const BUCKETS: usize = 64;
const LEAST_MICROS: u64 = 64;
const FADE_AT: u32 = 512;
const ENOUGH: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_lies_within_a_quarter_of_an_octave() {
        let mut quantile = RecentQuantile::new();
        for micros in 1..=400_u64 {
            quantile.note(Duration::from_micros(micros * 100));
        }
        let p95 = quantile.percentile(95).expect("enough").as_secs_f64() / 0.038;
        assert!((1.0..1.26).contains(&p95), "{p95}");
    }

    #[test]
    fn the_past_fades() {
        let mut quantile = RecentQuantile::new();
        (0..500).for_each(|_| quantile.note(Duration::from_secs(1)));
        (0..5_000).for_each(|_| quantile.note(Duration::from_millis(1)));
        assert!(quantile.percentile(95).expect("enough") < Duration::from_millis(2));
        assert_eq!(RecentQuantile::new().percentile(95), None);
    }

    #[test]
    fn no_value_is_out_of_range() {
        for value in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            assert!(bucket(value) < BUCKETS);
        }
    }
}
