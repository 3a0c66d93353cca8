//! What a detector made of a series, thinned to what a picture can show.

use anomaly::{Observation, Signal, State, UnixNanos};

/// Rows in the order they came.
#[derive(Debug, Default)]
pub(super) struct Series {
    rows: Vec<Row>,
    pub(super) events: Vec<Event>,
    learning_until: Option<UnixNanos>,
}

/// One value, and what was expected of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    at: i64,
    seen: f64,
    expected: f64,
    lower: f64,
    upper: f64,
}

/// A change of behaviour, from its onset to the last value of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    /// What it was in the end: a spike that lasted has become a shift.
    pub(super) signal: Signal,
    pub(super) until: UnixNanos,
}

impl Event {
    /// It is what it is in the end, but was where it was furthest.
    fn go_on(&mut self, signal: Signal, at: UnixNanos) {
        let away = |signal: &Signal| (signal.seen - signal.expected).abs();
        let onset = self.signal.onset.min(signal.onset);
        let Signal { expected, lower, upper, seen, .. } =
            if away(&signal) > away(&self.signal) { signal } else { self.signal };
        self.signal = Signal { onset, expected, lower, upper, seen, ..signal };
        self.until = at;
    }
}

/// All rows of one column of the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) at: i64,
    /// Lowest and highest value, if any came.
    pub(super) seen: Option<(f64, f64)>,
    /// Expected and its interval, of the last row that has one.
    pub(super) band: Option<(f64, f64, f64)>,
}

impl Column {
    /// Nothing came here, and nothing is drawn across it.
    const GAP: Self = Self { at: 0, seen: None, band: None };
}

impl Series {
    pub(super) fn push(&mut self, observation: &Observation) {
        let Observation { at, seen, expected, lower, upper, signal, state, .. } = *observation;
        let learning = matches!(state, State::Warming { .. });
        if learning {
            self.learning_until = Some(at);
        }
        let known = |value: f64| if learning { f64::NAN } else { value };
        let (expected, lower, upper) = (known(expected), known(lower), known(upper));
        self.rows.push(Row { at: at.as_nanos(), seen, expected, lower, upper });
        let Some(signal) = signal else { return };
        match self.events.last_mut() {
            Some(event) if event.until >= signal.onset => event.go_on(signal, at),
            _ => self.events.push(Event { signal, until: at }),
        }
    }

    /// How many values came.
    pub(super) fn values(&self) -> usize {
        self.rows.iter().filter(|row| row.seen.is_finite()).count()
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn learning_until(&self) -> Option<UnixNanos> {
        self.learning_until
    }

    /// First and last instant.
    pub(super) fn span(&self) -> (i64, i64) {
        let at = || self.rows.iter().map(|row| row.at);
        (at().min().unwrap_or(0), at().max().unwrap_or(0))
    }

    /// The values' range with a little air; never empty.
    pub(super) fn range(&self) -> (f64, f64) {
        let seen = || self.rows.iter().map(|row| row.seen).filter(|seen| seen.is_finite());
        let (low, high) =
            seen().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        let air = if high > low { (high - low) * 0.06 } else { low.abs().max(1.0) * 0.1 };
        (low - air, high + air)
    }

    /// How far apart rows usually are.
    fn spacing(&self) -> i64 {
        let pairs = self.rows.windows(2);
        let mut apart: Vec<_> = pairs.map(|pair| pair[1].at.saturating_sub(pair[0].at)).collect();
        apart.sort_unstable();
        apart.get(apart.len() / 2).copied().unwrap_or(0)
    }

    /// The rows, at most `most` columns of them besides gaps.
    pub(super) fn columns(&self, most: usize) -> Vec<Column> {
        let (first, last) = self.span();
        let width = ((last - first) / most as i64 + 1).max(1);
        let gap = (self.spacing().saturating_mul(GAP_ROWS)).max(width * GAP_COLUMNS);
        let mut columns: Vec<Column> = Vec::with_capacity(most.min(self.rows.len()));
        for row in &self.rows {
            let at = first + (row.at - first) / width * width + width / 2;
            let at = if self.rows.len() <= most { row.at } else { at };
            if columns.last().is_some_and(|column| at - column.at > gap) {
                columns.push(Column::GAP);
            }
            if columns.last().is_none_or(|column| column.at != at) {
                columns.push(Column { at, seen: None, band: None });
            }
            let column = columns.last_mut().expect("one is there by now");
            if row.seen.is_finite() {
                let (low, high) = column.seen.unwrap_or((row.seen, row.seen));
                column.seen = Some((low.min(row.seen), high.max(row.seen)));
            }
            if row.expected.is_finite() && row.lower.is_finite() && row.upper.is_finite() {
                column.band = Some((row.lower, row.expected, row.upper));
            }
        }
        columns
    }
}

/// So many rows and columns without a value are a gap.
const GAP_ROWS: i64 = 8;
const GAP_COLUMNS: i64 = 4;
