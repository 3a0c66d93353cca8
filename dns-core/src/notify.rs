//! Notices out (RFC 1996): telling secondaries that a zone has changed, until they say that they heard.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::message::{OPCODE, QR, u16_at};
use crate::name::Name;
use crate::transfer::{NOTIFY, notice};
use crate::tsig::{Conversation, Key};
use crate::zone::Zone;

/// Another server, and the key that both sign with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it is.
    pub address: SocketAddr,
    /// The key; without one nothing is signed and nothing has to be.
    pub key: Option<Arc<Key>>,
    /// The name its certificate has to be for, when transfers from it go over TLS (RFC 9103); without one they go
    /// over TCP. Notices go over UDP all the same.
    pub tls_name: Option<Arc<str>>,
}

impl Peer {
    /// A server without a key.
    pub fn new(address: SocketAddr) -> Peer {
        Peer { address, key: None, tls_name: None }
    }

    /// The same server, with a key.
    pub fn with_key(self, key: Arc<Key>) -> Peer {
        Peer { key: Some(key), ..self }
    }

    /// The same server, its transfers over TLS: its certificate has to be for `name`.
    pub fn over_tls(self, name: &str) -> Peer {
        Peer { tls_name: Some(name.into()), ..self }
    }
}

/// Notices on their way.
#[derive(Debug, Default)]
pub struct Notifier {
    pending: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    peer: Peer,
    zone: Arc<Zone>,
    id: u16,
    sent: u32,
    due: Duration,
    conversation: Option<Conversation>,
}

impl Notifier {
    /// Has every one of `peers` told at `now` about the new version of `zone`. What they were to be told about
    /// an older one is dropped. `random` gives ids.
    pub fn notify(
        &mut self,
        now: Duration,
        zone: &Arc<Zone>,
        peers: &[Peer],
        mut random: impl FnMut() -> u16,
    ) {
        let origin = zone.origin();
        self.pending.retain(|pending| pending.zone.origin() != origin);
        for peer in peers {
            let (peer, zone) = (peer.clone(), Arc::clone(zone));
            let (id, due) = (random(), now);
            self.pending.push(Pending { peer, zone, id, sent: 0, due, conversation: None });
        }
    }

    /// When to call [`poll_transmit`](Notifier::poll_transmit) again; `None` when nothing is pending.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.pending.iter().map(|pending| pending.due).min()
    }

    /// The next datagram to send at `now`, signed at `wall` (seconds since 1970). A secondary that stays silent
    /// is told five times, at 3, 6, 12 and 24 seconds' distance, then no more: its refresh timer finds out.
    pub fn poll_transmit(&mut self, now: Duration, wall: u64) -> Option<(SocketAddr, Vec<u8>)> {
        self.pending.retain(|pending| pending.due > now || pending.sent < MOST_SENT);
        let pending = self.pending.iter_mut().find(|pending| pending.due <= now)?;
        pending.due = now + FIRST_PAUSE * 2u32.pow(pending.sent);
        pending.sent += 1;
        let mut message = notice(pending.id, &pending.zone);
        pending.conversation =
            pending.peer.key.as_ref().map(|key| Conversation::request(key, &mut message, wall));
        Some((pending.peer.address, message))
    }

    /// Takes a datagram from `from`. `Some` with origin and response code when it answers a notice.
    pub fn handle(&mut self, from: SocketAddr, message: &[u8], wall: u64) -> Option<(Name, u8)> {
        let (id, flags) = (u16_at(message, 0).ok()?, u16_at(message, 2).ok()?);
        if flags & QR == 0 || flags & OPCODE != NOTIFY << 11 {
            return None;
        }
        let at = self.pending.iter_mut().position(|pending| {
            pending.peer.address == from
                && pending.id == id
                && match &mut pending.conversation {
                    Some(conversation) => conversation.verify(message, wall).is_ok(),
                    None => true,
                }
        })?;
        let pending = self.pending.swap_remove(at);
        Some((pending.zone.origin().clone(), flags as u8 & 15))
    }

    /// How many are pending.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }
}

/// RFC 1996 §3.6 suggests five in all.
const MOST_SENT: u32 = 5;
/// A secondary on the same continent answers within this; RFC 1996 §3.6's minute is for modems.
const FIRST_PAUSE: Duration = Duration::from_secs(3);
