//! What lies outside of everything seen so far.

/// The least and the most that was seen.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Range {
    least: f64,
    most: f64,
}

impl Range {
    pub(super) fn new(value: f64) -> Self {
        Self { least: value, most: value }
    }

    /// How far the value is outside, in parts of what is known, squared; then knows it. A record
    /// that noise sets comes and goes, and a series sets many: it counts as far as the values
    /// before it have left the usual place too, by the surprise `lasting` at that.
    pub(super) fn beyond(&mut self, value: f64, lasting: f64) -> f64 {
        let known = self.most - self.least;
        let beyond = (value - self.most).max(self.least - value).max(0.0);
        if beyond == 0.0 {
            return 0.0;
        }
        (self.least, self.most) = (self.least.min(value), self.most.max(value));
        let believed = lasting * lasting / (lasting * lasting + DOUBT * DOUBT);
        (WEIGHT * believed * beyond / known.max(f64::MIN_POSITIVE)).min(MOST).powi(2)
    }
}

/// The surprise at which a record counts half.
const DOUBT: f64 = 2.0;
const WEIGHT: f64 = 600.0;
const MOST: f64 = 12.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_record_that_lasts_is_strange() {
        let mut range = Range::new(0.0);
        assert!(range.beyond(10.0, 5.0) > 0.0);
        assert_eq!(range.beyond(-10.0, 0.0), 0.0, "noise");
        assert_eq!(range.beyond(10.0, 5.0), 0.0, "known");
        assert_eq!(range.beyond(-10.0, 5.0), 0.0, "known, though it did not count");
        assert!(range.beyond(10.2, 1.0) < range.beyond(10.4, 3.0));
    }
}
