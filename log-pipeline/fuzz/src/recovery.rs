//! Opening a log whatever its files hold.

use log_pipeline::cursor::{Cursor, Start};
use log_pipeline::wal::sim::Sim;
use log_pipeline::wal::{Config, Wal, inspect};

/// The first byte says how many of the rest are a segment; what follows them is a cursor. Whatever is
/// there, the log opens, is read to an end, takes a record and gives it back.
pub fn recovery(bytes: &[u8]) {
    let Some((&share, rest)) = bytes.split_first() else { return };
    let (segment, cursor) = rest.split_at(rest.len() * usize::from(share) / 255);
    let sim = Sim::default();
    sim.change("0000000000000001.wal", |file| *file = segment.to_vec());
    sim.change("a.cursor", |file| *file = cursor.to_vec());
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
