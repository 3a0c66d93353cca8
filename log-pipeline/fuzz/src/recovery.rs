//! Opening a log whatever its files hold.

use log_pipeline::cursor::{Cursor, Start};
use log_pipeline::wal::sim::Sim;
use log_pipeline::wal::{Config, Wal, inspect};

/// The first byte says how many of the rest are a segment, what follows them is a cursor; the
/// second whether checksums are mended, so that what they cover is reached. Whatever is there, the
/// log opens, is read to an end, takes a record and gives it back.
pub fn recovery(bytes: &[u8]) {
    let [share, mend, rest @ ..] = bytes else { return };
    let (segment, cursor) = rest.split_at(rest.len() * usize::from(*share) / 255);
    let (mut segment, mut cursor) = (segment.to_vec(), cursor.to_vec());
    if mend % 2 == 1 {
        mend_segment(&mut segment);
        for slot in cursor.chunks_mut(4096) {
            mend_slot(slot);
        }
    }
    let sim = Sim::default();
    sim.change("0000000000000001.wal", |file| *file = segment);
    sim.change("a.cursor", |file| *file = cursor);
    inspect(&sim, true).expect("looking fails only with the storage");
    let config = Config::default().chunk_bytes(4096);
    let wal = Wal::open(sim.clone(), config).expect("damage is no error");
    let mut cursor = Cursor::open(&wal, "a", Start::Oldest).expect("nor is a damaged cursor");
    let mut last = None;
    while let Some(record) = cursor.try_next().expect("reading fails only with the storage") {
        assert!(last.is_none_or(|last| record.seq > last), "numbers grow");
        last = Some(record.seq);
    }
    let receipt = wal.append(1, 0, &[b"fresh"]).expect("it takes records");
    receipt.wait().expect("the storage works");
    let record = cursor.try_next().expect("reading works").expect("it is there");
    assert_eq!((&record.payload[..], record.seq), (&b"fresh"[..], receipt.seq()));
    cursor.commit(record.position).expect("the storage works");
}

/// Makes a header of the bytes, and records of what follows, as long as they say they are.
fn mend_segment(bytes: &mut [u8]) {
    let Some((header, mut rest)) = bytes.split_at_mut_checked(64) else { return };
    header[..12].copy_from_slice(b"LOGPIPE\n\x01\0\0\0");
    header[24..32].copy_from_slice(&1_u64.to_le_bytes());
    put(header, 60, crc32c(&header[..60]));
    let salt = u32::from_le_bytes([header[12], header[13], header[14], header[15]]);
    while rest.len() >= 32 {
        let length = u32::from_le_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize % 128;
        let length = length.min(rest.len() - 32);
        put(rest, 4, length as u32);
        put(rest, 28, crc32c(&rest[4..28]) ^ salt);
        put(rest, 0, crc32c(&rest[4..32 + length]) ^ salt);
        let next = (32 + length).next_multiple_of(8).min(rest.len());
        rest = &mut rest[next..];
    }
}

fn mend_slot(bytes: &mut [u8]) {
    if bytes.len() >= 48 {
        bytes[..8].copy_from_slice(b"LOGCURS\x01");
        put(bytes, 44, crc32c(&bytes[..44]));
    }
}

fn put(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !crc
}
