//! A log that is as large as it may be, and a disk that is full.

use std::time::{Duration, Instant};

use log_pipeline::cursor::{Cursor, Start};
use log_pipeline::wal::sim::{After, Sim};
use log_pipeline::wal::{AppendError, Config, Sync, Wal, WhenFull};

const QUOTA: u64 = 64 << 10;

fn config(when_full: WhenFull) -> Config {
    Config::default().chunk_bytes(4096).quota(QUOTA, when_full)
}

fn payload(number: u32) -> Vec<u8> {
    let mut payload = number.to_le_bytes().to_vec();
    payload.resize(1000, 0);
    payload
}

/// Appends without waiting; the numbers that were taken.
fn append(wal: &Wal, numbers: std::ops::Range<u32>) -> Vec<u32> {
    let taken = numbers.filter(|&number| {
        let receipt = wal.try_append(1, 0, &[&payload(number)]);
        receipt.is_ok_and(|receipt| receipt.wait().is_ok())
    });
    taken.collect()
}

fn take(cursor: &mut Cursor, most: usize) -> Vec<u32> {
    let records = std::iter::from_fn(|| {
        let record = cursor.try_next().unwrap()?;
        cursor.commit(record.position).unwrap();
        Some(u32::from_le_bytes(record.payload[..4].try_into().unwrap()))
    });
    records.take(most).collect()
}

/// Waits, a little, for what another thread does.
fn until(mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(20), "in vain");
        std::thread::yield_now();
    }
}

#[test]
fn the_newest_is_refused_and_counted() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), config(WhenFull::DropNewest)).unwrap();
    let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
    let taken = append(&wal, 0..100);
    assert_eq!(taken, (0..taken.len() as u32).collect::<Vec<_>>(), "the first ones");
    assert!((50..64).contains(&taken.len()), "{}", taken.len());
    let error = wal.try_append(1, 0, &[&payload(100)]).unwrap_err();
    assert_eq!(error, AppendError::Full);
    assert!(!error.is_final());
    assert_eq!(wal.stats().refused_records, 101 - taken.len() as u64);
    assert!(wal.stats().used_bytes <= QUOTA);
    let segments =
        |sim: &Sim| -> usize { sim.ending(".wal").iter().map(|n| sim.read(n).len()).sum() };
    assert!(segments(&sim) as u64 <= QUOTA, "what is said is what is there");
    assert_eq!(segments(&sim) as u64, wal.stats().used_bytes);
    // Delivered is gone, and there is room.
    assert_eq!(take(&mut cursor, 999), taken);
    assert_eq!(append(&wal, 200..210).len(), 10);
    assert_eq!(segments(&sim) as u64, wal.stats().used_bytes);
    // What another opening finds counts as well.
    drop((cursor, wal));
    let wal = Wal::open(sim.clone(), config(WhenFull::DropNewest)).unwrap();
    assert_eq!(segments(&sim) as u64, wal.stats().used_bytes);
}

#[test]
fn appending_waits_for_the_slowest_cursor() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), config(WhenFull::Block)).unwrap();
    let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
    let first = append(&wal, 0..100);
    assert_eq!(wal.try_append(1, 0, &[&payload(0)]).unwrap_err(), AppendError::Busy);
    assert_eq!(wal.stats().refused_records, 0);
    std::thread::scope(|scope| {
        let rest = first.len() as u32..500;
        let wal = &wal;
        let appender = scope.spawn(move || {
            for number in rest {
                wal.append(1, 0, &[&payload(number)]).unwrap().wait().unwrap();
                assert!(wal.stats().used_bytes <= QUOTA);
            }
        });
        let mut seen = Vec::new();
        while seen.len() < 500 {
            seen.extend(take(&mut cursor, 7));
        }
        assert_eq!(seen, (0..500).collect::<Vec<_>>(), "everything, in order");
        appender.join().unwrap();
    });
}

#[test]
fn who_waits_for_room_learns_of_the_end() {
    let wal = Wal::open(Sim::default(), config(WhenFull::Block)).unwrap();
    let _cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
    append(&wal, 0..100);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wal.append(1, 0, &[&payload(0)]).map(drop));
        wal.close().unwrap();
        assert_eq!(waiting.join().unwrap(), Err(AppendError::Closed));
    });
}

#[test]
fn the_oldest_goes_and_cursors_jump_and_say_so() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), config(WhenFull::DropOldest)).unwrap();
    let mut slow = Cursor::open(&wal, "slow", Start::Oldest).unwrap();
    let mut fast = Cursor::open(&wal, "fast", Start::Oldest).unwrap();
    // It stands in the middle of a segment that goes.
    assert_eq!(append(&wal, 0..5).len(), 5);
    assert_eq!(take(&mut slow, 3), [0, 1, 2]);
    let mut seen = Vec::new();
    for number in 5..300 {
        assert_eq!(append(&wal, number..number + 1).len(), 1, "everything is taken");
        assert!(wal.stats().used_bytes <= QUOTA);
        seen.extend(take(&mut fast, 999));
    }
    assert_eq!(seen, (0..300).collect::<Vec<_>>(), "who is fast enough misses nothing");
    assert_eq!(fast.skipped_records(), 0);
    let late = take(&mut slow, 999);
    // The file it was reading is read to where it was when it was opened.
    let first = late[2];
    assert_eq!(late, (3..5).chain(first..300).collect::<Vec<_>>());
    assert!((230..270).contains(&first), "as much as fits is kept: {first}");
    assert_eq!(slow.skipped_records(), u64::from(first) - 5, "each is counted");
    assert_eq!(wal.skipped_records("slow"), slow.skipped_records());
    assert!(wal.stats().evicted_segments > 10);
    assert_eq!(wal.stats().refused_records, 0);
    // Going back to the last commit counts nothing twice.
    assert_eq!(append(&wal, 300..400).len(), 100);
    slow.try_next().unwrap();
    let skipped = slow.skipped_records();
    drop(slow);
    let mut slow = Cursor::open(&wal, "slow", Start::Oldest).unwrap();
    slow.try_next().unwrap();
    assert_eq!(slow.skipped_records(), skipped);
    // Another process jumps as well.
    drop((slow, fast));
    let wal = Wal::open(sim.after(After::Kill), config(WhenFull::DropOldest)).unwrap();
    let mut slow = Cursor::open(&wal, "slow", Start::Oldest).unwrap();
    let late = take(&mut slow, 999);
    assert_eq!(late, (late[0]..400).collect::<Vec<_>>());
    assert_eq!(slow.skipped_records(), u64::from(late[0]) - 300);
}

#[test]
fn a_full_disk_is_waited_for() {
    for when_full in [WhenFull::Block, WhenFull::DropNewest, WhenFull::DropOldest] {
        let sim = Sim::default();
        let config = config(when_full).quota(1 << 20, when_full).segment_bytes(8 << 10);
        let wal = Wal::open(sim.clone(), config).unwrap();
        let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
        assert_eq!(append(&wal, 0..12).len(), 12);
        sim.capacity(Some(sim.used() + 500));
        let receipt = wal.try_append(1, 0, &[&payload(12)]).unwrap();
        until(|| wal.stats().waits_for_disk);
        assert_eq!(wal.stats().disk_full, 1);
        // The power goes: what was safe is there.
        for after in [After::Kill, After::PowerCut, After::Torn(5)] {
            let wal = Wal::open(sim.after(after), config).unwrap();
            let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
            assert_eq!(take(&mut cursor, 999), (0..12).collect::<Vec<_>>(), "{after:?}");
        }
        // What is there is delivered, which makes room.
        assert_eq!(take(&mut cursor, 12).len(), 12);
        until(|| take(&mut cursor, 1) == [12]);
        receipt.wait().unwrap();
        assert!(!wal.stats().waits_for_disk);
        wal.close().unwrap();
    }
}

#[test]
fn a_disk_with_no_room_at_all_delivers_what_it_has() {
    // With three records there is one segment, which the cursor has open while it waits for more.
    for count in [3, 10] {
        let sim = Sim::default();
        let config = Config::default().segment_bytes(4096).chunk_bytes(4096);
        {
            let wal = Wal::open(sim.clone(), config).unwrap();
            let cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
            assert_eq!(append(&wal, 0..count).len(), count as usize);
            drop(cursor);
        }
        sim.capacity(Some(sim.used()));
        // There is no room even for the header of a segment.
        let wal = Wal::open(sim.clone(), config).unwrap();
        let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
        let receipt = wal.try_append(1, 0, &[&payload(count)]).unwrap();
        assert_eq!(take(&mut cursor, count as usize), (0..count).collect::<Vec<_>>());
        // Asked for more, the cursor lets go of what it is done with.
        until(|| take(&mut cursor, 1) == [count]);
        receipt.wait().unwrap();
        wal.close().unwrap();
    }
}

#[test]
fn a_disk_that_stays_full_ends_with_the_log_and_not_before() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), Config::default().sync(Sync::Durable)).unwrap();
    assert_eq!(append(&wal, 0..3).len(), 3);
    sim.capacity(Some(sim.used()));
    let receipt = wal.try_append(1, 0, &[&payload(3)]).unwrap();
    until(|| wal.stats().waits_for_disk);
    let failed = wal.close().unwrap_err();
    assert_eq!(failed.kind, std::io::ErrorKind::StorageFull);
    assert!(receipt.wait().is_err());
    sim.capacity(None);
    let wal = Wal::open(sim.after(After::Kill), Config::default()).unwrap();
    let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
    assert_eq!(take(&mut cursor, 999), [0, 1, 2]);
}
