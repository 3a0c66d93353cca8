//! Seeded noise, the same on every machine.

/// A small generator (splitmix64).
#[derive(Debug, Clone)]
pub struct Noise(u64);

impl Noise {
    /// The noise of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x9e37_79b9)
    }

    /// From 0 to 1, without the 1.
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From `low` to `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// True that often.
    pub fn chance(&mut self, share: f64) -> bool {
        self.uniform() < share
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Student's t with `degrees` of freedom, scaled to about unit spread in its middle.
    pub fn student(&mut self, degrees: u32) -> f64 {
        let square: f64 = (0..degrees).map(|_| self.normal().powi(2)).sum();
        self.normal() / (square / f64::from(degrees)).sqrt()
    }
}
