//! Every connection of a capture at once, within bounds.

use std::{collections::VecDeque, net::SocketAddr};

use crate::{
    closed::Closed,
    config::Config,
    connection::{Connection, Segment},
    flows::{Ends, Flows},
    link::{Frame, LinkType, decode},
    names::Side,
    outcome::Outcome,
    report::Report,
};

/// Follows the handshakes in a stream of captured packets.
///
/// Packets go in by [`packet`](Table::packet), reports come out of
/// [`poll_report`](Table::poll_report). A packet of a known connection allocates only where a
/// segment has to wait for one before it.
#[derive(Debug, Default)]
pub struct Table {
    config: Config,
    /// By age: the oldest gives way, and is the first to time out.
    flows: Flows<Flow>,
    closed: Closed,
    latest_ns: u64,
    held_bytes: usize,
    reports: VecDeque<Report>,
    stats: Stats,
}

/// What a [`Table`] has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Packets taken.
    pub packets: u64,
    /// Packets that were no TCP over IP, or of a connection that is none of ours.
    pub ignored_packets: u64,
    /// Second sights of packets captured twice.
    pub duplicate_packets: u64,
    /// Connections begun.
    pub flows: u64,
    /// Connections given up, unfinished, to make room.
    pub evicted_flows: u64,
    /// Connections given up because their time was over.
    pub expired_flows: u64,
    /// Connections followed now.
    pub followed_flows: usize,
    /// Bytes on the heap for them, as [`Table::held_bytes`] tells.
    pub held_bytes: usize,
}

#[derive(Debug)]
struct Flow {
    connection: Connection,
    client: SocketAddr,
    server: SocketAddr,
    /// From here its time is measured: its first packet, its hello after a dialogue in clear, or when it
    /// was last found to be in such a dialogue.
    since_ns: u64,
    latest_ns: u64,
    in_tls: bool,
}

impl Flow {
    /// It talks in clear as yet, and has done so lately: whatever time it takes, no handshake is late.
    fn in_clear(&self, since_ns: u64) -> bool {
        let dialogue = self.connection.handshake().dialogue();
        let spoken = dialogue.plaintext(Side::Client) + dialogue.plaintext(Side::Server) > 0;
        spoken && !dialogue.begun() && self.latest_ns > since_ns
    }
}

impl Table {
    /// An empty table.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// Takes a captured packet: when it was seen in Unix nanoseconds, what it begins with, the
    /// bytes that were kept, and how long it was.
    pub fn packet(&mut self, at_ns: u64, link: LinkType, captured: &[u8], original_len: u32) {
        self.stats.packets += 1;
        self.latest_ns = self.latest_ns.max(at_ns);
        self.expire(at_ns);
        let Some(Frame { source, destination, segment }) = decode(link, captured, original_len)
        else {
            self.stats.ignored_packets += 1;
            return;
        };
        let ends = Ends::of(source, destination);
        let begins = segment.syn && segment.acknowledgement.is_none();
        let mut found = self.flows.find(&ends);
        if begins
            && let Some(slot) = found
            && self.flows.at(slot).connection.is_another(segment.sequence)
        {
            self.close(slot, at_ns, Outcome::Incomplete);
            found = None;
        }
        let Some(slot) = found.or_else(|| self.begin(at_ns, ends, source, destination, &segment))
        else {
            self.stats.ignored_packets += 1;
            return;
        };
        let flow = self.flows.at_mut(slot);
        flow.latest_ns = at_ns;
        let side = if source == flow.client { Side::Client } else { Side::Server };
        let held = flow.connection.held_bytes();
        if !flow.connection.segment(at_ns, side, &segment) {
            self.stats.duplicate_packets += 1;
        }
        self.held_bytes = self.held_bytes + flow.connection.held_bytes() - held;
        if flow.connection.handshake().outcome().is_some() {
            self.close(slot, at_ns, Outcome::Incomplete);
        } else if flow.connection.handshake().restarted() && !flow.in_tls {
            (flow.in_tls, flow.since_ns) = (true, at_ns);
            self.flows.renew(slot);
        }
        while self.held_bytes > self.config.max_held_bytes && self.evict(at_ns) {}
    }

    /// Whether [`packet`](Self::packet) would make nothing of a segment, for a caller that has read the
    /// headers already: its connection is not followed, and it does not begin one.
    pub fn ignores(&self, one: SocketAddr, other: SocketAddr, syn: bool, payload: &[u8]) -> bool {
        if syn || begins(payload).is_some() {
            return false;
        }
        self.flows.find(&Ends::of(one, other)).is_none()
    }

    /// The next report, in the order in which handshakes ended.
    pub fn poll_report(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }

    /// Gives up the handshakes whose time is over. Packets do it too; a live capture calls this
    /// when none come.
    pub fn expire(&mut self, now_ns: u64) {
        while let Some(slot) = self.flows.oldest() {
            let flow = self.flows.at_mut(slot);
            let deadline = flow.since_ns.saturating_add(self.config.timeout_ns());
            if deadline > now_ns {
                break;
            }
            if flow.in_clear(flow.since_ns) {
                flow.since_ns = now_ns;
                self.flows.renew(slot);
                continue;
            }
            self.stats.expired_flows += 1;
            self.close(slot, deadline, Outcome::Timeout);
        }
    }

    /// When [`expire`](Self::expire) will next have something to do, in Unix nanoseconds.
    pub fn poll_timeout(&self) -> Option<u64> {
        let oldest = self.flows.at(self.flows.oldest()?);
        Some(oldest.since_ns.saturating_add(self.config.timeout_ns()))
    }

    /// There are no more packets: reports every handshake that is not over as incomplete, its last
    /// silence reaching to the last packet of all.
    pub fn finish(&mut self) {
        while let Some(slot) = self.flows.oldest() {
            self.close(slot, self.latest_ns, Outcome::Incomplete);
        }
    }

    /// What has been counted.
    pub fn stats(&self) -> Stats {
        Stats { followed_flows: self.len(), held_bytes: self.held_bytes, ..self.stats }
    }

    /// Bytes on the heap for the connections followed now: segments ahead of holes, hellos, timelines.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Connections followed now.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// No connection is followed now.
    pub fn is_empty(&self) -> bool {
        self.flows.len() == 0
    }

    fn begin(
        &mut self,
        at_ns: u64,
        ends: Ends,
        source: SocketAddr,
        destination: SocketAddr,
        first: &Segment<'_>,
    ) -> Option<u32> {
        let side = sender(first)?;
        let (client, server) = match side {
            Side::Client => (source, destination),
            Side::Server => (destination, source),
        };
        let ports = &self.config.server_ports;
        if !(ports.is_empty() || ports.contains(&server.port())) {
            return None;
        }
        if !first.syn {
            let hash = self.flows.hash(&ends);
            if self.closed.sent_again(hash, at_ns, side, first.sequence) {
                return None;
            }
        }
        while self.flows.len() >= self.config.max_flows && self.evict(at_ns) {}
        let connection = Connection::new(&self.config);
        self.stats.flows += 1;
        let flow =
            Flow { connection, client, server, since_ns: at_ns, latest_ns: at_ns, in_tls: false };
        Some(self.flows.insert(ends, flow))
    }

    /// The oldest connection gives way.
    fn evict(&mut self, at_ns: u64) -> bool {
        let Some(oldest) = self.flows.oldest() else { return false };
        self.stats.evicted_flows += 1;
        self.close(oldest, at_ns, Outcome::Incomplete);
        true
    }

    /// Takes a connection out and reports it if it was TLS, or on a port that should be.
    fn close(&mut self, slot: u32, at_ns: u64, outcome: Outcome) {
        let Some((ends, flow)) = self.flows.remove(slot) else { return };
        self.held_bytes -= flow.connection.held_bytes();
        let reached = flow.connection.reached();
        let mut handshake = flow.connection.into_handshake();
        handshake.end(at_ns, outcome);
        let begun = handshake.dialogue().begun();
        if begun {
            self.closed.note(self.flows.hash(&ends), at_ns, reached);
        }
        if begun || !self.config.server_ports.is_empty() {
            self.reports.push_back(handshake.report(Some(flow.client), Some(flow.server)));
        }
    }
}

/// Who sends the first packet seen of a connection, if it is one to begin with: a SYN, a SYN-ACK,
/// or a hello where the capture began later.
fn sender(first: &Segment<'_>) -> Option<Side> {
    if first.syn {
        let answer = first.acknowledgement.is_some();
        return Some(if answer { Side::Server } else { Side::Client });
    }
    begins(first.payload)
}

/// Whose hello a payload begins with.
fn begins(payload: &[u8]) -> Option<Side> {
    match payload {
        [22, 3, 0..=4, _, _, 1, ..] => Some(Side::Client),
        [22, 3, 0..=4, _, _, 2, ..] => Some(Side::Server),
        _ => None,
    }
}
