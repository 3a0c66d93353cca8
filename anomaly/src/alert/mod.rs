//! From signals to alerts: a change of behaviour is told once when it has lasted, and once when
//! it is over, however many series it moves.

mod labels;
mod policy;
mod incident;

use std::collections::HashMap;

pub use incident::{Alert, Event};
pub use labels::Labels;
pub use policy::Policy;

use crate::alert::incident::Incident;
use crate::sample::UnixNanos;
use crate::signal::{Observation, Signal};

/// The alerts of many series. A calm series costs a look, and no memory.
#[derive(Debug)]
pub struct Alerts {
    policy: Policy,
    restless: HashMap<Labels, Restless>,
    incidents: HashMap<Labels, Incident>,
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
    /// Changes that did not last long enough to be told.
    pub short_lived: u64,
    /// Series in alarm past [`Policy::most_series`], not followed.
    pub refused: u64,
}

/// A series that is not calm, or not for long enough.
#[derive(Debug)]
struct Restless {
    heard: UnixNanos,
    calm_since: Option<UnixNanos>,
    /// The incident it is part of, once its change has lasted.
    group: Option<Labels>,
}

impl Alerts {
    /// No alerts yet.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            restless: HashMap::new(),
            incidents: HashMap::new(),
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
            None => self.calm(now, labels, observation.judged),
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
            let fresh = Restless { heard: now, calm_since: None, group: None };
            self.restless.insert(labels.clone(), fresh);
        }
        let state = self.restless.get_mut(labels).expect("it is put in just above");
        state.heard = now;
        state.calm_since = None;
        if let Some(group) = &state.group {
            if let Some(incident) = self.incidents.get_mut(group) {
                incident.update(labels, signal);
            }
            return None;
        }
        if now.since(signal.onset) < self.policy.raise_after {
            return None;
        }
        let group = labels.grouped_by(&self.policy.group_by);
        state.group = Some(group.clone());
        if let Some(incident) = self.incidents.get_mut(&group) {
            incident.join(labels, signal);
            self.stats.grouped += 1;
            return None;
        }
        let incident = Incident::open(self.next_id, group.clone(), labels.clone(), *signal);
        let alert = incident.alert().clone();
        self.incidents.insert(group, incident);
        self.next_id += 1;
        self.stats.raised += 1;
        Some(Event::Raised(alert))
    }

    fn calm(&mut self, now: UnixNanos, labels: &Labels, judged: bool) -> Option<Event> {
        let state = self.restless.get_mut(labels)?;
        state.heard = state.heard.max(now);
        if !judged {
            return None;
        }
        let since = *state.calm_since.get_or_insert(now);
        let calm = state.group.is_none() || now.since(since) >= self.policy.clear_after;
        if calm { self.leave(now, labels) } else { None }
    }

    /// A series is calm again, or gone.
    fn leave(&mut self, now: UnixNanos, labels: &Labels) -> Option<Event> {
        let Some(group) = self.restless.remove(labels)?.group else {
            self.stats.short_lived += 1;
            return None;
        };
        if !self.incidents.get_mut(&group)?.leave() {
            return None;
        }
        self.stats.cleared += 1;
        Some(Event::Cleared(self.incidents.remove(&group)?.close(now)))
    }
}
