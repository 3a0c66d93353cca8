//! Reading pcapng, block by block, from bytes that somebody else reads.
//!
//! Of the blocks, section header, interface description, enhanced, simple and the obsolete packet
//! are understood; every other is passed over. The section's length is not believed: blocks follow
//! one another in any case.

use super::clock::Clock;
use super::options::Options;
use super::write::{Interface, Section};
use crate::framing::{ByteOrder, Fault, Located, MAX_BLOCK_BYTES, Step};
use crate::packet::LinkType;
use crate::record::Direction;

/// What is known of the file so far.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    order: ByteOrder,
    section: Section,
    /// What packets of this section need to know of their interface.
    described: Vec<Described>,
    /// Interfaces of all sections before this one.
    earlier: usize,
    /// The interfaces of the file, by number modulo [`MAX_INTERFACES`].
    interfaces: Vec<Interface>,
    /// Bytes of names and filters in `interfaces`.
    text_bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Described {
    link: LinkType,
    snaplen: u32,
    clock: Clock,
}

impl Reader {
    /// The newest section.
    pub(crate) fn section(&self) -> &Section {
        &self.section
    }

    /// The interfaces described so far.
    pub(crate) fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Looks at the block at the front of `bytes`.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let Some(front) = bytes.first_chunk::<12>() else { return Ok(Step::Need(12)) };
        let kind = self.order.u32(front, 0);
        if kind == SECTION_HEADER {
            self.order = byte_order(front)?;
        }
        let length = self.order.u32(front, 4);
        let least = least_bytes(kind);
        if length > MAX_BLOCK_BYTES {
            return Err(Fault::TooLong { length });
        }
        if length < least || !length.is_multiple_of(4) {
            return Err(Fault::BlockLength { kind, length, least });
        }
        let Some(block) = bytes.get(..length as usize) else {
            return Ok(Step::Need(length as usize));
        };
        let last = self.order.u32(block, block.len() - 4);
        if last != length {
            return Err(Fault::LengthsDiffer { first: length, last });
        }
        match kind {
            SECTION_HEADER => self.section_header(block)?,
            INTERFACE_DESCRIPTION => self.interface_description(block)?,
            ENHANCED_PACKET => return self.packet(block, self.order.u32(block, 8)),
            // Two octets of interface and two of drops where the enhanced packet has four.
            OBSOLETE_PACKET => return self.packet(block, self.order.u16(block, 8).into()),
            SIMPLE_PACKET => return self.simple_packet(block),
            _ => {}
        }
        Ok(Step::Pass(block.len()))
    }

    fn section_header(&mut self, block: &[u8]) -> Result<(), Fault> {
        let (major, minor) = (self.order.u16(block, 12), self.order.u16(block, 14));
        if major != VERSION {
            return Err(Fault::Version { major, minor, expected: VERSION });
        }
        let mut section = Section::default();
        for option in Options::new(self.order, block, SECTION_OPTIONS_AT) {
            let option = option?;
            match option.code {
                OPT_COMMENT => section.comment = Some(option.text(block)),
                SHB_OS => section.os = Some(option.text(block)),
                SHB_USERAPPL => section.application = option.text(block),
                _ => {}
            }
        }
        self.section = section;
        self.earlier += self.described.len();
        self.described.clear();
        Ok(())
    }

    fn interface_description(&mut self, block: &[u8]) -> Result<(), Fault> {
        let link = LinkType::from(self.order.u16(block, 8));
        let snaplen = self.order.u32(block, 12);
        let (mut resolution, mut offset_s) = (MICROSECONDS, 0);
        let mut interface = Interface { link, snaplen, ..Interface::default() };
        for option in Options::new(self.order, block, INTERFACE_OPTIONS_AT) {
            let option = option?;
            match option.code {
                IF_NAME => interface.name = option.text(block),
                IF_TSRESOL => resolution = option.fixed(block, 1)?[0],
                IF_TSOFFSET => offset_s = self.order.i64(option.fixed(block, 8)?, 0),
                IF_FILTER => interface.filter = filter(&option.text(block)),
                _ => {}
            }
        }
        self.keep(interface)?;
        let clock = Clock::new(resolution, offset_s);
        self.described.push(Described { link, snaplen, clock });
        Ok(())
    }

    /// Remembers an interface in place of the one 65,536 before it, and no more text than allowed.
    fn keep(&mut self, interface: Interface) -> Result<(), Fault> {
        let place = (self.earlier + self.described.len()) % MAX_INTERFACES;
        self.text_bytes += text_bytes(&interface);
        self.text_bytes -= self.interfaces.get(place).map_or(0, text_bytes);
        if self.text_bytes > MAX_TEXT_BYTES || self.described.len() == MAX_INTERFACES {
            return Err(Fault::TooManyInterfaces { most: MAX_INTERFACES as u32 });
        }
        match self.interfaces.get_mut(place) {
            Some(older) => *older = interface,
            None => self.interfaces.push(interface),
        }
        Ok(())
    }

    fn packet(&self, block: &[u8], interface: u32) -> Result<Step, Fault> {
        let described = self.described(interface)?;
        let high = u64::from(self.order.u32(block, 12));
        let ticks = high << 32 | u64::from(self.order.u32(block, 16));
        let bytes = within(block, PACKET_AT, self.order.u32(block, 20))?;
        let (mut comment, mut direction) = (None, Direction::Unknown);
        for option in Options::new(self.order, block, bytes.end.next_multiple_of(4)) {
            let option = option?;
            match option.code {
                OPT_COMMENT => comment = comment.or(Some(option.value)),
                PACKET_FLAGS => {
                    direction = match self.order.u32(option.fixed(block, 4)?, 0) & 3 {
                        1 => Direction::Inbound,
                        2 => Direction::Outbound,
                        _ => Direction::Unknown,
                    }
                }
                _ => {}
            }
        }
        Ok(Step::Packet(Located {
            record_len: block.len(),
            bytes,
            comment,
            timestamp_ns: described.clock.unix_ns(ticks),
            original_len: self.order.u32(block, 24),
            link: described.link,
            interface: (self.earlier + interface as usize) as u16,
            direction,
        }))
    }

    /// Of the section's first interface, at no known time, its captured length not stated.
    fn simple_packet(&self, block: &[u8]) -> Result<Step, Fault> {
        let described = self.described(0)?;
        let original_len = self.order.u32(block, 8);
        let captured = match described.snaplen {
            0 => original_len,
            snaplen => original_len.min(snaplen),
        };
        Ok(Step::Packet(Located {
            record_len: block.len(),
            bytes: within(block, SIMPLE_PACKET_AT, captured)?,
            comment: None,
            timestamp_ns: 0,
            original_len,
            link: described.link,
            interface: self.earlier as u16,
            direction: Direction::Unknown,
        }))
    }

    fn described(&self, interface: u32) -> Result<&Described, Fault> {
        let described = self.described.len() as u32;
        let known = self.described.get(interface as usize);
        known.ok_or(Fault::UnknownInterface { interface, described })
    }
}

/// Whether a file that starts so is pcapng.
pub(crate) fn recognise(magic: [u8; 4]) -> bool {
    // The type of a section header is the same in either byte order.
    u32::from_be_bytes(magic) == SECTION_HEADER
}

/// The byte order of a section, from the front of its header.
fn byte_order(front: &[u8; 12]) -> Result<ByteOrder, Fault> {
    match ByteOrder::Little.u32(front, 8) {
        BYTE_ORDER_MAGIC => Ok(ByteOrder::Little),
        magic if magic.swap_bytes() == BYTE_ORDER_MAGIC => Ok(ByteOrder::Big),
        magic => Err(Fault::ByteOrderMagic(magic)),
    }
}

/// Where `captured` bytes lie from `at` on, the length at the block's end left out.
fn within(block: &[u8], at: usize, captured: u32) -> Result<std::ops::Range<usize>, Fault> {
    let room = (block.len() - 4 - at) as u32;
    if captured > room {
        return Err(Fault::CapturedBeyondBlock { captured, room });
    }
    Ok(at..at + captured as usize)
}

/// The expression of a filter given as libpcap's text (0); other kinds are not text.
fn filter(value: &str) -> Option<String> {
    value.strip_prefix('\0').map(String::from)
}

fn text_bytes(interface: &Interface) -> usize {
    interface.name.len() + interface.filter.as_ref().map_or(0, String::len)
}

fn least_bytes(kind: u32) -> u32 {
    match kind {
        SECTION_HEADER => 28,
        INTERFACE_DESCRIPTION => 20,
        ENHANCED_PACKET | OBSOLETE_PACKET => 32,
        SIMPLE_PACKET => 16,
        _ => 12,
    }
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const VERSION: u16 = 1;
const SECTION_OPTIONS_AT: usize = 24;
const INTERFACE_OPTIONS_AT: usize = 16;
const PACKET_AT: usize = 28;
const SIMPLE_PACKET_AT: usize = 12;

const OPT_COMMENT: u16 = 1;
const SHB_OS: u16 = 3;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_FILTER: u16 = 11;
const IF_TSOFFSET: u16 = 14;
const PACKET_FLAGS: u16 = 2;
const MICROSECONDS: u8 = 6;

/// As many as a frame's `u16` can tell apart.
const MAX_INTERFACES: usize = 1 << 16;
const MAX_TEXT_BYTES: usize = 16 << 20;
