//! What the same hour looked like in the periods before.

use std::time::Duration;

use crate::sample::UnixNanos;
#[cfg(feature = "serde")]
use crate::sample::learnable;

/// A season: how long until the series repeats itself, and in how many pieces to learn it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Season {
    period: Duration,
    slots: u16,
}

impl Season {
    /// A season of `period` learned in `slots` pieces (clamped to 2…4096), each 4 bytes. Periods
    /// start at multiples of `period` since the Unix epoch.
    pub fn new(period: Duration, slots: u16) -> Self {
        let most = Duration::from_hours(10 * 366 * 24);
        let period = period.clamp(Duration::from_millis(1), most);
        Self { period, slots: slots.clamp(LEAST_SLOTS, MOST_SLOTS) }
    }

    /// Whether [`Season::new`] could have made it.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(self) -> bool {
        Self::new(self.period, self.slots) == self
    }

    /// A day of 96 quarters of an hour.
    pub fn day() -> Self {
        Self::new(Duration::from_hours(24), 96)
    }

    /// A week of 168 hours.
    pub fn week() -> Self {
        Self::new(Duration::from_hours(7 * 24), 168)
    }
}

/// The learned season: per slot the usual distance from the trend. Takes part once a whole
/// period has been seen with three quarters of its slots; until then it only gathers.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Profile {
    period_ns: i64,
    offsets: Box<[f32]>,
    /// What the offsets of the first period are measured from.
    anchor: f64,
    started: Option<UnixNanos>,
    ready: bool,
    /// The visit under way: its slot, and what it brought so far.
    slot: u16,
    sum: f64,
    count: u32,
}

impl Profile {
    pub(crate) fn new(season: Season) -> Self {
        Self {
            period_ns: i64::try_from(season.period.as_nanos()).expect("Season::new bounds it"),
            offsets: vec![EMPTY; usize::from(season.slots)].into(),
            anchor: 0.0,
            started: None,
            ready: false,
            slot: 0,
            sum: 0.0,
            count: 0,
        }
    }

    /// The season's part of the expected value at a phase, linear between the middles of two slots, and how
    /// far these are apart: within a slot nobody knows when a steep edge comes. Both zero until a
    /// period has been learned.
    pub(crate) fn offset(&self, phase: f64) -> (f64, f64) {
        if !self.ready {
            return (0.0, 0.0);
        }
        let slots = self.offsets.len();
        // Half a slot on, so that the whole part names the slot whose middle comes next.
        let place = phase * slots as f64 + 0.5;
        let whole = place as usize;
        let part = place - whole as f64;
        let next = if whole < slots { whole } else { 0 };
        let last = if whole == 0 { slots } else { whole } - 1;
        let (left, right) = (f64::from(self.offsets[last]), f64::from(self.offsets[next]));
        (left + part * (right - left), (right - left).abs())
    }

    /// Whether the first period is still being gathered.
    pub(crate) fn is_gathering(&self) -> bool {
        !self.ready
    }

    /// Learns from an ordinary value at an instant of this phase: `value` itself, its outliers clipped, while gathering;
    /// `residual`, clipped too, afterwards. True when the season takes part from now on.
    pub(crate) fn learn(&mut self, at: UnixNanos, phase: f64, value: f64, residual: f64) -> bool {
        let slots = self.offsets.len();
        let slot = ((phase * slots as f64) as usize).min(slots - 1) as u16;
        let started = *self.started.get_or_insert_with(|| {
            self.anchor = value;
            self.slot = slot;
            at
        });
        let mut begins = false;
        if slot != self.slot {
            let laps = (at.since(started).as_nanos() / self.period_ns as u128) as f64;
            self.fold(laps);
            begins = !self.ready && laps >= 1.0 && self.begin();
            self.slot = slot;
        }
        if !begins {
            self.sum += if self.ready { residual } else { value - self.anchor };
            self.count += 1;
        }
        begins
    }

    /// Whether a restored profile can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self, season: Season) -> bool {
        let fresh = Self::new(season);
        self.period_ns == fresh.period_ns
            && self.offsets.len() == fresh.offsets.len()
            && usize::from(self.slot) < self.offsets.len()
            && self.offsets.iter().all(|offset| learnable(f64::from(*offset)))
            && !(self.ready && self.offsets.contains(&EMPTY))
            && [self.anchor, self.sum].iter().all(|v| learnable(*v))
    }

    /// Takes another season, before anything was gathered. Allocates.
    pub(crate) fn assign(&mut self, season: Season) {
        *self = Self::new(season);
    }

    /// Whether a restored profile of a season that was found can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_found(&self, most_slots: u16) -> bool {
        let period = Duration::from_nanos(self.period_ns.unsigned_abs());
        let slots = self.offsets.len().min(usize::from(most_slots)) as u16;
        self.period_ns > 0 && self.is_sound(Season::new(period, slots))
    }

    /// Bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.offsets)
    }

    /// Learns the season anew from here on, fast at first.
    pub(crate) fn relearn(&mut self, at: UnixNanos) {
        self.started = Some(at);
    }

    /// A value near those of the series.
    pub(crate) fn anchor(&self) -> f64 {
        self.anchor
    }

    /// Where in the period, 0…1.
    pub(crate) fn phase(&self, at: UnixNanos) -> f64 {
        at.as_nanos().rem_euclid(self.period_ns) as f64 / self.period_ns as f64
    }

    /// Ends the visit of a slot: what it brought on average moves the slot's offset, by much in
    /// the first periods and by a fifth later.
    fn fold(&mut self, laps: f64) {
        if self.count > 0 {
            let mean = self.sum / f64::from(self.count);
            let offset = &mut self.offsets[usize::from(self.slot)];
            let moved = if self.ready {
                f64::from(*offset) + (1.0 / (laps + 1.0)).max(SLOT_GAIN) * mean
            } else {
                mean
            };
            *offset = moved.clamp(-1e31, 1e31) as f32;
        }
        (self.sum, self.count) = (0.0, 0);
    }

    /// Ends the gathering when enough slots were seen: empty slots take the one before them,
    /// and the mean goes to the trend.
    fn begin(&mut self) -> bool {
        let slots = self.offsets.len();
        let seen = self.offsets.iter().filter(|&&offset| offset != EMPTY).count();
        if seen * 4 < slots * 3 {
            return false;
        }
        let mut last = *self.offsets.iter().rfind(|&&o| o != EMPTY).expect("most slots are seen");
        for offset in &mut self.offsets {
            if *offset == EMPTY {
                *offset = last;
            }
            last = *offset;
        }
        let mean = self.offsets.iter().map(|&o| f64::from(o)).sum::<f64>() / slots as f64;
        for offset in &mut self.offsets {
            *offset = (f64::from(*offset) - mean) as f32;
        }
        self.ready = true;
        true
    }
}

/// A slot nothing was seen in. No offset comes near it.
const EMPTY: f32 = f32::MIN;
const SLOT_GAIN: f64 = 0.2;
const LEAST_SLOTS: u16 = 2;
const MOST_SLOTS: u16 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn wave(second: i64) -> f64 {
        10.0 * (second as f64 / 240.0 * std::f64::consts::TAU).sin()
    }

    #[test]
    fn learns_a_wave_and_not_before_a_period_has_passed() {
        let mut profile = Profile::new(Season::new(Duration::from_mins(4), 24));
        for second in 0..240 {
            let at = UnixNanos::new(second * SECOND);
            let phase = profile.phase(at);
            assert!(!profile.learn(at, phase, 100.0 + wave(second), 0.0));
            assert_eq!(profile.offset(phase), (0.0, 0.0));
        }
        assert!(profile.learn(UnixNanos::new(240 * SECOND), 0.0, 100.0, 0.0));
        for second in 241..480 {
            let (offset, _) = profile.offset(profile.phase(UnixNanos::new(second * SECOND)));
            assert!((offset - wave(second)).abs() < 0.5, "{second}: {offset}");
        }
    }

    #[test]
    fn instants_before_the_epoch_have_a_phase_too() {
        let profile = Profile::new(Season::day());
        let phase = profile.phase(UnixNanos::new(-1));
        assert!(phase > 0.999 && phase <= 1.0);
    }
}
