//! What a series is made of: a value at an instant.

use std::time::Duration;

/// An instant as nanoseconds since the Unix epoch (the default), so that every clock can feed a detector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UnixNanos(i64);

impl UnixNanos {
    /// The instant `nanos` nanoseconds after (or, negative, before) the Unix epoch.
    pub const fn new(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The time since `earlier`; zero when `earlier` is the later of the two.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// Seconds since `earlier`; zero when `earlier` is the later of the two.
    pub(crate) fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0).max(0) as f64 / 1e9
    }

    /// This instant moved forward, saturating at the end of time.
    pub fn after(self, elapsed: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)))
    }
}

/// One value of a series at its own instant. NaN and infinities mean "no value".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When the value was true.
    pub at: UnixNanos,
    /// The value, in the unit of the series.
    pub value: f64,
}

impl Sample {
    /// A value at an instant.
    pub const fn new(at: UnixNanos, value: f64) -> Self {
        Self { at, value }
    }

    /// Somebody looked at this instant and there was no value.
    pub const fn missing(at: UnixNanos) -> Self {
        Self { at, value: f64::NAN }
    }

    /// The value, unless it is missing: NaN, infinite, or past [`Sample::MOST`] in magnitude.
    pub fn present(self) -> Option<f64> {
        (self.value.abs() <= Self::MOST).then_some(self.value)
    }

    /// The largest magnitude taken for a value. No measurement comes near, and sums and squares
    /// of what is below it stay finite.
    pub const MOST: f64 = 1e30;
}

/// Whether a restored number is one that can have been learned from values: squares and products
/// of such numbers stay finite.
#[cfg(feature = "serde")]
pub(crate) fn learnable(number: f64) -> bool {
    number.abs() <= 1e90
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_is_missing() {
        let at = UnixNanos::new(0);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e31] {
            assert_eq!(Sample::new(at, value).present(), None);
        }
        assert_eq!(Sample::new(at, -0.5).present(), Some(-0.5));
    }

    #[test]
    fn instants_saturate() {
        let (least, most) = (UnixNanos::new(i64::MIN), UnixNanos::new(i64::MAX));
        assert_eq!(least.since(most), Duration::ZERO);
        assert_eq!(most.since(least), Duration::from_nanos(i64::MAX as u64));
        assert_eq!(most.after(Duration::MAX), most);
    }
}
