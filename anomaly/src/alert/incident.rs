//! Several series, one cause: what is told once.

use std::fmt;
use std::time::Duration;

use crate::alert::labels::Labels;
use crate::sample::UnixNanos;
use crate::signal::{Kind, Signal};

/// An incident as it is told: its likely origin speaks for all. `Display` is one sentence.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Alert {
    /// The same when raised and when cleared, and of no other incident of this process.
    pub id: u64,
    /// The labels it was opened under: they stay, whatever joins.
    pub group: Labels,
    /// The likely origin: the series that moved first, and most among those first.
    pub labels: Labels,
    /// What it did: kind, onset, direction, size, expected, seen and interval; when cleared,
    /// the last it did before it was calm.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub signal: Signal,
    /// When it was raised.
    pub raised_at: UnixNanos,
    /// When it was cleared.
    pub cleared_at: Option<UnixNanos>,
    /// Every series that took part, in the order they joined, at most [`Alert::MOST_SERIES`].
    pub series: Vec<Labels>,
    /// The likeliest origins, likeliest first, at most [`Alert::MOST_ORIGINS`].
    pub origins: Vec<Origin>,
    /// It was raised so often of late that it is held on for longer.
    pub flapping: bool,
    /// It was cleared because it turned out to be part of this incident, which goes on.
    pub part_of: Option<u64>,
}

/// A series of an incident, and how it moved.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Origin {
    /// The series.
    pub labels: Labels,
    /// The last it did, since its first onset in this incident.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub signal: Signal,
    /// The furthest it was from what was expected, in half-widths of the usual interval; 1 when
    /// no value came or one value repeated.
    pub deviation: f64,
}

impl Origin {
    pub(crate) fn of(labels: Labels, signal: &Signal) -> Self {
        Self { labels, signal: *signal, deviation: deviation(signal) }
    }

    /// Takes what it did elsewhere.
    fn meet(&mut self, other: &Self) {
        self.update(&other.signal);
        self.deviation = self.deviation.max(other.deviation);
    }

    /// Takes what it did next; true when that may change the order of origins.
    fn update(&mut self, signal: &Signal) -> bool {
        let deviation = deviation(signal);
        let moves = deviation > self.deviation || signal.onset < self.signal.onset;
        self.signal = Signal { onset: self.signal.onset.min(signal.onset), ..*signal };
        self.deviation = self.deviation.max(deviation);
        moves
    }
}

/// How far from the expected, in half-widths of the interval.
fn deviation(signal: &Signal) -> f64 {
    if matches!(signal.kind, Kind::Missing | Kind::Flatline) || !signal.seen.is_finite() {
        return 1.0;
    }
    let away = (signal.seen - signal.expected).abs();
    let half = (signal.upper - signal.lower) / 2.0;
    (away / half.max(away / MOST_DEVIATION).max(f64::MIN_POSITIVE)).min(MOST_DEVIATION)
}

/// Past this a flat series is just one that never moved before.
const MOST_DEVIATION: f64 = 1e6;

impl Alert {
    /// How many series an alert names.
    pub const MOST_SERIES: usize = 256;
    /// How many origins an alert names.
    pub const MOST_ORIGINS: usize = 5;

    /// The labels that all its series share.
    pub fn shared(&self) -> Labels {
        let Some((first, others)) = self.series.split_first() else { return self.group.clone() };
        others.iter().fold(first.clone(), |shared, labels| shared.shared_with(labels))
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.labels, self.signal)?;
        let shared = self.shared();
        let of = if shared.is_empty() { &self.group } else { &shared };
        match self.series.len() {
            0 | 1 => {}
            2 => write!(f, ", and 1 more series of {of}")?,
            n => write!(f, ", and {} more series of {of}", n - 1)?,
        }
        if self.flapping {
            f.write_str(", flapping")?;
        }
        if let Some(id) = self.part_of {
            return write!(f, "; goes on as part of incident {id}");
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
    members: Vec<Origin>,
    active: usize,
    last_onset: UnixNanos,
    simultaneous: Duration,
    /// How many times as long as usual it must be calm.
    pub(crate) stretch: u32,
}

impl Incident {
    pub(crate) fn open(
        id: u64,
        group: Labels,
        first: Origin,
        simultaneous: Duration,
        stretch: u32,
    ) -> Self {
        let alert = Alert {
            id,
            group,
            labels: first.labels.clone(),
            signal: first.signal,
            raised_at: first.signal.at,
            cleared_at: None,
            series: vec![first.labels.clone()],
            origins: vec![first.clone()],
            flapping: stretch > 1,
            part_of: None,
        };
        let last_onset = first.signal.onset;
        Self { alert, members: vec![first], active: 1, last_onset, simultaneous, stretch }
    }

    /// Whether a change that began at `onset` can belong to it.
    pub(crate) fn overlaps(&self, onset: UnixNanos, within: Duration) -> bool {
        let first = self.alert.signal.onset;
        onset.after(within) >= first && onset <= self.last_onset.after(within)
    }

    /// Another series, or one of them again: the place it has here, if there is room.
    pub(crate) fn join(&mut self, series: Origin) -> Option<usize> {
        self.active += 1;
        let place = self.place(series);
        self.rank();
        place
    }

    /// Takes over what another one was: it is cleared by that. The places of its series here, in
    /// the order of its own.
    pub(crate) fn absorb(
        &mut self,
        mut other: Self,
        now: UnixNanos,
    ) -> (Alert, Vec<Option<usize>>) {
        self.active += other.active;
        let places = other.members.drain(..).map(|member| self.place(member)).collect();
        self.rank();
        other.alert.part_of = Some(self.alert.id);
        (other.close(now), places)
    }

    fn place(&mut self, series: Origin) -> Option<usize> {
        self.last_onset = self.last_onset.max(series.signal.onset);
        let known = self.members.iter().position(|member| member.labels == series.labels);
        if let Some(place) = known {
            self.members[place].meet(&series);
        } else if self.members.len() < Alert::MOST_SERIES {
            self.alert.series.push(series.labels.clone());
            self.members.push(series);
        } else {
            return None;
        }
        Some(known.unwrap_or(self.members.len() - 1))
    }

    /// News of the series at a place.
    pub(crate) fn update(&mut self, place: usize, signal: &Signal) {
        let Some(member) = self.members.get_mut(place) else { return };
        if member.update(signal) {
            self.rank();
        } else if member.labels == self.alert.labels {
            self.alert.signal = member.signal;
        }
    }

    /// Who moved first and most.
    fn rank(&mut self) {
        let first = self.members.iter().map(|member| member.signal.onset).min();
        let early = first.expect("an incident has a member").after(self.simultaneous);
        let mut ranked: Vec<&Origin> = self.members.iter().collect();
        let late = |member: &Origin| member.signal.onset.max(early);
        ranked.sort_by(|a, b| {
            late(a).cmp(&late(b)).then_with(|| b.deviation.total_cmp(&a.deviation))
        });
        ranked.truncate(Alert::MOST_ORIGINS);
        self.alert.origins = ranked.into_iter().cloned().collect();
        self.alert.labels = self.alert.origins[0].labels.clone();
        self.alert.signal = self.alert.origins[0].signal;
    }

    /// One series is calm; true when none is left.
    pub(crate) fn leave(&mut self) -> bool {
        self.active -= 1;
        self.active == 0
    }

    pub(crate) fn alert(&self) -> &Alert {
        &self.alert
    }

    /// What of it the alert does not say: its members and the latest onset among them.
    #[cfg(feature = "snapshots")]
    pub(crate) fn members(&self) -> (&[Origin], UnixNanos) {
        (&self.members, self.last_onset)
    }

    /// One that was put away; none when it cannot have been one.
    #[cfg(feature = "snapshots")]
    pub(crate) fn resume(
        alert: Alert,
        members: Vec<Origin>,
        last_onset: UnixNanos,
        simultaneous: Duration,
        stretch: u32,
    ) -> Option<Self> {
        let same = alert.series.iter().eq(members.iter().map(|member| &member.labels));
        let sound = same && !members.is_empty() && stretch > 0;
        let incident = Self { alert, members, active: 0, last_onset, simultaneous, stretch };
        sound.then_some(incident)
    }

    /// A series that is in alarm, of an incident that was put away.
    #[cfg(feature = "snapshots")]
    pub(crate) fn keep(&mut self, place: Option<usize>) -> bool {
        self.active += 1;
        place.is_none_or(|place| place < self.members.len())
    }

    /// Whether a series of it is in alarm.
    #[cfg(feature = "snapshots")]
    pub(crate) fn is_on(&self) -> bool {
        self.active > 0
    }

    pub(crate) fn close(mut self, at: UnixNanos) -> Alert {
        self.alert.cleared_at = Some(at);
        self.alert
    }
}
