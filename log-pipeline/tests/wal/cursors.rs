//! Each cursor goes its own way and comes back to where it was.

use std::time::Duration;

use log_pipeline::cursor::{Cursor, CursorError, Start};
use log_pipeline::wal::{AppendError, Config, Stage, Sync, Wal};

use log_pipeline::wal::sim::{After, Sim};

fn small() -> Config {
    Config::default().segment_bytes(4096).chunk_bytes(4096)
}

fn append(wal: &Wal, numbers: std::ops::Range<u32>) {
    let mut last = None;
    for number in numbers {
        last = Some(wal.append(1, 0, &[&number.to_le_bytes(), &[0; 96]]).unwrap());
    }
    last.unwrap().wait().unwrap();
}

fn take(cursor: &mut Cursor, count: usize) -> Vec<u32> {
    let mut seen = Vec::new();
    while seen.len() < count
        && let Some(record) = cursor.try_next().unwrap()
    {
        seen.push(u32::from_le_bytes(record.payload[..4].try_into().unwrap()));
        cursor.commit(record.position).unwrap();
    }
    seen
}

#[test]
fn reopened_cursors_go_on_exactly_after_the_last_commit() {
    for after in [After::Kill, After::PowerCut] {
        let sim = Sim::default();
        let wal = Wal::open(sim.clone(), small()).unwrap();
        append(&wal, 0..200);
        let mut a = Cursor::open(&wal, "a", Start::Oldest).unwrap();
        let mut b = Cursor::open(&wal, "b", Start::Oldest).unwrap();
        assert_eq!(take(&mut a, 150), (0..150).collect::<Vec<_>>());
        assert_eq!(take(&mut b, 7), (0..7).collect::<Vec<_>>());
        // Read but not committed: comes again.
        a.try_next().unwrap();
        a.sync().unwrap();
        b.sync().unwrap();
        let wal = Wal::open(sim.after(after), small()).unwrap();
        append(&wal, 200..210);
        let mut a = Cursor::open(&wal, "a", Start::End).unwrap();
        let mut b = Cursor::open(&wal, "b", Start::End).unwrap();
        assert_eq!(a.lag_records(), 60);
        assert_eq!(take(&mut a, 999), (150..210).collect::<Vec<_>>(), "{after:?}");
        assert_eq!(take(&mut b, 999), (7..210).collect::<Vec<_>>(), "{after:?}");
        assert_eq!(a.lag_records(), 0);
    }
}

#[test]
fn segments_go_when_the_last_cursor_has_passed_them() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), small()).unwrap();
    let mut fast = Cursor::open(&wal, "fast", Start::Oldest).unwrap();
    let mut slow = Cursor::open(&wal, "slow", Start::Oldest).unwrap();
    for number in 0..200 {
        append(&wal, number..number + 1);
    }
    let segments = wal.stats().segments;
    assert!(segments >= 6, "{segments}");
    assert_eq!(take(&mut fast, 999).len(), 200);
    assert_eq!(wal.stats().segments, segments, "the slow one still needs them");
    assert_eq!(take(&mut slow, 199).len(), 199);
    assert_eq!(wal.stats().segments, 1);
    assert_eq!(wal.stats().deleted_segments, segments - 1);
    assert_eq!(sim.ending(".wal").len(), 1);
    // A cursor nobody has open holds on as well.
    drop(slow);
    append(&wal, 200..400);
    assert_eq!(take(&mut fast, 999).len(), 200);
    assert_eq!(wal.cursors(), ["fast", "slow"]);
    let mut slow = Cursor::open(&wal, "slow", Start::End).unwrap();
    assert_eq!(take(&mut slow, 999), (199..400).collect::<Vec<_>>());
}

#[test]
fn a_new_cursor_begins_where_it_is_told() {
    let wal = Wal::open(Sim::default(), small()).unwrap();
    append(&wal, 0..5);
    let mut oldest = Cursor::open(&wal, "oldest", Start::Oldest).unwrap();
    let mut end = Cursor::open(&wal, "end", Start::End).unwrap();
    append(&wal, 5..8);
    assert_eq!(take(&mut oldest, 999), (0..8).collect::<Vec<_>>());
    assert_eq!(take(&mut end, 999), (5..8).collect::<Vec<_>>());
}

#[test]
fn names_are_checked_and_not_shared() {
    let wal = Wal::open(Sim::default(), small()).unwrap();
    for name in ["", "../x", "A", "a.b", &"x".repeat(65)] {
        let refused = Cursor::open(&wal, name, Start::End);
        assert!(matches!(refused, Err(CursorError::Name(_))), "{name:?}");
    }
    let open = Cursor::open(&wal, "a", Start::End).unwrap();
    assert!(matches!(Cursor::open(&wal, "a", Start::End), Err(CursorError::InUse(_))));
    drop(open);
    Cursor::open(&wal, "a", Start::End).unwrap();
}

#[test]
fn a_reader_waits_for_the_writer_and_ends_with_the_log() {
    let wal = Wal::open(Sim::default(), small()).unwrap();
    let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0u32;
            while let Some(record) = cursor.wait_next().unwrap() {
                assert_eq!(record.payload[..4], seen.to_le_bytes());
                seen += 1;
            }
            seen
        });
        append(&wal, 0..500);
        wal.close().unwrap();
        assert_eq!(reader.join().unwrap(), 500);
    });
    assert!(matches!(wal.append(1, 0, &[b"late"]), Err(AppendError::Closed)));
}

#[test]
fn what_is_not_durable_is_not_shown_unless_that_was_asked_for() {
    for (sync, stage) in [
        (Sync::Durable, Stage::Durable),
        (Sync::Batch { every: Duration::ZERO }, Stage::Durable),
        (Sync::None, Stage::Written),
    ] {
        let sim = Sim::default();
        let wal = Wal::open(sim.clone(), small().sync(sync)).unwrap();
        let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
        let receipt = wal.append(1, 0, &[b"x"]).unwrap();
        assert_eq!(receipt.wait(), Ok(stage));
        assert_eq!(cursor.try_next().unwrap().unwrap().seq, receipt.seq());
        wal.close().unwrap();
        assert_eq!(receipt.wait(), Ok(Stage::Durable), "closing syncs");
    }
}

#[test]
fn one_sync_serves_all_who_wait() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), Config::default()).unwrap();
    let slow_disk = sim.hold_syncs();
    let receipts: Vec<_> =
        (0..10_000u32).map(|n| wal.append(1, 0, &[&n.to_le_bytes()]).unwrap()).collect();
    drop(slow_disk);
    assert!(receipts.iter().all(|receipt| receipt.wait() == Ok(Stage::Durable)));
    // The first had begun with some of them, the second takes all that gathered meanwhile.
    assert!(wal.stats().syncs <= 2, "{} syncs", wal.stats().syncs);
}

#[test]
fn too_long_a_record_is_refused_and_a_full_queue_makes_room() {
    let wal =
        Wal::open(Sim::default(), small().max_record_bytes(100).max_pending_bytes(1)).unwrap();
    let refused = wal.append(1, 0, &[&[0; 60], &[0; 60]]).map(|_| ());
    assert_eq!(refused, Err(AppendError::TooLong { bytes: 120, most: 100 }));
    append(&wal, 0..100);
    assert_eq!(wal.stats().next_seq, 101);
}

#[test]
fn a_torn_commit_never_costs_the_synced_one() {
    for seed in 0..40 {
        let sim = Sim::default();
        let wal = Wal::open(sim.clone(), Config::default()).unwrap();
        append(&wal, 0..10);
        let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
        take(&mut cursor, 4);
        cursor.sync().unwrap();
        take(&mut cursor, 2);
        // The last of them dies half written, and half of the rest is not on disk.
        sim.crash_at(sim.operations());
        let record = cursor.try_next().unwrap().unwrap();
        assert!(cursor.commit(record.position).is_err());
        let wal = Wal::open(sim.after(After::Torn(seed)), Config::default()).unwrap();
        let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
        let next = take(&mut cursor, 1)[0];
        assert!((4..=7).contains(&next), "back to {next} of 4");
    }
}

#[test]
fn a_forgotten_cursor_keeps_nothing() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), small()).unwrap();
    let mut a = Cursor::open(&wal, "a", Start::Oldest).unwrap();
    let b = Cursor::open(&wal, "b", Start::Oldest).unwrap();
    for number in 0..200 {
        append(&wal, number..number + 1);
    }
    assert_eq!(take(&mut a, 999).len(), 200);
    assert!(matches!(Cursor::forget(&wal, "b"), Err(CursorError::InUse(_))));
    drop(b);
    assert_eq!(wal.idle_cursors(), ["b"]);
    let before = wal.stats().segments;
    assert!(Cursor::forget(&wal, "b").unwrap());
    assert!(!Cursor::forget(&wal, "b").unwrap());
    assert!(before > 3 && wal.stats().segments == 1);
    assert_eq!(wal.cursors(), ["a"]);
    let wal = Wal::open(sim.after(After::PowerCut), small()).unwrap();
    assert_eq!(wal.cursors(), ["a"]);
}
