//! Where things are in a frame of each link type.

use crate::packet::LinkType;

/// Where things are in a frame.
pub(super) struct Layout {
    pub(super) family: Family,
    /// Where IP or ARP starts.
    pub(super) network: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// An Ethernet type at this offset.
    EtherType(u32),
    /// Only IP, which says its version itself.
    Version,
}

impl Layout {
    pub(super) fn of(link: LinkType) -> Option<Self> {
        let (family, network) = match link {
            LinkType::Ethernet => (Family::EtherType(12), 14),
            LinkType::LinuxSll => (Family::EtherType(14), 16),
            LinkType::LinuxSll2 => (Family::EtherType(0), 20),
            LinkType::Raw => (Family::Version, 0),
            LinkType::Null => (Family::Version, 4),
            LinkType::Other(_) => return None,
        };
        Some(Self { family, network })
    }

    pub(super) fn has_arp(&self) -> bool {
        self.family != Family::Version
    }
}

pub(super) const IPV4: u32 = 0x0800;
pub(super) const ARP: u32 = 0x0806;
pub(super) const RARP: u32 = 0x8035;
pub(super) const IPV6: u32 = 0x86dd;
