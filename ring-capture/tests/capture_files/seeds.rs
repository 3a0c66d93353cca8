//! The seeds of the fuzz targets, made here and kept in `fuzz/seeds`.

use std::path::Path;

use crate::by_hand::ORDERS;
use crate::compressed::{gzip, zstd};
use crate::read_whole;

/// Small captures that between them have every kind of header, block and option.
pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for order in ORDERS {
        for (unit, magic) in [("us", 0xa1b2_c3d4), ("ns", 0xa1b2_3c4d)] {
            let file = [
                order.pcap(magic, 1),
                order.record((1_700_000_000, 999), 1500, &tcp_segment()),
                order.record((1_700_000_001, 0), 0, b""),
            ];
            seeds.push((format!("pcap-{order:?}-{unit}").to_lowercase(), file.concat()));
        }
        let clock = [order.option(2, b"lo"), order.option(9, &[0x8a]), order.option(14, &[1; 8])];
        let said = [order.option(1, b"why"), order.option(2, &order.u32(1)), order.option(0, b"")];
        let section = [
            order.section(),
            order.interface(1, 96, &order.option(11, b"\0tcp port 443")),
            order.interface(101, 0, &clock.concat()),
            order.enhanced(0, 1_700_000_000_000_000, &tcp_segment(), &said.concat()),
            order.block(5, &[0; 12]),
            order.obsolete(1, 7, &tcp_segment()[14..], &said.concat()),
            order.simple(54, &tcp_segment()),
            order.block(0x0bad, b"\0\0\x7e\xd9"),
        ]
        .concat();
        seeds.push((format!("pcapng-{order:?}").to_lowercase(), section));
    }
    let both: Vec<u8> =
        seeds.iter().filter(|s| s.0.starts_with("pcapng")).flat_map(|s| s.1.clone()).collect();
    let cut = both[..both.len() - 9].to_vec();
    seeds.extend([
        ("pcapng-gzip".to_owned(), gzip(&both)),
        ("pcapng-zstd".to_owned(), zstd(&both)),
        ("pcapng-two-sections".to_owned(), both),
        ("pcapng-cut".to_owned(), cut),
    ]);
    seeds
}

/// Frames for the packet parser: two octets of link type, big-endian, and the frame.
fn frames() -> Vec<(String, Vec<u8>)> {
    let ethernet = tcp_segment();
    let ip = &ethernet[14..];
    let v6 = [
        &[0x60, 0, 0, 0, 0, 16, 0, 64][..],
        &[1; 16],
        &[2; 16],
        &[17, 0, 1, 4, 0, 0, 0, 0],
        &[0, 53, 0, 53, 0, 8, 0, 0],
    ]
    .concat();
    let icmp =
        [&[0x45, 0, 0, 68, 0, 0, 0, 0, 64, 1, 0, 0][..], &[1; 8], &[3, 4, 0, 0, 0, 0, 5, 0], ip]
            .concat();
    let frame = |link: u16, parts: &[&[u8]]| [&link.to_be_bytes()[..], &parts.concat()].concat();
    [
        ("ethernet", frame(1, &[&ethernet])),
        (
            "ethernet-tagged",
            frame(1, &[&ethernet[..12], &[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2], &ethernet[12..]]),
        ),
        ("ethernet-arp", frame(1, &[&[0; 12], &[8, 6], &[0; 28]])),
        ("loopback", frame(0, &[&[2, 0, 0, 0], ip])),
        ("raw-tcp", frame(101, &[ip])),
        ("raw-icmp-error", frame(101, &[&icmp])),
        ("raw-v6-hop-by-hop", frame(101, &[&v6])),
        ("cooked", frame(113, &[&[0; 14], &[8, 0], ip])),
        ("cooked-2", frame(276, &[&[0x86, 0xdd], &[0; 18], &v6])),
        ("other", frame(147, &[ip])),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into()
}

/// Ethernet, IPv4, TCP: a SYN.
fn tcp_segment() -> Vec<u8> {
    let mut segment = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    segment.extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 7, 198, 51, 100, 1]);
    segment.extend([0xc7, 0x38, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]);
    segment
}

#[test]
fn the_seeds_kept_are_the_seeds_made_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let write = std::env::var_os("POPKIT_WRITE_SEEDS").is_some();
    for (target, seeds) in [("capture_file", seeds()), ("packet", frames())] {
        for (name, made) in seeds {
            assert!(made.len() <= 4096, "{name} is no small seed");
            let path = folder.join(target).join(&name);
            if write {
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                std::fs::write(&path, made).expect("a seed");
                continue;
            }
            let kept = std::fs::read(&path).unwrap_or_default();
            // Compressors are free to compress otherwise in their next version.
            let same = if name.ends_with("zip") || name.ends_with("zstd") {
                !kept.is_empty() && read_whole(&kept) == read_whole(&made)
            } else {
                kept == made
            };
            assert!(same, "{target}/{name} differs: POPKIT_WRITE_SEEDS=1 writes it anew");
        }
    }
}
