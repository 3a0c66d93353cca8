//! Every connection of a capture at once, within bounds.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::{Hash, Hasher},
    net::SocketAddr,
};

use crate::{
    config::Config,
    connection::{Connection, Segment},
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
    flows: HashMap<Ends, Flow>,
    /// By age: the oldest gives way, and is the first to time out.
    ages: BTreeMap<u64, Ends>,
    next_age: u64,
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
}

/// The two ends of a connection, the smaller first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ends(SocketAddr, SocketAddr);

impl Hash for Ends {
    /// In as few words as there are: the hasher, keyed against floods, charges for each.
    fn hash<H: Hasher>(&self, state: &mut H) {
        for end in [self.0, self.1] {
            match end {
                SocketAddr::V4(end) => {
                    state.write_u64(u64::from(end.ip().to_bits()) << 16 | u64::from(end.port()));
                }
                SocketAddr::V6(end) => {
                    state.write_u128(end.ip().to_bits());
                    state.write_u16(end.port());
                }
            }
        }
    }
}

#[derive(Debug)]
struct Flow {
    connection: Connection,
    client: SocketAddr,
    server: SocketAddr,
    age: u64,
    started_ns: u64,
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
        let ends = if source <= destination {
            Ends(source, destination)
        } else {
            Ends(destination, source)
        };
        let begins = segment.syn && segment.acknowledgement.is_none();
        if begins
            && let Some(flow) = self.flows.get(&ends)
            && flow.connection.is_another(segment.sequence)
        {
            self.close(&ends, at_ns, Outcome::Incomplete);
        }
        if !self.flows.contains_key(&ends) && !self.begin(at_ns, ends, source, &segment) {
            self.stats.ignored_packets += 1;
            return;
        }
        let Some(flow) = self.flows.get_mut(&ends) else { return };
        let side = if source == flow.client { Side::Client } else { Side::Server };
        let held = flow.connection.held_bytes();
        if !flow.connection.segment(at_ns, side, &segment) {
            self.stats.duplicate_packets += 1;
        }
        self.held_bytes = self.held_bytes + flow.connection.held_bytes() - held;
        if flow.connection.handshake().outcome().is_some() {
            self.close(&ends, at_ns, Outcome::Incomplete);
        }
        while self.held_bytes > self.config.max_held_bytes {
            let Some((_, &oldest)) = self.ages.first_key_value() else { break };
            self.stats.evicted_flows += 1;
            self.close(&oldest, at_ns, Outcome::Incomplete);
        }
    }

    /// Whether [`packet`](Self::packet) would make nothing of a segment, for a caller that has read the
    /// headers already: its connection is not followed, and it does not begin one.
    pub fn ignores(&self, one: SocketAddr, other: SocketAddr, syn: bool, payload: &[u8]) -> bool {
        if syn || begins(payload).is_some() {
            return false;
        }
        let ends = if one <= other { Ends(one, other) } else { Ends(other, one) };
        !self.flows.contains_key(&ends)
    }

    /// The next report, in the order in which handshakes ended.
    pub fn poll_report(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }

    /// Gives up the handshakes whose time is over. Packets do it too; a live capture calls this
    /// when none come.
    pub fn expire(&mut self, now_ns: u64) {
        let timeout = self.config.handshake_timeout.as_nanos() as u64;
        while let Some((_, &ends)) = self.ages.first_key_value() {
            let deadline = self.flows[&ends].started_ns.saturating_add(timeout);
            if deadline > now_ns {
                break;
            }
            self.stats.expired_flows += 1;
            self.close(&ends, deadline, Outcome::Timeout);
        }
    }

    /// When [`expire`](Self::expire) will next have something to do, in Unix nanoseconds.
    pub fn poll_timeout(&self) -> Option<u64> {
        let (_, ends) = self.ages.first_key_value()?;
        let timeout = self.config.handshake_timeout.as_nanos() as u64;
        Some(self.flows[ends].started_ns.saturating_add(timeout))
    }

    /// There are no more packets: reports every handshake that is not over as incomplete, its last
    /// silence reaching to the last packet of all.
    pub fn finish(&mut self) {
        while let Some((_, &ends)) = self.ages.first_key_value() {
            self.close(&ends, self.latest_ns, Outcome::Incomplete);
        }
    }

    /// What has been counted.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Bytes kept of them: segments ahead of holes, hellos that are not whole.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Connections followed now.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// No connection is followed now.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    fn begin(&mut self, at_ns: u64, ends: Ends, source: SocketAddr, first: &Segment<'_>) -> bool {
        let Some(side) = sender(first) else { return false };
        let other = if source == ends.0 { ends.1 } else { ends.0 };
        let (client, server) = match side {
            Side::Client => (source, other),
            Side::Server => (other, source),
        };
        let ports = &self.config.server_ports;
        if !(ports.is_empty() || ports.contains(&server.port())) {
            return false;
        }
        while self.flows.len() >= self.config.max_flows {
            let Some((_, &oldest)) = self.ages.first_key_value() else { break };
            self.stats.evicted_flows += 1;
            self.close(&oldest, at_ns, Outcome::Incomplete);
        }
        let connection = Connection::new(&self.config);
        let age = self.next_age;
        self.next_age += 1;
        self.stats.flows += 1;
        self.ages.insert(age, ends);
        self.flows.insert(ends, Flow { connection, client, server, age, started_ns: at_ns });
        true
    }

    /// Takes a connection out and reports it if it was TLS, or on a port that should be.
    fn close(&mut self, ends: &Ends, at_ns: u64, outcome: Outcome) {
        let Some(flow) = self.flows.remove(ends) else { return };
        self.ages.remove(&flow.age);
        self.held_bytes -= flow.connection.held_bytes();
        let mut handshake = flow.connection.into_handshake();
        handshake.end(at_ns, outcome);
        if handshake.dialogue().begun() || !self.config.server_ports.is_empty() {
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
