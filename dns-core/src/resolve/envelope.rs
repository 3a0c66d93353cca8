//! What goes round an answer for one asker: sizes, and what our OPT record says.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Shared;
use super::serve::Transport;
use crate::answer::{Aging, Answer, Patch};
use crate::cookie::Verdict;
use crate::edns::{COOKIE, ExtendedError, NSID, Options, TCP_KEEPALIVE, Wanted};
use crate::message::Rcode;
use crate::question::Query;

/// All that differs between askers of one answer. On the stack.
pub(super) struct Envelope {
    options: Options,
    max_size: usize,
    udp_payload: u16,
    pad_block: u16,
    pub(super) recursion_available: bool,
    pub(super) proof: Proof,
}

/// What we know about the asker's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing.
    Absent,
    /// Nothing yet, but it will bring a cookie next time.
    Promised,
    /// It is there: by cookie.
    Given,
    /// Its cookie is not even one, or another option breaks its RFC.
    Malformed,
}

impl Envelope {
    pub(super) fn patch(&self) -> Patch<'_> {
        Patch {
            aging: Aging::Fixed,
            recursion_available: self.recursion_available,
            max_size: self.max_size,
            udp_payload: self.udp_payload,
            options: self.options.as_octets(),
            pad_block: self.pad_block,
            turn: 0,
        }
    }

    /// Adds a reason. Only askers with EDNS ever see it.
    pub(super) fn note(&mut self, reason: ExtendedError) {
        self.options.push_error(reason);
    }

    /// The reasons that an answer brings along, and the one of its age.
    pub(super) fn note_answer<Octets: Deref<Target = [u8]>>(
        &mut self,
        answer: &Answer<Octets>,
        aging: Aging,
    ) {
        if let Some(note) = answer.note() {
            self.note(note);
        }
        if let Aging::Stale(_) = aging {
            let denied = answer.rcode() == Rcode::NXDOMAIN;
            self.note(if denied {
                ExtendedError::STALE_NXDOMAIN
            } else {
                ExtendedError::STALE_ANSWER
            });
        }
    }
}

impl Shared {
    /// The envelope for `client`; `None`: a caller in this process.
    #[inline]
    pub(super) fn envelope(
        &self,
        now: Duration,
        client: Option<IpAddr>,
        query: &Query<'_>,
        transport: Transport,
    ) -> Envelope {
        let max_size = match (transport, query.edns) {
            (Transport::Stream | Transport::Encrypted, _) => usize::from(u16::MAX),
            (Transport::Datagram, None) => LEAST_UDP,
            // RFC 6891 §6.2.5: less than 512 counts as 512.
            (Transport::Datagram, Some(edns)) => {
                usize::from(edns.udp_size.min(self.udp_payload)).max(LEAST_UDP)
            }
        };
        let mut envelope = Envelope {
            options: Options::new(),
            max_size,
            udp_payload: self.udp_payload,
            pad_block: 0,
            recursion_available: self.forwards,
            proof: Proof::Absent,
        };
        let (Some(edns), Some(client)) = (query.edns, client) else { return envelope };
        if edns.options.is_empty() {
            return envelope;
        }
        let wanted = Wanted::read(edns.options);
        if let Some(cookie) = wanted.cookie {
            self.answer_cookie(now, client, cookie, &mut envelope);
        }
        if wanted.nsid && !self.nsid.is_empty() {
            envelope.options.push(NSID, &self.nsid);
        }
        // Over UDP it is ignored (RFC 7828 §3.3.1).
        if let Some(theirs) = wanted.keepalive.filter(|_| transport != Transport::Datagram) {
            match self.stream_idle.load(Ordering::Relaxed) {
                _ if !theirs.is_empty() => envelope.proof = Proof::Malformed,
                0 => {}
                idle => envelope.options.push(TCP_KEEPALIVE, &idle.to_be_bytes()),
            }
        }
        if wanted.padding && transport == Transport::Encrypted {
            envelope.pad_block = PAD_BLOCK;
        }
        envelope
    }

    fn answer_cookie(&self, now: Duration, client: IpAddr, cookie: &[u8], envelope: &mut Envelope) {
        let cookies = *self.cookies.read().unwrap_or_else(PoisonError::into_inner);
        let verdict = cookies.map_or(Verdict::Absent, |cookies| cookies.judge(now, client, cookie));
        let (proof, ours) = match verdict {
            Verdict::Absent => (Proof::Absent, None),
            Verdict::Malformed => (Proof::Malformed, None),
            Verdict::Unproven(ours) => (Proof::Promised, Some(ours)),
            Verdict::Proven(ours) => (Proof::Given, Some(ours)),
        };
        envelope.proof = proof;
        if let Some(ours) = ours {
            envelope.options.push(COOKIE, &ours);
        }
    }
}

/// What every UDP transport takes (RFC 1035 §2.3.4).
const LEAST_UDP: usize = 512;
/// Responses on encrypted transports are padded to a multiple of so many octets (RFC 8467 §4.1).
const PAD_BLOCK: u16 = 468;
