//! The classic pcap file format (draft-ietf-opsawg-pcap): headers, both byte orders, both clocks.

use crate::packet::LinkType;

/// What the file header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    big_endian: bool,
    nanoseconds: bool,
    pub(crate) link: LinkType,
}

/// One packet's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PacketHeader {
    pub(crate) timestamp_ns: u64,
    pub(crate) captured: u32,
    pub(crate) original: u32,
}

impl Header {
    pub(crate) const BYTES: usize = 24;

    /// The file header; `None` when the first four bytes are no magic of this format.
    pub(crate) fn parse(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let magic = u32::from_be_bytes(*bytes.first_chunk()?);
        let (big_endian, nanoseconds) = match magic {
            0xa1b2_c3d4 => (true, false),
            0xa1b2_3c4d => (true, true),
            0xd4c3_b2a1 => (false, false),
            0x4d3c_b2a1 => (false, true),
            _ => return None,
        };
        let network = word(bytes, 20, big_endian);
        // The upper half holds flags about the frame check sequence.
        Some(Self { big_endian, nanoseconds, link: LinkType::from(network as u16) })
    }

    pub(crate) fn packet(self, bytes: &[u8; PacketHeader::BYTES]) -> PacketHeader {
        let word = |at| word(bytes, at, self.big_endian);
        let unit = if self.nanoseconds { 1 } else { 1_000 };
        PacketHeader {
            timestamp_ns: u64::from(word(0)) * 1_000_000_000 + u64::from(word(4)) * unit,
            captured: word(8),
            original: word(12),
        }
    }
}

impl PacketHeader {
    pub(crate) const BYTES: usize = 16;
}

fn word(bytes: &[u8], at: usize, big_endian: bool) -> u32 {
    let octets = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    if big_endian { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(magic: u32, big_endian: bool, network: u32) -> [u8; Header::BYTES] {
        let mut bytes = [0; Header::BYTES];
        bytes[..4].copy_from_slice(&magic.to_be_bytes());
        let network = if big_endian { network.to_be_bytes() } else { network.to_le_bytes() };
        bytes[20..].copy_from_slice(&network);
        bytes
    }

    #[test]
    fn both_orders_and_both_clocks() {
        for (magic, big, ns) in [
            (0xa1b2_c3d4, true, 7_000),
            (0xa1b2_3c4d, true, 7),
            (0xd4c3_b2a1, false, 7_000),
            (0x4d3c_b2a1, false, 7),
        ] {
            let parsed = Header::parse(&header(magic, big, 101)).expect("a magic");
            assert_eq!(parsed.link, LinkType::Raw);
            let words =
                [1_u32, 7, 60, 1500].map(|w| if big { w.to_be_bytes() } else { w.to_le_bytes() });
            let packet = parsed.packet(words.as_flattened().first_chunk().expect("sixteen"));
            let want =
                PacketHeader { timestamp_ns: 1_000_000_000 + ns, captured: 60, original: 1500 };
            assert_eq!(packet, want);
        }
        assert_eq!(Header::parse(&header(0x0a0d_0d0a, true, 1)), None);
    }

    #[test]
    fn flags_beside_the_link_type_are_not_part_of_it() {
        let parsed = Header::parse(&header(0xd4c3_b2a1, false, 0x5400_0001)).expect("a magic");
        assert_eq!(parsed.link, LinkType::Ethernet);
    }
}
