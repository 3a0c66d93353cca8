//! The bytes on disk are those that `src/wal/README.md` describes, and stay so.

use log_pipeline::cursor::{Cursor, Start};
use log_pipeline::envelope::Envelope;
use log_pipeline::wal::sim::Sim;
use log_pipeline::wal::{Config, Wal, inspect, records};

const README: &str = include_str!("../../src/wal/README.md");

/// The dump under the heading: lines of an offset, bytes, and what they are.
fn dump(heading: &str) -> (Vec<u8>, Vec<(usize, usize, String)>) {
    let (_, rest) = README.split_once(heading).expect("the heading");
    let block = rest.split("```").nth(1).expect("a block");
    let (mut bytes, mut fields) = (Vec::new(), Vec::new());
    for line in block.lines().filter(|line| !line.trim().is_empty() && *line != "text") {
        let (offset, rest) = line.split_once("  ").expect("an offset");
        let offset = usize::from_str_radix(offset, 16).expect("hexadecimal");
        assert!(offset >= bytes.len(), "offsets grow");
        bytes.resize(offset, 0); // What is not shown is zero.
        let (hex, text) = rest.split_once("  ").unwrap_or((rest, ""));
        let hex = hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).expect("a byte"));
        bytes.extend(hex);
        fields.push((offset, bytes.len(), text.trim().to_owned()));
    }
    (bytes, fields)
}

/// Castagnoli, bit by bit: an opinion of its own.
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

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

#[test]
fn the_segment_in_the_readme_is_one() {
    let (bytes, fields) = dump("### A segment, dumped");
    assert_eq!(&bytes[..8], b"LOGPIPE\n");
    assert_eq!(u32_at(&bytes, 60), crc32c(&bytes[..60]), "header");
    let salt = u32_at(&bytes, 12);
    let record = &bytes[64..];
    let length = u32_at(record, 4) as usize;
    assert_eq!(u32_at(record, 28), crc32c(&record[4..28]) ^ salt, "record header");
    assert_eq!(u32_at(record, 0), crc32c(&record[4..32 + length]) ^ salt, "record");
    assert_eq!(bytes.len() % 8, 0);
    // What the right column says is what the bytes say.
    for (from, to, text) in fields {
        let Some((_, value)) = text.split_once(": ") else { continue };
        let value = value.split(' ').next().expect("a value").replace(',', "");
        let Ok(value) = value.parse::<u64>() else { continue };
        let number = match to - from {
            1 => u64::from(bytes[from]),
            4 => u64::from(u32_at(&bytes, from)),
            8 => u64_at(&bytes, from),
            other => panic!("{other} bytes are no number: {text}"),
        };
        assert_eq!(number, value, "{text}");
    }

    let sim = Sim::default();
    sim.change("0000000000000001.wal", |file| file.clone_from(&bytes));
    let found = inspect(&sim, true).unwrap();
    assert_eq!(found.segments[0].epoch, Some(1));
    assert_eq!((found.segments[0].records, found.damaged_bytes(), found.next_seq), (1, 0, 2));
    let record = records(sim.clone(), 0).unwrap().next().unwrap().unwrap();
    assert_eq!((record.seq, record.received_ns), (1, 1_763_682_344_000_000_000));
    let envelope = Envelope::decode(&record.payload);
    assert_eq!(envelope.frame, b"<13>hi");
    assert_eq!(envelope.peer, Some("192.0.2.1:514".parse().unwrap()));
}

#[test]
fn the_cursor_in_the_readme_is_one() {
    let (bytes, _) = dump("### A cursor, dumped");
    let (segment, _) = dump("### A segment, dumped");
    for slot in [0, 4096] {
        let slot = &bytes[slot..slot + 48];
        assert_eq!(&slot[..8], b"LOGCURS\x01");
        assert_eq!(u32_at(slot, 44), crc32c(&slot[..44]));
    }
    let sim = Sim::default();
    sim.change("0000000000000001.wal", |file| *file = segment);
    sim.change("all.cursor", |file| *file = bytes);
    let found = inspect(&sim, false).unwrap();
    assert_eq!((found.cursors[0].seq, found.cursors[0].lag_records), (Some(2), 0));
}

#[test]
fn what_is_written_has_the_form_of_the_readme() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), Config::default()).unwrap();
    let mut cursor = Cursor::open(&wal, "all", Start::Oldest).unwrap();
    let envelope = Envelope {
        peer: Some("192.0.2.1:514".parse().unwrap()),
        truncated: false,
        journal_cursor: None,
        frame: b"<13>hi",
    };
    let (head, length) = envelope.head();
    let receipt = wal.append(1, 1_763_682_344_000_000_000, &[&head[..length], b"<13>hi"]).unwrap();
    receipt.wait().unwrap();
    let record = cursor.try_next().unwrap().expect("a record");
    cursor.commit(record.position).unwrap();
    let mut written = sim.read("0000000000000001.wal");
    if let Some(path) = std::env::var_os("WAL_SAMPLE") {
        std::fs::write(&path, [&written[..], &sim.read("all.cursor")].concat()).unwrap();
    }
    let (sample, _) = dump("### A segment, dumped");
    let (sample_cursor, _) = dump("### A cursor, dumped");
    // The salt is random, and with it three checksums.
    for at in [12, 60, 64, 92] {
        written[at..at + 4].copy_from_slice(&sample[at..at + 4]);
    }
    assert_eq!(written, sample);
    assert_eq!(sim.read("all.cursor"), sample_cursor);
}
