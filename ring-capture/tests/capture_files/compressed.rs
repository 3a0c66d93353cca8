//! gzip and zstd around a capture, told by their first bytes.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use ring_capture::file::{CaptureFile, OpenError, ReadError};

use crate::by_hand::Order;
use crate::{read, read_whole};

/// Bytes of each packet block in it.
const PACKET: u64 = 72;

fn capture() -> Vec<u8> {
    let order = Order::Big;
    let mut file = [order.section(), order.interface(1, 0, b"")].concat();
    for at in 0..2_000 {
        let bytes: Vec<u8> = (0..40).map(|i| (at * 7 + i * i) as u8).collect();
        file.extend(order.enhanced(0, at, &bytes, b""));
    }
    file
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("memory")
}

#[test]
fn a_compressed_file_is_the_file() {
    let plain = capture();
    let packets = read_whole(&plain);
    assert_eq!(packets.len(), 2_000);
    let (left, right) = plain.split_at(plain.len() / 3);
    for compressed in [
        gzip(&plain),
        zstd(&plain),
        // Parts compressed one by one and put together, as rotation scripts leave them.
        [gzip(left), gzip(right)].concat(),
        [zstd(left), zstd(right)].concat(),
        // A skippable frame first, as parallel compressors write it.
        [&b"\x53\x2a\x4d\x18\x04\0\0\0skip"[..], &zstd(&plain)].concat(),
    ] {
        assert!(compressed.len() < plain.len());
        assert_eq!(read_whole(&compressed), packets);
    }
}

#[test]
fn a_compressed_file_cut_short_is_truncated() {
    let plain = capture();
    for compressed in [gzip(&plain), zstd(&plain)] {
        let mut most = 0;
        for cut in (1..compressed.len()).step_by(compressed.len() / 300 + 1) {
            match read(&compressed[..cut]) {
                Ok((packets, Some(ReadError::Truncated { at_offset }))) => {
                    // The section's header, the interface's, the packets.
                    let after_packets = 28 + 20 + packets.len() as u64 * PACKET;
                    assert!(at_offset == after_packets || at_offset == 28, "at {cut}");
                    assert!(packets.len() >= most, "at {cut}");
                    most = packets.len();
                }
                // zstd gives whole blocks of 128 KiB, so that this may last a while.
                Err(OpenError::Header(ReadError::Truncated { at_offset: 0 })) => {
                    assert_eq!(most, 0, "at {cut}");
                }
                other => panic!("at {cut}: {other:?}"),
            }
        }
        assert!(most > 0);
    }
}

#[test]
fn broken_compression_is_told_from_a_broken_capture() {
    let mut compressed = gzip(&capture());
    let last = compressed.len() - 8;
    compressed[last] ^= 1; // The checksum.
    let (packets, end) = read(&compressed).expect("a header");
    assert_eq!(packets.len(), 2_000);
    assert!(matches!(end, Some(ReadError::Io { .. })), "{end:?}");
    assert!(matches!(read(&gzip(b"no capture")), Err(OpenError::NotACapture { .. })));
    assert!(matches!(read(&gzip(b"")), Err(OpenError::Empty)));
}

#[test]
fn progress_is_told_in_bytes_of_the_file_as_it_lies_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let compressed = zstd(&capture());
    // The name says nothing: the first bytes do.
    let path = folder.path().join("capture.pcap.gz");
    std::fs::write(&path, &compressed).expect("a file");
    let mut file = CaptureFile::open(&path).expect("a capture");
    assert_eq!(file.size(), Some(compressed.len() as u64));
    while file.next().expect("sound").is_some() {}
    assert_eq!((file.packets_read(), file.bytes_read()), (2_000, compressed.len() as u64));
}
