//! A season nobody told of, found in the series itself.

use std::time::Duration;

use crate::sample::UnixNanos;
#[cfg(feature = "serde")]
use crate::sample::learnable;

/// Means of equal pieces of time, twice as long each time the room is full, and the
/// autocorrelation at each lag of up to two fifths of what is known. The room is bounded, and a
/// value costs sixteen lags at most: some thousand multiplications for the thirteen values that a
/// search is on for, nothing otherwise.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Discovery {
    started: Option<UnixNanos>,
    /// Nanoseconds of a piece.
    width: i64,
    longest: i64,
    pieces: Box<[f32]>,
    filled: u32,
    /// The piece under way.
    sum: f64,
    count: u32,
    /// The search under way: the next lag, and what was found so far.
    lag: u32,
    search: Search,
}

#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Search {
    /// The line taken away: its start, and its slope per piece.
    mean: f64,
    slope: f64,
    /// The autocorrelation has been low since the start: what rises from here on is a return.
    parted: bool,
    best: f64,
    best_lag: u32,
}

impl Discovery {
    /// Looks for periods up to so long. Allocates.
    pub(crate) fn new(longest: Duration) -> Self {
        let longest = i64::try_from(longest.as_nanos()).unwrap_or(i64::MAX / 8).min(i64::MAX / 8);
        Self {
            started: None,
            width: 0,
            longest,
            pieces: vec![0.0; ROOM].into(),
            filled: 0,
            sum: 0.0,
            count: 0,
            lag: 0,
            search: Search::default(),
        }
    }

    /// Takes a value, its outliers clipped, of a series usually `spacing` seconds apart. A period
    /// when one is found.
    pub(crate) fn observe(&mut self, at: UnixNanos, value: f64, spacing: f64) -> Option<Duration> {
        let started = *self.started.get_or_insert(at);
        if self.width == 0 {
            self.width = ((spacing * 1e9) as i64).clamp(1_000_000, self.longest.max(2_000_000));
        }
        let piece = at.as_nanos().saturating_sub(started.as_nanos()) / self.width;
        // A gap repeats the last piece.
        while i64::from(self.filled) < piece && self.lag == 0 {
            self.close();
        }
        self.sum += value;
        self.count = self.count.saturating_add(1);
        // While a search is on, pieces wait: it must not take long.
        for _ in 0..LAGS_AT_ONCE {
            if self.lag == 0 {
                break;
            }
            let found = self.search();
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Whether everything that could be found has been looked for.
    pub(crate) fn is_over(&self) -> bool {
        self.lag == 0 && self.width.saturating_mul(ROOM as i64) > self.longest.saturating_mul(6)
    }

    /// Ends a piece; a full room is searched.
    fn close(&mut self) {
        let at = self.filled as usize;
        if at >= ROOM {
            return;
        }
        let before = if at == 0 { 0.0 } else { self.pieces[at - 1] };
        let mean = self.sum / f64::from(self.count.max(1));
        self.pieces[at] = if self.count == 0 { before } else { mean.clamp(-1e30, 1e30) as f32 };
        (self.sum, self.count) = (0.0, 0);
        self.filled += 1;
        if self.filled as usize == ROOM {
            self.detrend();
        }
    }

    /// Starts a search: takes the mean and the line through both ends' halves away.
    fn detrend(&mut self) {
        let half = ROOM / 2;
        let mean_of =
            |part: &[f32]| part.iter().map(|v| f64::from(*v)).sum::<f64>() / part.len() as f64;
        let (first, last) = (mean_of(&self.pieces[..half]), mean_of(&self.pieces[half..]));
        let slope = (last - first) / half as f64;
        let mean = f64::midpoint(first, last) - slope * (ROOM as f64 - 1.0) / 2.0;
        self.search = Search { mean, slope, ..Search::default() };
        self.lag = 2;
    }

    /// A piece without the line.
    fn piece(&self, at: usize) -> f64 {
        f64::from(self.pieces[at]) - self.search.mean - self.search.slope * at as f64
    }

    /// Looks at one lag.
    fn search(&mut self) -> Option<Duration> {
        let lag = self.lag as usize;
        let product = |by: usize| {
            let pairs = ROOM - by;
            (0..pairs).map(|i| self.piece(i) * self.piece(i + by)).sum::<f64>() / pairs as f64
        };
        let variance = product(0);
        let correlation = if variance > 0.0 { product(lag) / variance } else { 0.0 };
        if correlation < PARTED {
            self.search.parted = true;
        }
        if self.search.parted && correlation > self.search.best {
            (self.search.best, self.search.best_lag) = (correlation, self.lag);
        }
        self.lag += 1;
        // The first high peak is the period; its multiples come later.
        let past = self.search.best >= FOUND && correlation < 0.8 * self.search.best;
        if past {
            let period = self.search.best_lag as f64 * self.width as f64;
            let found = Duration::from_nanos(round(period).min(self.longest as f64) as u64);
            self.merge();
            return Some(found);
        }
        if (self.lag as usize) > ROOM * 2 / 5 {
            self.merge();
        }
        None
    }

    /// Makes room: two pieces become one.
    fn merge(&mut self) {
        for at in 0..ROOM / 2 {
            self.pieces[at] = 0.5 * (self.pieces[2 * at] + self.pieces[2 * at + 1]);
        }
        self.filled = ROOM as u32 / 2;
        self.width = self.width.saturating_mul(2);
        (self.lag, self.sum, self.count) = (0, 0.0, 0);
    }

    /// Bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.pieces)
    }

    /// Whether a restored search can be gone on with.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        self.pieces.len() == ROOM
            && self.filled as usize <= ROOM
            && (self.lag == 0 || self.filled as usize == ROOM)
            && self.lag as usize <= ROOM / 2
            && self.width >= 0
            && self.longest >= 0
            && (self.started.is_none() || self.width > 0)
            && learnable(self.sum)
    }
}

/// A period as people have it, when one is as near as a piece can tell.
fn round(period: f64) -> f64 {
    let minutes = [1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 360.0, 480.0, 720.0, 1440.0, 10_080.0];
    let known = minutes.iter().map(|minutes| minutes * 60e9);
    known
        .min_by(|a, b| (a - period).abs().total_cmp(&(b - period).abs()))
        .map_or(period, |near| if (near / period - 1.0).abs() < NEAR { near } else { period })
}

const ROOM: usize = 512;
const LAGS_AT_ONCE: u32 = 16;
/// Below this two values so far apart have nothing to do with each other.
const PARTED: f64 = 0.2;
/// A return as high as that is a season.
const FOUND: f64 = 0.5;
const NEAR: f64 = 0.06;

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(state: &mut u64) -> f64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*state >> 40) as f64 / (1 << 24) as f64 - 0.5
    }

    /// The period found in so many values a minute apart.
    fn find(values: u32, value: impl Fn(f64, f64) -> f64) -> Option<Duration> {
        let (mut discovery, mut state) = (Discovery::new(Duration::from_hours(24 * 7)), 3);
        (0..values).find_map(|minute| {
            let at = UnixNanos::new(i64::from(minute) * 60_000_000_000);
            discovery.observe(at, value(f64::from(minute), noise(&mut state)), 60.0)
        })
    }

    fn wave(minute: f64, period: f64) -> f64 {
        (minute / period * std::f64::consts::TAU).sin()
    }

    #[test]
    fn a_day_and_an_hour_are_found() {
        let day = find(10 * 1440, |minute, noise| 10.0 * wave(minute, 1440.0) + noise);
        assert_eq!(day, Some(Duration::from_hours(24)));
        let hour = find(1440, |minute, noise| 3.0 * wave(minute, 60.0) + noise);
        assert_eq!(hour, Some(Duration::from_hours(1)));
    }

    #[test]
    fn a_period_of_no_name_is_found_within_a_piece() {
        let odd = find(4000, |minute, noise| 3.0 * wave(minute, 97.0) + 0.001 * minute + noise);
        let minutes = odd.expect("it is there").as_secs_f64() / 60.0;
        assert!((minutes - 97.0).abs() <= 1.5, "{minutes}");
    }

    #[test]
    fn noise_and_walks_have_none() {
        assert_eq!(find(30_000, |_, noise| noise), None);
        assert_eq!(find(30_000, |minute, noise| 0.001 * minute + noise), None);
        assert_eq!(find(30_000, |_, _| 4.0), None);
    }
}
