//! The expression as a tree, and its canonical text.

use std::fmt;
use std::net::IpAddr;

/// Depth is bounded by the parser; length is not, so chains are flat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    Protocol(Protocol),
    Address {
        layer: Option<Layer>,
        side: Side,
        net: Net,
    },
    /// Ports from `low` to `high`, both included.
    Port {
        transport: Option<Transport>,
        side: Side,
        low: u16,
        high: u16,
    },
    /// `less`: at most so many bytes.
    AtMost(u32),
    /// `greater`: at least so many bytes.
    AtLeast(u32),
    Not(Box<Expr>),
    /// From left to right, without precedence; at least one joint.
    Chain(Box<Expr>, Vec<(Joint, Expr)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Layer(Layer),
    Transport(Transport),
    Icmp,
    Icmp6,
}

/// What has addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    Ip,
    Ip6,
    Arp,
}

/// What has ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
    Sctp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Either,
    Source,
    Destination,
    Both,
}

/// An address and how many of its leading bits count; those that do not are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Net {
    pub(super) address: IpAddr,
    pub(super) prefix: u8,
}

impl Net {
    pub(super) fn host(address: IpAddr) -> Self {
        Self { address, prefix: width(address) }
    }

    /// `None`: a longer prefix than the address has bits.
    pub(super) fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        (prefix <= width(address)).then_some(Self { address, prefix })
    }

    /// The same with every bit that does not count set to 0.
    pub(super) fn trimmed(self) -> Self {
        let address = match self.address {
            IpAddr::V4(a) => IpAddr::V4((a.to_bits() & self.mask_v4()).into()),
            IpAddr::V6(a) => IpAddr::V6((a.to_bits() & self.mask_v6()).into()),
        };
        Self { address, ..self }
    }

    pub(super) fn mask_v4(self) -> u32 {
        u32::MAX.checked_shl(32_u32.saturating_sub(self.prefix.into())).unwrap_or(0)
    }

    pub(super) fn mask_v6(self) -> u128 {
        u128::MAX.checked_shl(128_u32.saturating_sub(self.prefix.into())).unwrap_or(0)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl Protocol {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Layer(layer) => layer.word(),
            Self::Transport(transport) => transport.word(),
            Self::Icmp => "icmp",
            Self::Icmp6 => "icmp6",
        }
    }
}

impl Layer {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Arp => "arp",
        }
    }
}

impl Transport {
    fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

impl Side {
    /// With the space behind it; nothing for the default.
    fn words(self) -> &'static str {
        match self {
            Self::Either => "",
            Self::Source => "src ",
            Self::Destination => "dst ",
            Self::Both => "src and dst ",
        }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == width(self.address) {
            write!(f, "host {}", self.address)
        } else {
            write!(f, "net {}/{}", self.address, self.prefix)
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(protocol) => f.write_str(protocol.word()),
            Self::Address { layer, side, net } => {
                qualified(f, layer.map(Layer::word), *side)?;
                net.fmt(f)
            }
            Self::Port { transport, side, low, high } => {
                qualified(f, transport.map(Transport::word), *side)?;
                if low == high {
                    write!(f, "port {low}")
                } else {
                    write!(f, "portrange {low}-{high}")
                }
            }
            Self::AtMost(bytes) => write!(f, "less {bytes}"),
            Self::AtLeast(bytes) => write!(f, "greater {bytes}"),
            Self::Not(inner) => {
                f.write_str("not ")?;
                inner.enclosed(f)
            }
            Self::Chain(first, rest) => {
                first.enclosed(f)?;
                for (joint, expr) in rest {
                    f.write_str(match joint {
                        Joint::And => " and ",
                        Joint::Or => " or ",
                    })?;
                    expr.enclosed(f)?;
                }
                Ok(())
            }
        }
    }
}

impl Expr {
    fn enclosed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain(..) => write!(f, "({self})"),
            _ => write!(f, "{self}"),
        }
    }
}

fn qualified(f: &mut fmt::Formatter<'_>, protocol: Option<&str>, side: Side) -> fmt::Result {
    if let Some(word) = protocol {
        write!(f, "{word} ")?;
    }
    f.write_str(side.words())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_at_the_edges() {
        let net = |text: &str, prefix| Net::new(text.parse().expect("an address"), prefix);
        assert_eq!(net("0.0.0.0", 0).expect("fits").mask_v4(), 0);
        assert_eq!(net("10.0.0.0", 8).expect("fits").mask_v4(), 0xff00_0000);
        assert_eq!(net("10.0.0.1", 32).expect("fits").mask_v4(), u32::MAX);
        assert_eq!(net("::", 0).expect("fits").mask_v6(), 0);
        assert_eq!(net("::1", 128).expect("fits").mask_v6(), u128::MAX);
        assert_eq!(net("10.0.0.0", 33), None);
        assert_eq!(net("::", 129), None);
        assert_eq!(net("10.1.2.3", 8).expect("fits").trimmed(), net("10.0.0.0", 8).expect("fits"));
        assert_eq!(net("ff::1", 9).expect("fits").trimmed(), net("80::", 9).expect("fits"));
    }
}
