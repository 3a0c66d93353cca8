//! From a histogram's cumulative buckets to quantiles.

/// The buckets of one histogram: upper bounds, and counts of what lies at or below them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets(Vec<(f64, f64)>);

impl Buckets {
    /// How many buckets a histogram may have; further ones are not taken.
    pub const MOST: usize = 512;

    /// Adds a bucket: its `le`, and the count. What is no number, or beyond [`Buckets::MOST`],
    /// is passed over.
    pub fn add(&mut self, upper: f64, count: f64) {
        if upper.is_nan() || !(0.0..f64::INFINITY).contains(&count) || self.0.len() >= Self::MOST {
            return;
        }
        let at = self.0.partition_point(|(other, _)| *other < upper);
        match self.0.get_mut(at) {
            Some(bucket) if bucket.0 == upper => bucket.1 = count,
            _ => self.0.insert(at, (upper, count)),
        }
    }

    /// All that was counted.
    pub fn count(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, count)| *count)
    }

    /// What came since `before`; all of it when the histogram was reset, nothing when its buckets
    /// are not the same.
    pub fn since(&self, before: &Self) -> Option<Self> {
        let same =
            self.0.len() == before.0.len() && self.0.iter().zip(&before.0).all(|(a, b)| a.0 == b.0);
        if !same {
            return None;
        }
        if self.count() < before.count() {
            return Some(self.clone());
        }
        let pairs = self.0.iter().zip(&before.0);
        Some(Self(pairs.map(|(has, had)| (has.0, increase(had.1, has.1))).collect()))
    }

    /// The value that a share `q` (0…1) of all lies below, taking values to be spread evenly over
    /// their bucket; the upper bound of the last bounded bucket when it lies beyond. `None` when
    /// nothing was counted, or there is no bounded bucket.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let wanted = q.clamp(0.0, 1.0) * self.count();
        if self.count() <= 0.0 {
            return None;
        }
        let (mut lower, mut below) = (None, 0.0_f64);
        for &(upper, count) in &self.0 {
            // Counts read while they changed may go down from one bucket to the next.
            let count = count.max(below);
            if upper.is_infinite() && upper > 0.0 {
                break;
            }
            if count >= wanted && count > below {
                // The first bucket of positive bounds begins at zero.
                let from = lower.unwrap_or(if upper > 0.0 { 0.0 } else { upper });
                return Some(from + (upper - from) * ((wanted - below) / (count - below)).max(0.0));
            }
            (lower, below) = (Some(upper), count);
        }
        lower
    }
}

/// What a count went up by: after a reset, all that it is.
fn increase(had: f64, has: f64) -> f64 {
    if has >= had { has - had } else { has }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Buckets {
        let mut buckets = Buckets::default();
        for (upper, count) in pairs {
            buckets.add(*upper, *count);
        }
        buckets
    }

    #[test]
    fn quantiles_lie_where_the_values_were() {
        let all = buckets(&[(f64::INFINITY, 100.0), (1.0, 50.0), (2.0, 90.0), (4.0, 99.0)]);
        assert_eq!(all.quantile(0.5), Some(1.0));
        assert_eq!(all.quantile(0.25), Some(0.5));
        assert_eq!(all.quantile(0.7), Some(1.5));
        assert_eq!(all.quantile(1.0), Some(4.0), "beyond the last bound nothing is known");
        assert_eq!(buckets(&[(f64::INFINITY, 3.0)]).quantile(0.5), None);
        assert_eq!(buckets(&[(1.0, 0.0), (f64::INFINITY, 0.0)]).quantile(0.5), None);
        assert_eq!(buckets(&[(-1.0, 5.0), (f64::INFINITY, 5.0)]).quantile(0.5), Some(-1.0));
    }

    #[test]
    fn what_came_since_survives_resets_and_new_bounds() {
        let old = buckets(&[(1.0, 50.0), (f64::INFINITY, 60.0)]);
        let new = buckets(&[(1.0, 51.0), (f64::INFINITY, 70.0)]);
        assert_eq!(new.since(&old), Some(buckets(&[(1.0, 1.0), (f64::INFINITY, 10.0)])));
        assert_eq!(old.since(&new), Some(old.clone()));
        let restarted = buckets(&[(1.0, 60.0), (f64::INFINITY, 65.0)]);
        assert_eq!(restarted.since(&new), Some(restarted.clone()), "low values came since, many");
        assert_eq!(new.since(&buckets(&[(2.0, 50.0), (f64::INFINITY, 60.0)])), None);
    }

    #[test]
    fn nonsense_is_survived() {
        let mut all = buckets(&[(f64::NAN, 1.0), (1.0, f64::NAN), (1.0, 9.0), (2.0, 3.0)]);
        assert_eq!(all.count(), 3.0);
        assert!(all.quantile(0.9).is_some_and(f64::is_finite));
        for i in 0..1000 {
            all.add(f64::from(i), 1.0);
        }
        assert_eq!(all.0.len(), Buckets::MOST);
    }
}
