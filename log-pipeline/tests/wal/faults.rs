//! Storage that fails: what is safe stays safe, and nothing else is called so.

use std::collections::BTreeMap;

use log_pipeline::cursor::{Cursor, Start};
use log_pipeline::wal::sim::{After, Fault, Sim};
use log_pipeline::wal::{Sync, Wal};

use super::process::config;

fn payload(number: usize) -> Vec<u8> {
    vec![b'0' + number as u8 % 64; 40 + number * 37 % 700]
}

fn read(sim: Sim) -> Vec<Vec<u8>> {
    let wal = Wal::open(sim, config(Sync::Durable)).unwrap();
    let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
    std::iter::from_fn(|| Some(cursor.try_next().unwrap()?.payload.to_vec())).collect()
}

#[test]
fn keys_stay_unique_when_unsynced_records_vanish() {
    // Losing records is what `None` allows; giving their keys to others is not.
    for at in 0..60 {
        let sim = Sim::default();
        sim.crash_at(at);
        let live = |sim: &Sim, mut seen: BTreeMap<(u64, u64), usize>, first: usize| {
            let Ok(wal) = Wal::open(sim.clone(), config(Sync::None)) else { return seen };
            for number in first..first + 30 {
                let Ok(receipt) = wal.append(1, 0, &[&payload(number)]) else { break };
                if receipt.wait().is_err() {
                    break;
                }
                let before = seen.insert((receipt.epoch(), receipt.seq()), number);
                assert_eq!(before, None, "one key for two records");
            }
            seen
        };
        let seen = live(&sim, BTreeMap::new(), 0);
        for after in [After::PowerCut, After::Torn(at)] {
            live(&sim.after(after), seen.clone(), 30);
        }
    }
}

#[test]
fn after_a_failed_sync_nothing_is_called_durable() {
    for calls in 0..8 {
        let sim = Sim::default();
        let wal = Wal::open(sim.clone(), config(Sync::Durable)).unwrap();
        sim.fault(Fault::SyncDataFails(calls));
        let mut safe = Vec::new();
        let mut failures = 0;
        for number in 0..20 {
            let payload = payload(number);
            match wal.append(1, 0, &[&payload]).map(|receipt| receipt.wait()) {
                Ok(Ok(_)) => {
                    assert_eq!(failures, 0, "durable after a failed sync");
                    safe.push(payload);
                }
                Ok(Err(_)) | Err(_) => failures += 1,
            }
        }
        assert!(failures > 0);
        assert!(wal.close().is_err());
        assert!(read(sim.after(After::PowerCut)).starts_with(&safe));
    }
}

#[test]
fn after_a_failed_sync_of_the_directory_nothing_is_called_durable() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), config(Sync::Durable)).unwrap();
    sim.fault(Fault::SyncDirFails(0));
    let mut outcomes = Vec::new();
    for number in 0..30 {
        outcomes.push(wal.append(1, 0, &[&payload(number)]).is_ok_and(|r| r.wait().is_ok()));
    }
    let safe = outcomes.iter().take_while(|safe| **safe).count();
    assert!((1..30).contains(&safe), "the second segment could not be made: {safe}");
    assert!(outcomes[safe..].iter().all(|safe| !safe));
    assert!(read(sim.after(After::PowerCut)).len() >= safe);
}

#[test]
fn a_read_that_fails_is_repeated() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), config(Sync::Durable)).unwrap();
    let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
    for number in 0..40 {
        wal.append(1, 0, &[&payload(number)]).unwrap().wait().unwrap();
    }
    let (mut seen, mut failures) = (Vec::new(), 0);
    for attempt in 0.. {
        if seen.len() == 40 {
            break;
        }
        sim.fault(if attempt % 2 == 0 { Fault::ReadFails(0) } else { Fault::None });
        match cursor.try_next() {
            Ok(record) => seen.push(record.unwrap().payload.to_vec()),
            Err(_) => failures += 1,
        }
    }
    assert!(failures > 0);
    assert_eq!(seen, (0..40).map(payload).collect::<Vec<_>>());
}

#[test]
fn what_was_not_synced_is_not_shown() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), config(Sync::Durable)).unwrap();
    let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
    sim.fault(Fault::SyncDataFails(0));
    assert!(wal.append(1, 0, &[b"never durable"]).unwrap().wait().is_err());
    assert_eq!(cursor.try_next().unwrap(), None);
    assert_eq!(cursor.wait_next().unwrap(), None, "the log has ended");
}

#[test]
fn what_the_log_calls_durable_survives_whatever_the_mode() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), config(Sync::None)).unwrap();
    for number in 0..40 {
        wal.append(1, 0, &[&payload(number)]).unwrap().wait().unwrap();
    }
    let durable = wal.stats().durable_seq as usize;
    assert!(durable > 10, "sealed segments are synced");
    assert!(read(sim.after(After::PowerCut)).len() >= durable - 1);
    // The process dies; the next one finds everything in the page cache, shows it, and calls it
    // durable. Then the power goes.
    let killed = sim.after(After::Kill);
    assert_eq!(read(killed.clone()).len(), 40);
    assert_eq!(read(killed.after(After::PowerCut)).len(), 40);
}
