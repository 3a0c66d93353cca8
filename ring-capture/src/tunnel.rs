//! What is inside a tunnel, and where: VXLAN, GRE, IP in IP.

use crate::link::{IPV4, IPV6, ethernet, u16_at};

/// The EtherType inside a tunnel whose transport header is at `at`, and where that layer begins;
/// `None` for what is no tunnel, or is cut inside the tunnel's header.
pub(crate) fn inner(frame: &[u8], protocol: u8, at: usize) -> Option<(u16, usize)> {
    match protocol {
        // RFC 2003; RFC 4213 §3.
        IPV4_IN_IP => Some((IPV4, at)),
        IPV6_IN_IP => Some((IPV6, at)),
        GRE => gre(frame, at),
        UDP => vxlan(frame, at),
        _ => None,
    }
}

/// RFC 7348 §5, behind the eight bytes of UDP: only the flag that the network is valid is set.
fn vxlan(frame: &[u8], at: usize) -> Option<(u16, usize)> {
    let to_vxlan = u16_at(frame, at + 2)? == VXLAN_PORT;
    let valid = *frame.get(at + 8)? == VXLAN_NETWORK_VALID;
    if to_vxlan && valid { ethernet(frame, at + 16) } else { None }
}

/// RFC 2784 with the key and sequence number of RFC 2890: each adds four bytes.
fn gre(frame: &[u8], at: usize) -> Option<(u16, usize)> {
    let flags = u16_at(frame, at)?;
    if flags & GRE_REFUSED != 0 {
        return None;
    }
    let fields = (flags & (GRE_CHECKSUM | GRE_KEY | GRE_SEQUENCE)).count_ones() as usize;
    let inside = at + 4 + 4 * fields;
    match u16_at(frame, at + 2)? {
        // RFC 1701's Transparent Ethernet Bridging, and RFC 7637.
        ETHERNET => ethernet(frame, inside),
        ether_type => Some((ether_type, inside)),
    }
}

const IPV4_IN_IP: u8 = 4;
const UDP: u8 = 17;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;
const VXLAN_PORT: u16 = 4789;
const VXLAN_NETWORK_VALID: u8 = 0x08;
const ETHERNET: u16 = 0x6558;
const GRE_CHECKSUM: u16 = 0x8000;
const GRE_KEY: u16 = 0x2000;
const GRE_SEQUENCE: u16 = 0x1000;
/// Source routes (RFC 1701, withdrawn) and any version but 0 (1 is PPTP).
const GRE_REFUSED: u16 = 0x4007;
