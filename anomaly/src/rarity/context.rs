//! How new it is that a series behaves like this after it behaved like that.

/// Counts of what follows what: where a value lies and how it moved, in 32 kinds, after the kind
/// before it (the idea of contextual anomaly detection, Smirnov's CAD-OSE, with the contexts laid
/// out beforehand). Old counts fade by forward decay.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Context {
    #[cfg_attr(feature = "serde", serde(deserialize_with = "super::table::restored::<_, COUNTS>"))]
    counts: Box<[f32]>,
    before: u8,
    /// What a count weighs now.
    weight: f32,
    seen: f64,
}

impl Context {
    pub(super) fn new() -> Self {
        Self { counts: vec![0.0; COUNTS].into(), before: 0, weight: 1.0, seen: 0.0 }
    }

    /// Minus the logarithm of how often this kind followed the one before: `place` is the
    /// distance from the level, `moved` that from the last value, both in usual distances.
    pub(super) fn novelty(&mut self, place: f64, moved: f64) -> f64 {
        let place = (place.clamp(-3.9, 3.9) + 4.0) as usize;
        let moved = (moved.clamp(-1.9, 1.9) + 2.0) as usize;
        let kind = place * 4 + moved;
        let at = usize::from(self.before) % KINDS * KINDS + kind;
        self.before = kind as u8;
        self.seen = self.seen * (1.0 - 1.0 / MEMORY) + 1.0;
        let often = f64::from(self.counts[at] / self.weight);
        self.weight *= GROWTH;
        self.counts[at] += self.weight;
        if self.weight > MOST_WEIGHT {
            for count in &mut self.counts {
                *count /= self.weight;
            }
            self.weight = 1.0;
        }
        ((self.seen + 8.0) / (often + 0.5)).ln()
    }
}

const KINDS: usize = 32;
const COUNTS: usize = KINDS * KINDS;
/// Values that are remembered, on average.
const MEMORY: f64 = 2000.0;
const GROWTH: f32 = 1.000_5;
const MOST_WEIGHT: f32 = 1e12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn habits_are_no_news_and_other_things_are() {
        let mut context = Context::new();
        for i in 0..100_000 {
            let novelty = context.novelty(f64::from(i % 3), 0.5);
            assert!(novelty.is_finite() && (i < 100 || novelty < 2.0), "{i}: {novelty}");
        }
        assert!(context.novelty(-3.0, -1.0) > 6.0);
    }
}
