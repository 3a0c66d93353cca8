//! Wire in, wire out: what a loop over a socket calls.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::envelope::{Envelope, Proof};
use super::{Resolved, Resolver, STALE_TTL, Shared, Unanswered};
use crate::answer::{Kind, write_error, write_truncated};
use crate::cache::Entry;
use crate::edns::ExtendedError;
use crate::limit::Grant;
use crate::message::Rcode;
use crate::name::{MAX_NAME, fold_into};
use crate::question::{Key, Query, View};
use crate::record_type::{Class, RecordType};

/// What carries the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A datagram: the asker's UDP size and ours bound the answer.
    Datagram,
    /// A stream: only 65,535 octets bound it.
    Stream,
    /// A stream that nobody on the path can read (RFC 7858, 8484): padded for those who want it (RFC 7830).
    Encrypted,
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
        let (view, transport) = (View::default(), Transport::Stream);
        let mut envelope = self.shared.envelope(now, None, &query, transport);
        let asker = Asker { client: None, view, transport };
        self.shared.answer_query(now, &query, asker, &mut envelope, out, Shared::resolve)
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

/// [`Shared::resolve`], [`Shared::resolve_alone`] or [`Shared::resolve_zones`].
pub(super) type Resolve = fn(&Shared, Duration, &Query<'_>, View) -> Result<Resolved, Unanswered>;

/// Who asks, and how.
#[derive(Clone, Copy)]
pub(super) struct Asker {
    /// `None`: a caller in this process.
    pub(super) client: Option<IpAddr>,
    pub(super) view: View,
    pub(super) transport: Transport,
}

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

    #[inline]
    pub(super) fn serve_query(
        &self,
        now: Duration,
        client: IpAddr,
        query: &Query<'_>,
        transport: Transport,
        out: &mut [u8],
        mut resolve: Resolve,
    ) -> Served {
        let mut envelope = self.envelope(now, Some(client), query, transport);
        let refusal = if !self.limits.allows_query(now, client) {
            if transport == Transport::Datagram {
                // No answer is the only brake that also slows whoever floods.
                return Served::Nothing;
            }
            Some(Rcode::REFUSED)
        } else if envelope.proof == Proof::Malformed {
            Some(Rcode::FORMERR)
        } else if self.policy.allows(client) {
            let asker = Asker { client: Some(client), view: self.view_of(client), transport };
            if let Some((len, prefetch)) = self.serve_fresh(now, query, asker, &mut envelope, out) {
                return Served::Answer { len, prefetch };
            }
            None
        } else if self.policy.is_public(client) {
            resolve = Shared::resolve_zones;
            envelope.recursion_available = false;
            None
        } else {
            Some(Rcode::REFUSED)
        };
        let asker = Asker { client: Some(client), view: self.view_of(client), transport };
        match refusal {
            None => self.answer_query(now, query, asker, &mut envelope, out, resolve),
            Some(rcode) => {
                if rcode == Rcode::REFUSED {
                    envelope.note(ExtendedError::PROHIBITED);
                }
                self.refuse(now, query, rcode, asker, &envelope, out)
            }
        }
    }

    /// Nearly every query there is: its answer lies in the cache, and is written from there without being taken
    /// out. `None` for all others, of which nothing is counted yet.
    #[inline]
    fn serve_fresh(
        &self,
        now: Duration,
        query: &Query<'_>,
        asker: Asker,
        envelope: &mut Envelope,
        out: &mut [u8],
    ) -> Option<(usize, bool)> {
        if screen_question(query).is_some() {
            return None;
        }
        self.cache.fresh(now, &Key::new(query, asker.view), |entry| {
            let prefetch = self.forwards && entry.claims_prefetch(now);
            (self.give(now, query, asker, envelope, entry, out), prefetch)
        })
    }

    /// Writes the answer of an entry, or less when the asker has been told it too often; its length.
    #[inline]
    fn give(
        &self,
        now: Duration,
        query: &Query<'_>,
        asker: Asker,
        envelope: &mut Envelope,
        entry: &Entry,
        out: &mut [u8],
    ) -> usize {
        let answer = entry.answer();
        let aging = entry.aging(now, STALE_TTL);
        envelope.note_answer(&answer, aging);
        if let Some(less) = self.limited(now, query, answer.kind(), asker, envelope, out) {
            return less;
        }
        let mut patch = envelope.patch();
        patch.aging = aging;
        patch.turn = if self.in_order { 0 } else { entry.hits() };
        answer.write(query, &patch, out)
    }

    pub(super) fn answer_query(
        &self,
        now: Duration,
        query: &Query<'_>,
        asker: Asker,
        envelope: &mut Envelope,
        out: &mut [u8],
        resolve: Resolve,
    ) -> Served {
        let rcode = match screen_question(query) {
            Some(rcode) => rcode,
            None => match resolve(self, now, query, asker.view) {
                Ok(Resolved { entry, prefetch, .. }) => {
                    let len = self.give(now, query, asker, envelope, &entry, out);
                    return Served::Answer { len, prefetch };
                }
                Err(Unanswered::Unknown) => {
                    let private = self.is_private(query);
                    envelope.note(if private {
                        ExtendedError::BLOCKED
                    } else {
                        ExtendedError::NOT_AUTHORITATIVE
                    });
                    Rcode::REFUSED
                }
                Err(Unanswered::TooLarge) => Rcode::SERVFAIL,
                Err(Unanswered::Ask(..)) => return Served::Ask,
            },
        };
        self.refuse(now, query, rcode, asker, envelope, out)
    }

    fn refuse(
        &self,
        now: Duration,
        query: &Query<'_>,
        rcode: Rcode,
        asker: Asker,
        envelope: &Envelope,
        out: &mut [u8],
    ) -> Served {
        if rcode == Rcode::REFUSED {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        let less = self.limited(now, query, Kind::Failure, asker, envelope, out);
        let len = less.unwrap_or_else(|| write_error(query, rcode, 0, &envelope.patch(), out));
        Served::Answer { len, prefetch: false }
    }

    /// The length of what goes out instead, when this client's network has been told the same too often; only datagrams
    /// can come from somebody else than they say.
    fn limited(
        &self,
        now: Duration,
        query: &Query<'_>,
        kind: Kind,
        asker: Asker,
        envelope: &Envelope,
        out: &mut [u8],
    ) -> Option<usize> {
        let client = asker.client.filter(|_| {
            self.limits.limits_responses()
                && asker.transport == Transport::Datagram
                && envelope.proof != Proof::Given
        })?;
        // Denials and errors of all names count as equal: a flood of made-up names has ever other ones.
        let positive = matches!(kind, Kind::Positive | Kind::Referral);
        let name = positive.then_some(Folded(query.name));
        let grant = self.limits.grant(now, client, (kind, name, query.rtype.0));
        let patch = envelope.patch();
        match (grant, envelope.proof) {
            (Grant::Whole, _) => None,
            (Grant::Nothing, _) => Some(0),
            (Grant::Slip, Proof::Promised) => {
                Some(write_error(query, BADCOOKIE.1, BADCOOKIE.0, &patch, out))
            }
            (Grant::Slip, _) => Some(write_truncated(query, &patch, out)),
        }
    }
}

/// A name in wire form, hashed whatever its case.
struct Folded<'a>(&'a [u8]);

impl std::hash::Hash for Folded<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let mut folded = [0; MAX_NAME];
        let len = self.0.len().min(MAX_NAME);
        fold_into(self.0, &mut folded);
        state.write(&folded[..len]);
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

/// Response code 23 (RFC 7873 §8) as OPT and header have it.
const BADCOOKIE: (u8, Rcode) = (1, Rcode(7));
