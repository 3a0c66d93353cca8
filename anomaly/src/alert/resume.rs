//! Alerts put away and taken up again: a restart neither raises again what is on, nor forgets that
//! it was.

use serde::{Deserialize, Serialize};

use crate::alert::flap::{Flaps, Raises};
use crate::alert::incident::Incident;
use crate::alert::labels::Labels;
use crate::alert::policy::Policy;
use crate::alert::saved::{ResumeError, SavedAlert, SavedOrigin, origin, saved, seal, unseal};
use crate::sample::UnixNanos;

use super::{Alerts, Restless};

#[derive(Serialize, Deserialize)]
struct Saved {
    next_id: u64,
    restless: Vec<(Labels, Restless)>,
    incidents: Vec<SavedIncident>,
    groups: Vec<(Labels, u64)>,
    links: Vec<(Labels, u64)>,
    flaps: Vec<(Labels, Raises)>,
}

#[derive(Serialize, Deserialize)]
struct SavedIncident {
    alert: SavedAlert,
    members: Vec<SavedOrigin>,
    last_onset: UnixNanos,
    stretch: u32,
}

impl Alerts {
    /// Everything that is on or was of late, as bytes: incidents with their series, what lasts but
    /// is not told yet, and how often each group was raised. The policy and the statistics are not
    /// part of it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let indexed = |index: &std::collections::HashMap<Labels, u64>| {
            index.iter().map(|(labels, id)| (labels.clone(), *id)).collect()
        };
        let incidents = self.incidents.values().map(|incident| {
            let (members, last_onset) = incident.members();
            let members = members.iter().cloned().map(saved).collect();
            let (alert, stretch) = (incident.alert().into(), incident.stretch);
            SavedIncident { alert, members, last_onset, stretch }
        });
        seal(&Saved {
            next_id: self.next_id,
            restless: self.restless.iter().map(|(l, state)| (l.clone(), state.clone())).collect(),
            incidents: incidents.collect(),
            groups: indexed(&self.groups),
            links: indexed(&self.links),
            flaps: self.flaps.iter().map(|(labels, raises)| (labels.clone(), *raises)).collect(),
        })
    }

    /// Goes on from [`Alerts::to_bytes`], at `now`. The time between is nobody's: no series is
    /// taken to be gone, and none to have been calm, because nobody was there to hear of it.
    ///
    /// # Errors
    /// When the bytes were written by another version, are damaged, or hold what no alerts can have
    /// been.
    pub fn resume(policy: Policy, now: UnixNanos, bytes: &[u8]) -> Result<Self, ResumeError> {
        let impossible = |part| ResumeError::Impossible { part };
        let saved: Saved = unseal(bytes)?;
        let mut alerts = Self::new(policy);
        for SavedIncident { alert, members, last_onset, stretch } in saved.incidents {
            let (alert, together) = (alert.alert()?, alerts.policy.simultaneous);
            let id = alert.id;
            let members = members.into_iter().map(origin).collect();
            let incident = Incident::resume(alert, members, last_onset, together, stretch);
            let incident = incident.ok_or_else(|| impossible("incident"))?;
            if id >= saved.next_id || alerts.incidents.insert(id, incident).is_some() {
                return Err(impossible("number of an incident"));
            }
        }
        for (labels, mut state) in saved.restless {
            if let Some(part) = state.part {
                let incident = alerts.incidents.get_mut(&part.incident);
                if !incident.is_some_and(|incident| incident.keep(part.place)) {
                    return Err(impossible("share in an incident"));
                }
            }
            let away = now.since(state.heard);
            state.heard = state.heard.max(now);
            state.calm_since = state.calm_since.map(|since| since.after(away));
            alerts.restless.insert(labels, state);
        }
        let known = |(_, id): &(Labels, u64)| alerts.incidents.get(id).is_some_and(Incident::is_on);
        if !saved.groups.iter().chain(&saved.links).all(known)
            || !alerts.incidents.values().all(Incident::is_on)
        {
            return Err(impossible("index"));
        }
        alerts.groups = saved.groups.into_iter().collect();
        alerts.links = saved.links.into_iter().collect();
        alerts.flaps = Flaps::resume(saved.flaps).ok_or_else(|| impossible("count of raises"))?;
        alerts.next_id = saved.next_id;
        Ok(alerts)
    }
}
