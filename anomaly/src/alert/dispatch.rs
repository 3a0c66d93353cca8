//! From alerts to what somebody is told: silences, inhibition, repetition.

#[cfg(feature = "snapshots")]
mod resume;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::alert::incident::{Alert, Event};
use crate::alert::inhibit::Inhibition;
use crate::alert::silence::Silence;
use crate::sample::UnixNanos;

/// What one destination is told, and when again. Destinations differ in how often they want to
/// hear: one each.
///
/// Feed it every [`Event`], and the time with the alerts that are on; it hands out notices. No
/// clock, and bounded: past [`Dispatch::MOST`] alerts and notices new ones are counted and lost.
#[derive(Debug, Clone, Default)]
pub struct Dispatch {
    wait: Duration,
    repeat: Option<Duration>,
    silences: Vec<Silence>,
    inhibitions: Vec<Inhibition>,
    open: BTreeMap<u64, Open>,
    notices: VecDeque<Notice>,
    stats: DispatchStats,
}

#[derive(Debug, Clone)]
struct Open {
    alert: Alert,
    /// When it may be told first.
    due: UnixNanos,
    told: Option<UnixNanos>,
    muted: bool,
    seen: bool,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Begins, goes on, or is over.
    pub status: Status,
    /// The alert, with all that takes part in it by now.
    pub alert: Alert,
}

/// What a notice says of its alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Status {
    /// It is on, told for the first time.
    Firing,
    /// It still is.
    Repeated,
    /// It is over.
    Resolved,
}

impl Status {
    /// `firing`, `repeated`, `resolved`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Repeated => "repeated",
            Self::Resolved => "resolved",
        }
    }
}

/// What was told and what was not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DispatchStats {
    /// Notices of alerts told for the first time.
    pub firing: u64,
    /// Notices of alerts that go on.
    pub repeated: u64,
    /// Notices of alerts that are over.
    pub resolved: u64,
    /// Alerts that a silence kept back when they were due.
    pub silenced: u64,
    /// Alerts that another alert kept back when they were due.
    pub inhibited: u64,
    /// Alerts and notices lost to the bound.
    pub dropped: u64,
}

impl Dispatch {
    /// Alerts followed, notices waiting, and silences kept at once.
    pub const MOST: usize = 4096;

    /// Tells every alert at once, and each only once.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long an alert gathers its series before it is told (0 s).
    pub fn wait(mut self, duration: Duration) -> Self {
        self.wait = duration;
        self
    }

    /// How long after it was told an alert that is still on is told again (never; at least 1 s).
    pub fn repeat(mut self, interval: Duration) -> Self {
        self.repeat = Some(interval.max(Duration::from_secs(1)));
        self
    }

    /// While one alert is on, others are not told.
    pub fn inhibit(mut self, inhibition: Inhibition) -> Self {
        self.inhibitions.push(inhibition);
        self
    }

    /// Adds a silence or a maintenance window. An alert is silenced when all its series are. One
    /// told before a silence begins is still told to be over; one that outlasts it is told then.
    pub fn silence(&mut self, silence: Silence) {
        if self.silences.len() < Self::MOST {
            self.silences.push(silence);
        } else {
            self.stats.dropped += 1;
        }
    }

    /// These silences and windows instead of those it has, as when a file of them was edited. What
    /// they kept back and these do not is told when it is still on.
    pub fn silence_only(&mut self, silences: impl IntoIterator<Item = Silence>) {
        self.silences.clear();
        silences.into_iter().for_each(|silence| self.silence(silence));
    }

    /// Takes what happened to an alert. One that is raised is told at the next
    /// [`Dispatch::handle_timeout`] that finds it due, with all that has joined it by then, or
    /// when it is cleared before that.
    pub fn handle_event(&mut self, now: UnixNanos, event: &Event) {
        match event {
            Event::Raised(alert) => self.take(now, alert),
            Event::Cleared(alert) => {
                if let Some(open) = self.open.get_mut(&alert.id) {
                    open.alert = Alert { cleared_at: None, ..alert.clone() };
                    self.tell_one(now, alert.id);
                }
                if self.open.remove(&alert.id).is_some_and(|open| open.told.is_some()) {
                    self.push(Status::Resolved, alert.clone());
                }
            }
        }
    }

    /// Tells the time, and the alerts that are on now ([`Alerts::active`](crate::Alerts::active)):
    /// what has joined them since, and what was missed. Call it about once a second, or at
    /// [`Dispatch::poll_timeout`] and whenever a silence begins or ends.
    pub fn handle_timeout<'a>(
        &mut self,
        now: UnixNanos,
        active: impl IntoIterator<Item = &'a Alert>,
    ) {
        self.silences.retain(|silence| !silence.is_over(now));
        for alert in active {
            match self.open.get_mut(&alert.id) {
                Some(open) => {
                    open.seen = true;
                    if open.alert != *alert {
                        open.alert.clone_from(alert);
                    }
                }
                None => self.take(now, alert),
            }
        }
        let gone: Vec<u64> =
            self.open.iter().filter(|(_, open)| !open.seen).map(|(id, _)| *id).collect();
        for id in gone {
            let Some(Open { mut alert, told: Some(_), .. }) = self.open.remove(&id) else {
                continue;
            };
            alert.cleared_at = Some(now);
            self.push(Status::Resolved, alert);
        }
        let ids: Vec<u64> = self.open.keys().copied().collect();
        for id in ids {
            self.tell_one(now, id);
        }
        for open in self.open.values_mut() {
            open.seen = false;
        }
    }

    /// When something is due next, silences and windows apart.
    pub fn poll_timeout(&self) -> Option<UnixNanos> {
        let due = |open: &Open| match (open.told, self.repeat) {
            (None, _) => Some(open.due),
            (Some(told), Some(repeat)) => Some(told.after(repeat)),
            (Some(_), None) => None,
        };
        self.open.values().filter_map(due).min()
    }

    /// What is to be told next.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// What was told so far.
    pub fn stats(&self) -> DispatchStats {
        self.stats
    }

    fn take(&mut self, now: UnixNanos, alert: &Alert) {
        if self.open.len() >= Self::MOST {
            self.stats.dropped += 1;
            return;
        }
        let due = now.after(self.wait);
        let open = Open { alert: alert.clone(), due, told: None, muted: false, seen: true };
        self.open.entry(alert.id).or_insert(open);
    }

    /// Tells of an alert if it is due and not muted.
    fn tell_one(&mut self, now: UnixNanos, id: u64) {
        let Some(open) = self.open.get(&id) else { return };
        let status = match (open.told, self.repeat) {
            (None, _) if now >= open.due => Status::Firing,
            (Some(told), Some(repeat)) if now >= told.after(repeat) => Status::Repeated,
            _ => return,
        };
        let silenced = self.is_silenced(now, &open.alert);
        let inhibited = !silenced && self.is_inhibited(&open.alert);
        let open = self.open.get_mut(&id).expect("it was found there just above");
        if !open.muted {
            self.stats.silenced += u64::from(silenced);
            self.stats.inhibited += u64::from(inhibited);
        }
        open.muted = silenced || inhibited;
        if !open.muted {
            open.told = Some(now);
            let alert = open.alert.clone();
            self.push(status, alert);
        }
    }

    fn is_silenced(&self, now: UnixNanos, alert: &Alert) -> bool {
        let covered = |labels| self.silences.iter().any(|silence| silence.covers(now, labels));
        alert.series.iter().all(covered)
    }

    fn is_inhibited(&self, alert: &Alert) -> bool {
        self.inhibitions
            .iter()
            .any(|inhibition| self.open.values().any(|other| inhibition.mutes(alert, &other.alert)))
    }

    fn push(&mut self, status: Status, alert: Alert) {
        if self.notices.len() >= Self::MOST {
            self.notices.pop_front();
            self.stats.dropped += 1;
        }
        match status {
            Status::Firing => self.stats.firing += 1,
            Status::Repeated => self.stats.repeated += 1,
            Status::Resolved => self.stats.resolved += 1,
        }
        self.notices.push_back(Notice { status, alert });
    }
}
