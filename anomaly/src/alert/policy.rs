//! When a signal is worth telling somebody.

use std::time::Duration;

/// How signals become alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(crate) group_by: Box<[Box<str>]>,
    pub(crate) raise_after: Duration,
    pub(crate) clear_after: Duration,
    pub(crate) forget_after: Duration,
    pub(crate) most_series: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            group_by: Box::default(),
            raise_after: Duration::ZERO,
            clear_after: Duration::from_mins(1),
            forget_after: Duration::from_mins(10),
            most_series: 4096,
        }
    }
}

impl Policy {
    /// Series with equal values of these labels that are in alarm at the same time make one
    /// incident (none: each series its own).
    pub fn group_by<N: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.group_by = names.into_iter().map(Into::into).collect();
        self
    }

    /// How long a change must have lasted, from its onset and without a calm value (0 s: the
    /// first value in alarm raises).
    pub fn raise_after(mut self, duration: Duration) -> Self {
        self.raise_after = duration;
        self
    }

    /// How long a series must be calm before its alert clears (60 s).
    pub fn clear_after(mut self, duration: Duration) -> Self {
        self.clear_after = duration;
        self
    }

    /// A series in alarm that nothing was heard of for this long is taken to be gone (600 s).
    pub fn forget_after(mut self, duration: Duration) -> Self {
        self.forget_after = duration;
        self
    }

    /// How many series may be in alarm at once (4096; at least 1). Those beyond are counted and
    /// not followed.
    pub fn most_series(mut self, series: usize) -> Self {
        self.most_series = series.max(1);
        self
    }
}
