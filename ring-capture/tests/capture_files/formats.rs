//! Each part of both formats, by hand, in both byte orders.

use ring_capture::file::CaptureFile;
use ring_capture::{Direction, LinkType};

use crate::by_hand::{ORDERS, Order};
use crate::{Owned, read_whole};

fn packet(timestamp_ns: u64, interface: u16, bytes: &[u8]) -> Owned {
    Owned {
        timestamp_ns,
        original_len: bytes.len() as u32,
        link: LinkType::Ethernet,
        interface,
        direction: Direction::Unknown,
        bytes: bytes.to_vec(),
        comment: None,
    }
}

#[test]
fn pcap_in_both_orders_and_both_units() {
    for order in ORDERS {
        for (magic, fraction) in [(0xa1b2_c3d4, 123_456), (0xa1b2_3c4d, 123_456_789)] {
            let file = [
                order.pcap(magic, 1),
                order.record((1_700_000_000, fraction), 1500, b"cut"),
                order.record((0, 0), 0, b""),
            ];
            let packets = read_whole(&file.concat());
            let unit = if magic == 0xa1b2_c3d4 { 1_000 } else { 1 };
            let at_ns = 1_700_000_000_000_000_000 + u64::from(fraction) * unit;
            let cut = Owned { original_len: 1500, ..packet(at_ns, 0, b"cut") };
            assert_eq!(packets, [cut, packet(0, 0, b"")], "{order:?} {magic:x}");
        }
    }
}

#[test]
fn pcap_says_of_its_link_no_more_than_the_link() {
    // A frame check sequence of four octets, as some capture cards leave it in.
    let file = Order::Little.pcap(0xa1b2_c3d4, 0x4400_0071);
    let file = CaptureFile::new(&file[..]).expect("a header");
    assert_eq!(file.interfaces()[0].link, LinkType::LinuxSll);
    assert_eq!(file.interfaces()[0].snaplen, 65_535);
    assert!(file.section().is_none());
}

#[test]
fn an_original_shorter_than_what_was_captured_is_raised() {
    let order = Order::Big;
    let file = [order.pcap(0xa1b2_c3d4, 1), order.record((0, 0), 2, b"four")].concat();
    assert_eq!(read_whole(&file)[0].original_len, 4);
}

#[test]
fn pcapng_with_every_block_there_is() {
    for order in ORDERS {
        let flags = [
            order.option(1, b"why"),
            order.option(1, b"second"),
            order.option(2, &order.u32(2)),
            order.option(0, b""),
        ];
        let file = [
            order.section(),
            order.block(4, &[0; 4]), // Names.
            order.interface(1, 4, &order.option(2, b"eth0")),
            order.enhanced(0, 5, b"first", &flags.concat()),
            order.block(5, &[0; 12]),           // Statistics.
            order.block(0x0bad, b"custom"),     // Custom.
            order.block(0x8000_1234, b"local"), // Nobody knows.
            order.obsolete(0, 6, b"second", &order.option(2, &order.u32(1))),
            order.simple(9, b"thir"),
            order.enhanced(0, 7, b"", b""),
        ];
        let first = Owned {
            direction: Direction::Outbound,
            comment: Some("why".into()),
            ..packet(5_000, 0, b"first")
        };
        let second = Owned { direction: Direction::Inbound, ..packet(6_000, 0, b"second") };
        let third = Owned { original_len: 9, ..packet(0, 0, b"thir") };
        let fourth = packet(7_000, 0, b"");
        assert_eq!(read_whole(&file.concat()), [first, second, third, fourth], "{order:?}");
    }
}

#[test]
fn a_simple_packet_is_cut_by_the_snaplen_alone() {
    for order in ORDERS {
        let file = [order.section(), order.interface(1, 0, b""), order.simple(5, b"whole")];
        assert_eq!(read_whole(&file.concat()), [packet(0, 0, b"whole")]);
    }
}

#[test]
fn every_interface_has_its_own_clock() {
    for order in ORDERS {
        let offset = match order {
            Order::Little => (-1_i64).to_le_bytes(),
            Order::Big => (-1_i64).to_be_bytes(),
        };
        let shifted = [order.option(9, &[0x8a]), order.option(14, &offset)].concat();
        let file = [
            order.section(),
            order.interface(1, 0, &order.option(9, &[9])),
            order.interface(101, 0, &shifted),
            order.interface(276, 0, b""),
            order.enhanced(2, 1 << 40, b"", b""),
            order.enhanced(1, 2049, b"", b""),
            order.enhanced(0, 1 << 40 | 1, b"", b""),
        ];
        let told: Vec<_> =
            read_whole(&file.concat()).iter().map(|p| (p.timestamp_ns, p.link)).collect();
        let expected = [
            ((1 << 40) * 1_000, LinkType::LinuxSll2),
            (1_000_976_562, LinkType::Raw),
            (1 << 40 | 1, LinkType::Ethernet),
        ];
        assert_eq!(told, expected, "{order:?}");
    }
}

#[test]
fn sections_count_their_interfaces_on_and_may_turn_the_byte_order() {
    let mut file = Vec::new();
    for (index, order) in [Order::Little, Order::Big, Order::Little].into_iter().enumerate() {
        let name = |i| order.option(2, format!("if{index}.{i}").as_bytes());
        file.extend(order.section());
        file.extend(order.interface(1, 0, &name(0)));
        file.extend(order.interface(1, 0, &name(1)));
        file.extend(order.enhanced(1, 1, b"x", b""));
    }
    let mut file = CaptureFile::new(&file[..]).expect("a header");
    for number in [1, 3, 5] {
        let frame = file.next().expect("sound").expect("a packet");
        assert_eq!((frame.interface, frame.timestamp_ns), (number, 1_000));
    }
    assert!(file.next().expect("sound").is_none());
    let names: Vec<&str> = file.interfaces().iter().map(|i| &i.name[..]).collect();
    assert_eq!(names, ["if0.0", "if0.1", "if1.0", "if1.1", "if2.0", "if2.1"]);
}

#[test]
fn the_length_of_a_section_is_not_believed() {
    let order = Order::Big;
    let mut section = order.section();
    section[16..24].copy_from_slice(&12_u64.to_be_bytes());
    let file = [section, order.interface(1, 0, b""), order.enhanced(0, 0, b"x", b"")];
    assert_eq!(read_whole(&file.concat()).len(), 1);
}

#[test]
fn interfaces_past_the_last_number_begin_anew() {
    let order = Order::Little;
    let interface = order.interface(1, 0, &order.option(2, b"old"));
    let mut file = [order.section(), interface.repeat(65_535)].concat();
    file.extend(order.section());
    file.extend(order.interface(1, 0, &order.option(2, b"last")));
    file.extend(order.interface(101, 0, &order.option(2, b"anew")));
    file.extend(order.enhanced(1, 0, b"", b""));
    let mut file = CaptureFile::new(&file[..]).expect("a header");
    assert_eq!(file.next().expect("sound").expect("a packet").interface, 0);
    assert_eq!(file.interfaces().len(), 65_536);
    assert_eq!(
        (&file.interfaces()[0].name[..], &file.interfaces()[65_535].name[..]),
        ("anew", "last")
    );
}

#[test]
fn a_comment_in_no_known_characters_is_read_as_far_as_it_goes() {
    let order = Order::Little;
    let file = [
        order.section(),
        order.interface(1, 0, b""),
        order.enhanced(0, 0, b"", &order.option(1, b"caf\xe9")),
    ];
    assert_eq!(read_whole(&file.concat())[0].comment.as_deref(), Some("caf\u{fffd}"));
}
