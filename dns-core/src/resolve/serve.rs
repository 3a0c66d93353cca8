//! Wire in, wire out: what a loop over a socket calls.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Resolver, STALE_TTL, Shared, Unanswered};
use crate::answer::{Aging, Patch, write_error};
use crate::message::Rcode;
use crate::question::{Query, View};
use crate::record_type::{Class, RecordType};

/// What carries the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Datagram,
    Stream,
}

impl Resolver {
    /// Answers the query in a datagram from `client`: writes the response into the front of `out` and
    /// returns its length in octets, 0 for "send nothing" (what came is no query, or `out` is too short
    /// even for a refusal; 512 octets always suffice for that). An answer that does not fit the asker's
    /// UDP size, ours or `out` is truncated with TC set.
    ///
    /// A cached answer is given without allocating.
    pub fn answer(&self, now: Duration, client: IpAddr, query: &[u8], out: &mut [u8]) -> usize {
        self.shared.serve(now, client, query, Transport::Datagram, out)
    }

    /// The same for a message from a stream (TCP, without its length prefix): only 65,535 octets and `out`
    /// bound the answer.
    pub fn answer_stream(
        &self,
        now: Duration,
        client: IpAddr,
        query: &[u8],
        out: &mut [u8],
    ) -> usize {
        self.shared.serve(now, client, query, Transport::Stream, out)
    }
}

impl Shared {
    fn serve(
        &self,
        now: Duration,
        client: IpAddr,
        wire: &[u8],
        transport: Transport,
        out: &mut [u8],
    ) -> usize {
        match Query::parse(wire) {
            Ok(query) => self.serve_query(now, client, &query, transport, out),
            Err(unusual) => {
                self.slow.fetch_add(1, Ordering::Relaxed);
                self.serve_unusual(now, client, wire, unusual, transport, out)
            }
        }
    }

    pub(super) fn serve_query(
        &self,
        now: Duration,
        client: IpAddr,
        query: &Query<'_>,
        transport: Transport,
        out: &mut [u8],
    ) -> usize {
        let mut patch = self.patch(query, transport);
        let rcode = match self.screen(client, query) {
            Some(rcode) => rcode,
            None => match self.resolve(now, query, View::default()) {
                Ok(resolved) => {
                    patch.aging = resolved.entry.aging(now, STALE_TTL);
                    return resolved.entry.answer().write(query, &patch, out);
                }
                Err(Unanswered::Unknown) => Rcode::REFUSED,
                Err(Unanswered::TooLarge) => Rcode::SERVFAIL,
            },
        };
        if rcode == Rcode::REFUSED {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        write_error(query, rcode, 0, &patch, out)
    }

    /// What needs no look at any data.
    pub(super) fn screen(&self, client: IpAddr, query: &Query<'_>) -> Option<Rcode> {
        if !self.policy.allows(client) {
            return Some(Rcode::REFUSED);
        }
        screen_question(query)
    }

    pub(super) fn patch(&self, query: &Query<'_>, transport: Transport) -> Patch {
        let max_size = match (transport, query.edns) {
            (Transport::Stream, _) => usize::from(u16::MAX),
            (Transport::Datagram, None) => LEAST_UDP,
            // RFC 6891 §6.2.5: less than 512 counts as 512.
            (Transport::Datagram, Some(edns)) => {
                usize::from(edns.udp_size.min(self.udp_payload)).max(LEAST_UDP)
            }
        };
        // Nobody else is asked yet, so recursion is not on offer.
        let recursion_available = false;
        Patch { aging: Aging::Fixed, recursion_available, max_size, udp_payload: self.udp_payload }
    }
}

/// Questions answered by their kind alone.
pub(super) fn screen_question(query: &Query<'_>) -> Option<Rcode> {
    match query.rtype {
        _ if query.class != Class::IN => Some(Rcode::REFUSED),
        RecordType::ANY => None,
        RecordType::AXFR | RecordType::IXFR => Some(Rcode::REFUSED),
        rtype if rtype.is_meta() => Some(Rcode::NOTIMP),
        _ => None,
    }
}

/// What every UDP transport takes (RFC 1035 §2.3.4).
const LEAST_UDP: usize = 512;
