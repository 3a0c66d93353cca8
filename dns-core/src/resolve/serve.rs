//! Wire in, wire out: what a loop over a socket calls.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Resolver, STALE_TTL, Shared, Unanswered};
use crate::answer::{Aging, Answer, Patch, write_error};
use crate::cache::{Entry, Hit};
use crate::forward::Outbound;
use crate::message::Rcode;
use crate::question::{Key, Query, View};
use crate::record_type::{Class, RecordType};

/// What carries the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A datagram: the asker's UDP size and ours bound the answer.
    Datagram,
    /// A stream: only 65,535 octets bound it.
    Stream,
}

/// What is to be done about a query.
#[derive(Debug)]
#[non_exhaustive]
pub enum Served {
    /// Send nothing: what came is no query.
    Nothing,
    /// Send so many octets.
    Answer {
        /// The length of the response at the front of `out`.
        len: usize,
        /// Whether the query should be given to [`Misses::refresh`](crate::Misses::refresh) as well: the
        /// answer is in use and about to expire.
        prefetch: bool,
    },
    /// Others have to be asked: give the query to [`Misses::handle_query`](crate::Misses::handle_query).
    Ask,
}

impl Resolver {
    /// Answers the query in a datagram from `client` with what is known here: writes the response into the
    /// front of `out` and returns its length in octets, 0 for "send nothing" (what came is no query, or
    /// `out` is too short even for a refusal; 512 octets always suffice for that). An answer that does not
    /// fit the asker's UDP size, ours or `out` is truncated with TC set.
    ///
    /// A cached answer is given without allocating.
    pub fn answer(&self, now: Duration, client: IpAddr, query: &[u8], out: &mut [u8]) -> usize {
        self.answer_alone(now, client, query, Transport::Datagram, out)
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
        self.answer_alone(now, client, query, Transport::Stream, out)
    }

    fn answer_alone(
        &self,
        now: Duration,
        client: IpAddr,
        query: &[u8],
        transport: Transport,
        out: &mut [u8],
    ) -> usize {
        let shared = &self.shared;
        shared.serve(now, client, query, transport, out, Shared::resolve_alone).len()
    }

    /// The same, for whoever can have others asked: says so when that is needed.
    pub fn serve(
        &self,
        now: Duration,
        client: IpAddr,
        query: &[u8],
        transport: Transport,
        out: &mut [u8],
    ) -> Served {
        self.shared.serve(now, client, query, transport, out, Shared::resolve)
    }
}

#[cfg(feature = "server")]
impl Resolver {
    /// For a caller in this process, who may ask whatever network it is in.
    pub(crate) fn serve_caller(&self, now: Duration, wire: &[u8], out: &mut [u8]) -> Served {
        let Ok(query) = Query::parse(wire) else { return Served::Nothing };
        self.shared.answer_query(now, &query, Transport::Stream, out, Shared::resolve)
    }
}

/// For [`Misses`](crate::Misses): answers that came later.
impl Resolver {
    /// The question as it may go to others; `None` for what is answered here only.
    pub(crate) fn outbound(&self, query: &Query<'_>) -> Option<Outbound> {
        self.shared.outbound(query)
    }

    /// The expired answer that may stand in.
    pub(crate) fn expired(
        &self,
        now: Duration,
        query: &Query<'_>,
        view: View,
    ) -> Option<Arc<Entry>> {
        match self.shared.cache.peek(now, &Key::new(query, view)) {
            Hit::Stale(entry) => Some(entry),
            Hit::Fresh(_) | Hit::Miss => None,
        }
    }

    /// Writes the answer of an entry as its state at `now` demands.
    pub(crate) fn write(
        &self,
        now: Duration,
        entry: &Entry,
        query: &Query<'_>,
        transport: Transport,
        out: &mut [u8],
    ) -> usize {
        let mut patch = self.shared.patch(query, transport);
        patch.aging = entry.aging(now, STALE_TTL);
        entry.answer().write(query, &patch, out)
    }

    /// Writes an answer that is not kept.
    pub(crate) fn write_once(
        &self,
        answer: &Answer,
        query: &Query<'_>,
        transport: Transport,
        out: &mut [u8],
    ) -> usize {
        answer.write(query, &self.shared.patch(query, transport), out)
    }

    /// Writes a response without an answer.
    pub(crate) fn write_failure(
        &self,
        rcode: Rcode,
        query: &Query<'_>,
        transport: Transport,
        out: &mut [u8],
    ) -> usize {
        write_error(query, rcode, 0, &self.shared.patch(query, transport), out)
    }
}

impl Served {
    fn len(&self) -> usize {
        match self {
            Served::Answer { len, .. } => *len,
            Served::Nothing | Served::Ask => 0,
        }
    }
}

/// [`Shared::resolve`] or [`Shared::resolve_alone`].
pub(super) type Resolve =
    fn(&Shared, Duration, &Query<'_>, View) -> Result<super::Resolved, Unanswered>;

impl Shared {
    fn serve(
        &self,
        now: Duration,
        client: IpAddr,
        wire: &[u8],
        transport: Transport,
        out: &mut [u8],
        resolve: Resolve,
    ) -> Served {
        match Query::parse(wire) {
            Ok(query) => self.serve_query(now, client, &query, transport, out, resolve),
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
        resolve: Resolve,
    ) -> Served {
        if self.policy.allows(client) {
            return self.answer_query(now, query, transport, out, resolve);
        }
        let patch = self.patch(query, transport);
        self.refused.fetch_add(1, Ordering::Relaxed);
        Served::Answer { len: write_error(query, Rcode::REFUSED, 0, &patch, out), prefetch: false }
    }

    fn answer_query(
        &self,
        now: Duration,
        query: &Query<'_>,
        transport: Transport,
        out: &mut [u8],
        resolve: Resolve,
    ) -> Served {
        let mut patch = self.patch(query, transport);
        let rcode = match screen_question(query) {
            Some(rcode) => rcode,
            None => match resolve(self, now, query, View::default()) {
                Ok(resolved) => {
                    patch.aging = resolved.entry.aging(now, STALE_TTL);
                    let len = resolved.entry.answer().write(query, &patch, out);
                    return Served::Answer { len, prefetch: resolved.prefetch };
                }
                Err(Unanswered::Unknown) => Rcode::REFUSED,
                Err(Unanswered::TooLarge) => Rcode::SERVFAIL,
                Err(Unanswered::Ask(_)) => return Served::Ask,
            },
        };
        if rcode == Rcode::REFUSED {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        Served::Answer { len: write_error(query, rcode, 0, &patch, out), prefetch: false }
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
        let recursion_available = self.forwards;
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
