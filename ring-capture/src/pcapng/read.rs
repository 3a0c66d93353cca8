//! Reading pcapng: one block at a time, from bytes already in memory.
//!
//! Understands section headers of both byte orders, interface descriptions with any resolution and
//! offset, enhanced, simple and obsolete packet blocks; steps over every other block.

use crate::packet::LinkType;
use crate::record::Direction;

/// What is known of the section being read.
#[derive(Debug, Default)]
pub(crate) struct SectionReader {
    big_endian: bool,
    interfaces: Vec<Described>,
}

/// An interface, as the file describes it.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) link: LinkType,
    pub(crate) name: Option<String>,
    snaplen: u32,
    clock: Clock,
}

/// What its timestamps count, and from when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clock {
    resolution: u8,
    offset_seconds: i64,
}

/// A packet found in a block; the data are the block's bytes in this range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PacketAt {
    pub(crate) interface: u32,
    pub(crate) link: LinkType,
    pub(crate) timestamp_ns: u64,
    pub(crate) original: u32,
    pub(crate) data: std::ops::Range<usize>,
    pub(crate) direction: Direction,
    pub(crate) comment: Option<std::ops::Range<usize>>,
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wrong(pub(crate) &'static str);

impl SectionReader {
    /// Starts a section with the four bytes that follow a section header's length.
    pub(crate) fn begin(&mut self, byte_order: [u8; 4]) -> Result<(), Wrong> {
        self.interfaces.clear();
        self.big_endian = match u32::from_be_bytes(byte_order) {
            0x1a2b_3c4d => true,
            0x4d3c_2b1a => false,
            _ => return Err(Wrong("a byte-order magic of 0x1a2b3c4d")),
        };
        Ok(())
    }

    pub(crate) fn word(&self, octets: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) }
    }

    pub(crate) fn interface(&self, number: u32) -> Option<&Described> {
        self.interfaces.get(number as usize)
    }

    /// Reads the body of a block (without type and lengths): a packet, or nothing to tell.
    pub(crate) fn block(&mut self, kind: u32, body: &[u8]) -> Result<Option<PacketAt>, Wrong> {
        match kind {
            INTERFACE_DESCRIPTION => self.describe(body).map(|()| None),
            ENHANCED_PACKET => self.enhanced(body).map(Some),
            OBSOLETE_PACKET => self.obsolete(body).map(Some),
            SIMPLE_PACKET => self.simple(body).map(Some),
            _ => Ok(None),
        }
    }

    fn describe(&mut self, body: &[u8]) -> Result<(), Wrong> {
        if self.interfaces.len() >= MOST_INTERFACES {
            return Err(Wrong("fewer than 65,536 interfaces"));
        }
        let link = LinkType::from(self.u16_at(body, 0)?);
        let mut interface = Described {
            link,
            name: None,
            snaplen: self.u32_at(body, 4)?,
            clock: Clock { resolution: 6, offset_seconds: 0 },
        };
        self.options(body, 8, |reader, code, range| match (code, &body[range]) {
            (IF_NAME, text) => {
                interface.name = Some(String::from_utf8_lossy(text).trim_end_matches('\0').into());
            }
            (IF_TSRESOL, &[resolution, ..]) => interface.clock.resolution = resolution,
            (IF_TSOFFSET, octets) => {
                if let Some(&octets) = octets.first_chunk() {
                    interface.clock.offset_seconds = reader.long(octets).cast_signed();
                }
            }
            _ => {}
        });
        self.interfaces.push(interface);
        Ok(())
    }

    fn enhanced(&self, body: &[u8]) -> Result<PacketAt, Wrong> {
        let number = self.u32_at(body, 0)?;
        self.timed(body, number, 20)
    }

    /// The Packet Block that the enhanced one replaced: its second word counts drops.
    fn obsolete(&self, body: &[u8]) -> Result<PacketAt, Wrong> {
        let number = u32::from(self.u16_at(body, 0)?);
        self.timed(body, number, 20)
    }

    fn timed(&self, body: &[u8], number: u32, data_at: usize) -> Result<PacketAt, Wrong> {
        let interface = self.interface(number).ok_or(UNDESCRIBED)?;
        let units = u64::from(self.u32_at(body, 4)?) << 32 | u64::from(self.u32_at(body, 8)?);
        let captured = self.u32_at(body, 12)? as usize;
        let data = data_at..data_at.saturating_add(captured);
        if data.end > body.len() {
            return Err(Wrong("a captured length that fits in the block"));
        }
        let mut packet = PacketAt {
            interface: number,
            link: interface.link,
            timestamp_ns: interface.clock.nanoseconds(units),
            original: self.u32_at(body, 16)?,
            data: data.clone(),
            direction: Direction::Unknown,
            comment: None,
        };
        self.options(body, data.end.next_multiple_of(4), |reader, code, range| match code {
            OPT_COMMENT => packet.comment = packet.comment.take().or(Some(range)),
            EPB_FLAGS => {
                let flags = body[range].first_chunk().map(|&octets| reader.word(octets));
                packet.direction = match flags.map(|flags| flags & 3) {
                    Some(1) => Direction::Inbound,
                    Some(2) => Direction::Outbound,
                    _ => Direction::Unknown,
                };
            }
            _ => {}
        });
        Ok(packet)
    }

    /// A packet of the first interface, without a time.
    fn simple(&self, body: &[u8]) -> Result<PacketAt, Wrong> {
        let interface = self.interface(0).ok_or(UNDESCRIBED)?;
        let original = self.u32_at(body, 0)?;
        let limit = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
        let captured = (original.min(limit) as usize).min(body.len() - 4);
        Ok(PacketAt {
            interface: 0,
            link: interface.link,
            timestamp_ns: 0,
            original,
            data: 4..4 + captured,
            direction: Direction::Unknown,
            comment: None,
        })
    }

    /// Calls `take` with each option's code and the range of its value; stops at what makes no
    /// sense, for options are extras.
    fn options(
        &self,
        body: &[u8],
        mut at: usize,
        mut take: impl FnMut(&Self, u16, std::ops::Range<usize>),
    ) {
        while let (Ok(code), Ok(length)) = (self.u16_at(body, at), self.u16_at(body, at + 2)) {
            let value = at + 4..at + 4 + usize::from(length);
            if code == OPT_END || value.end > body.len() {
                break;
            }
            at = value.end.next_multiple_of(4);
            take(self, code, value);
        }
    }

    fn u32_at(&self, body: &[u8], at: usize) -> Result<u32, Wrong> {
        let octets = body.get(at..).and_then(<[u8]>::first_chunk).ok_or(SHORT)?;
        Ok(self.word(*octets))
    }

    fn u16_at(&self, body: &[u8], at: usize) -> Result<u16, Wrong> {
        let octets: [u8; 2] = *body.get(at..).and_then(<[u8]>::first_chunk).ok_or(SHORT)?;
        Ok(if self.big_endian { u16::from_be_bytes(octets) } else { u16::from_le_bytes(octets) })
    }

    fn long(&self, octets: [u8; 8]) -> u64 {
        if self.big_endian { u64::from_be_bytes(octets) } else { u64::from_le_bytes(octets) }
    }
}

impl Clock {
    /// Units since the offset to Unix nanoseconds, saturating.
    fn nanoseconds(self, units: u64) -> u64 {
        let (units, exponent) = (i128::from(units), u32::from(self.resolution & 0x7f));
        let nanoseconds = if self.resolution & 0x80 != 0 {
            (units * 1_000_000_000) >> exponent
        } else if exponent <= 9 {
            units * 10_i128.pow(9 - exponent)
        } else {
            // Beyond 10^38 units a second, none of them is a nanosecond.
            10_i128.checked_pow(exponent - 9).map_or(0, |divisor| units / divisor)
        };
        let offset = i128::from(self.offset_seconds) * 1_000_000_000;
        (nanoseconds + offset).clamp(0, i128::from(u64::MAX)) as u64
    }
}

const UNDESCRIBED: Wrong = Wrong("an interface description before its packets");
const SHORT: Wrong = Wrong("a block long enough for its fields");

pub(crate) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const OPT_END: u16 = 0;
const OPT_COMMENT: u16 = 1;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const EPB_FLAGS: u16 = 2;
const MOST_INTERFACES: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resolution_is_nanoseconds() {
        let at = |resolution, offset_seconds, units| {
            Clock { resolution, offset_seconds }.nanoseconds(units)
        };
        assert_eq!(at(6, 0, 1_500_000), 1_500_000_000);
        assert_eq!(at(9, 0, 7), 7);
        assert_eq!(at(12, 0, 7_000), 7);
        assert_eq!(at(0x80 | 0x0a, 0, 1024), 1_000_000_000);
        assert_eq!(at(0, 10, 1), 11_000_000_000);
        assert_eq!(at(6, -1, 0), 0, "before 1970 is 1970");
        assert_eq!(at(127, 0, u64::MAX), 0);
        assert_eq!(at(0xff, 0, u64::MAX), 0);
        assert_eq!(at(0, i64::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn big_endian_sections_are_read() {
        let mut reader = SectionReader::default();
        reader.begin([0x1a, 0x2b, 0x3c, 0x4d]).expect("big-endian");
        reader.block(1, &[0, 1, 0, 0, 0, 0, 0, 0]).expect("an interface");
        let body = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 60, 0xaa, 0xbb, 0, 0];
        let packet = reader.block(6, &body).expect("well formed").expect("a packet");
        assert_eq!((packet.timestamp_ns, packet.original, packet.data), (9_000, 60, 20..22));
    }

    #[test]
    fn a_packet_of_an_unknown_interface_is_wrong() {
        let mut reader = SectionReader::default();
        assert_eq!(reader.block(6, &[0; 24]), Err(UNDESCRIBED));
        assert_eq!(reader.block(3, &[0; 24]), Err(UNDESCRIBED));
        assert!(reader.begin([1, 2, 3, 4]).is_err());
    }
}
