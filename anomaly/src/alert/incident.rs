//! Several series, one cause: what is told once.

use std::fmt;

use crate::alert::labels::Labels;
use crate::sample::UnixNanos;
use crate::signal::Signal;

/// An incident as it is told: the series that moved first speaks for all. `Display` is one
/// sentence.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Alert {
    /// The same when raised and when cleared, and of no other incident of this process.
    pub id: u64,
    /// The labels that the series of the incident share.
    pub group: Labels,
    /// The series that moved first.
    pub labels: Labels,
    /// What it did: kind, onset, direction, size, expected, seen and interval; when cleared,
    /// the last it did before it was calm.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub signal: Signal,
    /// When it was raised.
    pub raised_at: UnixNanos,
    /// When it was cleared.
    pub cleared_at: Option<UnixNanos>,
    /// Every series that took part, at most [`Alert::MOST_SERIES`].
    pub series: Vec<Labels>,
}

impl Alert {
    /// How many series an alert names.
    pub const MOST_SERIES: usize = 256;
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.labels, self.signal)?;
        match self.series.len() {
            0 | 1 => {}
            2 => write!(f, ", and 1 more series of {}", self.group)?,
            n => write!(f, ", and {} more series of {}", n - 1, self.group)?,
        }
        if let Some(cleared) = self.cleared_at {
            let lasted = cleared.since(self.signal.onset).as_secs_f64();
            write!(f, "; over, cleared {lasted:.1} s after its onset")?;
        }
        Ok(())
    }
}

/// What an alert does.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "event", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Event {
    /// It begins.
    Raised(Alert),
    /// It is over: every series of it has been calm for long enough.
    Cleared(Alert),
}

impl Event {
    /// The alert either way.
    pub fn alert(&self) -> &Alert {
        match self {
            Self::Raised(alert) | Self::Cleared(alert) => alert,
        }
    }
}

/// An alert that is on, with how many of its series still are.
#[derive(Debug)]
pub(crate) struct Incident {
    alert: Alert,
    active: usize,
}

impl Incident {
    pub(crate) fn open(id: u64, group: Labels, labels: Labels, signal: Signal) -> Self {
        let series = vec![labels.clone()];
        let raised_at = signal.at;
        let alert = Alert { id, group, labels, signal, raised_at, cleared_at: None, series };
        Self { alert, active: 1 }
    }

    /// Another series, or one of them again. The earliest onset speaks.
    pub(crate) fn join(&mut self, labels: &Labels, signal: &Signal) {
        self.active += 1;
        let known = self.alert.series.contains(labels);
        if !known && self.alert.series.len() < Alert::MOST_SERIES {
            self.alert.series.push(labels.clone());
        }
        if signal.onset < self.alert.signal.onset {
            self.alert.labels = labels.clone();
            self.alert.signal = *signal;
        }
    }

    /// News of a series that takes part.
    pub(crate) fn update(&mut self, labels: &Labels, signal: &Signal) {
        if *labels == self.alert.labels {
            let onset = self.alert.signal.onset.min(signal.onset);
            self.alert.signal = Signal { onset, ..*signal };
        }
    }

    /// One series is calm; true when none is left.
    pub(crate) fn leave(&mut self) -> bool {
        self.active -= 1;
        self.active == 0
    }

    pub(crate) fn alert(&self) -> &Alert {
        &self.alert
    }

    pub(crate) fn close(mut self, at: UnixNanos) -> Alert {
        self.alert.cleared_at = Some(at);
        self.alert
    }
}
