//! How transfers in have gone, and how the replicas are.

use std::collections::BTreeMap;
use std::time::Duration;

use super::attempt::Ended;
use crate::name::Name;
use crate::transfer::Received;

/// As of a moment ago.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ReplicationStatus {
    /// Attempts that have ended, by what came of them: `transferred`, `changed` (differences only), `unchanged`,
    /// or the [label](crate::secondary::AttemptError::label) of a failure.
    pub attempts: BTreeMap<&'static str, u64>,
    /// Octets of the messages that came.
    pub received_bytes: u64,
    /// How long the attempts since the last look took, that brought a zone or differences; the last 1,024.
    pub durations: Vec<Duration>,
    /// Every replica.
    pub replicas: Vec<ReplicaStatus>,
}

/// How one replica is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReplicaStatus {
    /// Where the zone begins.
    pub origin: Name,
    /// The version that is served; `None` while there is none.
    pub serial: Option<u32>,
    /// How long it is served on if no primary is reached.
    pub expires_in: Option<Duration>,
}

impl ReplicationStatus {
    pub(super) fn note(&mut self, ended: &Ended) {
        let label = match &ended.outcome {
            Ok(Received::Unchanged) => "unchanged",
            Ok(Received::Zone(_, changes)) if changes.is_empty() => "transferred",
            Ok(Received::Zone(..)) => "changed",
            Err(error) => error.label(),
        };
        *self.attempts.entry(label).or_default() += 1;
        self.received_bytes += ended.octets;
        if matches!(ended.outcome, Ok(Received::Zone(..))) && self.durations.len() < MOST_DURATIONS
        {
            self.durations.push(ended.took);
        }
    }
}

/// Transfers between two looks at the status.
const MOST_DURATIONS: usize = 1_024;
