//! What a model expects at an instant, and how far from that a value is.

/// What the model expects at an instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Forecast {
    pub(crate) expected: f64,
    /// The part of it carried over from the last residual.
    pub(crate) carried: f64,
    /// The season's part.
    pub(crate) season: f64,
    /// How far apart the season's two slots here are.
    pub(crate) edge: f64,
    /// Scale of the residual, floors included.
    pub(crate) scale: f64,
    /// How many scales a unit of the series is.
    pub(crate) per_unit: f64,
    /// What the scale was learned to be here.
    pub(crate) own: f64,
    /// Where in the season, 0…1.
    pub(crate) phase: f64,
}

impl Forecast {
    /// A residual in scales.
    pub(crate) fn standardised(&self, residual: f64) -> f32 {
        ((residual * self.per_unit) as f32).clamp(-MOST_Z, MOST_Z)
    }
}

/// A residual of more scales than that is as strange as one can be.
const MOST_Z: f32 = 1e9;
