//! When a signal is worth telling somebody.

use std::time::Duration;

/// How signals become alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub(crate) group_by: Box<[Box<str>]>,
    pub(crate) link_by: Box<[Box<str>]>,
    pub(crate) link_within: Duration,
    pub(crate) simultaneous: Duration,
    pub(crate) raise_after: Duration,
    pub(crate) raise_confidence: f64,
    pub(crate) clear_after: Duration,
    pub(crate) calm_below: f64,
    pub(crate) least_duration: Duration,
    pub(crate) forget_after: Duration,
    pub(crate) flap_raises: u32,
    pub(crate) flap_half_life: Duration,
    pub(crate) most_series: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            group_by: Box::default(),
            link_by: Box::default(),
            link_within: Duration::from_mins(5),
            simultaneous: Duration::from_secs(1),
            raise_after: Duration::ZERO,
            raise_confidence: 0.0,
            clear_after: Duration::from_mins(1),
            calm_below: 0.5,
            least_duration: Duration::ZERO,
            forget_after: Duration::from_mins(10),
            flap_raises: 3,
            flap_half_life: Duration::from_hours(1),
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

    /// Series in alarm at the same time that have the same value of **any** of these labels make
    /// one incident, whatever they are measured by (none): a resolver's and a TLS server's series
    /// share a site, the server's and its log's a host. The names that say most come first.
    pub fn link_by<N: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.link_by = names.into_iter().map(Into::into).collect();
        self
    }

    /// How far a linked series' onset may lie before the first or behind the latest onset of the
    /// incident it joins (300 s). One further off is another matter.
    pub fn link_within(mut self, duration: Duration) -> Self {
        self.link_within = duration;
        self
    }

    /// Onsets this close to the first are taken to be at the same time when origins are ranked,
    /// and the larger deviation goes first (1 s: about the spacing of the samples is right).
    pub fn simultaneous(mut self, duration: Duration) -> Self {
        self.simultaneous = duration;
        self
    }

    /// How long a change must have lasted, from its onset and without a calm value (0 s: the
    /// first value in alarm raises).
    pub fn raise_after(mut self, duration: Duration) -> Self {
        self.raise_after = duration;
        self
    }

    /// How sure a signal must be to raise an alert (0: any; 0…1). With
    /// [`calm_below`](Policy::calm_below) it makes the hysteresis wider than the detector's own.
    pub fn raise_confidence(mut self, confidence: f64) -> Self {
        self.raise_confidence = confidence.clamp(0.0, 1.0);
        self
    }

    /// How long a series must be calm before its alert clears (60 s).
    pub fn clear_after(mut self, duration: Duration) -> Self {
        self.clear_after = duration;
        self
    }

    /// A value without a signal is calm when its score is below this (0.5: every one; 0…0.5).
    pub fn calm_below(mut self, score: f64) -> Self {
        self.calm_below = score.clamp(0.0, 0.5);
        self
    }

    /// An alert stays on for at least this long after it was raised (0 s).
    pub fn least_duration(mut self, duration: Duration) -> Self {
        self.least_duration = duration;
        self
    }

    /// A series in alarm that nothing was heard of for this long is taken to be gone (600 s).
    pub fn forget_after(mut self, duration: Duration) -> Self {
        self.forget_after = duration;
        self
    }

    /// A group raised more than `raises` times of late is flapping: for each time beyond, it must
    /// be calm twice as long before it clears, up to 64 times [`Policy::clear_after`]. What "of
    /// late" means is the half-life with which raises are forgotten (3 times, one hour).
    pub fn damp_flapping(mut self, raises: u32, half_life: Duration) -> Self {
        self.flap_raises = raises;
        self.flap_half_life = half_life;
        self
    }

    /// How many series may be in alarm at once (4096; at least 1). Those beyond are counted and
    /// not followed.
    pub fn most_series(mut self, series: usize) -> Self {
        self.most_series = series.max(1);
        self
    }
}
