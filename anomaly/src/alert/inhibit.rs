//! What need not be told while something worse is on.

use crate::alert::incident::Alert;
use crate::alert::matcher::Matchers;

/// While an alert matches `source`, those that match `target` and agree with it in the labels
/// `equal` are not told: with the router down, nobody wants to hear of what is behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inhibition {
    source: Matchers,
    target: Matchers,
    equal: Box<[Box<str>]>,
}

impl Inhibition {
    /// Alerts of `source` mute alerts of `target`.
    pub fn new(source: Matchers, target: Matchers) -> Self {
        Self { source, target, equal: Box::default() }
    }

    /// Only where both have the same value of each of these labels, or neither has it.
    pub fn equal<N: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.equal = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether `by` mutes `alert`: every series of it must match, one of `by` suffices. Alerts
    /// that match both sides do not mute each other, nor themselves.
    pub fn mutes(&self, alert: &Alert, by: &Alert) -> bool {
        if alert.id == by.id || !alert.series.iter().all(|labels| self.target.matches(labels)) {
            return false;
        }
        let both = alert.series.iter().any(|labels| self.source.matches(labels));
        if both && by.series.iter().any(|labels| self.target.matches(labels)) {
            return false;
        }
        by.series.iter().filter(|labels| self.source.matches(labels)).any(|source| {
            let agree = |name: &str| {
                alert.series.iter().all(|target| target.value(name) == source.value(name))
            };
            self.equal.iter().all(|name| agree(name))
        })
    }
}
