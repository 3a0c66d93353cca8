//! A process that appends and delivers, and what the world outside knows of it when it dies.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

use log_pipeline::cursor::{Cursor, Start};
use log_pipeline::wal::sim::{After, Sim};
use log_pipeline::wal::{Config, Receipt, Record, Sync, Wal};

/// What one life of the process does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Appends so many messages of a source, and waits until they are safe.
    Append { source: usize, count: usize },
    /// The same, while both sinks keep and commit all there is: on a full disk that makes the room.
    Through { source: usize, count: usize },
    /// A sink is handed what there is, up to so many.
    Read { sink: usize, most: usize },
    /// It keeps the first so many per cent of what it was handed, and the cursor is moved.
    Keep { sink: usize, percent: usize },
    /// The cursor is synced.
    Sync { sink: usize },
}

/// How a process may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// It is not.
    None,
    /// It acknowledges what is not safe yet.
    AcknowledgesEarly,
    /// It moves the cursor before the sink has kept the records.
    CommitsEarly,
}

/// What outlives the process: what senders were told, and what sinks have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outside {
    /// Each message that was acknowledged, with its key.
    acknowledged: BTreeMap<Vec<u8>, Key>,
    next_number: [usize; SOURCES],
    sinks: [Sink; 2],
    /// The log may give up records that a sink has not read.
    pub(crate) gives_up: bool,
    /// How many it has given up.
    pub(crate) given_up: usize,
}

type Key = (u64, u64);
const SOURCES: usize = 3;
const NAMES: [&str; 2] = ["fast", "slow"];

#[derive(Debug, Clone, Default)]
struct Sink {
    /// Every message ever handed over, with its key.
    seen: BTreeMap<Vec<u8>, Key>,
    kept: BTreeSet<Vec<u8>>,
    /// Records below were committed in the last life, and synced in any.
    committed: u64,
    synced: u64,
    /// What was kept below this must not come again.
    floor: u64,
}

/// A sink in one life.
struct Reader<'a> {
    cursor: Cursor,
    sink: &'a mut Sink,
    last_seq: Option<u64>,
    last_number: [Option<usize>; SOURCES],
    handed: Vec<Record>,
}

impl Outside {
    /// One life: ends with the steps, or where the storage stops working. An error is a broken
    /// promise.
    pub(crate) fn live(
        &mut self,
        sim: &Sim,
        config: Config,
        steps: &[Step],
        mutant: Mutant,
    ) -> Result<(), String> {
        let Ok(wal) = Wal::open(sim.clone(), config) else { return Ok(()) };
        let Some(mut readers) = open(&wal, &mut self.sinks) else { return Ok(()) };
        check_cursors(&self.acknowledged, &readers, self.gives_up)?;
        for &step in steps {
            let goes_on = match step {
                Step::Append { source, count } | Step::Through { source, count } => {
                    let mut receipts = Vec::new();
                    for _ in 0..count {
                        let message = message(source, self.next_number[source]);
                        self.next_number[source] += 1;
                        let (head, tail) = message.split_at(5);
                        if let Ok(receipt) = wal.try_append(1, 0, &[head, tail]) {
                            receipts.push((message, receipt));
                        }
                    }
                    if matches!(step, Step::Through { .. }) {
                        while receipts.iter().any(|(_, receipt)| is_under_way(receipt)) {
                            if readers.iter_mut().try_for_each(Reader::finish).is_err() {
                                return Ok(());
                            }
                            std::thread::yield_now();
                        }
                    }
                    receipts.into_iter().all(|(message, receipt)| {
                        let safe = mutant == Mutant::AcknowledgesEarly || receipt.wait().is_ok();
                        if safe {
                            self.acknowledged.insert(message, (receipt.epoch(), receipt.seq()));
                        }
                        safe
                    })
                }
                Step::Read { sink, most } => readers[sink].read(most)?,
                Step::Keep { sink, percent } => readers[sink].keep(percent, mutant),
                Step::Sync { sink } => readers[sink].sync(),
            };
            if !goes_on {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What happens between two lives.
    pub(crate) fn end(&mut self, sim: &Sim, crashed: bool, after: After) -> Sim {
        for sink in &mut self.sinks {
            // A commit outlives the process unless the process died in it.
            let gentle = after == After::Kill && !crashed;
            sink.floor = if gentle { sink.committed.max(sink.synced) } else { sink.synced };
        }
        sim.after(after)
    }

    /// The last life: a few more messages, then everything is delivered.
    pub(crate) fn settle(&mut self, sim: &Sim, config: Config) -> Result<(), String> {
        let text = |error: &dyn std::error::Error| format!("the log is of no use: {error:?}");
        let wal = Wal::open(sim.clone(), config).map_err(|error| text(&error))?;
        let mut readers = open(&wal, &mut self.sinks).ok_or("the cursors cannot be opened")?;
        check_cursors(&self.acknowledged, &readers, self.gives_up)?;
        // Under a quota there may be no room before that.
        readers.iter_mut().try_for_each(Reader::finish)?;
        for source in 0..SOURCES {
            let message = message(source, self.next_number[source]);
            self.next_number[source] += 1;
            let receipt = wal.append(1, 0, &[&message]).map_err(|error| text(&error))?;
            receipt.wait().map_err(|error| text(&error))?;
            self.acknowledged.insert(message, (receipt.epoch(), receipt.seq()));
        }
        wal.close().map_err(|error| text(&error))?;
        readers.iter_mut().try_for_each(Reader::finish)?;
        for (sink, name) in self.sinks.iter().zip(NAMES) {
            for (message, key) in &self.acknowledged {
                let text = String::from_utf8_lossy(&message[..8]);
                match sink.seen.get(message).filter(|_| sink.kept.contains(message)) {
                    None if self.gives_up => self.given_up += 1,
                    None => return Err(format!("{name} has lost {text:?}")),
                    Some(seen) if seen != key => return Err(format!("{text:?} has another key")),
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// Neither safe nor failed.
fn is_under_way(receipt: &Receipt) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    Pin::new(&mut receipt.clone()).poll(&mut context).is_pending()
}

fn open<'a>(wal: &Wal, sinks: &'a mut [Sink; 2]) -> Option<Vec<Reader<'a>>> {
    // Both before either reads: what one has passed stays for the other.
    let readers = sinks.iter_mut().zip(NAMES).map(|(sink, name)| {
        let cursor = Cursor::open(wal, name, Start::Oldest).ok()?;
        sink.committed = cursor.committed().seq();
        let last_number = [None; SOURCES];
        Some(Reader { cursor, sink, last_seq: None, last_number, handed: Vec::new() })
    });
    readers.collect()
}

/// No cursor is ahead of its sink.
fn check_cursors(
    acknowledged: &BTreeMap<Vec<u8>, Key>,
    readers: &[Reader<'_>],
    gives_up: bool,
) -> Result<(), String> {
    for reader in readers.iter().filter(|_| !gives_up) {
        let committed = reader.cursor.committed().seq();
        let passed = acknowledged.iter().filter(|(_, (_, seq))| *seq < committed);
        if let Some((message, _)) = passed.into_iter().find(|(m, _)| !reader.sink.kept.contains(*m))
        {
            let text = String::from_utf8_lossy(&message[..8]);
            return Err(format!("the cursor {} is past {text:?}", reader.cursor.name()));
        }
    }
    Ok(())
}

impl Reader<'_> {
    fn read(&mut self, most: usize) -> Result<bool, String> {
        for _ in 0..most {
            match self.cursor.try_next() {
                Ok(Some(record)) => self.take(record)?,
                Ok(None) => return Ok(true),
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    fn take(&mut self, record: Record) -> Result<(), String> {
        let key = (record.epoch, record.seq);
        if self.last_seq.is_some_and(|last| record.seq <= last) {
            return Err(format!("{key:?} comes out of order"));
        }
        self.last_seq = Some(record.seq);
        let (source, number) = parts(&record.payload);
        if self.last_number[source].replace(number).is_some_and(|last| number <= last) {
            return Err(format!("{number} of source {source} comes out of order"));
        }
        let message = record.payload.to_vec();
        if record.seq < self.sink.floor && self.sink.kept.contains(&message) {
            return Err(format!("{key:?} comes again without reason"));
        }
        if self.sink.seen.insert(message, key).is_some_and(|before| before != key) {
            return Err(format!("what had another key comes as {key:?}"));
        }
        self.handed.push(record);
        Ok(())
    }

    fn keep(&mut self, percent: usize, mutant: Mutant) -> bool {
        let count = (self.handed.len() * percent).div_ceil(100);
        let Some(position) = self.handed[..count].last().map(|record| record.position) else {
            return true;
        };
        if mutant != Mutant::CommitsEarly {
            self.sink.kept.extend(self.handed.drain(..count).map(|record| record.payload.to_vec()));
        }
        let done = self.cursor.commit(position).is_ok();
        if done {
            self.sink.committed = position.seq();
        }
        done
    }

    /// Delivers everything there is.
    fn finish(&mut self) -> Result<(), String> {
        let done = self.read(usize::MAX)? && self.keep(100, Mutant::None) && self.sync();
        if done { Ok(()) } else { Err("the storage fails".into()) }
    }

    fn sync(&mut self) -> bool {
        let done = self.cursor.sync().is_ok();
        if done {
            self.sink.synced = self.cursor.committed().seq();
        }
        done
    }
}

pub(crate) fn config(sync: Sync) -> Config {
    Config::default().sync(sync).segment_bytes(4096).chunk_bytes(4096)
}

fn message(source: usize, number: usize) -> Vec<u8> {
    let mut bytes = format!("{source}:{number:08}:").into_bytes();
    bytes.resize(40 + number * 37 % 700, b'x');
    bytes
}

fn parts(message: &[u8]) -> (usize, usize) {
    let text = std::str::from_utf8(&message[..10]).unwrap();
    (text[..1].parse().unwrap(), text[2..].parse().unwrap())
}
