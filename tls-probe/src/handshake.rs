//! One handshake from its first packet to its report: the dialogue, with the clock beside it.
//!
//! Two feeders use it. A server's own stream gives [`Handshake::bytes`]: side, instant, bytes. The
//! view of TCP packets gives [`hear`](Handshake::hear) for what a packet brought in order, then
//! [`packet`](Handshake::packet) for the packet itself.

use std::{net::SocketAddr, time::Duration};

use crate::{
    config::Config,
    dialogue::Dialogue,
    gap::Vantage,
    names::Side,
    outcome::Outcome,
    report::{Phases, Report},
    segment::Chunk,
    sentence,
    tally::Tally,
    timeline::{Event, Timeline, What},
    verdict::Ledger,
};

/// A handshake under way.
#[derive(Debug, Clone)]
pub struct Handshake {
    dialogue: Dialogue,
    ledger: Ledger,
    timeline: Timeline,
    notable: Duration,
    heard: [Option<What>; 2],
    /// Offsets of the streams fed through `bytes`.
    offsets: [u64; 2],
    missing_bytes: u64,
    tallies: [Tally; 2],
    marks: Marks,
    /// A part of a ClientHello has come.
    hello_began: bool,
    /// It came after a dialogue in clear, and the clock was started anew.
    restarted: bool,
    outcome: Option<Outcome>,
    /// Who closed or reset the connection.
    closed_by: Option<Side>,
}

/// The instants between the phases, in Unix nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    start: Option<u64>,
    tcp: Option<u64>,
    client_hello: Option<u64>,
    server_flight: Option<u64>,
    client_flight: Option<u64>,
}

impl Handshake {
    /// A handshake of which nothing is known.
    pub fn new(config: &Config) -> Self {
        Self {
            dialogue: Dialogue::default(),
            ledger: Ledger::new(config.vantage),
            timeline: Timeline::default(),
            notable: config.notable,
            heard: [None; 2],
            offsets: [0; 2],
            missing_bytes: 0,
            tallies: [Tally::default(); 2],
            marks: Marks::default(),
            hello_began: false,
            restarted: false,
            outcome: None,
            closed_by: None,
        }
    }

    /// A server begins to listen on a connection it accepted: the clock starts.
    pub fn accepted(&mut self, at_ns: u64) {
        self.marks.start = Some(at_ns);
        self.ledger.packet(&Event::bare(at_ns, Side::Client, What::Ack));
    }

    /// The next bytes of one side's stream, read or written at once from these slices.
    pub fn bytes<'b>(
        &mut self,
        at_ns: u64,
        side: Side,
        slices: impl IntoIterator<Item = &'b [u8]>,
    ) {
        if self.outcome.is_some() {
            return;
        }
        self.meet(Side::Client);
        self.meet(Side::Server);
        let mut length = 0;
        for slice in slices.into_iter().filter(|slice| !slice.is_empty()) {
            length += slice.len();
            self.hear(side, Chunk::Bytes(slice));
        }
        if length > 0 {
            let end = &mut self.offsets[side as usize];
            *end += length as u64;
            let bytes = u32::try_from(length).unwrap_or(u32::MAX);
            let bare = Event::bare(at_ns, side, What::Other);
            let event = Event { bytes, end: *end, ..bare };
            self.packet(event);
        }
    }

    /// What the packet now at hand brought in order; the packet itself follows.
    pub fn hear(&mut self, side: Side, chunk: Chunk<'_>) {
        if self.outcome.is_some() {
            return;
        }
        if let Chunk::Hole(count) = chunk {
            self.missing_bytes = self.missing_bytes.saturating_add(count);
        }
        let what = self.dialogue.hear(side, chunk);
        self.heard[side as usize].get_or_insert(what);
    }

    /// A packet of the handshake: one with payload, or of the TCP handshake. With payload, its
    /// `what` is what was [heard](Self::hear).
    pub fn packet(&mut self, mut event: Event) {
        if self.outcome.is_some() {
            return;
        }
        if event.bytes > 0 {
            event.what = self.heard[event.side as usize].unwrap_or(match event.side {
                Side::Client => What::ClientFlight,
                Side::Server => What::ServerFlight,
            });
        }
        self.heard = [None; 2];
        if event.what == What::ClientHello && !self.hello_began {
            self.hello_began = true;
            let in_clear = self.dialogue.plaintext(Side::Client) > 0;
            if in_clear && self.marks.start.is_some_and(|start| start < event.at_ns) {
                self.restart();
            }
        }
        if event.resent {
            self.tallies[event.side as usize].retransmission();
        }
        self.ledger.packet(&event);
        self.timeline.push(event);
        self.mark(&event);
        self.outcome = self.reached();
    }

    /// STARTTLS: the handshake begins with the hello now at hand.
    fn restart(&mut self) {
        self.restarted = true;
        self.ledger.restart();
        self.marks = Marks::default();
        self.missing_bytes = 0;
        self.tallies = [Tally::default(); 2];
        if self.timeline.omitted() > 0 {
            self.timeline = Timeline::default();
        }
    }

    fn reached(&self) -> Option<Outcome> {
        match self.dialogue.alert() {
            _ if self.dialogue.complete() => Some(Outcome::Established),
            Some(_) => Some(Outcome::Alert),
            None => None,
        }
    }

    /// Packets of this side are among those that come.
    pub fn meet(&mut self, side: Side) {
        self.dialogue.meet(side);
    }

    /// A segment without payload that is no packet of the handshake: a bare ACK.
    pub fn bare_ack(&mut self, at_ns: u64, side: Side) {
        if self.outcome.is_none() {
            self.timeline.push(Event::bare(at_ns, side, What::Ack));
        }
    }

    /// `by` acknowledged everything before offset `upto` of the other side's stream.
    pub fn acknowledged(&mut self, at_ns: u64, by: Side, upto: u64) {
        self.ledger.acknowledged(at_ns, by, upto);
        self.timeline.acknowledged(at_ns, by, upto);
    }

    /// `side` closed its receive window.
    pub fn closed_window(&mut self, side: Side) {
        if self.outcome.is_none() {
            self.tallies[side as usize].zero_window();
        }
    }

    /// A segment of `side` was captured twice.
    pub fn duplicate(&mut self, side: Side) {
        if self.outcome.is_none() {
            self.tallies[side as usize].duplicate();
        }
    }

    /// The TCP handshake has shown which end the packets were captured beside: what it was until here
    /// is reckoned again.
    pub fn stands_beside(&mut self, vantage: Vantage, rtt: Option<Duration>) {
        self.ledger = Ledger::new(vantage);
        if let Some(rtt) = rtt {
            self.ledger.set_rtt(rtt);
        }
        for event in self.timeline.events() {
            self.ledger.packet(event);
        }
    }

    /// Bytes on the heap: of what was said, and of the timeline.
    pub fn held_bytes(&self) -> usize {
        self.dialogue.held_bytes() + self.timeline.held_bytes()
    }

    /// The initial round trip is known.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.ledger.set_rtt(rtt);
    }

    /// The server's own application looked for bytes only now: until here it was busy.
    pub fn listening(&mut self, at_ns: u64) {
        if self.outcome.is_none() {
            self.ledger.listening(at_ns);
        }
    }

    /// A FIN or RST: the connection will carry no handshake any more.
    pub fn closed(&mut self, event: Event) {
        if self.outcome.is_none() {
            self.timeline.push(event);
            self.marks.start.get_or_insert(event.at_ns);
            self.closed_by = Some(event.side);
            let reset = event.what == What::Rst;
            self.end(event.at_ns, if reset { Outcome::Reset } else { Outcome::Incomplete });
        }
    }

    /// Ends a handshake that is not over: it is given up while one side was awaited. If what was heard
    /// since the last packet ended it otherwise, that stands.
    pub fn end(&mut self, at_ns: u64, outcome: Outcome) {
        if self.outcome.is_some() {
            return;
        }
        self.dialogue.over();
        self.outcome = self.reached();
        if self.outcome.is_none() {
            self.ledger.give_up(at_ns, self.dialogue.awaited());
            self.outcome = Some(outcome);
        }
    }

    /// The ClientHello came after a dialogue in clear, and the clock was started anew.
    pub fn restarted(&self) -> bool {
        self.restarted
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// What was said.
    pub fn dialogue(&self) -> &Dialogue {
        &self.dialogue
    }

    /// The round trip, as far as known.
    pub fn rtt(&self) -> Option<Duration> {
        self.ledger.rtt()
    }

    /// The report; `incomplete` if the handshake is not over.
    pub fn report(self, client: Option<SocketAddr>, server: Option<SocketAddr>) -> Report {
        let (verdict, mut because) = self.ledger.judge(self.notable);
        let outcome = self.outcome.unwrap_or(Outcome::Incomplete);
        because += &sentence::ended(outcome, self.dialogue.alert(), self.closed_by);
        because += &sentence::missing(self.missing_bytes);
        let mut report = Report {
            client,
            server,
            server_name: None,
            version: None,
            cipher: None,
            alpn: None,
            ja3: None,
            ja4: None,
            resumed: false,
            plaintext: self.dialogue.plaintext_spoken(),
            outcome,
            alert: self.dialogue.alert(),
            start_ns: self.marks.start.unwrap_or_default(),
            phases: self.phases(),
            idle: self.ledger.idle(),
            rtt: self.ledger.rtt(),
            retransmissions: self.ledger.retransmissions(),
            verdict,
            because,
            client_messages: self.dialogue.messages(Side::Client),
            server_messages: self.dialogue.messages(Side::Server),
            timeline: self.timeline,
            ech: false,
            retried: false,
            early_data: false,
            tallies: self.tallies,
            missing_bytes: self.missing_bytes,
        };
        report.settle(self.dialogue.settled());
        report
    }

    fn mark(&mut self, event: &Event) {
        let at = event.at_ns;
        let marks = &mut self.marks;
        marks.start.get_or_insert(at);
        if event.what == What::Ack {
            marks.tcp = Some(at);
        }
        if event.bytes == 0 {
            return;
        }
        if self.dialogue.client_hello() {
            marks.client_hello.get_or_insert(at);
        }
        let answering = self.dialogue.server_hello() && !self.dialogue.client_flight();
        if event.side == Side::Server && answering {
            marks.server_flight = Some(at);
        }
        if self.dialogue.client_finished() {
            marks.client_flight.get_or_insert(at);
        }
    }

    fn phases(&self) -> Phases {
        let Marks { start, tcp, client_hello, server_flight, client_flight } = self.marks;
        let between = |from: Option<u64>, to: Option<u64>| {
            Some(Duration::from_nanos(to?.saturating_sub(from?)))
        };
        // Until the client answers, the server's flight may not be over.
        let server_flight = server_flight.filter(|_| self.dialogue.client_flight());
        Phases {
            tcp: between(start, tcp),
            client_hello: between(tcp.or(start), client_hello),
            server_flight: between(client_hello, server_flight),
            client_flight: between(server_flight, client_flight),
            total: between(start, self.ledger.last_ns()).unwrap_or_default(),
            dns: None,
            starttls: None,
        }
    }
}
