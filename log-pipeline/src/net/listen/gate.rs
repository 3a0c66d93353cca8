//! Who gets a connection: so many in all, so many of one address, from allowed networks only.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::Shared;

/// Counts the open connections of a listener.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    all: usize,
    of_peer: HashMap<IpAddr, usize>,
}

/// A place in the gate; dropped when the connection ends.
#[derive(Debug)]
pub(super) struct Admission {
    gate: Arc<Gate>,
    peer: Option<IpAddr>,
}

impl Gate {
    /// A place for a connection from `peer`, or `None`, counted with its reason.
    pub(super) fn admit(
        self: &Arc<Self>,
        peer: Option<IpAddr>,
        shared: &Shared,
    ) -> Option<Admission> {
        let (limits, state) = (&shared.limits, &shared.state);
        if !limits.allows(peer) {
            state.refused_not_allowed.add(1);
            return None;
        }
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= limits.max_connections {
            state.too_many.add(1);
            return None;
        }
        if let Some(peer) = peer {
            let of_peer = open.of_peer.entry(peer).or_default();
            if *of_peer >= limits.max_connections_per_peer {
                state.too_many_of_peer.add(1);
                return None;
            }
            *of_peer += 1;
        }
        open.all += 1;
        drop(open);
        Some(Admission { gate: Arc::clone(self), peer })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut open = self.gate.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(peer) = self.peer
            && let Some(of_peer) = open.of_peer.get_mut(&peer)
        {
            *of_peer -= 1;
            if *of_peer == 0 {
                open.of_peer.remove(&peer);
            }
        }
    }
}
