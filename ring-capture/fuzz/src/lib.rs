//! What the fuzz targets do with their bytes; `tests/fuzz_seeds.rs` does the same with the seeds.

use ring_capture::file::CaptureFile;
use ring_capture::{LinkType, Packet};

/// Reads the bytes as a capture file and parses every packet in it.
pub fn capture_file(bytes: &[u8]) {
    let Ok(mut file) = CaptureFile::new(bytes) else { return };
    while let Ok(Some(frame)) = file.next() {
        assert!(frame.original_len as usize >= frame.bytes.len());
        parse(frame.link, frame.bytes);
        let interface = usize::from(frame.interface);
        assert!(interface < file.interfaces().len(), "every packet has its interface");
        let _ = (file.comment(), file.section());
    }
    assert!(matches!(file.next(), Ok(None)));
    assert!(file.bytes_read() <= bytes.len() as u64);
}

/// Parses the bytes as a frame of the link type in the first two, and of each that is known.
pub fn packet(bytes: &[u8]) {
    let Some((link, frame)) = bytes.split_first_chunk() else { return };
    for link in [u16::from_be_bytes(*link), 0, 1, 101, 113, 276] {
        parse(LinkType::from(link), frame);
    }
}

fn parse(link: LinkType, frame: &[u8]) {
    if let Some(packet) = Packet::parse(link, frame) {
        assert!(packet.payload_at <= frame.len());
    }
}
