//! An alarm under way, and how it ends: the series comes back, or stays away so long that it
//! becomes the new normal. In between the model learns nothing.

use crate::sample::UnixNanos;
use crate::shift::{Direction, Shift};
use crate::signal::Kind;

/// The change going on.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Alarm {
    pub(crate) kind: Kind,
    pub(crate) direction: Direction,
    pub(crate) onset: UnixNanos,
    pub(crate) size: f64,
    /// The most evidence so far, over what was needed.
    pub(crate) ratio: f64,
    calm: u8,
    level: f64,
    spread: f64,
    seen: u32,
}

/// What the next value says about an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    /// Still on.
    Lasts,
    /// The series came back.
    Ends,
}

impl Alarm {
    pub(crate) fn new(
        kind: Kind,
        direction: Direction,
        onset: UnixNanos,
        size: f64,
        ratio: f64,
    ) -> Self {
        Self { kind, direction, onset, size, ratio, calm: 0, level: 0.0, spread: 0.0, seen: 0 }
    }

    /// A spike that lasts is a shift.
    pub(crate) fn strengthen(&mut self, shift: &Shift) {
        if shift.ratio >= 1.0 && shift.direction == self.direction && self.kind != Kind::Flatline {
            self.kind = Kind::LevelShift;
            self.size = shift.size;
            self.onset = self.onset.min(shift.onset);
            self.ratio = self.ratio.max(shift.ratio);
        }
    }

    /// Follows the alarm by one value. `level` is the value without its season; `strange` means
    /// half of the surprise that an alarm needs, `moved` that it differs from the value before.
    pub(crate) fn follow(
        &mut self,
        level: f64,
        residual: f64,
        strange: bool,
        moved: bool,
    ) -> Course {
        let back = match self.kind {
            Kind::Flatline => moved,
            Kind::LevelShift => !strange && self.direction.along(residual) < 0.5 * self.size.abs(),
            _ => !strange,
        };
        if back {
            self.calm += 1;
            let enough = if self.kind == Kind::LevelShift { CALM_AFTER_SHIFT } else { 1 };
            return if self.calm >= enough { Course::Ends } else { Course::Lasts };
        }
        self.calm = 0;
        self.seen = self.seen.saturating_add(1);
        let gain = (1.0 / f64::from(self.seen)).max(FASTEST);
        let off = level - self.level;
        if self.seen > 1 {
            self.spread += gain * (off.abs() - self.spread);
        }
        self.level += gain * off;
        Course::Lasts
    }

    /// Level and spread of what the alarm brought.
    pub(crate) fn brought(&self) -> (f64, f64) {
        (self.level, self.spread)
    }

    /// Whether a restored alarm can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        [self.size, self.ratio, self.level, self.spread].iter().all(|v| v.is_finite())
            && self.calm < CALM_AFTER_SHIFT
    }
}

/// Values back in place that end a shift: noise alone brings a shifted series back for one.
const CALM_AFTER_SHIFT: u8 = 4;
/// The level of an alarm follows with that gain at the least.
const FASTEST: f64 = 1.0 / 16.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn shifted() -> Alarm {
        Alarm::new(Kind::LevelShift, Direction::Up, UnixNanos::new(0), 10.0, 1.0)
    }

    #[test]
    fn one_value_back_does_not_end_a_shift() {
        let mut alarm = shifted();
        for residual in [10.0, 1.0, 2.0, 0.0, 11.0, 0.0, 0.0, 0.0] {
            assert_eq!(alarm.follow(residual, residual, false, true), Course::Lasts);
        }
        assert_eq!(alarm.follow(0.0, 0.0, false, true), Course::Ends);
    }

    #[test]
    fn knows_the_level_it_brought() {
        let mut alarm = shifted();
        for i in 0..100 {
            alarm.follow(if i % 2 == 0 { 9.0 } else { 11.0 }, 10.0, true, true);
        }
        let (level, spread) = alarm.brought();
        assert!((level - 10.0).abs() < 0.2 && (spread - 1.0).abs() < 0.2, "{level} {spread}");
    }
}
