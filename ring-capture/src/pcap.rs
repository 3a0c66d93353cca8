//! Reading classic pcap (draft-ietf-opsawg-pcap) from bytes that somebody else reads.

use crate::framing::{ByteOrder, Fault, Located, MAX_BLOCK_BYTES, Step};
use crate::packet::LinkType;
use crate::pcapng::Interface;
use crate::record::Direction;

/// A file whose magic number was recognised.
#[derive(Debug)]
pub(crate) struct Reader {
    order: ByteOrder,
    /// Nanoseconds in the unit of a timestamp's second half.
    unit_ns: u64,
    /// The one interface, once the file header has been read.
    interface: Option<Interface>,
}

impl Reader {
    /// `None`: the file does not start as pcap does.
    pub(crate) fn recognise(magic: [u8; 4]) -> Option<Self> {
        [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| {
            let unit_ns = match order.u32(&magic, 0) {
                MICROSECONDS => 1_000,
                NANOSECONDS => 1,
                _ => return None,
            };
            Some(Self { order, unit_ns, interface: None })
        })
    }

    /// The one interface there is, without a name; none before the header has been read.
    pub(crate) fn interfaces(&self) -> &[Interface] {
        self.interface.as_slice()
    }

    /// Looks at the file header or the record at the front of `bytes`.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let Some(interface) = &self.interface else { return self.header(bytes) };
        let Some(front) = bytes.first_chunk::<RECORD_HEADER>() else {
            return Ok(Step::Need(RECORD_HEADER));
        };
        let [seconds, fraction, captured, original_len] =
            [0, 4, 8, 12].map(|at| self.order.u32(front, at));
        if captured > MAX_BLOCK_BYTES {
            return Err(Fault::TooLong { length: captured });
        }
        let record_len = RECORD_HEADER + captured as usize;
        if bytes.len() < record_len {
            return Ok(Step::Need(record_len));
        }
        Ok(Step::Packet(Located {
            record_len,
            bytes: RECORD_HEADER..record_len,
            comment: None,
            // Less than 2^63: no sum of 32-bit seconds and fractions wraps.
            timestamp_ns: u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * self.unit_ns,
            original_len,
            link: interface.link,
            interface: 0,
            direction: Direction::Unknown,
        }))
    }

    fn header(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let Some(header) = bytes.first_chunk::<FILE_HEADER>() else {
            return Ok(Step::Need(FILE_HEADER));
        };
        let (major, minor) = (self.order.u16(header, 4), self.order.u16(header, 6));
        if major != VERSION {
            return Err(Fault::Version { major, minor, expected: VERSION });
        }
        self.interface = Some(Interface {
            // The upper half tells of frame check sequences, which nobody here looks at.
            link: LinkType::from(self.order.u32(header, 20) as u16),
            snaplen: self.order.u32(header, 16),
            ..Interface::default()
        });
        Ok(Step::Pass(FILE_HEADER))
    }
}

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const VERSION: u16 = 2;
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_and_both_units() {
        for (magic, order, unit_ns) in [
            ([0xd4, 0xc3, 0xb2, 0xa1], ByteOrder::Little, 1_000),
            ([0xa1, 0xb2, 0xc3, 0xd4], ByteOrder::Big, 1_000),
            ([0x4d, 0x3c, 0xb2, 0xa1], ByteOrder::Little, 1),
            ([0xa1, 0xb2, 0x3c, 0x4d], ByteOrder::Big, 1),
        ] {
            let reader = Reader::recognise(magic).expect("a magic number");
            assert_eq!((reader.order, reader.unit_ns), (order, unit_ns));
        }
        assert!(Reader::recognise(*b"GIF8").is_none());
    }

    #[test]
    fn the_latest_time_does_not_wrap() {
        let mut reader = Reader::recognise([0xd4, 0xc3, 0xb2, 0xa1]).expect("a magic number");
        reader.interface = Some(Interface::default());
        let latest = [&[0xff; 8][..], &[0; 8]].concat();
        let Ok(Step::Packet(packet)) = reader.step(&latest) else { panic!("a packet") };
        assert_eq!(packet.timestamp_ns, 0xffff_ffff * (1_000_000_000 + 1_000));
    }
}
