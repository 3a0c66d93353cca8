//! Capture files are read whole, cut files as far as they go, and damaged ones without a panic.

#![cfg(all(feature = "pcap", not(loom)))]

use std::io::Write;
use std::process::Command;

use proptest::prelude::*;
use ring_capture::pcapng::{Interface, Section, Writer};
use ring_capture::{CaptureFile, Direction, LinkType, ReadError};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    timestamp_ns: u64,
    original_len: u32,
    link: LinkType,
    interface: u16,
    direction: Direction,
    bytes: Vec<u8>,
    comment: Option<String>,
}

/// Everything up to the end or the first error.
fn read(bytes: &[u8]) -> (Vec<Seen>, Option<ReadError>) {
    let mut seen = Vec::new();
    let mut file = match CaptureFile::new(std::io::Cursor::new(bytes.to_vec())) {
        Ok(file) => file,
        Err(error) => return (seen, Some(error)),
    };
    loop {
        match file.next() {
            Ok(Some(frame)) => seen.push(Seen {
                timestamp_ns: frame.timestamp_ns,
                original_len: frame.original_len,
                link: frame.link,
                interface: frame.interface,
                direction: frame.direction,
                bytes: frame.bytes.to_vec(),
                comment: None,
            }),
            Ok(None) => return (seen, None),
            Err(error) => return (seen, Some(error)),
        }
        if let Some(last) = seen.last_mut() {
            last.comment = file.comment().map(str::to_owned);
        }
    }
}

fn written(packets: &[Seen]) -> Vec<u8> {
    let mut file = Writer::new(Vec::new(), &Section::default()).expect("memory");
    for (name, link) in [("lo", LinkType::Ethernet), ("tun0", LinkType::Raw)] {
        let interface = Interface { name: name.into(), link, ..Interface::default() };
        file.interface(&interface).expect("memory");
    }
    for p in packets {
        let (at, len, comment) = (p.timestamp_ns, p.original_len, p.comment.as_deref());
        let interface = p.interface.into();
        file.packet(interface, at, len, p.direction, &p.bytes, comment).expect("memory");
    }
    file.finish().expect("memory")
}

fn packets() -> impl Strategy<Value = Vec<Seen>> {
    let direction =
        prop_oneof![Just(Direction::Unknown), Just(Direction::Inbound), Just(Direction::Outbound)];
    let packet = (
        any::<u64>(),
        any::<u32>(),
        0_u16..2,
        direction,
        prop::collection::vec(any::<u8>(), 0..100),
        proptest::option::of("[a-zé]{0,9}"),
    );
    let packet =
        packet.prop_map(|(timestamp_ns, original_len, interface, direction, bytes, comment)| {
            let link = [LinkType::Ethernet, LinkType::Raw][usize::from(interface)];
            Seen { timestamp_ns, original_len, link, interface, direction, bytes, comment }
        });
    prop::collection::vec(packet, 0..20)
}

fn classic(big_endian: bool, nanoseconds: bool, packets: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let word = |w: u32| if big_endian { w.to_be_bytes() } else { w.to_le_bytes() };
    let magic = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let mut file = word(magic).to_vec();
    file.extend([0; 12]);
    file.extend(word(65_535));
    file.extend(word(1));
    for (seconds, fraction, bytes) in packets {
        for w in [*seconds, *fraction, bytes.len() as u32, 1500] {
            file.extend(word(w));
        }
        file.extend(*bytes);
    }
    file
}

proptest! {
    #[test]
    fn what_is_written_is_read(packets in packets()) {
        let (seen, error) = read(&written(&packets));
        prop_assert!(error.is_none(), "{error:?}");
        prop_assert_eq!(seen, packets);
    }

    #[test]
    fn a_file_cut_anywhere_gives_what_is_whole(packets in packets(), cut in any::<prop::sample::Index>()) {
        let file = written(&packets);
        let (seen, error) = read(&file[..cut.index(file.len())]);
        prop_assert!(packets.starts_with(&seen));
        let expected = matches!(
            error,
            None | Some(ReadError::Truncated { .. } | ReadError::NotACapture { .. })
        );
        prop_assert!(expected, "{error:?}");
    }

    #[test]
    fn damage_is_an_error_and_no_panic(
        packets in packets(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut file = written(&packets);
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let _ = read(&file);
    }

    #[test]
    fn any_bytes_at_all(bytes in prop::collection::vec(any::<u8>(), 0..300), magic in 0_usize..5) {
        let magic: &[u8] = [
            &b"\xd4\xc3\xb2\xa1"[..],
            b"\xa1\xb2\x3c\x4d",
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a",
            b"\x1f\x8b",
            b"\x28\xb5\x2f\xfd",
        ][magic];
        let _ = read(&[magic, &bytes].concat());
    }
}

#[test]
fn the_classic_format_in_its_four_kinds() {
    for big_endian in [false, true] {
        for (nanoseconds, want) in [(false, 3_000_007_000), (true, 3_000_000_007)] {
            let file = classic(big_endian, nanoseconds, &[(3, 7, b"abc"), (4, 0, b"")]);
            let (seen, error) = read(&file);
            assert!(error.is_none(), "{error:?}");
            assert_eq!(seen.len(), 2);
            assert_eq!((seen[0].timestamp_ns, seen[0].original_len), (want, 1500));
            assert_eq!(seen[0].bytes, b"abc");
            let (seen, error) = read(&file[..file.len() - 1]);
            assert_eq!(seen.len(), 1);
            assert!(matches!(error, Some(ReadError::Truncated { offset: 43 })), "{error:?}");
        }
    }
}

#[test]
fn compressed_files_are_read_as_they_come() {
    let plain = classic(false, true, &[(1, 2, b"payload")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&plain).expect("memory");
    let zstd = zstd::encode_all(&plain[..], 1).expect("memory");
    for file in [gzip.finish().expect("memory"), zstd] {
        let (seen, error) = read(&file);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(seen[0].bytes, b"payload");
    }
}

#[test]
fn a_length_that_lies_takes_no_memory() {
    let mut file = classic(false, true, &[]);
    file.extend([0; 8]);
    file.extend(u32::MAX.to_le_bytes());
    file.extend([0; 4]);
    let (_, error) = read(&file);
    assert!(
        matches!(error, Some(ReadError::TooLong { offset: 24, length: u32::MAX })),
        "{error:?}"
    );
}

#[test]
fn captures_of_others_agree_with_capinfos() -> Result<(), Box<dyn std::error::Error>> {
    let Some(corpora) = std::env::var_os("POPKIT_CORPORA") else {
        writeln!(std::io::stderr(), "skipped: POPKIT_CORPORA is not set").expect("standard error");
        return Ok(());
    };
    let capinfos = Command::new("capinfos").arg("--version").output().is_ok();
    if !capinfos {
        assert_ne!(std::env::var("POPKIT_PEERS").as_deref(), Ok("require"), "capinfos is missing");
        writeln!(std::io::stderr(), "skipped: capinfos is not installed, counts are not compared")
            .expect("standard error");
    }
    let mut files = 0;
    for entry in std::fs::read_dir(std::path::Path::new(&corpora).join("tls"))? {
        let path = entry?.path();
        if !path.extension().is_some_and(|e| e == "pcap" || e == "pcapng") {
            continue;
        }
        let (seen, error) = read(&std::fs::read(&path)?);
        assert!(error.is_none(), "{}: {error:?}", path.display());
        files += 1;
        if capinfos {
            let counted =
                Command::new("capinfos").args(["-T", "-r", "-c", "-M"]).arg(&path).output()?;
            let line = String::from_utf8_lossy(&counted.stdout).into_owned();
            let count = line.trim().rsplit('\t').next().unwrap_or_default();
            assert_eq!(count, seen.len().to_string(), "{}: {line}", path.display());
        }
    }
    assert!(files > 10, "{files} captures");
    Ok(())
}
