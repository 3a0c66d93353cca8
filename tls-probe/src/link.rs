//! From a captured frame to a TCP segment, without allocating. Frames may be cut short.

use std::net::SocketAddr;

use crate::{connection::Segment, datagram::Datagram};

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
/// `None` for anything but TCP over IP, for fragments but the first, and where the headers are cut off.
pub fn decode(link: LinkType, captured: &[u8], original_len: u32) -> Option<Frame<'_>> {
    let original_len = captured.len().max(original_len as usize);
    let ip = Datagram::parse(captured, network_layer(link, captured)?, original_len)?;
    let tcp: &[u8; 20] = captured.get(ip.at..)?.first_chunk()?;
    let header_len = usize::from(tcp[12] >> 4) * 4;
    let payload_at = ip.at + header_len;
    if header_len < tcp.len() || payload_at > ip.end {
        return None;
    }
    let half = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    let word = |at: usize| u32::from_be_bytes([tcp[at], tcp[at + 1], tcp[at + 2], tcp[at + 3]]);
    let flag = |bit: u8| tcp[13] & bit != 0;
    let segment = Segment {
        sequence: word(4),
        acknowledgement: flag(ACK).then(|| word(8)),
        syn: flag(SYN),
        fin: flag(FIN),
        rst: flag(RST),
        // Ethernet pads a short frame behind the end.
        payload: captured.get(payload_at..ip.end.min(captured.len())).unwrap_or_default(),
        length: ip.end - payload_at,
        stamp: [half(14), half(16), ip.identification],
    };
    Some(Frame {
        source: SocketAddr::new(ip.source, half(0)),
        destination: SocketAddr::new(ip.destination, half(2)),
        segment,
    })
}

/// Where the IP header begins.
fn network_layer(link: LinkType, frame: &[u8]) -> Option<usize> {
    let (mut at, len) = match link {
        LinkType::RawIp => return Some(0),
        LinkType::BsdLoopback => return Some(4),
        LinkType::Ethernet => (12, 14),
        LinkType::LinuxSll => (14, 16),
        LinkType::LinuxSll2 => (0, 20),
    };
    let ether_type = |at: usize| Some(u16::from_be_bytes(*frame.get(at..)?.first_chunk()?));
    let mut end = len;
    for _ in 0..=MAX_TAGS {
        match ether_type(at)? {
            IPV4 | IPV6 => return Some(end),
            // Behind a tag's two bytes comes the type of what it is about.
            VLAN | SERVICE_VLAN | OLD_SERVICE_VLAN => (at, end) = (end + 2, end + 4),
            _ => return None,
        }
    }
    None
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const SERVICE_VLAN: u16 = 0x88a8;
const OLD_SERVICE_VLAN: u16 = 0x9100;
/// Two tags are usual, four more than anybody has.
const MAX_TAGS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment of five bytes over IPv4, padded as Ethernet does.
    fn packet() -> Vec<u8> {
        let mut out = vec![0x45, 0, 0, 45, 0, 7, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        out.extend([0xc3, 0x50, 1, 0xbb, 0, 0, 0, 9, 0, 0, 0, 8, 0x50, 0x18, 1, 0, 0, 5, 0, 0]);
        out.extend(b"hello\0");
        out
    }

    #[test]
    fn every_link_leads_to_the_segment() {
        let tagged = [&[2; 12][..], &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0]].concat();
        for (link, header) in [
            (LinkType::Ethernet, [&[2; 12][..], &[8, 0]].concat()),
            (LinkType::Ethernet, tagged),
            (LinkType::RawIp, vec![]),
            (LinkType::BsdLoopback, vec![2, 0, 0, 0]),
            (LinkType::LinuxSll, [&[0; 14][..], &[8, 0]].concat()),
            (LinkType::LinuxSll2, [&[8, 0][..], &[0; 18]].concat()),
            (LinkType::LinuxSll2, [&[0x81, 0][..], &[0; 18], &[0, 5, 8, 0]].concat()),
        ] {
            let bytes = [header, packet()].concat();
            let frame = decode(link, &bytes, bytes.len() as u32).expect("TCP");
            assert_eq!(frame.source, "192.0.2.1:50000".parse().unwrap(), "{link:?}");
            assert_eq!(frame.destination, "192.0.2.2:443".parse().unwrap());
            let segment = frame.segment;
            assert_eq!((segment.payload, segment.length), (&b"hello"[..], 5));
            assert_eq!((segment.sequence, segment.acknowledgement), (9, Some(8)));
            assert_eq!(segment.stamp, [0x100, 5, 7]);
            assert!(!(segment.syn || segment.fin || segment.rst));
            for cut in 0..bytes.len() {
                let cut_off = decode(link, &bytes[..cut], bytes.len() as u32);
                let headers = bytes.len() - 6;
                assert_eq!(cut_off.is_some(), cut >= headers, "{link:?} cut at {cut}");
                assert!(cut_off.is_none_or(|frame| frame.segment.length == 5));
            }
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let mut bytes = packet();
        bytes[3] = 39;
        assert!(decode(LinkType::RawIp, &bytes, 46).is_none(), "shorter than its headers");
        bytes = packet();
        bytes[32] = 0x40;
        assert!(decode(LinkType::RawIp, &bytes, 46).is_none(), "a TCP header of 16 bytes");
    }
}
