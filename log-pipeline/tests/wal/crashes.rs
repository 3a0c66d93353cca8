//! The promise: what was acknowledged is delivered, in order, whatever dies and whenever.

use std::collections::{BTreeMap, BTreeSet};

use super::sim::{After, Fault, Sim};
use log_pipeline::cursor::{Cursor, Start};
use log_pipeline::wal::{Config, Record, Sync, Wal};

/// A sink that keeps for good only what it has before a commit: the rest dies with the process.
#[derive(Debug, Default, Clone)]
struct Sink {
    /// Every record ever handed over: a key stands for one payload for good.
    seen: BTreeMap<(u64, u64), Vec<u8>>,
    kept: BTreeSet<Vec<u8>>,
    last_seq: u64,
}

impl Sink {
    fn take(&mut self, record: &Record, fresh_process: bool) -> Result<(), String> {
        if !fresh_process && record.seq <= self.last_seq {
            return Err(format!("{} after {}", record.seq, self.last_seq));
        }
        self.last_seq = record.seq;
        let key = (record.epoch, record.seq);
        match self.seen.insert(key, record.payload.to_vec()) {
            Some(before) if before != record.payload => {
                Err(format!("key {key:?} stands for two payloads"))
            }
            _ => Ok(()),
        }
    }

    fn keep(&mut self, record: &Record) {
        self.kept.insert(record.payload.to_vec());
    }
}

fn config(sync: Sync) -> Config {
    Config::default().sync(sync).segment_bytes(4096).chunk_bytes(4096)
}

fn payload(run: u8, number: usize) -> Vec<u8> {
    let mut bytes = format!("{run}:{number}:").into_bytes();
    bytes.resize(40 + number * 37 % 700, b'x');
    bytes
}

/// A process that appends, reads with two cursors at different paces, and dies wherever the
/// storage stops working.
fn run(sim: &Sim, sync: Sync, acknowledged: &mut Vec<Vec<u8>>, sinks: &mut [Sink; 2]) {
    let Ok(wal) = Wal::open(sim.clone(), config(sync)) else { return };
    let Ok(mut fast) = Cursor::open(&wal, "fast", Start::Oldest) else { return };
    let Ok(mut slow) = Cursor::open(&wal, "slow", Start::Oldest) else { return };
    let mut unkept = [Vec::<Record>::new(), Vec::new()];
    for group in 0..14 {
        let mut receipts = Vec::new();
        for member in 0..3 {
            let payload = payload(1, group * 3 + member);
            let Ok(receipt) = wal.append(1, 0, &[&payload[..10], &payload[10..]]) else { return };
            receipts.push((receipt, payload));
        }
        for (receipt, payload) in receipts {
            if receipt.wait().is_err() {
                return;
            }
            acknowledged.push(payload);
        }
        for (cursor, sink, every) in [(&mut fast, 0, 1), (&mut slow, 1, 5)] {
            if group % every != 0 {
                continue;
            }
            let mut batch = Vec::new();
            while let Ok(Some(record)) = cursor.try_next() {
                sinks[sink].take(&record, false).unwrap();
                batch.push(record);
            }
            let unkept = &mut unkept[sink];
            unkept.append(&mut batch);
            // It has read further than it has done, and some commits never happen.
            let done = unkept.len() - unkept.len() / 3;
            if group % 2 == 0 && done > 0 {
                let kept: Vec<_> = unkept.drain(..done).collect();
                for record in &kept {
                    sinks[sink].keep(record);
                }
                if cursor.commit(kept[done - 1].position).is_err() {
                    return;
                }
            }
        }
    }
}

/// The process that comes after.
fn resume(
    sim: &Sim,
    sync: Sync,
    acknowledged: &[Vec<u8>],
    mut sinks: [Sink; 2],
) -> Result<(), String> {
    let wal = Wal::open(sim.clone(), config(sync)).map_err(|error| format!("{error:?}"))?;
    let fresh: Vec<_> = (0..3).map(|number| payload(2, number)).collect();
    for payload in &fresh {
        let receipt = wal.append(1, 0, &[payload]).map_err(|error| error.to_string())?;
        receipt.wait().map_err(|error| error.to_string())?;
    }
    wal.close().map_err(|error| error.to_string())?;
    // Both before either reads: what one has passed stays for the other.
    let open = |name| Cursor::open(&wal, name, Start::Oldest).map_err(|error| format!("{error:?}"));
    for (mut cursor, sink) in [open("fast")?, open("slow")?].into_iter().zip(&mut sinks) {
        let mut first = true;
        while let Some(record) = cursor.wait_next().map_err(|error| error.to_string())? {
            sink.take(&record, first)?;
            sink.keep(&record);
            first = false;
            cursor.commit(record.position).map_err(|error| error.to_string())?;
        }
        if let Some(lost) = acknowledged.iter().chain(&fresh).find(|p| !sink.kept.contains(*p)) {
            return Err(format!(
                "{} lost {:?}",
                cursor.name(),
                String::from_utf8_lossy(&lost[..8])
            ));
        }
    }
    Ok(())
}

/// The first violation when the machine dies at every operation in turn.
fn crash_everywhere(sync: Sync, fault: Fault, afters: &[After]) -> (u64, Option<String>) {
    let mut crashes = 0;
    for at in 0.. {
        let sim = Sim::default();
        sim.fault(fault);
        sim.crash_at(at);
        let (mut acknowledged, mut sinks) = (Vec::new(), <[Sink; 2]>::default());
        run(&sim, sync, &mut acknowledged, &mut sinks);
        for &after in afters {
            let after = match after {
                After::Torn(seed) => After::Torn(seed.wrapping_add(at)),
                after => after,
            };
            let outcome = resume(&sim.after(after), sync, &acknowledged, sinks.clone());
            if let Err(violation) = outcome {
                return (crashes, Some(format!("{after:?} at operation {at}: {violation}")));
            }
            crashes += 1;
        }
        if sim.operations() < at {
            break;
        }
    }
    (crashes, None)
}

#[test]
fn nothing_acknowledged_is_lost_at_any_crash() {
    let afters = [
        After::Kill,
        After::PowerCut,
        After::Torn(1),
        After::Torn(7_777),
        After::Torn(123_456_789),
    ];
    let (crashes, violation) = crash_everywhere(Sync::Durable, Fault::None, &afters);
    assert_eq!(violation, None);
    assert!(crashes > 200, "the script must have operations to crash at: {crashes}");
}

#[test]
fn what_was_written_outlives_the_process_without_any_sync() {
    let (_, violation) = crash_everywhere(Sync::None, Fault::None, &[After::Kill]);
    assert_eq!(violation, None);
}

#[test]
fn keys_stay_unique_when_unsynced_records_vanish() {
    // Losing records is what `None` allows; giving their keys to others is not.
    for at in 0..60 {
        let sim = Sim::default();
        sim.crash_at(at);
        let (mut acknowledged, mut sinks) = (Vec::new(), <[Sink; 2]>::default());
        run(&sim, Sync::None, &mut acknowledged, &mut sinks);
        for after in [After::PowerCut, After::Torn(at)] {
            resume(&sim.after(after), Sync::None, &[], sinks.clone()).unwrap();
        }
    }
}

#[test]
fn a_log_that_did_not_sync_would_be_caught() {
    for fault in [Fault::SyncDataLies, Fault::SyncDirLies] {
        let (_, violation) = crash_everywhere(Sync::Durable, fault, &[After::PowerCut]);
        assert!(violation.is_some(), "{fault:?}");
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
            let payload = payload(1, number);
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
        resume(&sim.after(After::PowerCut), Sync::Durable, &safe, <[Sink; 2]>::default()).unwrap();
    }
}

#[test]
fn a_full_disk_stops_the_log_and_keeps_what_is_safe() {
    let sim = Sim::default();
    let wal = Wal::open(sim.clone(), config(Sync::Durable)).unwrap();
    let safe = vec![payload(1, 0)];
    wal.append(1, 0, &[&safe[0]]).unwrap().wait().unwrap();
    sim.fault(Fault::Full);
    assert!(wal.append(1, 0, &[b"no room"]).unwrap().wait().is_err());
    assert!(wal.append(1, 0, &[b"nor for this"]).is_err());
    sim.fault(Fault::None);
    resume(&sim.after(After::Kill), Sync::Durable, &safe, <[Sink; 2]>::default()).unwrap();
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
        wal.append(1, 0, &[&payload(1, number)]).unwrap().wait().unwrap();
    }
    let durable = wal.stats().durable_seq;
    assert!(durable > 10, "sealed segments are synced");
    let count = |sim: Sim| {
        let wal = Wal::open(sim, config(Sync::Durable)).unwrap();
        let mut cursor = Cursor::open(&wal, "a", Start::Oldest).unwrap();
        std::iter::from_fn(|| cursor.try_next().unwrap()).count() as u64
    };
    assert!(count(sim.after(After::PowerCut)) >= durable - 1);
    // The process dies; the next one finds everything in the page cache, shows it, and calls it
    // durable. Then the power goes.
    let killed = sim.after(After::Kill);
    assert_eq!(count(killed.clone()), 40);
    assert_eq!(count(killed.after(After::PowerCut)), 40);
}
