//! A packet in a tunnel belongs to the inner flow when asked, and to the outer one when not.

#![cfg(not(loom))]

use std::net::SocketAddr;

use ring_capture::{FlowKey, LinkType, Packet, Parser};

fn ipv4(protocol: u8, net: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
    packet.extend([10, net, 0, 1, 10, net, 0, 2]);
    packet.extend(rest);
    packet
}

fn ipv6(next: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, next, 64];
    packet.extend([[0xfd; 16], [0xfe; 16]].concat());
    packet.extend(rest);
    packet
}

fn udp(port: u16, rest: &[u8]) -> Vec<u8> {
    [&[0xc0, 1][..], &port.to_be_bytes(), &[0, 0, 0, 0], rest].concat()
}

fn ethernet(ether_type: u16, rest: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ether_type.to_be_bytes(), rest].concat()
}

/// A segment with a SYN, of ports 443 and 50000, that says "data".
fn tcp() -> Vec<u8> {
    let mut segment = vec![1, 0xbb, 0xc3, 0x50, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 2, 1, 0, 0, 0, 0, 0];
    segment.extend(b"data");
    segment
}

fn flow(protocol: u8, one: &str, other: &str) -> FlowKey {
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    FlowKey::new(protocol, address(one), address(other))
}

/// Tunnels of every kind between 10.9.0.1 and 10.9.0.2 round the same inner packet, with the
/// protocol and ports of the outer flow.
fn tunnels() -> Vec<(&'static str, Vec<u8>, u8, u16, u16)> {
    let inner = ipv4(6, 0, &tcp());
    let frame = ethernet(0x0800, &inner);
    let tagged = ethernet(0x8100, &[&[0, 5, 8, 0][..], &inner].concat());
    let vxlan = |frame: &[u8]| udp(4789, &[&[8, 0, 0, 0, 0, 0, 77, 0][..], frame].concat());
    let gre = |flags: u16, ether_type: u16, fields: usize, rest: &[u8]| {
        let header = [flags.to_be_bytes(), ether_type.to_be_bytes()].concat();
        [&header[..], &vec![0xaa; 4 * fields], rest].concat()
    };
    vec![
        ("ip in ip", ipv4(4, 9, &inner), 4, 0, 0),
        ("vxlan", ipv4(17, 9, &vxlan(&frame)), 17, 0xc001, 4789),
        ("vxlan with a tag inside", ipv4(17, 9, &vxlan(&tagged)), 17, 0xc001, 4789),
        ("gre", ipv4(47, 9, &gre(0, 0x0800, 0, &inner)), 47, 0, 0),
        ("gre, key", ipv4(47, 9, &gre(0x2000, 0x0800, 1, &inner)), 47, 0, 0),
        ("gre, all fields", ipv4(47, 9, &gre(0xb000, 0x0800, 3, &inner)), 47, 0, 0),
        ("gre, ethernet", ipv4(47, 9, &gre(0x2000, 0x6558, 1, &frame)), 47, 0, 0),
        ("vxlan in gre", ipv4(47, 9, &gre(0, 0x0800, 0, &ipv4(17, 8, &vxlan(&frame)))), 47, 0, 0),
    ]
}

#[test]
fn the_inner_flow_when_asked_and_the_outer_when_not() {
    for (name, packet, protocol, from, to) in tunnels() {
        let inside = Parser::default().tunnels(true).parse(LinkType::Raw, &packet).expect(name);
        assert_eq!(inside.flow, flow(6, "10.0.0.1:443", "10.0.0.2:50000"), "{name}");
        assert!(inside.begins_flow(), "{name}");
        assert_eq!(&packet[inside.payload_at..], b"data", "{name}");
        let outside = Packet::parse(LinkType::Raw, &packet).expect(name);
        let ends = (format!("10.9.0.1:{from}"), format!("10.9.0.2:{to}"));
        assert_eq!(outside.flow, flow(protocol, &ends.0, &ends.1), "{name}");
    }
}

#[test]
fn both_families_go_inside_each_other() {
    let want = Packet::parse(LinkType::Raw, &ipv6(6, &tcp())).expect("TCP").flow;
    let parser = Parser::default().tunnels(true);
    for packet in [ipv4(41, 9, &ipv6(6, &tcp())), ipv6(41, &ipv6(6, &tcp()))] {
        assert_eq!(parser.parse(LinkType::Raw, &packet).expect("a tunnel").flow, want);
    }
}

#[test]
fn what_is_no_tunnel_keeps_its_outer_flow() {
    let inner = ipv4(6, 0, &tcp());
    let frame = ethernet(0x0800, &inner);
    for (name, packet) in [
        (
            "another port",
            ipv4(17, 9, &udp(4790, &[&[8, 0, 0, 0, 0, 0, 77, 0][..], &frame].concat())),
        ),
        ("no network", ipv4(17, 9, &udp(4789, &[&[0; 8][..], &frame].concat()))),
        (
            "ARP inside",
            ipv4(
                17,
                9,
                &udp(4789, &[&[8, 0, 0, 0, 0, 0, 77, 0][..], &ethernet(0x0806, &[0; 28])].concat()),
            ),
        ),
        ("PPTP", ipv4(47, 9, &[&[0x20, 1, 0x88, 0x0b][..], &inner].concat())),
        ("nonsense inside", ipv4(4, 9, &[0; 40])),
    ] {
        let with = Parser::default().tunnels(true).parse(LinkType::Raw, &packet);
        assert_eq!(with, Packet::parse(LinkType::Raw, &packet), "{name}");
        assert!(with.is_some(), "{name}");
    }
}

#[test]
fn a_tunnel_cut_anywhere_is_no_panic_and_russian_dolls_come_to_an_end() {
    let parser = Parser::default().tunnels(true);
    for (_, packet, ..) in tunnels() {
        for cut in 0..packet.len() {
            let _ = parser.parse(LinkType::Raw, &packet[..cut]);
        }
    }
    let mut doll = ipv4(6, 0, &tcp());
    for _ in 0..2000 {
        doll = ipv4(4, 9, &doll);
    }
    let packet = parser.parse(LinkType::Raw, &doll).expect("an outer flow at least");
    assert_eq!(packet.flow.protocol(), 4);
}

#[test]
fn an_error_about_a_packet_in_a_tunnel_belongs_to_the_inner_flow() {
    let error =
        ipv4(1, 7, &[&[3, 4, 0, 0, 0, 0, 5, 0][..], &ipv4(4, 9, &ipv4(6, 0, &tcp()))].concat());
    let packet = Parser::default().tunnels(true).parse(LinkType::Raw, &error).expect("an error");
    assert_eq!(packet.flow, flow(6, "10.0.0.1:443", "10.0.0.2:50000"));
    assert_eq!(packet.tcp_flags, 0);
}
