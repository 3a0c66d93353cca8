//! What a detector says.

use std::fmt;

use crate::sample::UnixNanos;
use crate::shift::Direction;

/// What kind of change a signal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Kind {
    /// Values far out that have not lasted yet: a spike, or downwards a dip.
    Spike,
    /// The level moved and stays there.
    LevelShift,
    /// The series rises or falls as it did not before.
    SlopeChange,
    /// Values scatter more, or less, than they did.
    VarianceChange,
    /// The season is not the one learned.
    SeasonChange,
    /// The series repeats one value, which it does not do.
    Flatline,
    /// No value for longer than allowed.
    Missing,
    /// A value that cannot be: outside of [`Config::known_range`](crate::Config::known_range).
    OutOfRange,
}

impl Kind {
    /// A closed set of names for metrics: `spike`, `level_shift`, `slope_change`,
    /// `variance_change`, `season_change`, `flatline`, `missing`, `out_of_range`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Spike => "spike",
            Self::LevelShift => "level_shift",
            Self::SlopeChange => "slope_change",
            Self::VarianceChange => "variance_change",
            Self::SeasonChange => "season_change",
            Self::Flatline => "flatline",
            Self::Missing => "missing",
            Self::OutOfRange => "out_of_range",
        }
    }
}

/// A change of behaviour, and why it is taken for one. `Display` is the explanation, one sentence
/// without a full stop.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Signal {
    /// What changed.
    pub kind: Kind,
    /// The first value of the change.
    pub onset: UnixNanos,
    /// The value this was said at.
    pub at: UnixNanos,
    /// Above or below what was expected.
    pub direction: Direction,
    /// How far the level moved (mean over the change), in the unit of the series. Of a slope
    /// change what the slope gained, in that unit per second; of a variance change what the usual
    /// deviation gained, of a season change what the learned season's did; of a flatline nothing, of
    /// missing data the silence in seconds, of a value out of range how far out it is.
    pub size: f64,
    /// How sure, 0.5 at the threshold of the false-alarm budget and towards 1 beyond: each nat
    /// of evidence past it leaves 1/e of the doubt.
    pub confidence: f64,
    /// What was expected here.
    pub expected: f64,
    /// Lower end of the usual.
    pub lower: f64,
    /// Upper end of the usual.
    pub upper: f64,
    /// What came; NaN when nothing did.
    pub seen: f64,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = Figure(self.at.since(self.onset).as_secs_f64());
        let way = match self.direction {
            Direction::Up => "up",
            Direction::Down => "down",
        };
        match self.kind {
            Kind::Spike if self.direction == Direction::Down => f.write_str("dip")?,
            Kind::Spike => f.write_str("spike")?,
            Kind::LevelShift => write!(f, "level shift {way} by {}", Figure(self.size.abs()))?,
            Kind::SlopeChange => {
                let hourly = Figure(self.size.abs() * 3600.0);
                write!(f, "slope change {way} by {hourly} an hour")?;
            }
            Kind::VarianceChange => {
                let much = if self.direction == Direction::Up { "more" } else { "less" };
                let size = Figure(self.size.abs());
                return write!(f, "values scatter by {size} {much} than usual, for {seconds} s");
            }
            Kind::SeasonChange => {
                // It may be smaller, or come at another hour: what was learned is not there.
                let much = if self.direction == Direction::Up { "more" } else { "less" };
                let size = Figure(self.size.abs());
                return write!(
                    f,
                    "season changed: {size} {much} of the learned one, for {seconds} s"
                );
            }
            Kind::Flatline => {
                return write!(f, "flatline: {} for {seconds} s", Figure(self.seen));
            }
            Kind::Missing => {
                let expected = Figure(self.expected);
                return write!(f, "no value for {seconds} s where {expected} was expected");
            }
            Kind::OutOfRange => {
                let (seen, size) = (Figure(self.seen), Figure(self.size.abs()));
                let way = if self.direction == Direction::Up { "above" } else { "below" };
                return write!(f, "{seen} is {size} {way} the known range, for {seconds} s");
            }
        }
        let (lower, upper) = (Figure(self.lower), Figure(self.upper));
        let (seen, expected) = (Figure(self.seen), Figure(self.expected));
        write!(f, ": {seen} where {expected} was expected ({lower} to {upper}), for {seconds} s")
    }
}

/// How far a detector has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Still learning: `have` values of the `need`ed. Nothing is signalled.
    Warming {
        /// Values learned from.
        have: u32,
        /// Values needed.
        need: u32,
    },
    /// Watching.
    Ready,
}

/// What a detector makes of one sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// When the sample was taken.
    pub at: UnixNanos,
    /// What came; NaN when nothing did.
    pub seen: f64,
    /// What was expected, from what was seen before this sample; of the first value
    /// that value.
    pub expected: f64,
    /// Lower end of what is usual: one value in 200 falls below.
    pub lower: f64,
    /// Upper end of what is usual: one value in 200 goes above.
    pub upper: f64,
    /// How strange, 0…1, higher is stranger without saturating; 0.5 and above exactly when
    /// there is a signal.
    pub score: f64,
    /// Whether the value was judged. A missing, late or duplicate sample is not, nor is any while
    /// the detector warms up: no signal then means nothing.
    pub judged: bool,
    /// The change going on, if any.
    pub signal: Option<Signal>,
    /// Learning or watching, before this sample.
    pub state: State,
}

/// A number to three significant digits.
#[derive(Debug, Clone, Copy)]
struct Figure(f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if magnitude == 0.0 {
            return f.write_str("0");
        }
        if !(1e-6..1e6).contains(&magnitude) {
            return write!(f, "{:.2e}", self.0);
        }
        let decimals = (2.0 - magnitude.log10().floor()).max(0.0) as usize;
        let rounding = 10_f64.powi(decimals as i32);
        write!(f, "{}", (self.0 * rounding).round() / rounding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        let texts = [0.000_512_34, 0.411_99, -20.0, 1234.56, 3.2e9, 0.0, 99.96];
        let texts = texts.map(|value| Figure(value).to_string());
        assert_eq!(texts, ["0.000512", "0.412", "-20", "1235", "3.20e9", "0", "100"]);
    }

    #[test]
    fn explains_itself() {
        let signal = Signal {
            kind: Kind::LevelShift,
            onset: UnixNanos::new(0),
            at: UnixNanos::new(1_250_000_000),
            direction: Direction::Up,
            size: 0.4118,
            confidence: 0.9,
            expected: 0.0005,
            lower: -0.02,
            upper: 0.02,
            seen: 0.4,
        };
        assert_eq!(
            signal.to_string(),
            "level shift up by 0.412: 0.4 where 0.0005 was expected (-0.02 to 0.02), for 1.25 s"
        );
        let missing = Signal { kind: Kind::Missing, seen: f64::NAN, ..signal };
        assert_eq!(missing.to_string(), "no value for 1.25 s where 0.0005 was expected");
        let sentences = [
            (Kind::SlopeChange, "slope change up by 1482 an hour: 0.4 where"),
            (Kind::VarianceChange, "values scatter by 0.412 more than usual, for 1.25 s"),
            (Kind::SeasonChange, "season changed: 0.412 more of the learned one, for 1.25 s"),
            (Kind::OutOfRange, "0.4 is 0.412 above the known range, for 1.25 s"),
        ];
        for (kind, sentence) in sentences {
            let text = Signal { kind, ..signal }.to_string();
            assert!(text.starts_with(sentence), "{text}");
        }
    }
}
