//! A flow: two endpoints and a protocol, the same whichever of the two is speaking.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The 5-tuple of a flow, with no notion of who is first: both directions have the same key.
///
/// Protocols without ports have port 0; an ICMP echo has its identifier on both sides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    low: (Ipv6Addr, u16),
    high: (Ipv6Addr, u16),
    protocol: u8,
}

impl FlowKey {
    /// The flow between two endpoints, in either order. `protocol` is IANA's number (6 is TCP).
    pub fn new(protocol: u8, one: SocketAddr, other: SocketAddr) -> Self {
        Self::between(protocol, (mapped(one.ip()), one.port()), (mapped(other.ip()), other.port()))
    }

    /// A TCP flow.
    pub fn tcp(one: SocketAddr, other: SocketAddr) -> Self {
        Self::new(TCP, one, other)
    }

    #[inline]
    pub(crate) fn between(protocol: u8, one: (Ipv6Addr, u16), other: (Ipv6Addr, u16)) -> Self {
        // As numbers: comparing octets is a call, and runs for every packet.
        let number = |end: &(Ipv6Addr, u16)| (end.0.to_bits(), end.1);
        let (low, high) = if number(&one) <= number(&other) { (one, other) } else { (other, one) };
        Self { low, high, protocol }
    }

    /// The two endpoints, the lower address first.
    pub fn endpoints(&self) -> (SocketAddr, SocketAddr) {
        let address = |(ip, port): (Ipv6Addr, u16)| SocketAddr::new(ip.to_canonical(), port);
        (address(self.low), address(self.high))
    }

    /// Where later fragments of this flow's packets are kept: they carry no ports, so that the key
    /// between the same addresses has ports 0, and is shared by all flows between them of this
    /// protocol. Whoever wants fragmented packets whole asks for both keys.
    pub fn fragments(&self) -> Self {
        Self { low: (self.low.0, 0), high: (self.high.0, 0), ..*self }
    }

    #[inline]
    pub(crate) fn ports(&self) -> (u16, u16) {
        (self.low.1, self.high.1)
    }

    /// IANA's protocol number.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// A well-mixed hash, the same for both directions. Give it the ring's own
    /// [`seed`](crate::Ring::seed): with a seed nobody outside knows, nobody outside can aim at a
    /// bucket of the index.
    ///
    /// Three 64×64→128-bit multiplications, folded (the construction of wyhash).
    #[inline]
    pub fn hash(&self, seed: u64) -> u64 {
        let halves = |ip: Ipv6Addr| {
            let bits = ip.to_bits();
            ((bits >> 64) as u64, bits as u64)
        };
        let ((a, b), (c, d)) = (halves(self.low.0), halves(self.high.0));
        let ports = u64::from(self.low.1) << 24 | u64::from(self.high.1) << 8;
        let mixed = fold(a ^ seed, b ^ MIX[0]);
        let mixed = fold(c ^ mixed, d ^ MIX[1]);
        fold(mixed ^ ports ^ u64::from(self.protocol), MIX[2] ^ seed)
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlowKey({self})")
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, other) = self.endpoints();
        match self.protocol {
            TCP => write!(f, "tcp ")?,
            UDP => write!(f, "udp ")?,
            number => write!(f, "protocol {number} ")?,
        }
        write!(f, "{one} ↔ {other}")
    }
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide >> 64) as u64 ^ wide as u64
}

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Odd constants with no structure: digits of π, e and √2.
const MIX: [u64; 3] = [0x3243_f6a8_885a_308d, 0xb7e1_5162_8aed_2a6b, 0x6a09_e667_f3bc_c909];

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn both_directions_are_one_flow() {
        let (a, b) = (addr("10.0.0.1:443"), addr("10.0.0.2:51000"));
        assert_eq!(FlowKey::tcp(a, b), FlowKey::tcp(b, a));
        assert_eq!(FlowKey::tcp(a, b).hash(7), FlowKey::tcp(b, a).hash(7));
        assert_ne!(FlowKey::tcp(a, b), FlowKey::new(17, a, b));
        assert_eq!(FlowKey::tcp(a, b).to_string(), "tcp 10.0.0.1:443 ↔ 10.0.0.2:51000");
    }

    #[test]
    fn ports_belong_to_their_address() {
        let one = FlowKey::tcp(addr("10.0.0.1:1"), addr("10.0.0.2:2"));
        let other = FlowKey::tcp(addr("10.0.0.1:2"), addr("10.0.0.2:1"));
        assert_ne!(one, other);
        assert_ne!(one.hash(0), other.hash(0));
    }

    #[test]
    fn neighbouring_flows_spread_over_the_buckets() {
        let mut buckets = vec![0_u32; 4096];
        for i in 0..40_960_u32 {
            let client = SocketAddr::new(
                IpAddr::from((0x0a00_0000 + i / 64).to_be_bytes()),
                1024 + (i % 64) as u16,
            );
            buckets[(FlowKey::tcp(client, addr("192.0.2.1:443")).hash(99) % 4096) as usize] += 1;
        }
        // Ten each on average; a Poisson tail beyond 30 has probability 8e-8 a bucket.
        assert!(buckets.iter().all(|&n| n < 30), "{:?}", buckets.iter().max());
    }
}
