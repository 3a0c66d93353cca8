//! Damage costs the damaged record and nothing else.

use log_pipeline::cursor::{Cursor, Start};
use log_pipeline::wal::sim::{After, Sim};
use log_pipeline::wal::{Config, Disk, Wal};

fn write(sim: &Sim, payloads: &[&[u8]]) -> String {
    let wal = Wal::open(sim.clone(), Config::default()).unwrap();
    for payload in payloads {
        wal.append(1, 7, &[payload]).unwrap().wait().unwrap();
    }
    wal.close().unwrap();
    sim.ending(".wal").pop().unwrap()
}

fn read(wal: &Wal, cursor: &str) -> Vec<Vec<u8>> {
    let mut cursor = Cursor::open(wal, cursor, Start::Oldest).unwrap();
    let mut seen = Vec::new();
    while let Some(record) = cursor.try_next().unwrap() {
        assert_eq!((record.kind, record.received_ns), (1, 7));
        seen.push(record.payload.to_vec());
    }
    assert_eq!(cursor.try_next().unwrap(), None);
    seen
}

#[test]
fn a_torn_tail_is_cut_at_every_byte() {
    let full = Sim::default();
    let name = write(&full, &[b"first", b"second", b"the last one"]);
    let mut length = 0;
    full.change(&name, |bytes| length = bytes.len());
    let last = 32 + 16;
    for kept in length - last..length {
        for garbage in [false, true] {
            let sim = full.after(After::Kill);
            sim.change(&name, |bytes| {
                bytes.truncate(kept);
                // A file grown before its bytes arrived, up to the last byte of the record.
                if garbage {
                    bytes.resize(length - 5, 0xa5);
                }
            });
            let wal = Wal::open(sim.clone(), Config::default()).unwrap();
            let stats = wal.stats();
            // The last four bytes are padding and belong to no checksum.
            assert_eq!(read(&wal, "a"), [&b"first"[..], b"second"], "kept {kept}");
            let left = if garbage { length - 5 } else { kept } - (length - last);
            assert_eq!((stats.torn_bytes, stats.quarantined), (left as u64, 0));
            wal.append(1, 7, &[b"next"]).unwrap().wait().unwrap();
            drop(wal);
            // The cut is done once.
            let wal = Wal::open(sim.after(After::PowerCut), Config::default()).unwrap();
            assert_eq!(wal.stats().torn_bytes, 0);
            assert_eq!(read(&wal, "b"), [&b"first"[..], b"second", b"next"]);
            assert_eq!(wal.stats().quarantined, 0);
        }
    }
}

#[test]
fn a_flipped_byte_in_the_middle_is_set_aside_and_passed_over() {
    let full = Sim::default();
    let name = write(&full, &[b"first", b"second", b"third", b"fourth"]);
    let record = 40;
    for at in 64 + record..64 + 2 * record {
        let sim = full.after(After::Kill);
        sim.change(&name, |bytes| bytes[at] ^= 0x10);
        let padding = at >= 64 + record + 32 + 6;
        let wal = Wal::open(sim.clone(), Config::default()).unwrap();
        let expected: &[&[u8]] = if padding {
            &[b"first", b"second", b"third", b"fourth"]
        } else {
            &[b"first", b"third", b"fourth"]
        };
        assert_eq!(read(&wal, "a"), expected, "byte {at}");
        let quarantined = if padding { (0, 0) } else { (1, record as u64) };
        assert_eq!((wal.stats().quarantined, wal.stats().quarantined_bytes), quarantined);
        assert_eq!(sim.ending(".bad").len() == 1, !padding);
        drop(wal);
        let wal = Wal::open(sim, Config::default()).unwrap();
        assert_eq!(wal.stats().quarantined, 0, "it is set aside once");
    }
}

#[test]
fn damage_in_an_older_segment_is_found_when_it_is_read() {
    let sim = Sim::default();
    let name = write(&sim, &[b"first", b"second", b"third"]);
    write(&sim, &[b"newer"]);
    // The third record's header: where it ends is not known any more, the next segment is.
    sim.change(&name, |bytes| bytes[64 + 80 + 4] ^= 1);
    let wal = Wal::open(sim.clone(), Config::default()).unwrap();
    assert_eq!(read(&wal, "a"), [&b"first"[..], b"second", b"newer"]);
    assert_eq!(read(&wal, "b"), [&b"first"[..], b"second", b"newer"]);
    assert_eq!(wal.stats().quarantined, 1, "two readers, one count");
}

#[test]
fn a_payload_cannot_pass_for_a_record() {
    let sim = Sim::default();
    let name = write(&sim, &[b"innocent"]);
    let mut image = Vec::new();
    sim.change(&name, |bytes| image = bytes[64..].to_vec());
    let forged = [&b"ab"[..], &image, &image].concat();
    let name = write(&sim, &[&forged[2..], b"after"]);
    sim.change(&name, |bytes| bytes[64] ^= 1);
    let wal = Wal::open(sim, Config::default()).unwrap();
    assert_eq!(read(&wal, "a"), [&b"innocent"[..], b"after"]);
}

#[test]
fn a_segment_without_a_header_is_set_aside_whole() {
    let sim = Sim::default();
    let name = write(&sim, &[b"lost"]);
    write(&sim, &[b"kept"]);
    sim.change(&name, |bytes| bytes[0] ^= 1);
    let wal = Wal::open(sim.clone(), Config::default()).unwrap();
    assert_eq!(read(&wal, "a"), [b"kept"]);
    assert!(sim.names().contains(&format!("{name}.bad")));
}

#[test]
fn any_bytes_at_all_open() {
    use proptest::prelude::*;
    proptest!(|(bytes: Vec<u8>, from in 0usize..300, cursor: Vec<u8>)| {
        let sim = Sim::default();
        let name = write(&sim, &[b"first", b"second", b"third", b"fourth"]);
        {
            let wal = Wal::open(sim.clone(), Config::default()).unwrap();
            Cursor::open(&wal, "a", Start::Oldest).unwrap();
        }
        sim.change(&name, |file| { file.truncate(from); file.extend_from_slice(&bytes) });
        sim.change("a.cursor", |file| *file = cursor);
        let wal = Wal::open(sim, Config::default()).unwrap();
        let good = from.saturating_sub(64) / 40;
        prop_assert!(read(&wal, "a").len() >= good.min(4));
    });
}

#[test]
fn a_directory_is_held_by_one_log() {
    let directory = tempfile::tempdir().unwrap();
    let wal = Wal::open(Disk::open(directory.path()).unwrap(), Config::default()).unwrap();
    wal.append(1, 7, &[b"on ", b"disk"]).unwrap().wait().unwrap();
    assert_eq!(Disk::open(directory.path()).unwrap_err().kind(), std::io::ErrorKind::ResourceBusy);
    drop(wal);
    let wal = Wal::open(Disk::open(directory.path()).unwrap(), Config::default()).unwrap();
    assert_eq!(read(&wal, "a"), [b"on disk"]);
}
