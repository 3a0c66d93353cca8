//! From a captured frame to a TCP segment, without allocating. Frames may be cut short.

use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, LenSource, TransportSlice};

use crate::connection::Segment;

/// What a capture's frames begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkType {
    /// Ethernet II, VLAN tags included.
    Ethernet,
    /// An IP header.
    RawIp,
    /// Four bytes of address family (BSD loopback), then IP.
    BsdLoopback,
    /// Linux cooked capture, sixteen bytes.
    LinuxSll,
    /// Linux cooked capture v2, twenty bytes.
    LinuxSll2,
}

impl LinkType {
    /// By the number in a capture file's header (`LINKTYPE_…`).
    pub fn of(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Ethernet,
            // 12 and 14 are what DLT_RAW was called on some systems.
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            0 | 108 => Self::BsdLoopback,
            113 => Self::LinuxSll,
            276 => Self::LinuxSll2,
            _ => return None,
        })
    }
}

/// A TCP segment and its two ends.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Who sent it.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// The segment.
    pub segment: Segment<'a>,
}

/// Reads a frame of which `captured` is what the capture kept and `original_len` what it was long.
/// `None` for anything but TCP over IP, for fragments, and where the headers are cut off.
pub fn decode(link: LinkType, captured: &[u8], original_len: u32) -> Option<Frame<'_>> {
    let packet = match link {
        LinkType::Ethernet => LaxSlicedPacket::from_ethernet(captured).ok()?,
        LinkType::RawIp => LaxSlicedPacket::from_ip(captured).ok()?,
        LinkType::BsdLoopback => LaxSlicedPacket::from_ip(captured.get(4..)?).ok()?,
        LinkType::LinuxSll => cooked(captured, 14, 16)?,
        LinkType::LinuxSll2 => cooked(captured, 0, 20)?,
    };
    let TransportSlice::Tcp(tcp) = packet.transport? else { return None };
    let cut = (original_len as usize).saturating_sub(captured.len());
    let (source, destination, length, identification) = match packet.net? {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            let extensions = ip.extensions().auth.map_or(0, |auth| auth.slice().len());
            let declared = usize::from(header.total_len());
            let length = ip_payload(ip.payload(), cut, || {
                declared.saturating_sub(header.slice().len() + extensions)
            });
            let ends = (header.source_addr().into(), header.destination_addr().into());
            (ends.0, ends.1, length, header.identification())
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            let declared = usize::from(header.payload_length());
            let length = ip_payload(ip.payload(), cut, || {
                declared.saturating_sub(ip.extensions().slice().len())
            });
            let ends: (IpAddr, IpAddr) =
                (header.source_addr().into(), header.destination_addr().into());
            (ends.0, ends.1, length, 0)
        }
        LaxNetSlice::Arp(_) => return None,
    };
    let segment = Segment {
        sequence: tcp.sequence_number(),
        acknowledgement: tcp.ack().then(|| tcp.acknowledgment_number()),
        syn: tcp.syn(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        payload: tcp.payload(),
        length: length.saturating_sub(tcp.header_slice().len()),
        stamp: [tcp.window_size(), tcp.checksum(), identification],
    };
    Some(Frame {
        source: SocketAddr::new(source, tcp.source_port()),
        destination: SocketAddr::new(destination, tcp.destination_port()),
        segment,
    })
}

/// The length of what the IP header carries. Where a sending host left segmentation to its card,
/// the header's length is zero and the frame's own counts.
fn ip_payload(
    payload: &etherparse::LaxIpPayloadSlice<'_>,
    cut: usize,
    declared: impl FnOnce() -> usize,
) -> usize {
    match (payload.len_source, payload.incomplete) {
        (LenSource::Slice, false) => payload.payload.len() + cut,
        (_, false) => payload.payload.len(),
        (_, true) => declared(),
    }
}

fn cooked(captured: &[u8], protocol: usize, header: usize) -> Option<LaxSlicedPacket<'_>> {
    let kind = captured.get(protocol..protocol + 2)?;
    let kind = EtherType(u16::from_be_bytes([kind[0], kind[1]]));
    Some(LaxSlicedPacket::from_ether_type(kind, captured.get(header..)?))
}
