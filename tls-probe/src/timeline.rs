//! What happened in a handshake, packet by packet, for whoever wants to draw it.

use std::fmt;

use crate::names::Side;

/// What a packet (or, in a server's own stream, a read or a write) brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// The connection's first segment.
    Syn,
    /// Its answer.
    SynAck,
    /// An acknowledgement without data.
    Ack,
    /// No TLS that could be read: a dialogue in clear before the ClientHello (STARTTLS), or bytes
    /// out of step.
    Other,
    /// A ClientHello or part of one.
    ClientHello,
    /// A HelloRetryRequest.
    HelloRetryRequest,
    /// A packet with a ServerHello, perhaps with more behind it.
    ServerHello,
    /// More of the server's flight: certificates, its part of the key exchange, its Finished.
    ServerFlight,
    /// The client's answer to the server's flight, up to its Finished.
    ClientFlight,
    /// An alert in clear.
    Alert,
    /// The end of one side's stream.
    Fin,
    /// A reset.
    Rst,
}

impl What {
    /// A name to draw it with.
    pub fn label(self) -> &'static str {
        match self {
            Self::Syn => "SYN",
            Self::SynAck => "SYN-ACK",
            Self::Ack => "ACK",
            Self::Other => "other data",
            Self::ClientHello => "ClientHello",
            Self::HelloRetryRequest => "HelloRetryRequest",
            Self::ServerHello => "ServerHello",
            Self::ServerFlight => "server flight",
            Self::ClientFlight => "client flight",
            Self::Alert => "alert",
            Self::Fin => "FIN",
            Self::Rst => "RST",
        }
    }

    /// What a packet is called that brought both: the first thing that is more than the rest of a
    /// flight.
    pub(crate) fn and(self, more: What) -> What {
        let rest = |what| matches!(what, What::ClientFlight | What::ServerFlight);
        if self == What::Other || rest(self) && !rest(more) { more } else { self }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// One packet of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// When it was seen, in Unix nanoseconds.
    pub at_ns: u64,
    /// Who sent it.
    pub side: Side,
    /// What it brought.
    pub what: What,
    /// Payload bytes, as the packet declares them.
    pub bytes: u32,
    /// Offset in the sender's stream of the byte after the payload.
    pub end: u64,
    /// It fills in what the network lost: a retransmission, or a segment long overtaken.
    pub resent: bool,
    /// When the other end's first acknowledgement of the whole of it was seen, in Unix
    /// nanoseconds. `None` where acknowledgements are not seen (in a server's own stream).
    pub acked_ns: Option<u64>,
}

impl Event {
    /// A packet without payload.
    pub fn bare(at_ns: u64, side: Side, what: What) -> Self {
        Self { at_ns, side, what, bytes: 0, end: 0, resent: false, acked_ns: None }
    }

    /// The other end's host is known to have all of it.
    pub fn is_acked(&self) -> bool {
        self.acked_ns.is_some()
    }
}

/// The events of one handshake in the order they were seen, up to a limit.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    events: Vec<Event>,
    omitted: u64,
}

impl Timeline {
    /// Notes an event, or counts it if there are [`Timeline::MAX_EVENTS`] already.
    pub fn push(&mut self, event: Event) {
        if self.events.capacity() == 0 {
            // Once for nearly every handshake, so that its packets do not allocate.
            self.events.reserve_exact(USUAL_EVENTS);
        }
        if self.events.len() < Self::MAX_EVENTS {
            self.events.push(event);
        } else {
            self.omitted += 1;
        }
    }

    /// `by` acknowledged everything before offset `upto` of the other side's stream.
    pub fn acknowledged(&mut self, at_ns: u64, by: Side, upto: u64) {
        // Later events of a side end later, so the walk back ends at the first one acknowledged.
        for event in self.events.iter_mut().rev().filter(|e| e.side != by && e.bytes > 0) {
            if event.end <= upto {
                if event.acked_ns.is_some() {
                    break;
                }
                event.acked_ns = Some(at_ns);
            }
        }
    }

    /// The events, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Bytes on the heap.
    pub fn held_bytes(&self) -> usize {
        self.events.capacity() * size_of::<Event>()
    }

    /// Events beyond the limit, which were counted only.
    pub fn omitted(&self) -> u64 {
        self.omitted
    }

    /// The most events kept: a handshake has about twelve, a long certificate chain thirty.
    pub const MAX_EVENTS: usize = 96;
}

/// Room for the packets and acknowledgements of most handshakes.
const USUAL_EVENTS: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(at_ns: u64, side: Side, end: u64) -> Event {
        Event { bytes: 10, end, ..Event::bare(at_ns, side, What::ServerFlight) }
    }

    #[test]
    fn an_acknowledgement_marks_what_it_covers_once() {
        let mut timeline = Timeline::default();
        timeline.push(payload(1, Side::Server, 10));
        timeline.push(payload(2, Side::Client, 10));
        timeline.push(payload(3, Side::Server, 20));
        timeline.acknowledged(5, Side::Client, 10);
        timeline.acknowledged(7, Side::Client, 20);
        let acked: Vec<_> = timeline.events().iter().map(|e| e.acked_ns).collect();
        assert_eq!(acked, [Some(5), None, Some(7)]);
    }

    #[test]
    fn what_is_beyond_the_limit_is_counted() {
        let mut timeline = Timeline::default();
        for at in 0..100 {
            timeline.push(payload(at, Side::Server, at));
        }
        assert_eq!(timeline.events().len(), Timeline::MAX_EVENTS);
        assert_eq!(timeline.omitted(), 4);
    }
}
