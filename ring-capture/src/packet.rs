//! From a frame to its flow, by hand and without allocation: runs once for every packet.
//!
//! Understands Ethernet with up to four VLAN tags (802.1Q, 802.1ad), raw IP, Linux cooked captures
//! and BSD loopback; IPv4 and IPv6 with extension headers; TCP, UDP, SCTP and ICMP; VXLAN, GRE and
//! IP in IP when asked. An ICMP error belongs to the flow it is about. Fragments after the first
//! have no ports: they belong to [`FlowKey::fragments`]. Anything else has no flow, and is no error.

use std::net::Ipv6Addr;

use crate::flow::FlowKey;
pub use crate::link::LinkType;
use crate::link::{IPV4, IPV6, by_version, network_layer, u16_at};
use crate::tunnel;

/// How frames are read.
///
/// ```
/// use ring_capture::{LinkType, Parser};
/// let parser = Parser::default().tunnels(true);
/// assert_eq!(parser.parse(LinkType::Raw, &[]), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parser {
    tunnels: u8,
}

impl Parser {
    /// Whether a packet in a tunnel (VXLAN to its port 4789, GRE, IP in IP) belongs to the inner
    /// flow: default off, which is to the flow between the tunnel's ends.
    ///
    /// Networks are not told apart: inner flows of the same addresses and ports in two VXLANs are
    /// one flow. What is no tunnel inside after all keeps its outer flow, as does an inner packet
    /// that was cut inside its headers. Four tunnels in one another are gone through.
    pub fn tunnels(mut self, inner: bool) -> Self {
        self.tunnels = if inner { MAX_TUNNELS } else { 0 };
        self
    }

    /// Reads the headers of a frame. `None`: no IP, cut inside the headers, or lying about lengths.
    #[inline]
    pub fn parse(self, link: LinkType, frame: &[u8]) -> Option<Packet> {
        let (ether_type, at) = network_layer(link, frame)?;
        ip(frame, ether_type, at, Nested { quotes: MAX_QUOTES, tunnels: self.tunnels })
    }
}

/// What the ring wants to know of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The flow it belongs to.
    pub flow: FlowKey,
    /// TCP's flags (RFC 9293 §3.1), 0 for everything else.
    pub tcp_flags: u8,
    /// Where the transport's payload starts in the frame; at most its length.
    pub payload_at: usize,
}

impl Packet {
    /// Reads the headers of a frame as the default [`Parser`] does, tunnels left alone.
    #[inline]
    pub fn parse(link: LinkType, frame: &[u8]) -> Option<Self> {
        Parser::default().parse(link, frame)
    }

    /// Whether a TCP connection is begun anew: SYN without ACK.
    #[inline]
    pub fn begins_flow(&self) -> bool {
        self.tcp_flags & (SYN | ACK) == SYN
    }

    /// Whether the sender says that this is its end: FIN or RST.
    #[inline]
    pub fn ends_flow(&self) -> bool {
        self.tcp_flags & (FIN | RST) != 0
    }
}

/// How many packets inside packets may still be gone into.
#[derive(Clone, Copy)]
struct Nested {
    quotes: u8,
    tunnels: u8,
}

#[inline]
fn ip(frame: &[u8], ether_type: u16, at: usize, nested: Nested) -> Option<Packet> {
    match ether_type {
        IPV4 => ipv4(frame, at, nested),
        IPV6 => ipv6(frame, at, nested),
        _ => None,
    }
}

fn ipv4(frame: &[u8], at: usize, nested: Nested) -> Option<Packet> {
    let header: &[u8; 20] = frame.get(at..)?.first_chunk()?;
    let header_len = usize::from(header[0] & 15) * 4;
    if header[0] >> 4 != 4 || header_len < 20 {
        return None;
    }
    // Put together as a number: written byte by byte, the address would be read back at once as
    // words, which the processor waits for.
    let address = |i: usize| {
        let octets: &[u8; 4] = header[i..].first_chunk().expect("both addresses lie in the header");
        Ipv6Addr::from_bits(MAPPED | u128::from(u32::from_be_bytes(*octets)))
    };
    let fragment_offset = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    let ends = Ends { from: address(12), to: address(16), protocol: header[9] };
    transport(frame, at + header_len, &ends, fragment_offset != 0, nested)
}

fn ipv6(frame: &[u8], at: usize, nested: Nested) -> Option<Packet> {
    let header: &[u8; 40] = frame.get(at..)?.first_chunk()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let address = |i: usize| {
        let octets: &[u8; 16] =
            header[i..].first_chunk().expect("both addresses lie in the header");
        Ipv6Addr::from(*octets)
    };
    let (mut next, mut at, mut later_fragment) = (header[6], at + 40, false);
    // RFC 8200 §4: each kind of extension header occurs once, destination options twice.
    for _ in 0..MAX_EXTENSIONS {
        let length = match next {
            HOP_BY_HOP | ROUTING | DESTINATION => usize::from(*frame.get(at + 1)?) * 8 + 8,
            AUTHENTICATION => usize::from(*frame.get(at + 1)?) * 4 + 8,
            FRAGMENT => {
                later_fragment = u16_at(frame, at + 2)? >> 3 != 0;
                8
            }
            _ => break,
        };
        next = *frame.get(at)?;
        at += length;
        if later_fragment {
            break;
        }
    }
    let ends = Ends { from: address(8), to: address(24), protocol: next };
    transport(frame, at, &ends, later_fragment, nested)
}

struct Ends {
    from: Ipv6Addr,
    to: Ipv6Addr,
    protocol: u8,
}

impl Ends {
    fn flow(&self, ports: (u16, u16)) -> FlowKey {
        FlowKey::between(self.protocol, (self.from, ports.0), (self.to, ports.1))
    }
}

fn transport(
    frame: &[u8],
    at: usize,
    ends: &Ends,
    later_fragment: bool,
    nested: Nested,
) -> Option<Packet> {
    let plain = |ports, header_len: usize| {
        let payload_at = (at + header_len).min(frame.len());
        Some(Packet { flow: ends.flow(ports), tcp_flags: 0, payload_at })
    };
    if later_fragment {
        return plain((0, 0), 0);
    }
    match ends.protocol {
        TCP => {
            // An error message quotes as few as eight bytes: enough for the ports.
            let flags = frame.get(at + 13).copied().unwrap_or(0);
            let header_len = usize::from(frame.get(at + 12).copied().unwrap_or(0x50) >> 4) * 4;
            let packet = plain(ports(frame, at)?, header_len.max(20))?;
            Some(Packet { tcp_flags: flags, ..packet })
        }
        UDP => {
            let ports = ports(frame, at)?;
            let inner = if nested.tunnels == 0 { None } else { tunnelled(frame, UDP, at, nested) };
            inner.or_else(|| plain(ports, 8))
        }
        SCTP => plain(ports(frame, at)?, 12),
        ICMP | ICMPV6 => icmp(frame, at, ends, nested),
        protocol if nested.tunnels > 0 => {
            tunnelled(frame, protocol, at, nested).or_else(|| plain((0, 0), 0))
        }
        _ => plain((0, 0), 0),
    }
}

#[cold]
fn tunnelled(frame: &[u8], protocol: u8, at: usize, nested: Nested) -> Option<Packet> {
    let (ether_type, at) = tunnel::inner(frame, protocol, at)?;
    ip(frame, ether_type, at, Nested { tunnels: nested.tunnels - 1, ..nested })
}

fn icmp(frame: &[u8], at: usize, ends: &Ends, nested: Nested) -> Option<Packet> {
    let kind = *frame.get(at)?;
    // RFC 792 and RFC 4443: these quote the packet they are about.
    let error = match ends.protocol {
        ICMP => matches!(kind, 3 | 4 | 5 | 11 | 12),
        _ => matches!(kind, 1..=4),
    };
    if error && nested.quotes > 0 {
        let nested = Nested { quotes: nested.quotes - 1, ..nested };
        let quoted = by_version(frame, at + 8).and_then(|v| ip(frame, v, at + 8, nested));
        // What the quoted packet says of its flags is not news of this one.
        if let Some(quoted) = quoted {
            return Some(Packet { tcp_flags: 0, ..quoted });
        }
    }
    let echo = match ends.protocol {
        ICMP => matches!(kind, 0 | 8),
        _ => matches!(kind, 128 | 129),
    };
    let identifier = if echo { u16_at(frame, at + 4)? } else { 0 };
    let payload_at = (at + 8).min(frame.len());
    Some(Packet { flow: ends.flow((identifier, identifier)), tcp_flags: 0, payload_at })
}

fn ports(frame: &[u8], at: usize) -> Option<(u16, u16)> {
    Some((u16_at(frame, at)?, u16_at(frame, at + 2)?))
}

/// `::ffff:0:0/96` (RFC 4291 §2.5.5.2).
const MAPPED: u128 = 0xffff_0000_0000;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const MAX_EXTENSIONS: usize = 8;
/// An ICMP error quotes a packet, and must not be about another error (RFC 1122 §3.2.2).
const MAX_QUOTES: u8 = 1;
const MAX_TUNNELS: u8 = 4;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    const VLAN: u16 = 0x8100;
    const QINQ: u16 = 0x88a8;

    fn v4(protocol: u8, rest: &[u8]) -> Vec<u8> {
        let mut p = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        p.extend_from_slice(rest);
        p
    }

    fn v6(next: u8, rest: &[u8]) -> Vec<u8> {
        let mut p = vec![0x60, 0, 0, 0, 0, 0, next, 64];
        p.extend_from_slice(&"2001:db8::1".parse::<Ipv6Addr>().expect("one").octets());
        p.extend_from_slice(&"2001:db8::2".parse::<Ipv6Addr>().expect("two").octets());
        p.extend_from_slice(rest);
        p
    }

    fn tcp(flags: u8) -> Vec<u8> {
        let mut t =
            vec![0x01, 0xbb, 0xc3, 0x50, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 1, 0, 0, 0, 0, 0];
        t.extend_from_slice(b"data");
        t
    }

    fn ethernet(tags: &[u16], ether_type: u16, rest: &[u8]) -> Vec<u8> {
        let mut frame = vec![2; 12];
        for tag in tags {
            frame.extend_from_slice(&tag.to_be_bytes());
            frame.extend_from_slice(&[0, 42]);
        }
        frame.extend_from_slice(&ether_type.to_be_bytes());
        frame.extend_from_slice(rest);
        frame
    }

    fn flow(one: &str, other: &str) -> FlowKey {
        let addr = |text: &str| text.parse::<SocketAddr>().expect("an address");
        FlowKey::tcp(addr(one), addr(other))
    }

    #[test]
    fn tcp_over_every_link() {
        let ip = v4(TCP, &tcp(0x12));
        let want = flow("10.0.0.1:443", "10.0.0.2:50000");
        let sll2 = [&[8, 0][..], &[0; 18], &ip].concat();
        for (link, frame) in [
            (LinkType::Ethernet, ethernet(&[], IPV4, &ip)),
            (LinkType::Ethernet, ethernet(&[VLAN], IPV4, &ip)),
            (LinkType::Ethernet, ethernet(&[QINQ, VLAN], IPV4, &ip)),
            (LinkType::Raw, ip.clone()),
            (LinkType::Null, [&[2, 0, 0, 0][..], &ip].concat()),
            (LinkType::LinuxSll, [&[0; 14][..], &[8, 0], &ip].concat()),
            (LinkType::LinuxSll2, sll2),
        ] {
            let packet = Packet::parse(link, &frame).expect("a TCP packet");
            assert_eq!(packet.flow, want, "{link:?}");
            assert_eq!(packet.tcp_flags, 0x12);
            assert_eq!(&frame[packet.payload_at..], b"data");
        }
    }

    #[test]
    fn ipv6_extension_headers_are_stepped_over() {
        let options =
            [&[DESTINATION, 0, 0, 0, 0, 0, 0, 0][..], &[TCP, 1], &[0; 14], &tcp(1)].concat();
        let frame = v6(HOP_BY_HOP, &options);
        let packet = Packet::parse(LinkType::Raw, &frame).expect("a TCP packet");
        assert_eq!(packet.flow, flow("[2001:db8::1]:443", "[2001:db8::2]:50000"));
        assert!(packet.ends_flow());
    }

    #[test]
    fn later_fragments_share_a_flow_without_ports() {
        let mut fragment = v4(TCP, b"anything at all");
        fragment[7] = 1;
        let packet = Packet::parse(LinkType::Raw, &fragment).expect("a fragment");
        assert_eq!(packet.flow, flow("10.0.0.1:0", "10.0.0.2:0"));
        let first = Packet::parse(LinkType::Raw, &v4(TCP, &tcp(0))).expect("the first fragment");
        assert_ne!(packet.flow, first.flow);
        assert_eq!(packet.flow, first.flow.fragments());
        let header = [TCP, 0, 0, 8, 0, 0, 0, 1, 9, 9];
        let packet = Packet::parse(LinkType::Raw, &v6(FRAGMENT, &header)).expect("a fragment");
        assert_eq!(packet.flow, flow("[2001:db8::1]:0", "[2001:db8::2]:0"));
    }

    #[test]
    fn an_icmp_error_belongs_to_the_flow_it_is_about() {
        let quoted = v4(TCP, &tcp(0x02)[..8]);
        let error = v4(ICMP, &[&[3, 4, 0, 0, 0, 0, 5, 0][..], &quoted].concat());
        let packet = Packet::parse(LinkType::Raw, &error).expect("an error");
        assert_eq!(packet.flow, flow("10.0.0.1:443", "10.0.0.2:50000"));
        assert!(!packet.ends_flow());
        let quoted = v6(TCP, &tcp(0x02)[..8]);
        let error = v6(ICMPV6, &[&[2, 0, 0, 0, 0, 0, 5, 0][..], &quoted].concat());
        let packet = Packet::parse(LinkType::Raw, &error).expect("an error");
        assert_eq!(packet.flow, flow("[2001:db8::1]:443", "[2001:db8::2]:50000"));
    }

    #[test]
    fn an_echo_and_its_reply_are_one_flow() {
        let request = Packet::parse(LinkType::Raw, &v4(ICMP, &[8, 0, 0, 0, 1, 2, 0, 1]));
        let mut reply = v4(ICMP, &[0, 0, 0, 0, 1, 2, 0, 1]);
        reply[15] = 2;
        reply[19] = 1;
        let reply = Packet::parse(LinkType::Raw, &reply);
        assert_eq!(request.expect("request").flow, reply.expect("reply").flow);
    }

    #[test]
    fn a_frame_cut_anywhere_is_no_panic() {
        let frame = ethernet(
            &[QINQ, VLAN],
            IPV6,
            &v6(HOP_BY_HOP, &[&[TCP, 0, 0, 0, 0, 0, 0, 0][..], &tcp(2)].concat()),
        );
        for cut in 0..frame.len() {
            let _ = Packet::parse(LinkType::Ethernet, &frame[..cut]);
        }
        assert!(Packet::parse(LinkType::Ethernet, &frame).is_some());
    }

    #[test]
    fn headers_that_lie_have_no_flow() {
        let mut short = v4(TCP, &tcp(2));
        short[0] = 0x44;
        assert_eq!(Packet::parse(LinkType::Raw, &short), None);
        assert_eq!(Packet::parse(LinkType::Ethernet, &[0; 60]), None);
        assert_eq!(Packet::parse(LinkType::Other(999), &v4(TCP, &tcp(2))), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_at_all(bytes in proptest::collection::vec(0_u8.., 0..200), link in 0_u16..300) {
            for parser in [Parser::default(), Parser::default().tunnels(true)] {
                if let Some(packet) = parser.parse(LinkType::from(link), &bytes) {
                    proptest::prop_assert!(packet.payload_at <= bytes.len());
                }
            }
        }
    }
}
