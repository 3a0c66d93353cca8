//! Writing pcapng: one section, nanosecond timestamps, comments, drops.

use std::io::{self, Write};
use std::net::IpAddr;

use crate::packet::LinkType;
use crate::record::Direction;

/// What the file says of itself in its section header.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// The program that wrote it (`shb_userappl`).
    pub application: String,
    /// The operating system it ran on (`shb_os`).
    pub os: Option<String>,
    /// Why the file exists.
    pub comment: Option<String>,
}

/// An interface the packets were seen on.
#[derive(Clone, Debug, Default)]
pub struct Interface {
    /// Its name (`if_name`).
    pub name: String,
    /// What its frames start with.
    pub link: LinkType,
    /// Packets were cut to this many bytes; 0 for not at all.
    pub snaplen: u32,
    /// The capture filter in use (`if_filter`), as text.
    pub filter: Option<String>,
}

/// What an interface and the ring lost (`isb_*`); counts from the start of the capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// When these were counted: Unix nanoseconds.
    pub at_ns: u64,
    /// When the capture began: Unix nanoseconds.
    pub since_ns: u64,
    /// Packets received (`isb_ifrecv`).
    pub received: u64,
    /// Packets the kernel dropped (`isb_osdrop`).
    pub dropped_by_kernel: u64,
    /// Packets the ring dropped (`isb_ifdrop`).
    pub dropped_by_ring: u64,
    /// Packets in this file (`isb_usrdeliv`).
    pub delivered: u64,
}

/// Writes one section of pcapng.
///
/// Every block is composed in memory and written with one call; nothing is buffered after a method
/// returns. Multi-byte numbers are little-endian.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    block: Vec<u8>,
    interfaces: u32,
}

impl<W: Write> Writer<W> {
    /// Starts a section.
    ///
    /// # Errors
    ///
    /// What the underlying writer says, here and in every other method.
    pub fn new(out: W, section: &Section) -> io::Result<Self> {
        let mut writer = Self { out, block: Vec::new(), interfaces: 0 };
        writer.begin(SECTION_HEADER);
        writer.u32(BYTE_ORDER_MAGIC);
        writer.block.extend_from_slice(&[1, 0, 0, 0]); // Version 1.0.
        writer.u64(u64::MAX); // Section length: not stated.
        writer.text(OPT_COMMENT, section.comment.as_deref());
        writer.text(SHB_OS, section.os.as_deref());
        writer.text(SHB_USERAPPL, Some(&section.application));
        writer.end()?;
        Ok(writer)
    }

    /// Describes an interface; its number is what [`packet`](Self::packet) takes.
    ///
    /// # Errors
    ///
    /// What the underlying writer says.
    pub fn interface(&mut self, interface: &Interface) -> io::Result<u32> {
        self.begin(INTERFACE_DESCRIPTION);
        self.u16(interface.link.number());
        self.u16(0);
        self.u32(interface.snaplen);
        self.text(IF_NAME, Some(&interface.name));
        self.option(IF_TSRESOL, &[9]);
        if let Some(filter) = &interface.filter {
            let expression = [&[0], filter.as_bytes()].concat(); // 0: a libpcap expression.
            self.option(IF_FILTER, &expression);
        }
        self.end()?;
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Gives names to addresses, so that a reader need not look them up.
    ///
    /// # Errors
    ///
    /// What the underlying writer says.
    pub fn names(&mut self, names: &[(IpAddr, &str)]) -> io::Result<()> {
        self.begin(NAME_RESOLUTION);
        for (address, name) in names {
            let name = within_u16(name, 16 + 1);
            let (kind, octets) = match address {
                IpAddr::V4(v4) => (NRB_IPV4, v4.octets().to_vec()),
                IpAddr::V6(v6) => (NRB_IPV6, v6.octets().to_vec()),
            };
            self.option(kind, &[&octets[..], name.as_bytes(), &[0]].concat());
        }
        self.u32(0);
        self.end()
    }

    /// Writes a packet with an optional comment.
    ///
    /// # Errors
    ///
    /// What the underlying writer says; `InvalidInput` for an interface never described.
    pub fn packet(
        &mut self,
        interface: u32,
        timestamp_ns: u64,
        original_len: u32,
        direction: Direction,
        bytes: &[u8],
        comment: Option<&str>,
    ) -> io::Result<()> {
        if interface >= self.interfaces {
            let unknown = format!("packet on interface {interface}, which was not described");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, unknown));
        }
        self.begin(ENHANCED_PACKET);
        self.u32(interface);
        self.timestamp(timestamp_ns);
        self.u32(bytes.len() as u32);
        self.u32(original_len);
        self.block.extend_from_slice(bytes);
        self.pad();
        self.text(OPT_COMMENT, comment);
        match direction {
            Direction::Unknown => {}
            Direction::Inbound => self.option(EPB_FLAGS, &1_u32.to_le_bytes()),
            Direction::Outbound => self.option(EPB_FLAGS, &2_u32.to_le_bytes()),
        }
        self.end()
    }

    /// States what an interface received and lost.
    ///
    /// # Errors
    ///
    /// What the underlying writer says.
    pub fn statistics(&mut self, interface: u32, statistics: &Statistics) -> io::Result<()> {
        self.begin(INTERFACE_STATISTICS);
        self.u32(interface);
        self.timestamp(statistics.at_ns);
        for (code, at_ns) in [(ISB_STARTTIME, statistics.since_ns), (ISB_ENDTIME, statistics.at_ns)]
        {
            let halves = [(at_ns >> 32) as u32, at_ns as u32].map(u32::to_le_bytes);
            self.option(code, halves.as_flattened());
        }
        for (code, count) in [
            (ISB_IFRECV, statistics.received),
            (ISB_IFDROP, statistics.dropped_by_ring),
            (ISB_OSDROP, statistics.dropped_by_kernel),
            (ISB_USRDELIV, statistics.delivered),
        ] {
            self.option(code, &count.to_le_bytes());
        }
        self.end()
    }

    /// Flushes and gives the underlying writer back.
    ///
    /// # Errors
    ///
    /// What the underlying writer says.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.u32(kind);
        self.u32(0); // The length, known at the end.
    }

    fn end(&mut self) -> io::Result<()> {
        let length = (self.block.len() as u32 + 4).to_le_bytes();
        self.block[4..8].copy_from_slice(&length);
        self.block.extend_from_slice(&length);
        self.out.write_all(&self.block)
    }

    /// An option; options end with the block, so that none is needed to say so.
    fn option(&mut self, code: u16, value: &[u8]) {
        self.u16(code);
        self.u16(value.len() as u16);
        self.block.extend_from_slice(value);
        self.pad();
    }

    fn text(&mut self, code: u16, text: Option<&str>) {
        if let Some(text) = text {
            self.option(code, within_u16(text, 0).as_bytes());
        }
    }

    fn timestamp(&mut self, at_ns: u64) {
        self.u32((at_ns >> 32) as u32);
        self.u32(at_ns as u32);
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn u16(&mut self, value: u16) {
        self.block.extend_from_slice(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.block.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.block.extend_from_slice(&value.to_le_bytes());
    }
}

/// An option's length is a `u16`: a longer text is cut at a character.
fn within_u16(text: &str, beside: usize) -> &str {
    let mut len = text.len().min(usize::from(u16::MAX) - beside);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    &text[..len]
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const INTERFACE_DESCRIPTION: u32 = 1;
const NAME_RESOLUTION: u32 = 4;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

const OPT_COMMENT: u16 = 1;
const SHB_OS: u16 = 3;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_FILTER: u16 = 11;
const NRB_IPV4: u16 = 1;
const NRB_IPV6: u16 = 2;
const EPB_FLAGS: u16 = 2;
const ISB_STARTTIME: u16 = 2;
const ISB_ENDTIME: u16 = 3;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;
const ISB_USRDELIV: u16 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(mut file: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let mut blocks = Vec::new();
        while !file.is_empty() {
            let word = |at: usize| u32::from_le_bytes(*file[at..].first_chunk().expect("a word"));
            let length = word(4) as usize;
            assert_eq!(length % 4, 0);
            assert_eq!(word(length - 4) as usize, length, "the length stands at both ends");
            blocks.push((word(0), file[8..length - 4].to_vec()));
            file = &file[length..];
        }
        blocks
    }

    #[test]
    fn a_file_is_whole_blocks_in_order() -> io::Result<()> {
        let section = Section { application: "popkit".into(), ..Section::default() };
        let mut writer = Writer::new(Vec::new(), &section)?;
        let lo =
            Interface { name: "lo".into(), filter: Some("tcp".into()), ..Interface::default() };
        let lo = writer.interface(&lo)?;
        writer.names(&[(IpAddr::from([127, 0, 0, 1]), "here")])?;
        writer.packet(lo, 1 << 32 | 7, 60, Direction::Inbound, b"12345", Some("why"))?;
        writer.statistics(lo, &Statistics::default())?;
        let blocks = blocks(&writer.finish()?);
        let kinds: Vec<u32> = blocks.iter().map(|b| b.0).collect();
        assert_eq!(kinds, [0x0a0d_0d0a, 1, 4, 6, 5]);
        let packet = &blocks[3].1;
        assert_eq!(packet[4..12], [1, 0, 0, 0, 7, 0, 0, 0], "high half first");
        assert_eq!(&packet[20..28], b"12345\0\0\0");
        assert_eq!(&packet[28..36], b"\x01\0\x03\0why\0");
        Ok(())
    }

    #[test]
    fn a_packet_needs_its_interface() {
        let mut writer = Writer::new(Vec::new(), &Section::default()).expect("memory");
        let error = writer.packet(0, 0, 0, Direction::Unknown, b"", None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_long_comment_is_cut_at_a_character() {
        let text = "é".repeat(40_000);
        assert_eq!(within_u16(&text, 0).len(), 65_534);
    }
}
