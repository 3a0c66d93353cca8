//! Files that are cut off, that lie, or that are no captures at all.

use std::io::{self, Read};

use proptest::prelude::*;
use ring_capture::file::{CaptureFile, Fault, MAX_BLOCK_BYTES, OpenError, ReadError};

use crate::by_hand::{ORDERS, Order};
use crate::seeds::seeds;
use crate::{fault, read, read_whole};

/// A capture of three packets and where each of its records ends.
fn three(pcapng: bool, order: Order) -> (Vec<u8>, Vec<usize>) {
    let parts = if pcapng {
        vec![
            [order.section(), order.interface(1, 0, b"")].concat(),
            order.enhanced(0, 1, b"one", &order.option(1, b"comment")),
            order.obsolete(0, 2, b"three", b""),
            order.simple(5, b"seven"),
        ]
    } else {
        let record = |bytes| order.record((1, 2), 100, bytes);
        vec![order.pcap(0xa1b2_c3d4, 1), record(b"one"), record(b"three"), record(b"seven")]
    };
    let mut ends = Vec::new();
    let mut file = Vec::new();
    for part in parts {
        file.extend(part);
        ends.push(file.len());
    }
    (file, ends)
}

#[test]
fn a_file_cut_at_any_byte_gives_its_whole_packets_and_says_where_it_ends() {
    for (pcapng, order) in [false, true].into_iter().flat_map(|p| ORDERS.map(|o| (p, o))) {
        let (file, ends) = three(pcapng, order);
        let whole = read_whole(&file);
        let header = if pcapng { 28 } else { 24 };
        for cut in 0..file.len() {
            let complete = ends.iter().skip(1).filter(|&&end| end <= cut).count();
            match read(&file[..cut]) {
                Err(OpenError::Empty) => assert_eq!(cut, 0),
                Err(OpenError::Header(ReadError::Truncated { at_offset: 0 })) => {
                    assert!((1..header).contains(&cut), "at {cut}");
                }
                Ok((packets, end)) => {
                    assert_eq!(packets, whole[..complete], "at {cut}");
                    // The interface description is a record of its own.
                    let at = ends.iter().chain([&header]).filter(|&&end| end <= cut).max();
                    match end {
                        None => assert_eq!(at, Some(&cut)),
                        Some(ReadError::Truncated { at_offset }) => {
                            assert_eq!(at, Some(&(at_offset as usize)), "at {cut}");
                            assert!(cut as u64 > at_offset);
                        }
                        other => panic!("at {cut}: {other:?}"),
                    }
                }
                other => panic!("at {cut}: {other:?}"),
            }
        }
    }
}

/// Gives its bytes in pieces of a given size, and an interruption before each.
struct Pieces<'a> {
    bytes: &'a [u8],
    size: usize,
    interrupt: bool,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = into.len().min(self.size);
        self.bytes.read(&mut into[..count])
    }
}

#[test]
fn in_whatever_pieces_a_file_arrives_it_is_the_same_file() {
    for (_, file) in seeds() {
        let Ok((packets, end)) = read(&file) else { continue };
        for size in [1, 2, 3, 5, 7, 11, 64] {
            let mut pieces = CaptureFile::new(Pieces { bytes: &file, size, interrupt: false })
                .expect("it opened before");
            for packet in &packets {
                let frame = pieces.next().expect("sound before").expect("not the end");
                assert_eq!(frame.bytes, packet.bytes);
            }
            match (pieces.next(), &end) {
                (Ok(None), None) => {}
                (Err(error), Some(end)) => assert_eq!(error.to_string(), end.to_string()),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn nothing_else_is_taken_for_a_capture() {
    assert!(matches!(read(b""), Err(OpenError::Empty)));
    let error = read(b"GIF89a").expect_err("a picture");
    assert!(matches!(error, OpenError::NotACapture { found } if found == *b"GIF8"));
    assert_eq!(
        error.to_string(),
        "the file starts with [47, 49, 46, 38] at offset 0, expected pcap or pcapng, plain, gzip \
         or zstd; `editcap -F pcapng` converts other captures"
    );
    assert!(matches!(CaptureFile::open("/nowhere/at/all"), Err(OpenError::Open { .. })));
}

#[test]
fn versions_to_come_are_refused() {
    for order in ORDERS {
        let mut file = order.pcap(0xa1b2_c3d4, 1);
        file[4..6].copy_from_slice(&order.u16(3));
        assert_eq!(fault(&file), (0, Fault::Version { major: 3, minor: 4, expected: 2 }));
        let mut file = order.section();
        file[12..14].copy_from_slice(&order.u16(2));
        assert_eq!(fault(&file), (0, Fault::Version { major: 2, minor: 0, expected: 1 }));
    }
}

#[test]
fn lengths_that_lie_are_named_with_their_place() {
    let order = Order::Little;
    let pcap = order.pcap(0xa1b2_c3d4, 1);
    let start = [order.section(), order.interface(1, 0, b"")].concat();
    let packet = order.enhanced(0, 0, b"four", b"");
    let at = start.len() as u64;
    let with = |offset: usize, value: u32| {
        let mut packet = packet.clone();
        packet[offset..offset + 4].copy_from_slice(&order.u32(value));
        [&start[..], &packet].concat()
    };
    let too_long = MAX_BLOCK_BYTES + 4;
    for (file, expected) in [
        (
            [&pcap[..], &order.words(&[0, 0, too_long, 0])].concat(),
            (24, Fault::TooLong { length: too_long }),
        ),
        (with(4, too_long), (at, Fault::TooLong { length: too_long })),
        (with(4, 28), (at, Fault::BlockLength { kind: 6, length: 28, least: 32 })),
        (with(4, 35), (at, Fault::BlockLength { kind: 6, length: 35, least: 32 })),
        (with(32, 40), (at, Fault::LengthsDiffer { first: 36, last: 40 })),
        (with(20, 5), (at, Fault::CapturedBeyondBlock { captured: 5, room: 4 })),
        (with(20, u32::MAX), (at, Fault::CapturedBeyondBlock { captured: u32::MAX, room: 4 })),
        (with(8, 1), (at, Fault::UnknownInterface { interface: 1, described: 1 })),
        (
            [&start[..], &order.simple(9, b"four")].concat(),
            (at, Fault::CapturedBeyondBlock { captured: 9, room: 4 }),
        ),
        (
            [order.section(), order.simple(0, b"")].concat(),
            (28, Fault::UnknownInterface { interface: 0, described: 0 }),
        ),
        (
            [&start[..], &order.enhanced(0, 0, b"", &order.words(&[0x0009_0001, 0]))].concat(),
            (at, Fault::OptionBeyondBlock { code: 1, length: 9, room: 4 }),
        ),
        (
            [&start[..], &order.enhanced(0, 0, b"", &order.option(2, b"12"))].concat(),
            (at, Fault::OptionLength { code: 2, length: 2, expected: 4 }),
        ),
        (
            [order.section(), order.interface(1, 0, &order.option(14, b"12"))].concat(),
            (28, Fault::OptionLength { code: 14, length: 2, expected: 8 }),
        ),
        (order.block(0x0a0d_0d0a, &[7; 16]), (0, Fault::ByteOrderMagic(0x0707_0707))),
    ] {
        assert_eq!(fault(&file), expected);
    }
}

#[test]
fn a_fault_says_what_stands_there_and_what_to_do() {
    let order = Order::Big;
    let file = [order.section(), order.enhanced(3, 0, b"", b"")].concat();
    let (_, end) = read(&file).expect("a header");
    let end = end.expect("an error");
    assert_eq!(
        end.to_string(),
        "at offset 28: a packet of interface 3, expected one of the 0 described before; the file \
         is damaged from there on: the packets before it are whole, for the others copy it again \
         from where it came from"
    );
    assert_eq!(end.label(), "unknown_interface");
}

#[test]
fn a_section_has_no_more_interfaces_than_can_be_told_apart() {
    let order = Order::Little;
    let file = [order.section(), order.interface(1, 0, b"").repeat(65_537)].concat();
    assert_eq!(fault(&file), (28 + 65_536 * 20, Fault::TooManyInterfaces { most: 65_536 }));
}

#[test]
fn names_of_interfaces_do_not_fill_the_memory() {
    let order = Order::Little;
    let named = order.interface(1, 0, &order.option(2, &b"x".repeat(65_535)));
    // In sections of their own: nothing but their text is too much.
    let file = [order.section(), named.clone()].concat().repeat(300);
    let (at, fault) = fault(&file);
    assert_eq!(fault, Fault::TooManyInterfaces { most: 65_536 });
    assert_eq!(at, 256 * (28 + named.len() as u64) + 28);
}

#[test]
fn names_that_are_replaced_do_not_count() {
    let order = Order::Little;
    let named = order.interface(1, 0, &order.option(2, &b"x".repeat(200)));
    // More than 16 MiB of names in all, less in the newest 65,536.
    let file = [order.section(), named.repeat(65_536)].concat().repeat(2);
    assert_eq!(read_whole(&file), []);
}

#[test]
fn a_block_of_the_greatest_length_is_read() {
    let order = Order::Little;
    let bytes = vec![7; MAX_BLOCK_BYTES as usize - 32];
    let start = [order.section(), order.interface(1, 0, b"")].concat();
    let file = [&start[..], &order.enhanced(0, 0, &bytes, b""), &order.enhanced(0, 0, b"x", b"")];
    let packets = read_whole(&file.concat());
    assert_eq!((packets[0].bytes.len(), &packets[1].bytes[..]), (bytes.len(), &b"x"[..]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), magic in 0_usize..4) {
        let magics = [&[][..], b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d"];
        let _ = read(&[magics[magic], &bytes].concat());
    }

    #[test]
    fn damaged_files_never_panic(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let seeds = seeds();
        let mut file = seeds[which.index(seeds.len())].1.clone();
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let _ = read(&file);
    }
}
