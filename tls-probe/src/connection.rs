//! A handshake as its TCP segments show it: order, acknowledgements, losses, the round trip.

use std::time::Duration;

use crate::{
    config::Config,
    gap::Vantage,
    handshake::Handshake,
    names::Side,
    outcome::Outcome,
    segment::{Arrival, Chunk, Reassembly},
    timeline::{Event, What},
};

/// What the probe needs of a TCP segment.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number, if the ACK flag is set.
    pub acknowledgement: Option<u32>,
    /// SYN flag.
    pub syn: bool,
    /// FIN flag.
    pub fin: bool,
    /// RST flag.
    pub rst: bool,
    /// The payload as far as it was captured.
    pub payload: &'a [u8],
    /// The payload's length as the headers declare it, in bytes.
    pub length: usize,
    /// Window, checksum and IP identification: with the rest they tell a segment that was
    /// captured twice from one that was sent twice.
    pub stamp: [u16; 3],
}

/// One connection under observation.
#[derive(Debug, Clone)]
pub struct Connection {
    handshake: Handshake,
    vantage: Vantage,
    halves: [Half; 2],
    handshake_acked: bool,
    recent: [Option<Seen>; RECENT],
    recent_next: usize,
}

#[derive(Debug, Clone)]
struct Half {
    order: Reassembly,
    /// When this side's SYN (the server's: SYN-ACK) was last seen.
    syn_ns: Option<u64>,
    /// When the furthest byte was seen.
    furthest_ns: u64,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    at_ns: u64,
    side: Side,
    numbers: (u32, Option<u32>, usize),
    stamp: [u16; 3],
}

impl Connection {
    /// A connection of which nothing has been seen.
    pub fn new(config: &Config) -> Self {
        let order = Reassembly::new(config.max_reassembly_bytes);
        let half = Half { order, syn_ns: None, furthest_ns: 0 };
        Self {
            handshake: Handshake::new(config),
            vantage: config.vantage,
            halves: [half.clone(), half],
            handshake_acked: false,
            recent: [None; RECENT],
            recent_next: 0,
        }
    }

    /// Takes a segment that `side` sent. Returns `false` if it was the second sight of a packet
    /// captured twice, which is left out of account.
    pub fn segment(&mut self, at_ns: u64, side: Side, segment: &Segment<'_>) -> bool {
        if self.seen_before(at_ns, side, segment) {
            self.handshake.duplicate(side);
            return false;
        }
        self.handshake.meet(side);
        if segment.syn {
            self.syn(at_ns, side, segment);
        } else if segment.stamp[0] == 0 && !segment.rst {
            self.handshake.closed_window(side);
        }
        if let Some(number) = segment.acknowledgement {
            self.acknowledgement(at_ns, side, number);
        }
        if segment.length > 0 {
            self.payload(at_ns, side, segment);
        } else if segment.acknowledgement.is_some() && !(segment.syn || segment.fin || segment.rst)
        {
            self.ack(at_ns, side);
        }
        if segment.rst || segment.fin {
            self.flush();
            let what = if segment.rst { What::Rst } else { What::Fin };
            self.handshake.closed(Event::bare(at_ns, side, what));
        } else if self.handshake.dialogue().blind() {
            self.handshake.end(at_ns, Outcome::Incomplete);
        }
        true
    }

    /// Whether a SYN with this sequence number would begin another connection on the same ports.
    pub fn is_another(&self, sequence: u32) -> bool {
        let half = &self.halves[Side::Client as usize];
        half.syn_ns.is_none() || half.order.offset(sequence.wrapping_add(1)) != Some(0)
    }

    /// The next sequence number of both streams, the client's first, as far as they were seen.
    pub fn reached(&self) -> [Option<u32>; 2] {
        [0, 1].map(|side: usize| self.halves[side].order.reached())
    }

    /// The handshake as far as it has come.
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// The handshake, to be ended or reported.
    pub fn into_handshake(mut self) -> Handshake {
        self.flush();
        self.handshake
    }

    fn syn(&mut self, at_ns: u64, side: Side, segment: &Segment<'_>) {
        let half = &mut self.halves[side as usize];
        half.order.begin(segment.sequence.wrapping_add(1));
        let resent = half.syn_ns.replace(at_ns).is_some();
        let what = if side == Side::Client { What::Syn } else { What::SynAck };
        if side == Side::Server && self.vantage != Vantage::Server {
            self.round_trip(at_ns, Side::Client);
        }
        self.handshake.packet(Event { resent, ..Event::bare(at_ns, side, what) });
    }

    /// The first answer to the SYN or SYN-ACK of our side gives the initial round trip.
    fn round_trip(&mut self, at_ns: u64, since: Side) {
        if let Some(syn_ns) = self.halves[since as usize].syn_ns {
            self.handshake.set_rtt(Duration::from_nanos(at_ns.saturating_sub(syn_ns)));
        }
    }

    fn ack(&mut self, at_ns: u64, side: Side) {
        if side != Side::Client || !self.answered(at_ns, true) {
            return self.handshake.bare_ack(at_ns, side);
        }
        self.handshake.packet(Event::bare(at_ns, side, What::Ack));
    }

    /// The client has acknowledged the SYN-ACK just now, with a `bare` ACK or with data, before which it
    /// may have waited. Returns whether it is the first time.
    fn answered(&mut self, at_ns: u64, bare: bool) -> bool {
        if self.handshake_acked || self.halves[Side::Server as usize].syn_ns.is_none() {
            return false;
        }
        self.handshake_acked = true;
        if self.vantage == Vantage::Auto {
            let (vantage, rtt) = self.nearer(at_ns);
            self.vantage = vantage;
            let rtt = (bare || vantage == Vantage::Client).then_some(rtt);
            self.handshake.stands_beside(vantage, rtt);
        } else if self.vantage == Vantage::Server && bare {
            self.round_trip(at_ns, Side::Server);
        }
        true
    }

    /// The end whose answers take the shorter time to come by: SYN to SYN-ACK is a trip to the server and
    /// back, SYN-ACK to ACK one to the client.
    fn nearer(&self, ack_ns: u64) -> (Vantage, Duration) {
        let [syn, answer] = [0, 1].map(|side: usize| self.halves[side].syn_ns);
        let answer = answer.unwrap_or(ack_ns);
        let to_client = Duration::from_nanos(ack_ns.saturating_sub(answer));
        let to_server = syn.map(|syn| Duration::from_nanos(answer.saturating_sub(syn)));
        match to_server {
            Some(to_server) if to_server > to_client => (Vantage::Client, to_server),
            _ => (Vantage::Server, to_client),
        }
    }

    /// Bytes on the heap that wait for others.
    pub fn held_bytes(&self) -> usize {
        let halves = self.halves.iter().map(|half| half.order.held_bytes());
        halves.sum::<usize>() + self.handshake.held_bytes()
    }

    fn acknowledgement(&mut self, at_ns: u64, by: Side, number: u32) {
        let whose = by.other();
        let order = &mut self.halves[whose as usize].order;
        let Some(upto) = order.offset(number) else { return };
        let handshake = &mut self.handshake;
        order.acknowledged(upto, |chunk| handshake.hear(whose, chunk));
        handshake.acknowledged(at_ns, by, upto);
    }

    fn payload(&mut self, at_ns: u64, side: Side, segment: &Segment<'_>) {
        let half = &mut self.halves[side as usize];
        let sequence = segment.sequence.wrapping_add(segment.syn.into());
        let furthest = half.order.furthest();
        let handshake = &mut self.handshake;
        let hear = |chunk: Chunk<'_>| handshake.hear(side, chunk);
        let arrival = half.order.segment(sequence, segment.payload, segment.length, hear);
        let Some(start) = half.order.offset(sequence) else { return };
        let end = start + segment.length as u64;
        if arrival == Arrival::Again && segment.length == 1 && end == furthest {
            // A keep-alive probe (RFC 9293 §3.8.4): the kernel's doing, not the application's.
            return;
        }
        let resent = match arrival {
            Arrival::Again => true,
            Arrival::Late => {
                let patience = self.handshake.rtt().unwrap_or_default().max(REORDERING);
                at_ns.saturating_sub(half.furthest_ns) > patience.as_nanos() as u64
            }
            Arrival::Next | Arrival::Ahead => false,
        };
        if end > furthest {
            half.furthest_ns = at_ns;
        }
        if side == Side::Client {
            self.answered(at_ns, false);
        }
        let bytes = u32::try_from(segment.length).unwrap_or(u32::MAX);
        let bare = Event::bare(at_ns, side, What::Other);
        self.handshake.packet(Event { bytes, end, resent, ..bare });
    }

    fn flush(&mut self) {
        for side in [Side::Client, Side::Server] {
            let handshake = &mut self.handshake;
            self.halves[side as usize].order.finish(|chunk| handshake.hear(side, chunk));
        }
    }

    fn seen_before(&mut self, at_ns: u64, side: Side, segment: &Segment<'_>) -> bool {
        let numbers = (segment.sequence, segment.acknowledgement, segment.length);
        let same = |seen: &Seen| {
            seen.side == side
                && seen.numbers == numbers
                && seen.stamp == segment.stamp
                && at_ns.abs_diff(seen.at_ns) <= TWICE_NS
        };
        if self.recent.iter().flatten().any(same) {
            return true;
        }
        self.recent[self.recent_next] = Some(Seen { at_ns, side, numbers, stamp: segment.stamp });
        self.recent_next = (self.recent_next + 1) % RECENT;
        false
    }
}

/// Segments remembered to know a second sight by: on the loopback interface a burst is seen going
/// out before it is seen coming in.
const RECENT: usize = 8;
/// The time within which the same packet is seen twice. The kernel's shortest retransmission timer
/// is 200 ms (RFC 6298 asks for a second), a tail loss probe waits two round trips.
const TWICE_NS: u64 = 1_000_000;
/// A segment overtaken for no longer than this was reordered, not lost.
const REORDERING: Duration = Duration::from_millis(3);
