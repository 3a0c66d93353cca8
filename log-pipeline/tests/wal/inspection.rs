//! Looking at a log: what is there is told, nothing is changed, whoever has it open.

use log_pipeline::cursor::{Cursor, Start};
use log_pipeline::wal::sim::Sim;
use log_pipeline::wal::{Config, Disk, Wal, inspect, records};

fn small() -> Config {
    Config::default().segment_bytes(4096).chunk_bytes(4096)
}

fn fill(wal: &Wal, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let payload = [&number.to_le_bytes()[..], &[0; 200]].concat();
        wal.append(1, u64::from(number), &[&payload]).unwrap().wait().unwrap();
    }
}

fn numbers(records: log_pipeline::wal::Records) -> Vec<u32> {
    let number = |record: log_pipeline::wal::Record| record.received_ns as u32;
    records.map(|record| number(record.unwrap())).collect()
}

#[test]
fn segments_cursors_and_lag_of_a_running_log() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), small()).unwrap();
    let mut fast = Cursor::open(&wal, "fast", Start::Oldest).unwrap();
    let _slow = Cursor::open(&wal, "slow", Start::Oldest).unwrap();
    fill(&wal, 0..100);
    for _ in 0..60 {
        let record = fast.try_next().unwrap().unwrap();
        fast.commit(record.position).unwrap();
    }
    let operations = sim.operations();
    for verify in [false, true] {
        let found = inspect(&sim, verify).unwrap();
        assert_eq!(found.segments.len() as u64, wal.stats().segments);
        assert_eq!(found.segments.iter().map(|segment| segment.records).sum::<u64>(), 100);
        assert_eq!(
            found.segments.iter().map(|segment| segment.bytes).sum::<u64>(),
            wal.stats().used_bytes
        );
        assert_eq!(found.next_seq, wal.stats().next_seq);
        let lags: Vec<_> = found.cursors.iter().map(|c| (c.name.as_str(), c.lag_records)).collect();
        assert_eq!(lags, [("fast", 40), ("slow", 100)]);
        assert_eq!(found.damaged_bytes(), 0);
    }
    let verified = inspect(&sim, true).unwrap();
    assert_eq!(verified.segments[0].received_ns.unwrap().0, 0);
    assert_eq!(verified.segments.last().unwrap().received_ns.unwrap().1, 99);
    assert_eq!(numbers(records(sim.clone(), 0).unwrap()), (0..100).collect::<Vec<_>>());
    for from in [1, 2, 57, 100, 101, 500] {
        let expected: Vec<u32> = (0..100).skip(from - 1).collect();
        assert_eq!(numbers(records(sim.clone(), from as u64).unwrap()), expected, "from {from}");
    }
    assert_eq!(sim.operations(), operations, "nothing was changed");
}

#[test]
fn damage_is_told_and_what_is_being_written_is_none() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), small()).unwrap();
    fill(&wal, 0..40);
    let segments = sim.ending(".wal");
    sim.change(&segments[0], |bytes| bytes[64 + 50] ^= 1);
    let newest = segments.last().unwrap();
    sim.change(newest, |bytes| bytes.extend([7; 100]));
    let found = inspect(&sim, true).unwrap();
    let record = 32 + 204 + 4;
    let damage = &found.segments[0].damage;
    assert_eq!((damage.len(), damage[0].clone()), (1, 64..64 + record));
    assert_eq!(found.damaged_bytes(), record);
    assert_eq!(found.segments.last().unwrap().unfinished_bytes, 100);
    let mut all = records(sim.clone(), 0).unwrap();
    assert_eq!(all.by_ref().count(), 39);
    assert_eq!(all.damaged_bytes(), record);
    // A header that is no header.
    sim.change(&segments[1], |bytes| bytes[0] ^= 1);
    let found = inspect(&sim, true).unwrap();
    assert_eq!((found.segments[1].epoch, found.segments[1].damage.len()), (None, 1));
}

#[test]
fn a_directory_in_use_is_read_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let wal = Wal::open(Disk::open(folder.path()).unwrap(), small()).unwrap();
    fill(&wal, 0..30);
    let disk = Disk::read_only(folder.path()).unwrap();
    assert_eq!(inspect(&disk, true).unwrap().next_seq, 31);
    use log_pipeline::wal::Storage;
    assert!(disk.create("x").is_err());
    assert!(disk.rename("lock", "x").is_err());
    assert!(disk.unlink("lock").is_err());
    let name = disk.list().unwrap().into_iter().find(|name| name.strip_suffix(".wal").is_some());
    let segment = disk.open(&name.unwrap()).unwrap();
    assert!(segment.write_at(0, b"x").is_err());
    assert_eq!(records(disk, 0).unwrap().count(), 30);
    assert!(Disk::read_only(folder.path().join("nowhere")).is_err());
}
