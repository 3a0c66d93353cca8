//! Frames that say what they are: every byte follows from the flow and the packet's number in it, so
//! that whoever receives one can tell whether it is whole, and where it belongs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ring_capture::FlowKey;

/// Which packet of which flow a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// The flow; each number has a client of its own.
    pub flow: u32,
    /// The packet's number in its flow. The client sends the even ones, the server the odd ones.
    pub sequence: u32,
}

/// What carries the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A segment with these of its header's fields (RFC 9293 §3.1).
    Tcp {
        /// Sequence number.
        sequence: u32,
        /// Flags.
        flags: u8,
    },
    /// A datagram.
    Udp,
}

impl Transport {
    fn header_bytes(self) -> usize {
        match self {
            Self::Tcp { .. } => 20,
            Self::Udp => 8,
        }
    }

    fn protocol(self) -> u8 {
        match self {
            Self::Tcp { .. } => 6,
            Self::Udp => 17,
        }
    }
}

impl Label {
    /// Fills a frame, [`LEAST_FRAME_BYTES`] at least: TCP on request, UDP otherwise.
    ///
    /// # Panics
    ///
    /// When there is no room for headers and label, or more than IP can carry.
    pub fn write(self, tcp: bool, frame: &mut [u8]) {
        let sequence = self.sequence.wrapping_mul(frame.len() as u32);
        let transport =
            if tcp { Transport::Tcp { sequence, flags: PSH | ACK } } else { Transport::Udp };
        let payload = headers(frame, self.flow, self.sequence.is_multiple_of(2), transport);
        let (label, rest) = payload.split_at_mut(LABEL_BYTES);
        label[..4].copy_from_slice(&self.flow.to_be_bytes());
        label[4..].copy_from_slice(&self.sequence.to_be_bytes());
        let mut state = self.mixed();
        for chunk in rest.chunks_mut(8) {
            state = state.wrapping_add(GOLDEN);
            chunk.copy_from_slice(&mix(state).to_le_bytes()[..chunk.len()]);
        }
    }

    /// Reads a frame back; `None` if it is not, byte for byte, one that [`write`](Self::write) made.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let tcp = *frame.get(PROTOCOL_AT)? == 6;
        let at = ETHERNET_BYTES + IPV4_BYTES + if tcp { 20 } else { 8 };
        let word =
            |at: usize| frame.get(at..)?.first_chunk().map(|octets| u32::from_be_bytes(*octets));
        let label = Self { flow: word(at)?, sequence: word(at + 4)? };
        let mut same = vec![0; frame.len()];
        label.write(tcp, &mut same);
        (same == frame).then_some(label)
    }

    /// A number that looks drawn by lot, the same for the same label.
    pub fn mixed(self) -> u64 {
        mix(u64::from(self.flow) << 32 | u64::from(self.sequence))
    }
}

/// The key under which a flow's frames are kept.
pub fn flow_key(flow: u32, tcp: bool) -> FlowKey {
    let (client, server) = ends(flow);
    FlowKey::new(if tcp { 6 } else { 17 }, client, server)
}

/// The two ends of a flow: clients in the network for benchmarks (RFC 2544), one server, port 443.
pub fn ends(flow: u32) -> (SocketAddr, SocketAddr) {
    let [a, b, c, d] = flow.to_be_bytes();
    let port = 1024 + u16::from_be_bytes([a, b]) % (u16::MAX - 1023);
    (
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 18, c, d)), port),
        SocketAddr::new(IpAddr::V4(SERVER), 443),
    )
}

/// Writes Ethernet, IPv4 and transport headers; gives back the room for the payload. Addressed to
/// nobody, so that no host answers. The transport's checksum stays zero.
///
/// # Panics
///
/// When the headers do not fit, or the frame is longer than IP can say.
pub fn headers(frame: &mut [u8], flow: u32, from_client: bool, transport: Transport) -> &mut [u8] {
    let (client, server) = ends(flow);
    let (from, to) = if from_client { (client, server) } else { (server, client) };
    let ip_bytes = u16::try_from(frame.len() - ETHERNET_BYTES).expect("IP carries 64 KiB");
    let (ethernet, rest) = frame.split_at_mut(ETHERNET_BYTES);
    ethernet.copy_from_slice(&[2, 0, 0, 0, 0, 0xfe, 2, 0, 0, 0, 0, 1, 8, 0]);
    let (ip, rest) = rest.split_at_mut(IPV4_BYTES);
    ip.fill(0);
    (ip[0], ip[6], ip[8], ip[9]) = (0x45, 0x40, 64, transport.protocol());
    ip[2..4].copy_from_slice(&ip_bytes.to_be_bytes());
    ip[12..16].copy_from_slice(&octets(from));
    ip[16..20].copy_from_slice(&octets(to));
    let sum = checksum(ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let (header, payload) = rest.split_at_mut(transport.header_bytes());
    header.fill(0);
    header[..2].copy_from_slice(&from.port().to_be_bytes());
    header[2..4].copy_from_slice(&to.port().to_be_bytes());
    match transport {
        Transport::Tcp { sequence, flags } => {
            header[4..8].copy_from_slice(&sequence.to_be_bytes());
            (header[12], header[13], header[14]) = (0x50, flags, 0xff);
        }
        Transport::Udp => {
            header[4..6].copy_from_slice(&(ip_bytes - IPV4_BYTES as u16).to_be_bytes());
        }
    }
    payload
}

fn octets(end: SocketAddr) -> [u8; 4] {
    match end.ip() {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(_) => unreachable!("both ends have IPv4 addresses"),
    }
}

/// RFC 1071.
fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks_exact(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// The finaliser of `SplitMix64`: every bit of the answer depends on every bit asked.
pub(crate) fn mix(x: u64) -> u64 {
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// The shortest frame that has room for TCP's headers and a label.
pub const LEAST_FRAME_BYTES: usize = ETHERNET_BYTES + IPV4_BYTES + 20 + LABEL_BYTES;
/// Bytes in front of a TCP payload.
pub const TCP_HEADERS_BYTES: usize = ETHERNET_BYTES + IPV4_BYTES + 20;
const ETHERNET_BYTES: usize = 14;
const IPV4_BYTES: usize = 20;
const LABEL_BYTES: usize = 8;
const PROTOCOL_AT: usize = ETHERNET_BYTES + 9;
const SERVER: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 1);
const PSH: u8 = 8;
const ACK: u8 = 16;
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use ring_capture::{LinkType, Packet};

    use super::*;

    #[test]
    fn a_frame_says_what_it_is_and_no_other_does() {
        for (tcp, len) in [(true, LEAST_FRAME_BYTES), (false, 64), (true, 1514), (false, 1501)] {
            for sequence in [0, 1, u32::MAX] {
                let label = Label { flow: 0x0102_0304, sequence };
                let mut frame = vec![0xaa; len];
                label.write(tcp, &mut frame);
                assert_eq!(Label::read(&frame), Some(label));
                let packet = Packet::parse(LinkType::Ethernet, &frame).expect("IP");
                assert_eq!(packet.flow, flow_key(label.flow, tcp));
                for at in 0..len {
                    frame[at] ^= 1;
                    assert_eq!(Label::read(&frame), None, "byte {at} of {len}");
                    frame[at] ^= 1;
                }
            }
        }
    }
}
