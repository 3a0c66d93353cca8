//! How much of each frame is kept: all, a fixed length, or what a handshake needs.
//!
//! A ring of fixed size reaches the further back the less of each frame it keeps, and most bytes of
//! most connections are bulk that nobody asks for.

use crate::flow_table::FlowTable;
use crate::frame::Frame;
use crate::packet::Packet;

/// Decides how many bytes of a frame go into the ring.
///
/// It is asked once for each frame, on the path of every packet: it should not allocate, and costs
/// nothing where it is chosen at compile time. [`Box<dyn Snaplen>`](Box) is a policy as well, for
/// one that is chosen at run time.
pub trait Snaplen {
    /// Bytes to keep of this frame; more than it has means all of it.
    ///
    /// `packet` is `None` for a frame without a flow (ARP, say) or one nobody has parsed, and
    /// `flow_hash` is then what it will be kept under.
    fn keep(&mut self, packet: Option<&Packet>, flow_hash: u64, frame: &Frame<'_>) -> usize;
}

impl<S: Snaplen + ?Sized> Snaplen for Box<S> {
    #[inline]
    fn keep(&mut self, packet: Option<&Packet>, flow_hash: u64, frame: &Frame<'_>) -> usize {
        (**self).keep(packet, flow_hash, frame)
    }
}

/// Every frame whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole;

impl Snaplen for Whole {
    #[inline]
    fn keep(&mut self, _: Option<&Packet>, _: u64, frame: &Frame<'_>) -> usize {
        frame.bytes.len()
    }
}

/// The first so many bytes of every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed(
    /// Bytes from the start of the frame, link header included.
    pub usize,
);

impl Snaplen for Fixed {
    #[inline]
    fn keep(&mut self, _: Option<&Packet>, _: u64, _: &Frame<'_>) -> usize {
        self.0
    }
}

/// TLS handshakes whole, headers after: of each flow, frames are kept until so many payload bytes
/// have passed, then only their headers and a little more.
///
/// The bytes of both directions count together, towards one budget: neither side sends bulk before
/// the handshake is over (0-RTT apart), so that the budget is the handshake's and not a side's. The
/// frame that crosses the budget is cut where the budget ends.
///
/// A SYN gives its flow a new budget. A flow first seen in its middle has one too: its handshake may
/// still be going on. QUIC handshakes are kept by the same rule; ICMP and frames without a flow are
/// kept whole.
///
/// The flow table has a fixed size. When a set of it is full, a flow that has ended (FIN or RST)
/// makes room first, then the one that has sent nothing for longest; should that one speak again, it has a new
/// budget. Only flows that have sent payload take room, so that a flood of SYNs takes none.
///
/// ```
/// use ring_capture::TlsHandshakes;
/// let policy = TlsHandshakes::default().ports(&[443, 8443]).payload_bytes_per_flow(32 << 10);
/// # drop(policy);
/// ```
#[derive(Clone, Debug)]
pub struct TlsHandshakes {
    payload_bytes_per_flow: u32,
    beyond_headers: usize,
    ports: Box<[u16]>,
    flows: FlowTable,
}

impl Default for TlsHandshakes {
    fn default() -> Self {
        Self {
            payload_bytes_per_flow: 16 << 10,
            beyond_headers: 16,
            ports: Box::new([]),
            flows: FlowTable::new(Self::DEFAULT_FLOWS),
        }
    }
}

impl TlsHandshakes {
    /// Flows remembered at once unless said otherwise: 512 KiB of table.
    pub const DEFAULT_FLOWS: usize = 65_536;
    /// What is counted of a flow, and so the largest budget: 16 MiB less one byte.
    pub const MOST_PAYLOAD_BYTES: u32 = FlowTable::MOST_PASSED;

    /// Payload bytes of a flow, both directions together, that are kept whole: default 16 KiB,
    /// several times what hellos, a certificate chain and post-quantum key shares take; at most
    /// [`MOST_PAYLOAD_BYTES`](Self::MOST_PAYLOAD_BYTES). With 0, nothing but headers is kept.
    pub fn payload_bytes_per_flow(mut self, bytes: u32) -> Self {
        self.payload_bytes_per_flow = bytes.min(Self::MOST_PAYLOAD_BYTES);
        self
    }

    /// Payload bytes kept of every frame, budget or not: default 16, a TLS record's header and a
    /// little more.
    pub fn beyond_headers(mut self, bytes: usize) -> Self {
        self.beyond_headers = bytes;
        self
    }

    /// Ports that have handshakes: a flow with none of them has no budget, its frames are cut behind
    /// their headers from the first. Default: none named, every flow has a budget. Allocates.
    pub fn ports(mut self, ports: &[u16]) -> Self {
        self.ports = ports.into();
        self
    }

    /// Flows remembered at once, rounded up to a power of two, eight bytes each: default
    /// [`DEFAULT_FLOWS`](Self::DEFAULT_FLOWS), at most 2²⁴. Allocates, and forgets every flow.
    pub fn flows(mut self, count: usize) -> Self {
        self.flows = FlowTable::new(count);
        self
    }

    fn has_budget(&self, packet: &Packet) -> bool {
        let (one, other) = packet.flow.ports();
        self.ports.is_empty() || self.ports.iter().any(|&port| port == one || port == other)
    }
}

impl Snaplen for TlsHandshakes {
    #[inline]
    fn keep(&mut self, packet: Option<&Packet>, flow_hash: u64, frame: &Frame<'_>) -> usize {
        let Some(packet) = packet else { return frame.bytes.len() };
        if matches!(packet.flow.protocol(), ICMP | ICMPV6) {
            return frame.bytes.len();
        }
        let mut left = 0;
        if self.has_budget(packet) {
            if packet.begins_flow() {
                self.flows.restart(flow_hash);
            }
            // What the frame had before a source cut it.
            let len = (frame.original_len as usize).max(frame.bytes.len());
            let payload = len.saturating_sub(packet.payload_at);
            let before = self.flows.pass(flow_hash, payload);
            left = self.payload_bytes_per_flow.saturating_sub(before) as usize;
            if packet.ends_flow() {
                self.flows.end(flow_hash);
            }
        }
        packet.payload_at.saturating_add(left.max(self.beyond_headers))
    }
}

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
