//! What lies before the network layer: link headers of several kinds, and VLAN tags.

/// What a frame starts with; numbers and names of the pcap file format's LINKTYPE registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkType {
    /// BSD loopback: four bytes of address family (0).
    Null,
    /// IEEE 802.3 Ethernet (1).
    #[default]
    Ethernet,
    /// An IP header at once (101).
    Raw,
    /// Linux cooked capture (113).
    LinuxSll,
    /// Linux cooked capture, version 2 (276).
    LinuxSll2,
    /// Something else: kept as it is, never parsed.
    Other(u16),
}

impl LinkType {
    /// The number in the registry.
    pub fn number(self) -> u16 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Raw => 101,
            Self::LinuxSll => 113,
            Self::LinuxSll2 => 276,
            Self::Other(number) => number,
        }
    }
}

impl From<u16> for LinkType {
    fn from(number: u16) -> Self {
        match number {
            0 => Self::Null,
            1 => Self::Ethernet,
            // 12 is what some BSDs write for the same.
            12 | 101 => Self::Raw,
            113 => Self::LinuxSll,
            276 => Self::LinuxSll2,
            other => Self::Other(other),
        }
    }
}

/// The EtherType of a frame's network layer and where that begins; `None` when cut before it.
#[inline]
pub(crate) fn network_layer(link: LinkType, frame: &[u8]) -> Option<(u16, usize)> {
    let (ether_type, at) = match link {
        LinkType::Ethernet => return ethernet(frame, 0),
        LinkType::LinuxSll => (u16_at(frame, 14)?, 16),
        LinkType::LinuxSll2 => (u16_at(frame, 0)?, 20),
        LinkType::Raw => (by_version(frame, 0)?, 0),
        LinkType::Null => (by_version(frame, 4)?, 4),
        LinkType::Other(_) => return None,
    };
    tagged(frame, ether_type, at)
}

/// As [`network_layer`], of an Ethernet header at an offset.
#[inline]
pub(crate) fn ethernet(frame: &[u8], at: usize) -> Option<(u16, usize)> {
    tagged(frame, u16_at(frame, at + 12)?, at + 14)
}

/// Steps over VLAN tags.
#[inline]
fn tagged(frame: &[u8], mut ether_type: u16, mut at: usize) -> Option<(u16, usize)> {
    for _ in 0..MAX_TAGS {
        if !matches!(ether_type, VLAN | QINQ | QINQ_OLD) {
            break;
        }
        ether_type = u16_at(frame, at + 2)?;
        at += 4;
    }
    Some((ether_type, at))
}

/// The EtherType that an IP header's first four bits stand for.
#[inline]
pub(crate) fn by_version(frame: &[u8], at: usize) -> Option<u16> {
    match frame.get(at)? >> 4 {
        4 => Some(IPV4),
        6 => Some(IPV6),
        _ => None,
    }
}

/// Two bytes in network order.
#[inline]
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const QINQ: u16 = 0x88a8;
const QINQ_OLD: u16 = 0x9100;
const MAX_TAGS: usize = 4;
