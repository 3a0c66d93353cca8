//! Received, written, durable, delivered: each is told when it is so and not before.

use log_pipeline::cursor::{Cursor, Start};
use log_pipeline::wal::sim::Sim;
use log_pipeline::wal::{Config, DeliveryError, Stage, Sync, Wal, WhenFull};

fn small() -> Config {
    Config::default().segment_bytes(4096).chunk_bytes(4096)
}

#[test]
fn stages_come_one_after_the_other() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), small()).unwrap();
    let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
    let other = Cursor::open(&wal, "b", Start::Oldest).unwrap();
    let held = sim.hold_syncs();
    let receipt = wal.append(1, 0, &[b"message"]).unwrap();
    while receipt.stage() != Stage::Written {
        std::thread::yield_now();
    }
    drop(held);
    assert_eq!(receipt.wait().unwrap(), Stage::Durable);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| receipt.wait_delivered("a"));
        let record = cursor.try_next().unwrap().unwrap();
        assert!(!waiting.is_finished(), "read is not delivered");
        cursor.commit(record.position).unwrap();
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(receipt.wait_delivered("a"), Ok(()), "it stays so");
    assert_eq!(receipt.wait_delivered("x"), Err(DeliveryError::UnknownSink));
    // The other has not delivered it, and never will in this life of the log.
    wal.close().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| receipt.wait_delivered("b"));
        drop(other);
        assert_eq!(waiting.join().unwrap(), Err(DeliveryError::Ended));
    });
}

#[tokio::test]
async fn tasks_wait_as_well() {
    let wal = Wal::open(Sim::default(), small().sync(Sync::None)).unwrap();
    let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
    let receipt = wal.append(1, 0, &[b"message"]).unwrap();
    assert_eq!(receipt.clone().await.unwrap(), Stage::Written);
    let waiting = tokio::spawn({
        let receipt = receipt.clone();
        async move { receipt.delivered("a").await }
    });
    tokio::task::yield_now().await;
    let record = cursor.next().await.unwrap().unwrap();
    cursor.commit(record.position).unwrap();
    waiting.await.unwrap().unwrap();
}

#[test]
fn what_was_given_up_is_never_called_delivered() {
    let config = Config::default().chunk_bytes(4096).quota(64 << 10, WhenFull::DropOldest);
    let wal = Wal::open(Sim::default(), config).unwrap();
    let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
    let receipts: Vec<_> = (0..200).map(|_| wal.append(1, 0, &[&[0; 1000]]).unwrap()).collect();
    receipts.last().unwrap().wait().unwrap();
    let mut delivered = std::collections::BTreeSet::new();
    while let Some(record) = cursor.try_next().unwrap() {
        delivered.insert(record.seq);
        cursor.commit(record.position).unwrap();
    }
    let lost = receipts.iter().filter(|receipt| match receipt.wait_delivered("a") {
        Ok(()) => !delivered.contains(&receipt.seq()),
        Err(error) => error != DeliveryError::GivenUp || delivered.contains(&receipt.seq()),
    });
    assert_eq!(lost.count(), 0);
    assert!(delivered.len() < 100 && cursor.skipped_records() > 100);
}

#[test]
fn a_record_that_never_became_safe_is_not_waited_for() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), small()).unwrap();
    let _cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
    sim.crash_at(sim.operations());
    let receipt = wal.append(1, 0, &[b"message"]).unwrap();
    assert!(matches!(receipt.wait_delivered("a"), Err(DeliveryError::Failed(_))));
    assert_eq!(receipt.stage(), Stage::Received);
}
