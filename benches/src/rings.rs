//! One question: what does it cost to keep the newest so many bytes of records?
//!
//! Every candidate has the same memory for payload, takes the same records, and forgets the oldest
//! when full. Only ours can be read by others meanwhile and knows its flows.

use std::hint::black_box;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use ring_capture::{Config, Meta, Producer, Ring};
use ringbuf::HeapRb;
use tokio::sync::broadcast;

/// Something that keeps the newest records.
pub trait Candidate {
    /// Its name in a table.
    fn name(&self) -> &'static str;
    /// Puts `count` records of these bytes in, of ever other flows.
    fn push(&mut self, count: u64, bytes: &[u8]);
}

/// All of them, each with so many bytes for records of this length.
pub fn candidates(memory: usize, len: usize) -> Vec<Box<dyn Candidate>> {
    vec![
        Box::new(Memcpy { memory: vec![1; memory], at: 0 }),
        Box::new(Ours::new(memory)),
        Box::new(ForcePush(ArrayQueue::new(memory / len))),
        Box::new(Rtrb::new(memory)),
        Box::new(Ringbuf(HeapRb::new(memory))),
        Box::new(Broadcast::new(memory / len)),
    ]
}

/// The floor: copying alone, into memory of the same size.
struct Memcpy {
    memory: Vec<u8>,
    at: usize,
}

impl Candidate for Memcpy {
    fn name(&self) -> &'static str {
        "memcpy"
    }

    fn push(&mut self, count: u64, bytes: &[u8]) {
        for _ in 0..count {
            if self.at + bytes.len() > self.memory.len() {
                self.at = 0;
            }
            self.memory[self.at..self.at + bytes.len()].copy_from_slice(black_box(bytes));
            self.at += bytes.len().next_multiple_of(8);
        }
    }
}

/// ring-capture, with its index over ten thousand flows.
#[derive(Debug)]
pub struct Ours {
    /// For readers.
    pub ring: Ring,
    producer: Producer,
    number: u64,
}

impl Ours {
    /// A ring of one producer.
    ///
    /// # Panics
    ///
    /// When there is not that much memory.
    pub fn new(memory: usize) -> Self {
        let (ring, mut producers) = Ring::new(&Config::default().bytes(memory)).expect("memory");
        Self { ring, producer: producers.remove(0), number: 0 }
    }

    /// The hash of one of the flows.
    pub fn flow(number: u64) -> u64 {
        // Reckoned, not looked up: a table of hashes would be timed as if it were the ring's.
        (number % FLOWS + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl Candidate for Ours {
    fn name(&self) -> &'static str {
        "ring-capture"
    }

    fn push(&mut self, count: u64, bytes: &[u8]) {
        for _ in 0..count {
            self.number += 1;
            // A stride that visits the flows in no order a prefetcher knows.
            let flow = Self::flow(self.number.wrapping_mul(2_654_435_761) >> 7);
            let meta = Meta { timestamp_ns: self.number, flow, ..Meta::default() };
            self.producer.push(&meta, black_box(bytes)).expect("nobody holds every block");
        }
    }
}

struct ForcePush(ArrayQueue<Box<[u8]>>);

impl Candidate for ForcePush {
    fn name(&self) -> &'static str {
        "crossbeam force_push"
    }

    fn push(&mut self, count: u64, bytes: &[u8]) {
        for _ in 0..count {
            drop(self.0.force_push(black_box(bytes).into()));
        }
    }
}

struct Rtrb {
    producer: rtrb::Producer<u8>,
    consumer: rtrb::Consumer<u8>,
}

impl Rtrb {
    fn new(memory: usize) -> Self {
        let (producer, consumer) = rtrb::RingBuffer::new(memory);
        Self { producer, consumer }
    }
}

impl Candidate for Rtrb {
    fn name(&self) -> &'static str {
        "rtrb chunks"
    }

    fn push(&mut self, count: u64, bytes: &[u8]) {
        for _ in 0..count {
            if self.producer.slots() < bytes.len() {
                let oldest = self.consumer.read_chunk(bytes.len()).expect("it is full");
                oldest.commit_all();
            }
            self.producer.push_entire_slice(black_box(bytes)).expect("there is room");
        }
    }
}

struct Ringbuf(HeapRb<u8>);

impl Candidate for Ringbuf {
    fn name(&self) -> &'static str {
        "ringbuf overwrite"
    }

    fn push(&mut self, count: u64, bytes: &[u8]) {
        for _ in 0..count {
            self.0.push_slice_overwrite(black_box(bytes));
        }
    }
}

struct Broadcast {
    sender: broadcast::Sender<Arc<[u8]>>,
    /// Without a receiver, nothing is kept.
    _receiver: broadcast::Receiver<Arc<[u8]>>,
}

impl Broadcast {
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = broadcast::channel(capacity);
        Self { sender, _receiver: receiver }
    }
}

impl Candidate for Broadcast {
    fn name(&self) -> &'static str {
        "tokio broadcast"
    }

    fn push(&mut self, count: u64, bytes: &[u8]) {
        for _ in 0..count {
            self.sender.send(black_box(bytes).into()).expect("there is a receiver");
        }
    }
}

/// Flows that records belong to.
pub const FLOWS: u64 = 10_000;
