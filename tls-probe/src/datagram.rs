//! IP headers, read by hand and without allocating: who sends to whom, and where TCP begins
//! (RFC 791, RFC 8200, RFC 4302).

use std::net::IpAddr;

/// What an IP packet with TCP in it says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// Where TCP's header begins.
    pub(crate) at: usize,
    /// Where the packet ends, were it captured whole; of a first fragment, where that does.
    pub(crate) end: usize,
    /// The identification of IPv4, 0 for IPv6.
    pub(crate) identification: u16,
}

impl Datagram {
    /// Reads the header at `at` of a frame that was `original_len` bytes long. `None` for anything but
    /// TCP, for fragments but the first, and where the headers are cut off.
    pub(crate) fn parse(frame: &[u8], at: usize, original_len: usize) -> Option<Self> {
        match frame.get(at)? >> 4 {
            4 => ipv4(frame, at, original_len),
            6 => ipv6(frame, at, original_len),
            _ => None,
        }
    }
}

fn ipv4(frame: &[u8], at: usize, original_len: usize) -> Option<Datagram> {
    let header: &[u8; 20] = frame.get(at..)?.first_chunk()?;
    let header_len = usize::from(header[0] & 15) * 4;
    let fragment_offset = u16_in(header, 6) & 0x1fff;
    if header_len < header.len() || fragment_offset != 0 {
        return None;
    }
    let address = |i: usize| IpAddr::from(*header[i..].first_chunk::<4>().expect("4 of 20 bytes"));
    // Where a sending host leaves segmentation to its card the length is zero, and the frame's own counts.
    let end = match usize::from(u16_in(header, 2)) {
        0 => original_len,
        length => at + length,
    };
    let (protocol, tcp_at) = match header[9] {
        AUTHENTICATION => authenticated(frame, at + header_len)?,
        protocol => (protocol, at + header_len),
    };
    (protocol == TCP).then_some(Datagram {
        source: address(12),
        destination: address(16),
        at: tcp_at,
        end,
        identification: u16_in(header, 4),
    })
}

fn ipv6(frame: &[u8], at: usize, original_len: usize) -> Option<Datagram> {
    let header: &[u8; 40] = frame.get(at..)?.first_chunk()?;
    let address =
        |i: usize| IpAddr::from(*header[i..].first_chunk::<16>().expect("16 of 40 bytes"));
    // Zero for a jumbogram (RFC 2675), and again where segmentation is left to the card.
    let end = match usize::from(u16_in(header, 4)) {
        0 => original_len,
        length => at + header.len() + length,
    };
    let (mut next, mut tcp_at) = (header[6], at + header.len());
    for _ in 0..MAX_EXTENSIONS {
        match next {
            TCP => {
                let (source, destination) = (address(8), address(24));
                return Some(Datagram { source, destination, at: tcp_at, end, identification: 0 });
            }
            HOP_BY_HOP | ROUTING | DESTINATION => {
                let extension: &[u8; 2] = frame.get(tcp_at..)?.first_chunk()?;
                (next, tcp_at) = (extension[0], tcp_at + usize::from(extension[1]) * 8 + 8);
            }
            FRAGMENT => {
                let extension: &[u8; 4] = frame.get(tcp_at..)?.first_chunk()?;
                if u16_in(extension, 2) >> 3 != 0 {
                    return None;
                }
                (next, tcp_at) = (extension[0], tcp_at + 8);
            }
            AUTHENTICATION => (next, tcp_at) = authenticated(frame, tcp_at)?,
            _ => return None,
        }
    }
    None
}

/// What follows an authentication header, and where.
fn authenticated(frame: &[u8], at: usize) -> Option<(u8, usize)> {
    let header: &[u8; 2] = frame.get(at..)?.first_chunk()?;
    Some((header[0], at + usize::from(header[1]) * 4 + 8))
}

fn u16_in(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

const HOP_BY_HOP: u8 = 0;
const TCP: u8 = 6;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
/// RFC 8200 §4.1: each kind occurs once, destination options twice; and TCP.
const MAX_EXTENSIONS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(options: &[u8], protocol: u8, fragment: u16, length: u16) -> Vec<u8> {
        let mut packet = vec![0x45 + (options.len() / 4) as u8, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 9]);
        packet.extend(fragment.to_be_bytes());
        packet.extend([64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        packet.extend(options);
        packet
    }

    fn v6(next: u8, length: u16, extensions: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([next, 64]);
        packet.extend([1; 16]);
        packet.extend([2; 16]);
        packet.extend(extensions);
        packet
    }

    fn places(packet: &[u8]) -> Option<(usize, usize)> {
        Datagram::parse(packet, 0, 9_000).map(|datagram| (datagram.at, datagram.end))
    }

    #[test]
    fn options_and_extensions_are_passed_over() {
        assert_eq!(places(&v4(&[], TCP, 0x4000, 60)), Some((20, 60)));
        assert_eq!(places(&v4(&[1; 8], TCP, 0, 60)), Some((28, 60)));
        assert_eq!(places(&v4(&[], 17, 0, 60)), None, "UDP");
        assert_eq!(places(&[v4(&[], 51, 0, 90), vec![6, 4]].concat()), Some((44, 90)), "AH");
        assert_eq!(places(&v6(TCP, 60, &[])), Some((40, 100)));
        let extensions = [[43, 0, 0, 0, 0, 0, 0, 0], [6, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(places(&v6(0, 60, &extensions)), Some((56, 100)));
        assert_eq!(places(&v6(58, 60, &[])), None, "ICMP");
        assert_eq!(places(&[0x50; 60]), None, "version 5");
    }

    #[test]
    fn a_length_of_zero_is_the_frame_s() {
        assert_eq!(places(&v4(&[], TCP, 0, 0)), Some((20, 9_000)));
        assert_eq!(places(&v6(TCP, 0, &[])), Some((40, 9_000)));
    }

    #[test]
    fn the_first_fragment_holds_the_header_and_the_others_none() {
        assert_eq!(places(&v4(&[], TCP, 0x2000, 60)), Some((20, 60)));
        assert_eq!(places(&v4(&[], TCP, 0x0001, 60)), None);
        let fragment = |offset: u8| v6(44, 60, &[6, 0, 0, offset << 3 | 1, 0, 0, 0, 1]);
        assert_eq!(places(&fragment(0)), Some((48, 100)));
        assert_eq!(places(&fragment(1)), None);
    }

    #[test]
    fn headers_cut_off_are_none() {
        for packet in [v4(&[], TCP, 0, 60), v6(TCP, 60, &[]), v6(0, 60, &[6, 0])] {
            for cut in 0..packet.len() {
                assert_eq!(places(&packet[..cut]), None, "cut at {cut}");
            }
        }
    }
}
