//! Asking others: which server, when another as well, when no more. Octets and instants in, octets and
//! instants out; sockets are somebody else's.
//!
//! Equal questions share one flight. A flight asks the best server; when the answer takes longer than
//! nineteen of twenty of that server's answers do, a second server is asked too; when it does not come at
//! all, the next. Servers that fail three times in a row are left alone and probed beside the flights of
//! others. The first good answer ends the flight.

mod config;
mod id;
mod flight;
mod event;
mod server;
mod choice;
mod orphans;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

pub use config::ForwardConfig;
pub use event::{ForwardError, Landed, Outbound, Transmit};
pub use flight::{Asked, AskedOutcome};
pub use id::{AttemptId, Carrier, FlightId};

use crate::answer::Answer;
use crate::question::Question;
use crate::upstream::{Availability, Exchange, Reply, Spelling, Upstream};
use choice::choose;
use flight::{Attempt, Flight};
use orphans::Orphans;
use server::Server;

/// All flights and servers. Not `Sync` by purpose: one task owns it.
pub struct Forwarder {
    config: ForwardConfig,
    servers: Vec<Server>,
    random: Box<dyn FnMut() -> u64 + Send>,
    flights: HashMap<FlightId, Flight>,
    by_question: HashMap<Question, FlightId>,
    attempts: HashMap<AttemptId, FlightId>,
    timers: BinaryHeap<Reverse<(Duration, FlightId)>>,
    orphans: Orphans,
    transmits: VecDeque<Transmit>,
    landed: VecDeque<Landed>,
    next_id: u64,
    /// Hedges that may still be sent: a fifth of the queries, so that slow servers get no double load.
    hedges: f32,
}

impl std::fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarder")
            .field("servers", &self.servers)
            .field("flights", &self.flights.len())
            .finish_non_exhaustive()
    }
}

impl Forwarder {
    /// A forwarder to `upstreams`, preferred in no order but by how they do. `random` gives ids and
    /// spellings: it must not be guessable (RFC 5452).
    pub fn new(
        config: ForwardConfig,
        upstreams: Vec<Upstream>,
        random: impl FnMut() -> u64 + Send + 'static,
    ) -> Forwarder {
        let mut forwarder = Forwarder {
            config,
            servers: Vec::new(),
            random: Box::new(random),
            flights: HashMap::new(),
            by_question: HashMap::new(),
            attempts: HashMap::new(),
            timers: BinaryHeap::new(),
            orphans: Orphans::default(),
            transmits: VecDeque::new(),
            landed: VecDeque::new(),
            next_id: 0,
            hedges: MOST_HEDGES,
        };
        forwarder.set_upstreams(upstreams);
        forwarder
    }

    /// Flights on their way.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Asks, or joins whoever asks the same already.
    ///
    /// # Errors
    /// [`ForwardError::Overloaded`] and [`ForwardError::NoServers`], at once.
    pub fn start(&mut self, now: Duration, question: &Outbound) -> Result<FlightId, ForwardError> {
        let question = question.question();
        if let Some(&flight) = self.by_question.get(question) {
            return Ok(flight);
        }
        if self.servers.iter().all(|server| server.retired) {
            return Err(ForwardError::NoServers);
        }
        if self.flights.len() >= self.config.max_flights {
            return Err(ForwardError::Overloaded);
        }
        let id = FlightId(self.next());
        self.by_question.insert(question.clone(), id);
        self.flights.insert(id, Flight::new(question.clone(), now + self.config.deadline));
        self.hedges = (self.hedges + HEDGES_PER_FLIGHT).min(MOST_HEDGES);
        self.probe(now, id);
        self.advance(now, id);
        Ok(id)
    }

    /// The next query to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next flight that has ended.
    pub fn poll_landed(&mut self) -> Option<Landed> {
        self.landed.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, at the latest.
    pub fn next_timeout(&self) -> Option<Duration> {
        let flights = self.timers.peek().map(|Reverse((at, _))| *at);
        flights.into_iter().chain(self.orphans.next_timeout()).min()
    }

    /// What came in answer to an attempt, from the address it was sent to. Late ones are welcome.
    pub fn handle_response(&mut self, now: Duration, attempt: AttemptId, response: &[u8]) {
        let Some((id, flight)) = flight_of(&self.attempts, &mut self.flights, attempt) else {
            return self.orphans.answered(now, attempt, response, &mut self.servers);
        };
        let Some(this) = flight.attempt(attempt) else { return };
        let reply = this.exchange.read(response);
        if !matches!(reply, Reply::Foreign) {
            self.servers[this.server].learn_cookie(&this.exchange, response);
        }
        let (server, rtt) = (this.server, now.saturating_sub(this.sent_at));
        if let Reply::Foreign = reply {
            this.foreign += 1;
            // Somebody is guessing: where the guess would have to hit, datagrams are not trusted any more.
            if this.foreign == MOST_FOREIGN && this.carrier == Carrier::Udp && !this.over {
                this.end(now, AskedOutcome::Forged);
                self.send(now, id, server, Carrier::Stream);
            }
            return;
        }
        let health = &mut self.servers[server].health;
        match reply {
            Reply::Answer(answer) => {
                health.succeeded(rtt);
                this.end(now, AskedOutcome::Answered);
                self.land(id, Ok(answer));
            }
            Reply::Truncated => {
                health.succeeded(rtt);
                let over_udp = this.carrier == Carrier::Udp;
                this.end(now, AskedOutcome::Truncated);
                if over_udp {
                    self.send(now, id, server, Carrier::Stream);
                } else {
                    self.advance(now, id);
                }
            }
            Reply::NoEdns => {
                health.succeeded(rtt);
                self.servers[server].knows_edns = false;
                let carrier = this.carrier;
                this.end(now, AskedOutcome::NoEdns);
                self.send(now, id, server, carrier);
            }
            Reply::BadCookie => {
                health.succeeded(rtt);
                this.end(now, AskedOutcome::BadCookie);
                // Once more with the cookie it has just given; a server that is never content goes over TCP.
                let refused = |a: &&Attempt| a.outcome() == AskedOutcome::BadCookie;
                let again = flight.attempts.iter().filter(refused).count() > 1;
                let carrier = if again { Carrier::Stream } else { Carrier::Udp };
                self.send(now, id, server, carrier);
            }
            Reply::Failed(_) | Reply::Useless => {
                health.answered_uselessly(now, rtt);
                let outcome = match reply {
                    Reply::Failed(rcode) => AskedOutcome::Failed(rcode),
                    _ => AskedOutcome::Useless,
                };
                this.end(now, outcome);
                self.advance(now, id);
            }
            Reply::Foreign => {}
        }
    }

    /// An attempt could not be sent, or its connection broke.
    pub fn handle_failure(&mut self, now: Duration, attempt: AttemptId) {
        let Some((id, flight)) = flight_of(&self.attempts, &mut self.flights, attempt) else {
            return self.orphans.failed(now, attempt, &mut self.servers);
        };
        let Some(this) = flight.attempt(attempt).filter(|attempt| !attempt.over) else { return };
        this.end(now, AskedOutcome::Unreachable);
        let server = this.server;
        self.servers[server].health.failed(now);
        self.advance(now, id);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.orphans.time_out(now, &mut self.servers);
        while let Some(&Reverse((at, id))) = self.timers.peek() {
            if at > now {
                return;
            }
            self.timers.pop();
            self.overdue(now, id);
        }
    }

    fn overdue(&mut self, now: Duration, id: FlightId) {
        let Some(flight) = self.flights.get_mut(&id) else { return };
        flight.armed_for = None;
        for attempt in flight.attempts.iter_mut().filter(|a| !a.over && a.timeout_at <= now) {
            attempt.end(now, AskedOutcome::Timeout);
            self.servers[attempt.server].health.failed(now);
        }
        if now >= flight.deadline {
            return self.land(id, Err(ForwardError::Timeout));
        }
        if flight.hedge_at.is_some_and(|at| at <= now) {
            flight.hedge_at = None;
            let slow = flight.attempts.iter().any(|attempt| !attempt.over);
            if slow && self.hedges >= 1.0 && self.ask_next(now, id) {
                self.hedges -= 1.0;
            }
        }
        self.advance(now, id);
    }

    /// Keeps a flight going: when nobody is asked at the moment, the next server is.
    fn advance(&mut self, now: Duration, id: FlightId) {
        let Some(flight) = self.flights.get(&id) else { return };
        let waiting = flight.attempts.iter().any(|attempt| !attempt.over && !attempt.probe);
        if !waiting && !self.ask_next(now, id) {
            let tried_all = flight_waits(&self.flights, id);
            if !tried_all {
                return self.land(id, Err(ForwardError::Failed));
            }
        }
        self.arm(id);
    }

    /// Asks the best server that this flight has asked least; false when none may be asked.
    fn ask_next(&mut self, now: Duration, id: FlightId) -> bool {
        let Some(flight) = self.flights.get(&id) else { return false };
        if flight.attempts.len() >= self.config.max_attempts {
            return false;
        }
        let turn = self.config.rotate.then_some(self.next_id as usize);
        let Some(server) = choose(&self.servers, flight, now, turn) else { return false };
        let carrier = self.servers[server].first_carrier();
        self.send(now, id, server, carrier)
    }

    /// One of the servers that were given up may be back: asked beside the flight, never waited for.
    fn probe(&mut self, now: Duration, id: FlightId) {
        let state = |s: &Server| (!s.retired).then(|| s.health.availability(now));
        let is_due = |s: &Server| state(s) == Some(Availability::Probe);
        let all_down = self.servers.iter().all(|s| state(s) != Some(Availability::Up));
        if all_down {
            return;
        }
        let Some(server) = self.servers.iter().position(is_due) else { return };
        self.servers[server].health.probing(now);
        let carrier = self.servers[server].first_carrier();
        if self.send(now, id, server, carrier)
            && let Some(last) = self.flights.get_mut(&id).and_then(|f| f.attempts.last_mut())
        {
            last.probe = true;
        }
    }

    fn send(&mut self, now: Duration, id: FlightId, server: usize, carrier: Carrier) -> bool {
        let attempt = AttemptId(self.next());
        let (id_bits, mix) = ((self.random)() as u16, (self.random)());
        let Some(flight) = self.flights.get_mut(&id) else { return false };
        let server_state = &mut self.servers[server];
        if flight.attempts.len() >= self.config.max_attempts || !server_state.budget.take(now) {
            return false;
        }
        if server_state.health.availability(now) == Availability::Probe {
            server_state.health.probing(now);
        }
        server_state.health.asked(now);
        let udp = carrier == Carrier::Udp;
        let spelling =
            if udp && self.config.mix_case { Spelling::Mixed(mix) } else { Spelling::Plain };
        let offer = server_state.offer(&self.config, udp);
        let (exchange, message) = Exchange::new(&flight.question, id_bits, spelling, offer);
        // A stream may have to be opened first: two round trips more, four with TLS.
        let patience = if udp { 1 } else { 4 };
        let timeout_at = (now + server_state.health.timeout() * patience).min(flight.deadline);
        if flight.attempts.is_empty() {
            flight.hedge_at = Some(now + server_state.health.hedge_after() * patience);
        }
        flight.attempts.push(Attempt::new(attempt, server, carrier, exchange, now, timeout_at));
        self.attempts.insert(attempt, id);
        self.transmits.push_back(Transmit { attempt, server, carrier, message });
        self.arm(id);
        true
    }

    /// Sets the timer for whatever comes first in a flight.
    fn arm(&mut self, id: FlightId) {
        if let Some(flight) = self.flights.get_mut(&id) {
            let due = flight.due();
            if flight.armed_for.is_none_or(|armed| due < armed) {
                flight.armed_for = Some(due);
                self.timers.push(Reverse((due, id)));
            }
        }
    }

    fn land(&mut self, id: FlightId, result: Result<Answer, ForwardError>) {
        let Some(flight) = self.flights.remove(&id) else { return };
        self.by_question.remove(&flight.question);
        for attempt in &flight.attempts {
            self.attempts.remove(&attempt.id);
        }
        let servers = &self.servers;
        let asked = flight.attempts.iter().map(|a| a.asked(&servers[a.server].upstream)).collect();
        self.landed.push_back(Landed { flight: id, question: flight.question, result, asked });
        flight.attempts.into_iter().for_each(|attempt| self.orphans.take(attempt));
    }

    fn next(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

fn flight_of<'f>(
    attempts: &HashMap<AttemptId, FlightId>,
    flights: &'f mut HashMap<FlightId, Flight>,
    attempt: AttemptId,
) -> Option<(FlightId, &'f mut Flight)> {
    let id = *attempts.get(&attempt)?;
    Some((id, flights.get_mut(&id)?))
}

fn flight_waits(flights: &HashMap<FlightId, Flight>, id: FlightId) -> bool {
    flights.get(&id).is_some_and(|flight| flight.attempts.iter().any(|attempt| !attempt.over))
}

const MOST_HEDGES: f32 = 20.0;
const HEDGES_PER_FLIGHT: f32 = 0.2;
/// Wrong ids or questions from the right address before an attempt turns to TCP.
const MOST_FOREIGN: u32 = 3;
