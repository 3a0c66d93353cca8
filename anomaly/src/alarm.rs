//! An alarm under way, and how it ends: the series comes back, or stays away so long that it
//! becomes the new normal. In between the model learns nothing.

use crate::sample::UnixNanos;
#[cfg(feature = "serde")]
use crate::sample::learnable;
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
    /// The value it was said at.
    pub(crate) begun: UnixNanos,
    level: f64,
    course: Line,
    /// The most evidence so far, over what was needed.
    ratio: f32,
    /// How far the level moved, in the unit of the series.
    reach: f32,
    spread: f32,
    /// Values not back in place.
    seen: u32,
    calm: u8,
}

/// A line fitted to the values of an alarm: sums over the time since its onset, in seconds, and
/// the level, from the first one on.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Line {
    time: f64,
    level: f64,
    time_square: f64,
    level_square: f64,
    product: f64,
    origin: f64,
}

impl Line {
    /// Adds the first value, or another.
    fn add(&mut self, first: bool, time: f64, level: f64) {
        if first {
            self.origin = level;
        }
        let level = level - self.origin;
        self.time += time;
        self.level += level;
        self.time_square += time * time;
        self.level_square += level * level;
        self.product += time * level;
    }

    /// The slope per second, when a line explains the values far better than a level does.
    fn slope(&self, count: f64) -> Option<f64> {
        let of_time = self.time_square - self.time * self.time / count;
        let of_level = self.level_square - self.level * self.level / count;
        let both = self.product - self.time * self.level / count;
        let explained = both * both / (of_time * of_level);
        (count >= LEAST_LINE && explained >= STRAIGHT).then(|| both / of_time)
    }
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
        at: UnixNanos,
        size: f64,
        ratio: f64,
    ) -> Self {
        let (begun, course) = (at, Line::default());
        let (calm, level, spread, seen) = (0, 0.0, 0.0, 0);
        Self {
            kind,
            direction,
            onset,
            size,
            ratio: ratio as f32,
            begun,
            reach: size as f32,
            calm,
            course,
            level,
            spread,
            seen,
        }
    }

    /// Whether the model goes on learning: what was found in blocks it knows already.
    pub(crate) fn teaches(&self) -> bool {
        matches!(self.kind, Kind::SlopeChange | Kind::SeasonChange) && self.seen == 0
    }

    /// Whether it is about where the series is.
    pub(crate) fn moves(&self) -> bool {
        matches!(self.kind, Kind::Spike | Kind::LevelShift | Kind::SlopeChange)
    }

    /// A spike that lasts is a shift.
    pub(crate) fn strengthen(&mut self, shift: &Shift) {
        if shift.ratio >= 1.0 && shift.direction == self.direction && self.moves() {
            if self.kind != Kind::SlopeChange {
                (self.kind, self.size) = (Kind::LevelShift, shift.size);
            }
            self.reach = shift.size as f32;
            self.onset = self.onset.min(shift.onset);
            self.ratio = self.ratio.max(shift.ratio);
        }
    }

    /// Follows the alarm by one value. `level` is the value without its season; `strange` means
    /// half of the surprise that an alarm needs, `moved` that it differs from the value before.
    pub(crate) fn follow(
        &mut self,
        at: UnixNanos,
        level: f64,
        residual: f64,
        strange: bool,
        moved: bool,
    ) -> Course {
        let back = match self.kind {
            Kind::Flatline => moved,
            Kind::LevelShift | Kind::SlopeChange => {
                !strange && self.direction.along(residual) < 0.5 * f64::from(self.reach).abs()
            }
            _ => !strange,
        };
        if back {
            self.calm += 1;
            let enough = match self.kind {
                Kind::Spike | Kind::Flatline | Kind::OutOfRange => 1,
                _ => CALM_AFTER_SHIFT,
            };
            return if self.calm >= enough { Course::Ends } else { Course::Lasts };
        }
        self.calm = 0;
        self.seen = self.seen.saturating_add(1);
        let gain = (1.0 / f64::from(self.seen)).max(FASTEST);
        let off = level - self.level;
        if self.seen > 1 {
            let spread = f64::from(self.spread);
            self.spread = (spread + gain * (off.abs() - spread)) as f32;
        }
        self.level += gain * off;
        self.course.add(self.seen == 1, at.seconds_since(self.onset), level);
        if matches!(self.kind, Kind::LevelShift | Kind::SlopeChange) {
            if let Some(slope) = self.course.slope(f64::from(self.seen)) {
                (self.kind, self.size) = (Kind::SlopeChange, slope);
            } else {
                (self.kind, self.size) = (Kind::LevelShift, f64::from(self.reach));
            }
        }
        Course::Lasts
    }

    /// The most evidence so far, over what was needed.
    pub(crate) fn ratio(&self) -> f64 {
        f64::from(self.ratio)
    }

    /// What the alarm brought: level, spread, and slope per second.
    pub(crate) fn brought(&self) -> (f64, f64, f64) {
        let slope = if self.kind == Kind::SlopeChange { self.size } else { 0.0 };
        (self.level, f64::from(self.spread), slope)
    }

    /// Whether a restored alarm can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let Line { time, level, time_square, level_square, product, origin } = self.course;
        let line = [time, level, time_square, level_square, product, origin];
        let own = [self.ratio, self.reach, self.spread];
        line.iter().chain([&self.size, &self.level]).all(|v| learnable(*v))
            && own.iter().all(|v| learnable(f64::from(*v)))
            && self.calm < CALM_AFTER_SHIFT
    }
}

/// Values back in place that end a shift: noise alone brings a shifted series back for one.
const CALM_AFTER_SHIFT: u8 = 4;
/// Values that make a line, and the share of their variance it must explain.
const LEAST_LINE: f64 = 16.0;
const STRAIGHT: f64 = 0.8;
/// The level of an alarm follows with that gain at the least.
const FASTEST: f64 = 1.0 / 16.0;

#[cfg(test)]
mod tests {
    use super::*;

    const AT: UnixNanos = UnixNanos::new(0);

    fn shifted() -> Alarm {
        Alarm::new(Kind::LevelShift, Direction::Up, AT, AT, 10.0, 1.0)
    }

    #[test]
    fn one_value_back_does_not_end_a_shift() {
        let mut alarm = shifted();
        for residual in [10.0, 1.0, 2.0, 0.0, 11.0, 0.0, 0.0, 0.0] {
            assert_eq!(alarm.follow(AT, residual, residual, false, true), Course::Lasts);
        }
        assert_eq!(alarm.follow(AT, 0.0, 0.0, false, true), Course::Ends);
    }

    #[test]
    fn knows_the_level_it_brought() {
        let mut alarm = shifted();
        for i in 0..100 {
            let at = UnixNanos::new(i * 1_000_000_000);
            alarm.follow(at, if i % 2 == 0 { 9.0 } else { 11.0 }, 10.0, true, true);
        }
        let (level, spread, slope) = alarm.brought();
        assert!((level - 10.0).abs() < 0.2 && (spread - 1.0).abs() < 0.2, "{level} {spread}");
        assert_eq!((alarm.kind, slope), (Kind::LevelShift, 0.0));
    }

    #[test]
    fn a_shift_that_goes_on_is_a_slope() {
        let mut alarm = shifted();
        for i in 0..40 {
            let (at, wiggle) = (UnixNanos::new(i * 1_000_000_000), (i % 3) as f64);
            let level = 5.0 + 0.5 * i as f64 + wiggle;
            alarm.follow(at, level, level, true, true);
        }
        assert_eq!(alarm.kind, Kind::SlopeChange);
        assert!((alarm.size - 0.5).abs() < 0.05, "{}", alarm.size);
    }
}
