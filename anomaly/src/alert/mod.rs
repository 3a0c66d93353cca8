//! From signals to alerts: a change of behaviour is told once when it has lasted, and once when
//! it is over, however many series it moves.

mod labels;
mod policy;
mod flap;
mod incident;
mod matcher;
mod silence;
mod inhibit;
#[cfg(feature = "snapshots")]
mod saved;
mod dispatch;
#[cfg(feature = "snapshots")]
mod resume;

use std::collections::HashMap;

pub use dispatch::{Dispatch, DispatchStats, Notice, Status};
pub use incident::{Alert, Event, Origin};
pub use inhibit::Inhibition;
pub use labels::Labels;
pub use matcher::{MatchError, Matchers};
pub use policy::Policy;
#[cfg(feature = "snapshots")]
pub use saved::ResumeError;
pub use silence::{Silence, Weekly, WeeklyError};

use crate::alert::flap::{Flaps, stretch};
use crate::alert::incident::Incident;
use crate::sample::UnixNanos;
use crate::signal::{Observation, Signal};

/// The alerts of many series. A calm series costs a look, and no memory.
#[derive(Debug)]
pub struct Alerts {
    policy: Policy,
    restless: HashMap<Labels, Restless>,
    incidents: HashMap<u64, Incident>,
    /// Which incident a group is.
    groups: HashMap<Labels, u64>,
    /// Which incident a label of [`Policy::link_by`] leads to, the newest that has it.
    links: HashMap<Labels, u64>,
    flaps: Flaps,
    next_id: u64,
    stats: AlertStats,
}

/// What was told, and what was spared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlertStats {
    /// Alerts raised.
    pub raised: u64,
    /// Alerts cleared.
    pub cleared: u64,
    /// Series that joined an alert already raised instead of raising their own.
    pub grouped: u64,
    /// Those of them that joined by a label of [`Policy::link_by`].
    pub linked: u64,
    /// Changes that did not last long enough to be told.
    pub short_lived: u64,
    /// Alerts raised so often of late that they are held on for longer.
    pub flapping: u64,
    /// Series in alarm past [`Policy::most_series`], not followed.
    pub refused: u64,
}

/// A series that is not calm, or not for long enough.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Restless {
    heard: UnixNanos,
    calm_since: Option<UnixNanos>,
    /// The incident it is part of, once its change has lasted.
    part: Option<Part>,
}

#[derive(Debug, Clone, Copy)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Part {
    incident: u64,
    /// Its place in the incident; none past [`Alert::MOST_SERIES`].
    place: Option<usize>,
}

impl Alerts {
    /// No alerts yet.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            restless: HashMap::new(),
            incidents: HashMap::new(),
            groups: HashMap::new(),
            links: HashMap::new(),
            flaps: Flaps::default(),
            next_id: 1,
            stats: AlertStats::default(),
        }
    }

    /// Takes what a detector made of a sample of the series `labels`. Missing, late and
    /// duplicate samples, which nothing was judged by, neither raise nor clear.
    pub fn observe(
        &mut self,
        now: UnixNanos,
        labels: &Labels,
        observation: &Observation,
    ) -> Option<Event> {
        match &observation.signal {
            Some(signal) => self.signalled(now, labels, signal),
            None if self.restless.is_empty() => None,
            None => self.calm(now, labels, observation),
        }
    }

    /// Clears alerts whose series nothing was heard of for [`Policy::forget_after`]: one event a
    /// call, none when there is nothing more to clear at this instant.
    pub fn poll_forgotten(&mut self, now: UnixNanos) -> Option<Event> {
        loop {
            let forget_after = self.policy.forget_after;
            let gone = |state: &Restless| now.since(state.heard) >= forget_after;
            let labels = self.restless.iter().find(|(_, state)| gone(state))?.0.clone();
            if let Some(event) = self.leave(now, &labels) {
                return Some(event);
            }
        }
    }

    /// The alerts that are on, in no order.
    pub fn active(&self) -> impl Iterator<Item = &Alert> {
        self.incidents.values().map(Incident::alert)
    }

    /// How signals become alerts here.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What was told so far.
    pub fn stats(&self) -> AlertStats {
        self.stats
    }

    fn signalled(&mut self, now: UnixNanos, labels: &Labels, signal: &Signal) -> Option<Event> {
        if !self.restless.contains_key(labels) {
            if self.restless.len() >= self.policy.most_series {
                self.stats.refused += 1;
                return None;
            }
            let fresh = Restless { heard: now, calm_since: None, part: None };
            self.restless.insert(labels.clone(), fresh);
        }
        let state = self.restless.get_mut(labels).expect("it is put in just above");
        state.heard = now;
        state.calm_since = None;
        if let Some(Part { incident, place }) = state.part {
            if let (Some(incident), Some(place)) = (self.incidents.get_mut(&incident), place) {
                incident.update(place, signal);
            }
            return None;
        }
        let lasted = now.since(signal.onset) >= self.policy.raise_after;
        if !lasted || signal.confidence < self.policy.raise_confidence {
            return None;
        }
        let group = labels.grouped_by(&self.policy.group_by);
        let known = self.groups.get(&group).copied();
        let linked = self.linked(labels, signal.onset);
        let Some(id) = known.or_else(|| linked.iter().copied().min()) else {
            return Some(self.open(now, group, labels, signal));
        };
        self.stats.grouped += 1;
        self.stats.linked += u64::from(known.is_none());
        let incident = self.incidents.get_mut(&id).expect("what is indexed is open");
        let place = incident.join(Origin::of(labels.clone(), signal));
        self.index(id, group, labels, place);
        let other = linked.into_iter().find(|other| *other != id)?;
        self.merge(now, id.min(other), id.max(other))
    }

    /// One series has a share in two incidents: the older goes on, with what the younger was.
    fn merge(&mut self, now: UnixNanos, older: u64, younger: u64) -> Option<Event> {
        let other = self.incidents.remove(&younger)?;
        let (alert, places) = self.incidents.get_mut(&older)?.absorb(other, now);
        for Part { incident, place } in self.restless.values_mut().filter_map(|s| s.part.as_mut()) {
            if *incident == younger {
                *incident = older;
                *place = place.and_then(|place| *places.get(place)?);
            }
        }
        for id in self.groups.values_mut().chain(self.links.values_mut()) {
            if *id == younger {
                *id = older;
            }
        }
        self.stats.cleared += 1;
        Some(Event::Cleared(alert))
    }

    fn open(&mut self, now: UnixNanos, group: Labels, labels: &Labels, signal: &Signal) -> Event {
        let raises = self.flaps.raise(now, &group, &self.policy);
        let stretch = stretch(raises, &self.policy);
        let id = self.next_id;
        let first = Origin::of(labels.clone(), signal);
        let together = self.policy.simultaneous;
        let incident = Incident::open(id, group.clone(), first, together, stretch);
        let alert = incident.alert().clone();
        self.incidents.insert(id, incident);
        self.index(id, group, labels, Some(0));
        self.next_id += 1;
        self.stats.raised += 1;
        self.stats.flapping += u64::from(stretch > 1);
        Event::Raised(alert)
    }

    /// Makes an incident found by the labels of a series that takes part in it.
    fn index(&mut self, id: u64, group: Labels, labels: &Labels, place: Option<usize>) {
        if let Some(state) = self.restless.get_mut(labels) {
            state.part = Some(Part { incident: id, place });
        }
        let room = |index: &HashMap<Labels, u64>| index.len() < 2 * self.policy.most_series;
        if room(&self.groups) {
            self.groups.insert(group, id);
        }
        for link in links(&self.policy.link_by, labels) {
            if room(&self.links) || self.links.contains_key(&link) {
                self.links.insert(link, id);
            }
        }
    }

    /// The incidents that a series shares a label with, and the time.
    fn linked(&self, labels: &Labels, onset: UnixNanos) -> Vec<u64> {
        let within = self.policy.link_within;
        let ids = links(&self.policy.link_by, labels).filter_map(|link| {
            let id = *self.links.get(&link)?;
            self.incidents.get(&id)?.overlaps(onset, within).then_some(id)
        });
        ids.collect()
    }

    fn calm(
        &mut self,
        now: UnixNanos,
        labels: &Labels,
        observation: &Observation,
    ) -> Option<Event> {
        let state = self.restless.get_mut(labels)?;
        state.heard = state.heard.max(now);
        if !observation.judged {
            return None;
        }
        let incident = state.part.and_then(|part| self.incidents.get(&part.incident));
        let Some(incident) = incident else { return self.leave(now, labels) };
        if observation.score >= self.policy.calm_below {
            state.calm_since = None;
            return None;
        }
        let since = *state.calm_since.get_or_insert(now);
        let calm = now.since(since) >= self.policy.clear_after.saturating_mul(incident.stretch);
        let on = now.since(incident.alert().raised_at) < self.policy.least_duration;
        if calm && !on { self.leave(now, labels) } else { None }
    }

    /// A series is calm again, or gone.
    fn leave(&mut self, now: UnixNanos, labels: &Labels) -> Option<Event> {
        let Some(Part { incident: id, .. }) = self.restless.remove(labels)?.part else {
            self.stats.short_lived += 1;
            return None;
        };
        if !self.incidents.get_mut(&id)?.leave() {
            return None;
        }
        self.stats.cleared += 1;
        self.groups.retain(|_, to| *to != id);
        self.links.retain(|_, to| *to != id);
        Some(Event::Cleared(self.incidents.remove(&id)?.close(now)))
    }
}

/// The labels of these names, each alone.
fn links<'a>(names: &'a [Box<str>], labels: &'a Labels) -> impl Iterator<Item = Labels> + 'a {
    names.iter().filter_map(|name| Some(Labels::new([(name.as_ref(), labels.value(name)?)])))
}

#[cfg(test)]
mod tests;
