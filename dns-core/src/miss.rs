//! Queries whose answer is not here: who waits for what, and what they get in the end.
//!
//! Gives every query it takes exactly one response: the answer; an expired one when the servers are slow
//! or fail (RFC 8767); else SERVFAIL.

mod config;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

pub use config::{Ended, MissConfig, MissStats};

use crate::answer::Answer;
use crate::cache::Entry;
use crate::edns::ExtendedError;
use crate::forward::{
    Asked, AskedOutcome, AttemptId, FlightId, ForwardError, Forwarder, Landed, Outbound, Transmit,
};
use crate::question::{Query, Question, View};
use crate::resolve::{FAILURE_RECHECK, Resolver, Served, Settled, Transport};
use crate::stale::{Expired, StalePolicy, Trouble};
use crate::upstream::Upstream;

/// Everybody who waits. `T` is the caller's: how to reach the client.
#[derive(Debug)]
pub struct Misses<T> {
    resolver: Resolver,
    forwarder: Forwarder,
    config: MissConfig,
    waiting: HashMap<FlightId, Vec<Waiter<T>>>,
    waiters: usize,
    /// When somebody who could have an expired answer has waited long enough.
    impatient: BinaryHeap<Reverse<(Duration, FlightId)>>,
    /// Questions that failed, and until when they are not asked again.
    failures: HashMap<Question, Duration>,
    replies: VecDeque<(T, Vec<u8>, Vec<Asked>)>,
    /// Where responses are written before their length is known.
    scratch: Box<[u8]>,
    ended: VecDeque<Ended>,
    stats: MissStats,
}

#[derive(Debug)]
struct Waiter<T> {
    /// How to reach it, where it is and what carries the answer; `None`: nobody waits.
    client: Option<(T, (IpAddr, Transport))>,
    query: Box<[u8]>,
    view: View,
    /// What others answered so far, where aliases lead from name to name.
    landed: Vec<(Question, Answer)>,
    stale: Option<Entry>,
    stale_at: Duration,
    /// Who was asked for it, when somebody wants to know.
    asked: Option<Vec<Asked>>,
}

impl<T> Misses<T> {
    /// Nobody waits yet.
    pub fn new(resolver: Resolver, forwarder: Forwarder, config: MissConfig) -> Misses<T> {
        Misses {
            resolver,
            forwarder,
            config,
            waiting: HashMap::new(),
            waiters: 0,
            impatient: BinaryHeap::new(),
            failures: HashMap::new(),
            replies: VecDeque::new(),
            scratch: vec![0; LARGEST].into(),
            ended: VecDeque::new(),
            stats: MissStats::default(),
        }
    }

    /// Takes a query that [`Resolver::serve`] said [`Served::Ask`] to.
    pub fn handle_query(
        &mut self,
        now: Duration,
        to: T,
        client: IpAddr,
        query: &[u8],
        transport: Transport,
    ) {
        self.take(now, (to, client, transport), query, None);
    }

    /// The same for somebody who wants to know who was asked: [`poll_explained`](Self::poll_explained) says so.
    pub fn explain(&mut self, now: Duration, to: T, client: IpAddr, query: &[u8]) {
        self.take(now, (to, client, Transport::Stream), query, Some(Vec::new()));
    }

    fn take(
        &mut self,
        now: Duration,
        (to, client, transport): (T, IpAddr, Transport),
        query: &[u8],
        asked: Option<Vec<Asked>>,
    ) {
        self.stats.queries += 1;
        // Somebody else's flight may have brought the answer meanwhile.
        match self.resolver.serve_again(now, (client, transport), query, &mut self.scratch) {
            Served::Nothing => {}
            Served::Answer { len, .. } => {
                self.stats.answered += 1;
                self.reply(to, len, None);
            }
            Served::Ask => {
                let view = self.resolver.view_of(client);
                self.wait(now, view, Some((to, (client, transport))), query, asked);
            }
        }
    }

    /// Has an answer refreshed that is in use by `client` and about to expire; nobody waits for it.
    pub fn refresh(&mut self, now: Duration, client: IpAddr, query: &[u8]) {
        self.stats.prefetches += 1;
        let view = self.resolver.view_of(client);
        self.wait(now, view, None, query, None);
    }

    fn wait(
        &mut self,
        now: Duration,
        view: View,
        client: Option<(T, (IpAddr, Transport))>,
        wire: &[u8],
        asked: Option<Vec<Asked>>,
    ) {
        let Ok(query) = Query::parse(wire) else { return };
        let stale = self.resolver.expired(now, &query, view);
        let stale_at = now + self.config.client_timer;
        let outbound = self.resolver.outbound(now, &query, view);
        let waiter =
            Waiter { client, query: wire.into(), view, landed: Vec::new(), stale, stale_at, asked };
        self.board(now, waiter, outbound.as_ref());
    }

    /// Has a waiter wait for the flight that brings `outbound`.
    fn board(&mut self, now: Duration, waiter: Waiter<T>, outbound: Option<&Outbound>) {
        let flight = outbound.map_or(Err(ForwardError::NoServers), |to| self.fly(now, to));
        match flight {
            Ok(flight) => {
                if waiter.stale.is_some() {
                    self.impatient.push(Reverse((waiter.stale_at, flight)));
                }
                self.waiters += 1;
                self.waiting.entry(flight).or_default().push(waiter);
            }
            Err(ForwardError::Overloaded) => {
                self.give_up(now, waiter, ExtendedError::NOT_READY, Trouble::NotAsked);
            }
            // A failure that is remembered.
            Err(ForwardError::Failed) => {
                self.give_up(now, waiter, ExtendedError::CACHED_ERROR, Trouble::Remembered);
            }
            Err(_) => {
                let why = ExtendedError::NO_REACHABLE_AUTHORITY;
                self.give_up(now, waiter, why, Trouble::NotAsked);
            }
        }
    }

    fn fly(&mut self, now: Duration, outbound: &Outbound) -> Result<FlightId, ForwardError> {
        if self.waiters >= self.config.max_waiting {
            return Err(ForwardError::Overloaded);
        }
        if self.failures.get(outbound.question()).is_some_and(|&until| now < until) {
            return Err(ForwardError::Failed);
        }
        self.forwarder.start(now, outbound)
    }

    /// The next query to send to a server.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.forwarder.poll_transmit()
    }

    /// The next response to send to a client.
    pub fn poll_reply(&mut self) -> Option<(T, Vec<u8>)> {
        self.poll_explained().map(|(to, response, _)| (to, response))
    }

    /// The same, and every server that was asked for it, in order, when [`explain`](Self::explain) took the query.
    pub fn poll_explained(&mut self) -> Option<(T, Vec<u8>, Vec<Asked>)> {
        self.replies.pop_front()
    }

    /// The next flight that ended. Only the last few are kept.
    pub fn poll_ended(&mut self) -> Option<Ended> {
        self.ended.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, at the latest.
    pub fn next_timeout(&self) -> Option<Duration> {
        let impatient = self.impatient.peek().map(|Reverse((at, _))| *at);
        self.forwarder.next_timeout().into_iter().chain(impatient).min()
    }

    /// What came in answer to an attempt, from the address it was sent to.
    pub fn handle_response(&mut self, now: Duration, attempt: AttemptId, response: &[u8]) {
        self.forwarder.handle_response(now, attempt, response);
        self.collect(now);
    }

    /// An attempt could not be sent, or its connection broke.
    pub fn handle_failure(&mut self, now: Duration, attempt: AttemptId) {
        self.forwarder.handle_failure(now, attempt);
        self.collect(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.forwarder.handle_timeout(now);
        self.collect(now);
        while let Some(&Reverse((at, flight))) = self.impatient.peek() {
            if at > now {
                return;
            }
            self.impatient.pop();
            self.lose_patience(now, flight);
        }
    }

    /// Who waits for this flight and could have an expired answer gets it; the flight goes on.
    fn lose_patience(&mut self, now: Duration, flight: FlightId) {
        let Some(waiting) = self.waiting.get_mut(&flight) else { return };
        let policy = &*self.config.stale;
        let is_due = |w: &mut Waiter<T>| {
            w.stale_at <= now && stale_of(policy, now, w, Trouble::Slow).is_some()
        };
        let due: Vec<_> = waiting.extract_if(.., is_due).collect();
        self.waiters -= due.len();
        for waiter in due {
            let why = ExtendedError::NO_REACHABLE_AUTHORITY;
            self.give_up(now, waiter, why, Trouble::Slow);
        }
    }

    fn collect(&mut self, now: Duration) {
        while let Some(landed) = self.forwarder.poll_landed() {
            let waiting = self.waiting.remove(&landed.flight).unwrap_or_default();
            self.waiters -= waiting.len();
            self.settle(now, &landed, waiting);
            let Landed { question, result, asked, .. } = landed;
            if self.ended.len() < MOST_ENDED {
                self.ended.push_back(Ended { question, error: result.err(), asked });
            }
        }
    }

    fn settle(&mut self, now: Duration, landed: &Landed, waiting: Vec<Waiter<T>>) {
        let Ok(answer) = &landed.result else {
            self.stats.flights_failed += 1;
            self.remember_failure(now, &landed.question);
            let (why, trouble) = (reason(&landed.asked), Trouble::of(&landed.asked));
            return waiting.into_iter().for_each(|mut waiter| {
                waiter.note(&landed.asked);
                self.give_up(now, waiter, why, trouble);
            });
        };
        self.stats.flights_answered += 1;
        // One flight answers askers in all views and askers of aliases that lead there; each view and each
        // name has an entry of its own.
        let mut made: HashMap<(View, Vec<u8>, usize), Settled> = HashMap::new();
        for mut waiter in waiting {
            waiter.note(&landed.asked);
            let Ok(query) = Query::parse(&waiter.query) else { continue };
            waiter.landed.push((landed.question.clone(), answer.clone()));
            let key = (waiter.view, query.name.to_ascii_lowercase(), waiter.landed.len());
            let settled = made
                .entry(key)
                .or_insert_with(|| self.resolver.settle(now, waiter.view, &query, &waiter.landed));
            let outbound = match settled {
                Settled::Ask(outbound) => outbound.clone(),
                given => {
                    let Some((to, via)) = waiter.client else { continue };
                    let out = &mut self.scratch;
                    let len = match given {
                        Settled::Entry(entry) => self.resolver.write(now, entry, &query, via, out),
                        // It may not be kept, but it may be given once.
                        Settled::Once(answer) => {
                            self.resolver.write_once(now, answer, &query, via, out)
                        }
                        Settled::Ask(_) | Settled::Nothing => 0,
                    };
                    self.stats.answered += 1;
                    self.reply(to, len, waiter.asked);
                    continue;
                }
            };
            let outbound = (waiter.landed.len() < MOST_HOPS).then_some(outbound);
            self.board(now, waiter, outbound.as_ref());
        }
    }

    /// An expired answer if there is one that may be given, else SERVFAIL.
    fn give_up(&mut self, now: Duration, waiter: Waiter<T>, why: ExtendedError, trouble: Trouble) {
        let Ok(query) = Query::parse(&waiter.query) else { return };
        let stale = stale_of(&*self.config.stale, now, &waiter, trouble);
        if let Some(entry) = &stale {
            entry.refresh_failed(now, FAILURE_RECHECK);
        }
        let Some((to, via)) = waiter.client else { return };
        let out = &mut self.scratch;
        let len = if let Some(entry) = &stale {
            self.stats.stale += 1;
            self.resolver.write(now, entry, &query, via, out)
        } else {
            self.stats.failed += 1;
            self.resolver.write_failure(now, why, &query, via, out)
        };
        self.reply(to, len, waiter.asked);
    }

    /// The front of the scratch space is the response to `to`.
    fn reply(&mut self, to: T, len: usize, asked: Option<Vec<Asked>>) {
        let response = self.scratch[..len].to_vec();
        self.replies.push_back((to, response, asked.unwrap_or_default()));
    }

    fn remember_failure(&mut self, now: Duration, question: &Question) {
        if self.failures.len() >= MOST_FAILURES {
            self.failures.retain(|_, until| *until > now);
        }
        if self.failures.len() < MOST_FAILURES {
            self.failures.insert(question.clone(), now + self.config.failure_ttl);
        }
    }

    /// Asks these servers from now on.
    pub fn set_upstreams(&mut self, upstreams: impl IntoIterator<Item = Upstream>) {
        self.forwarder.set_upstreams(upstreams);
        self.failures.clear();
    }

    /// Asks within these bounds from now on; what is on its way keeps those it began with.
    pub fn set_bounds(&mut self, deadline: Duration, max_attempts: usize, rotate: bool) {
        self.forwarder.set_bounds(deadline, max_attempts, rotate);
    }

    /// Counts since the start.
    pub fn stats(&self) -> MissStats {
        self.stats
    }

    /// Who is asked, and how they do.
    pub fn forwarder(&self) -> &Forwarder {
        &self.forwarder
    }

    /// Clients waiting.
    pub fn waiting(&self) -> usize {
        self.waiters
    }
}

impl<T> Waiter<T> {
    fn note(&mut self, by: &[Asked]) {
        if let Some(asked) = &mut self.asked {
            asked.extend_from_slice(by);
        }
    }
}

/// The expired answer that a waiter may be given.
fn stale_of<T>(
    policy: &dyn StalePolicy,
    now: Duration,
    waiter: &Waiter<T>,
    trouble: Trouble,
) -> Option<Entry> {
    let entry = waiter.stale.as_ref()?;
    let question = Question::of(&Query::parse(&waiter.query).ok()?)?;
    let expired_for = now.saturating_sub(entry.expires()?);
    let expired = Expired { question: &question, kind: entry.kind(), expired_for, trouble };
    policy.gives(&expired).then(|| entry.clone())
}

/// What to say of a flight without an answer (RFC 8914 §4.23, §4.24).
fn reason(asked: &[Asked]) -> ExtendedError {
    let unreachable = |asked: &Asked| asked.outcome == AskedOutcome::Unreachable;
    if !asked.is_empty() && asked.iter().all(unreachable) {
        ExtendedError::NETWORK_ERROR
    } else {
        ExtendedError::NO_REACHABLE_AUTHORITY
    }
}

/// Names asked for one after the other to answer one query whose aliases lead out and in and out again.
const MOST_HOPS: usize = 8;
/// The largest message (RFC 1035 §4.2.2).
const LARGEST: usize = 65_535;
const MOST_FAILURES: usize = 10_000;
const MOST_ENDED: usize = 1_000;
