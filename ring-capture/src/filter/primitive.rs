//! The code of each primitive. All of it goes on at one of two labels that are bound behind it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::assemble::{Assembler, Label};
use super::expr::{Layer, Net, Protocol, Side, Transport};
use super::layout::{ARP, Family, IPV4, IPV6, Layout, RARP};
use super::machine::{ABS, ALU, AND, B, H, IND, JEQ, JGE, JGT, JSET, LD, LDX, LEN, MSH, W};

pub(super) struct Coder {
    pub(super) code: Assembler,
    pub(super) layout: Layout,
}

impl Coder {
    /// `less`.
    pub(super) fn at_most(&mut self, bytes: u32, yes: Label, no: Label) {
        self.load(W | LEN, 0);
        self.code.branch(JGT, bytes, no, yes);
    }

    /// `greater`.
    pub(super) fn at_least(&mut self, bytes: u32, yes: Label, no: Label) {
        self.load(W | LEN, 0);
        self.code.branch(JGE, bytes, yes, no);
    }

    pub(super) fn protocol(&mut self, protocol: Protocol, yes: Label, no: Label) {
        let (v4, v6) = match protocol {
            Protocol::Layer(layer) => {
                self.load_family();
                let ether_type = match layer {
                    Layer::Ip => IPV4,
                    Layer::Ip6 => IPV6,
                    Layer::Arp => ARP,
                };
                return self.is_family(ether_type, yes, no);
            }
            Protocol::Transport(transport) => {
                let number = number(transport);
                (Some(number), Some(number))
            }
            Protocol::Icmp => (Some(ICMP), None),
            Protocol::Icmp6 => (None, Some(ICMPV6)),
        };
        let network = self.layout.network;
        self.load_family();
        if let Some(number) = v4 {
            let (inside, other) = (self.code.label(), self.code.label());
            self.is_family(IPV4, inside, if v6.is_some() { other } else { no });
            self.code.bind(inside);
            self.load(B | ABS, network + 9);
            self.code.branch(JEQ, number, yes, no);
            self.code.bind(other);
        }
        if let Some(number) = v6 {
            let (inside, other, fragment) =
                (self.code.label(), self.code.label(), self.code.label());
            self.is_family(IPV6, inside, no);
            self.code.bind(inside);
            self.load(B | ABS, network + 6);
            self.code.branch(JEQ, number, yes, other);
            self.code.bind(other);
            self.code.branch(JEQ, FRAGMENT, fragment, no);
            self.code.bind(fragment);
            self.load(B | ABS, network + 40);
            self.code.branch(JEQ, number, yes, no);
        }
    }

    pub(super) fn address(
        &mut self,
        layer: Option<Layer>,
        side: Side,
        net: Net,
        yes: Label,
        no: Label,
    ) {
        self.load_family();
        match net.address {
            IpAddr::V4(address) => self.address_v4(layer, side, (address, net.mask_v4()), yes, no),
            IpAddr::V6(address) => self.address_v6(side, (address, net.mask_v6()), yes, no),
        }
    }

    fn address_v4(
        &mut self,
        layer: Option<Layer>,
        side: Side,
        (address, mask): (Ipv4Addr, u32),
        yes: Label,
        no: Label,
    ) {
        let network = self.layout.network;
        let test = |this: &mut Self, at: u32, yes: Label, no: Label| {
            this.load(W | ABS, at);
            this.masked(address.to_bits(), mask, yes, no);
        };
        if layer != Some(Layer::Arp) {
            let (inside, other) = (self.code.label(), self.code.label());
            let arp_too = layer.is_none() && self.layout.has_arp();
            self.is_family(IPV4, inside, if arp_too { other } else { no });
            self.code.bind(inside);
            self.sides(side, (network + 12, network + 16), yes, no, test);
            self.code.bind(other);
            if !arp_too {
                return;
            }
        }
        let (arp, other) = (self.code.label(), self.code.label());
        self.is_family(ARP, arp, if layer.is_none() { other } else { no });
        self.code.bind(other);
        if layer.is_none() {
            self.is_family(RARP, arp, no);
        }
        self.code.bind(arp);
        // RFC 826, RFC 903: sender and target protocol address.
        self.sides(side, (network + 14, network + 24), yes, no, test);
    }

    fn address_v6(&mut self, side: Side, (address, mask): (Ipv6Addr, u128), yes: Label, no: Label) {
        let network = self.layout.network;
        let inside = self.code.label();
        self.is_family(IPV6, inside, no);
        self.code.bind(inside);
        let (words, masks) = (quarters(address.to_bits()), quarters(mask));
        // A mask is ones, then zeros: the words behind the ones need no look.
        let counting = masks.iter().take_while(|mask| **mask != 0).count().max(1);
        self.sides(side, (network + 8, network + 24), yes, no, |this, at, yes, no| {
            for (i, (word, mask)) in words.into_iter().zip(masks).enumerate().take(counting) {
                let next = this.code.label();
                this.load(W | ABS, at + 4 * i as u32);
                this.masked(word, mask, if i + 1 == counting { yes } else { next }, no);
                this.code.bind(next);
            }
        });
    }

    pub(super) fn ports(
        &mut self,
        transport: Option<Transport>,
        side: Side,
        ports: (u16, u16),
        yes: Label,
        no: Label,
    ) {
        let network = self.layout.network;
        let (v4, v6, other) = (self.code.label(), self.code.label(), self.code.label());
        self.load_family();
        self.is_family(IPV6, v6, other);

        self.code.bind(v6);
        self.load(B | ABS, network + 6);
        self.carried(transport, no);
        self.sides(side, (network + 40, network + 42), yes, no, |this, at, yes, no| {
            this.load(H | ABS, at);
            this.within(ports, yes, no);
        });

        self.code.bind(other);
        self.is_family(IPV4, v4, no);
        self.code.bind(v4);
        self.load(B | ABS, network + 9);
        self.carried(transport, no);
        let first = self.code.label();
        self.load(H | ABS, network + 6);
        self.code.branch(JSET, FRAGMENT_OFFSET, no, first);
        self.code.bind(first);
        self.code.plain(LDX | B | MSH, network);
        self.sides(side, (network, network + 2), yes, no, |this, at, yes, no| {
            this.load(H | IND, at);
            this.within(ports, yes, no);
        });
    }

    /// Goes on where the loaded protocol number is the transport's, or that of any with ports.
    fn carried(&mut self, transport: Option<Transport>, no: Label) {
        let found = self.code.label();
        let all = [Transport::Sctp, Transport::Tcp, Transport::Udp];
        let wanted = all.into_iter().filter(|one| transport.is_none_or(|only| only == *one));
        let wanted: Vec<_> = wanted.collect();
        for (i, one) in wanted.iter().enumerate() {
            let next = if i + 1 == wanted.len() { no } else { self.code.label() };
            self.code.branch(JEQ, number(*one), found, next);
            if i + 1 < wanted.len() {
                self.code.bind(next);
            }
        }
        self.code.bind(found);
    }

    /// The same test at the source's place, the destination's, or both.
    fn sides(
        &mut self,
        side: Side,
        (source, destination): (u32, u32),
        yes: Label,
        no: Label,
        test: impl Fn(&mut Self, u32, Label, Label),
    ) {
        let next = self.code.label();
        match side {
            Side::Source => return test(self, source, yes, no),
            Side::Destination => return test(self, destination, yes, no),
            Side::Either => test(self, source, yes, next),
            Side::Both => test(self, source, next, no),
        }
        self.code.bind(next);
        test(self, destination, yes, no);
    }

    fn within(&mut self, (low, high): (u16, u16), yes: Label, no: Label) {
        if low == high {
            return self.code.branch(JEQ, low.into(), yes, no);
        }
        let next = self.code.label();
        self.code.branch(JGE, low.into(), next, no);
        self.code.bind(next);
        self.code.branch(JGT, high.into(), no, yes);
    }

    fn masked(&mut self, value: u32, mask: u32, yes: Label, no: Label) {
        if mask != u32::MAX {
            self.code.plain(ALU | AND, mask);
        }
        self.code.branch(JEQ, value, yes, no);
    }

    /// Makes the next [`is_family`](Self::is_family) meaningful, and those behind it while nothing
    /// else is loaded.
    fn load_family(&mut self) {
        match self.layout.family {
            Family::EtherType(at) => self.load(H | ABS, at),
            Family::Version => {
                self.load(B | ABS, self.layout.network);
                self.code.plain(ALU | AND, 0xf0);
            }
        }
    }

    fn is_family(&mut self, ether_type: u32, yes: Label, no: Label) {
        match (self.layout.family, ether_type) {
            (Family::EtherType(_), _) => self.code.branch(JEQ, ether_type, yes, no),
            (Family::Version, IPV4) => self.code.branch(JEQ, 0x40, yes, no),
            (Family::Version, IPV6) => self.code.branch(JEQ, 0x60, yes, no),
            (Family::Version, _) => self.code.goto(no),
        }
    }

    fn load(&mut self, how: u16, k: u32) {
        self.code.plain(LD | how, k);
    }
}

fn quarters(bits: u128) -> [u32; 4] {
    [96, 64, 32, 0].map(|shift| (bits >> shift) as u32)
}

fn number(transport: Transport) -> u32 {
    match transport {
        Transport::Tcp => 6,
        Transport::Udp => 17,
        Transport::Sctp => 132,
    }
}

const ICMP: u32 = 1;
const FRAGMENT: u32 = 44;
const ICMPV6: u32 = 58;
const FRAGMENT_OFFSET: u32 = 0x1fff;
