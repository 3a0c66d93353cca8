//! The packets in a block, from plain bytes: every offset in it is checked, though it comes from the
//! kernel.

use super::fetch::fetch;

/// The packets of one block, in the order in which they came.
pub(super) struct Packets<'a> {
    bytes: &'a mut [u8],
    at: usize,
    left: u32,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) timestamp_ns: u64,
    pub(super) original_len: u32,
    pub(super) outgoing: bool,
    pub(super) bytes: &'a [u8],
}

impl<'a> Packets<'a> {
    /// `count` packets, the first one's header at `first_at`.
    pub(super) fn new(bytes: &'a mut [u8], first_at: usize, count: u32) -> Self {
        Self { bytes, at: first_at, left: count }
    }

    /// The next packet; `None` at the end, or where an offset leads out of the block or nowhere.
    pub(super) fn next(&mut self) -> Option<Packet<'_>> {
        self.left = self.left.checked_sub(1)?;
        let rest = self.bytes.get_mut(self.at..)?;
        let header = Header::read(rest)?;
        if header.next_offset == 0 {
            // The last packet of a block has no next.
            self.left = 0;
        }
        self.at = self.at.checked_add(header.next_offset as usize)?;
        // As much as was read just now, some packets ahead of it.
        let ahead = rest.get(FETCH_AHEAD..).unwrap_or_default();
        fetch(&ahead[..ahead.len().min(header.next_offset as usize)]);
        let mut start = usize::from(header.mac);
        let end = start.checked_add(header.captured as usize)?;
        let mut original_len = header.original_len;
        if let Some(tag) = header.vlan.filter(|_| header.captured as usize >= ADDRESSES) {
            // Back in front of the type goes the tag, the two addresses move up.
            let tagged = start.checked_sub(TAG_BYTES)?;
            let front = rest.get_mut(tagged..start + ADDRESSES)?;
            front.copy_within(TAG_BYTES.., 0);
            front[ADDRESSES..].copy_from_slice(&tag);
            start = tagged;
            original_len = original_len.saturating_add(TAG_BYTES as u32);
        }
        Some(Packet {
            timestamp_ns: header.timestamp_ns,
            original_len,
            outgoing: header.outgoing,
            bytes: rest.get(start..end)?,
        })
    }
}

/// `tpacket3_hdr` and the `sockaddr_ll` behind it, read field by field from bytes.
struct Header {
    next_offset: u32,
    timestamp_ns: u64,
    captured: u32,
    original_len: u32,
    mac: u16,
    vlan: Option<[u8; 4]>,
    outgoing: bool,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let b: &[u8; HEADER_BYTES + SOCKADDR_BYTES] = bytes.first_chunk()?;
        let u32_at = |at: usize| u32::from_ne_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
        let u16_at = |at: usize| u16::from_ne_bytes([b[at], b[at + 1]]);
        let status = u32_at(20);
        let vlan = (status & libc::TP_STATUS_VLAN_VALID != 0).then(|| {
            let known = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
            let tpid = if known { u16_at(36) } else { VLAN }.to_be_bytes();
            let tci = (u32_at(32) as u16).to_be_bytes();
            [tpid[0], tpid[1], tci[0], tci[1]]
        });
        Some(Self {
            next_offset: u32_at(0),
            timestamp_ns: u64::from(u32_at(4)) * 1_000_000_000 + u64::from(u32_at(8)),
            captured: u32_at(12),
            original_len: u32_at(16),
            mac: u16_at(24),
            vlan,
            outgoing: b[HEADER_BYTES + PACKET_TYPE_AT] == libc::PACKET_OUTGOING,
        })
    }
}

/// Destination and source address: the tag goes behind them.
const ADDRESSES: usize = 12;
/// `TPACKET_ALIGN(sizeof(struct tpacket3_hdr))`.
const HEADER_BYTES: usize = size_of::<libc::tpacket3_hdr>().next_multiple_of(16);
const SOCKADDR_BYTES: usize = size_of::<libc::sockaddr_ll>();
const PACKET_TYPE_AT: usize = std::mem::offset_of!(libc::sockaddr_ll, sll_pkttype);
const VLAN: u16 = 0x8100;
/// Chosen by measuring 1, 2, 4 and 8 KiB, which are alike.
const FETCH_AHEAD: usize = 4096;
/// What a VLAN tag takes, and the room to leave in front of each frame for it.
pub(super) const TAG_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A packet as the kernel lays it out: header, address, room for a tag, frame.
    fn packet(next_offset: u32, status: u32, frame: &[u8]) -> Vec<u8> {
        let mac = HEADER_BYTES + SOCKADDR_BYTES + 4 + TAG_BYTES;
        let mut bytes = vec![0; mac];
        let mut put = |at: usize, value: u32| {
            bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        };
        put(0, next_offset);
        put(4, 1_700_000_000);
        put(8, 5);
        put(12, frame.len() as u32);
        put(16, frame.len() as u32 + 1000);
        put(20, status);
        put(24, mac as u32);
        put(32, 42);
        put(36, 0x88a8);
        bytes[HEADER_BYTES + PACKET_TYPE_AT] = libc::PACKET_OUTGOING;
        bytes.extend(frame);
        bytes.resize(bytes.len().next_multiple_of(8), 0xee);
        bytes
    }

    /// Sets a word of the first packet's header.
    fn lying(at: usize, value: u32) -> Vec<u8> {
        let mut bytes = packet(0, TAGGED, &[9; 60]);
        bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        bytes
    }

    const TAGGED: u32 = libc::TP_STATUS_VLAN_VALID | libc::TP_STATUS_VLAN_TPID_VALID;

    #[test]
    fn packets_follow_one_another() {
        let length = packet(0, 0, b"one").len() as u32;
        let mut block = [packet(length, 0, b"one"), packet(0, 0, b"three")].concat();
        let mut packets = Packets::new(&mut block, 0, 2);
        let first = packets.next().expect("the first");
        assert_eq!((first.bytes, first.original_len, first.outgoing), (&b"one"[..], 1003, true));
        assert_eq!(first.timestamp_ns, 1_700_000_000_000_000_005);
        assert_eq!(packets.next().expect("the second").bytes, b"three");
        assert_eq!(packets.next(), None);
    }

    #[test]
    fn a_tag_taken_out_is_put_back() {
        let frame = [&[1; 6][..], &[2; 6], &[8, 0], b"payload"].concat();
        for (status, tpid) in [(TAGGED, [0x88, 0xa8]), (libc::TP_STATUS_VLAN_VALID, [0x81, 0])] {
            let mut block = packet(0, status, &frame);
            let mut packets = Packets::new(&mut block, 0, 1);
            let packet = packets.next().expect("a packet");
            let tagged = [&frame[..12], &tpid, &[0, 42], &frame[12..]].concat();
            assert_eq!(packet.bytes, tagged);
            assert_eq!(packet.original_len as usize, tagged.len() + 1000);
        }
    }

    #[test]
    fn a_frame_too_short_for_addresses_gets_no_tag() {
        let mut block = packet(0, TAGGED, &[1; 11]);
        assert_eq!(Packets::new(&mut block, 0, 1).next().expect("a packet").bytes, [1; 11]);
    }

    #[test]
    fn offsets_that_lie_end_the_walk() {
        let mut outside = packet(0, 0, b"one");
        for first_at in [outside.len(), outside.len() + 1, usize::MAX, usize::MAX - 47] {
            assert_eq!(Packets::new(&mut outside, first_at, 1).next(), None);
        }
        // The next is nowhere: a count that lies makes nobody read the same packet for ever.
        let mut packets = Packets::new(&mut outside, 0, u32::MAX);
        assert!(packets.next().is_some());
        assert_eq!(packets.next(), None);
        let mut far = lying(0, u32::MAX);
        let mut packets = Packets::new(&mut far, 0, 2);
        assert!(packets.next().is_some());
        assert_eq!(packets.next(), None);
        for mut block in [lying(12, u32::MAX), lying(12, 69), lying(24, 0), lying(24, 0xffff)] {
            assert_eq!(Packets::new(&mut block, 0, 1).next(), None);
        }
        let mut longest = lying(16, u32::MAX);
        let mut packets = Packets::new(&mut longest, 0, 1);
        assert_eq!(packets.next().map(|p| p.original_len), Some(u32::MAX));
    }

    proptest! {
        /// Whatever is in a block, what comes out lies in it, and the walk ends.
        #[test]
        fn any_bytes_at_all(
            mut bytes in proptest::collection::vec(0_u8.., 0..600),
            first_at in prop_oneof![0_usize..600, any::<usize>()],
            count: u32,
        ) {
            let range = bytes.as_ptr_range();
            let mut packets = Packets::new(&mut bytes, first_at, count);
            for _ in 0..601 {
                let Some(packet) = packets.next() else { return Ok(()) };
                let inside = packet.bytes.as_ptr_range();
                prop_assert!(range.start <= inside.start && inside.end <= range.end);
            }
            prop_assert!(false, "the walk goes on for ever");
        }

        /// The same of blocks that are nearly right: small offsets in headers that look like some.
        #[test]
        fn nearly_right_blocks(
            words in proptest::collection::vec((0_usize..40, 0_u32..300), 0..12),
            frames in proptest::collection::vec(0_usize..80, 1..6),
            tagged: bool,
            count: u32,
        ) {
            let status = if tagged { TAGGED } else { 0 };
            let packet = |len: &usize| packet(packet(0, 0, &vec![7; *len]).len() as u32, status, &vec![7; *len]);
            let mut bytes: Vec<u8> = frames.iter().flat_map(packet).collect();
            for (number, (at, value)) in words.into_iter().enumerate() {
                let at = (number % frames.len()) * 100 + at;
                if let Some(word) = bytes.get_mut(at..at + 4) {
                    word.copy_from_slice(&value.to_ne_bytes());
                }
            }
            let (length, mut seen) = (bytes.len(), 0);
            let mut packets = Packets::new(&mut bytes, 0, count);
            while packets.next().is_some() {
                seen += 1;
                prop_assert!(seen <= length);
            }
        }
    }
}
