//! From a trigger to a recording: which flow, from when until when, and why.

use std::time::Duration;

use crate::flow::FlowKey;
use crate::packet::LinkType;
use crate::record::Direction;
use crate::ring::Ring;
use crate::window::Window;

/// A wish that the ring give up one flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Which flow.
    pub flow: FlowKey,
    /// The instant that matters: Unix nanoseconds.
    pub at_ns: u64,
    /// Why, in a few words.
    pub reason: String,
    /// How much before it.
    pub pre: Duration,
    /// How much after it.
    pub post: Duration,
}

/// What became of a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accepted {
    /// A recording was begun.
    Begun,
    /// The flow is being recorded already: the reason was added to that recording.
    Joined,
}

/// One flow, taken out of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The trigger that began it.
    pub trigger: Trigger,
    /// Reasons of later triggers for the same flow.
    pub further_reasons: Vec<String>,
    /// Its packets, in time order.
    pub packets: Vec<RecordedPacket>,
    /// Whether the search for it ended early, or packets were overwritten meanwhile.
    pub incomplete: bool,
}

/// A packet copied out of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedPacket {
    /// When: Unix nanoseconds.
    pub timestamp_ns: u64,
    /// Its length before anything was cut off.
    pub original_len: u32,
    /// What it starts with.
    pub link: LinkType,
    /// Which interface, as numbered by the source.
    pub interface: u16,
    /// Which way it went.
    pub direction: Direction,
    /// What was captured.
    pub bytes: Box<[u8]>,
}

/// Holds triggers until their time has come, then takes their flow out of the ring.
///
/// No clock, no thread, no file: the caller asks [`poll`](Self::poll) at or after
/// [`next_at_ns`](Self::next_at_ns).
#[derive(Debug, Default)]
pub struct Recorder {
    waiting: Vec<Recording>,
}

impl Recorder {
    /// Takes a trigger.
    pub fn trigger(&mut self, trigger: Trigger) -> Accepted {
        let same = |r: &&mut Recording| r.trigger.flow == trigger.flow;
        if let Some(recording) = self.waiting.iter_mut().find(same) {
            recording.further_reasons.push(trigger.reason);
            return Accepted::Joined;
        }
        self.waiting.push(Recording {
            trigger,
            further_reasons: Vec::new(),
            packets: Vec::new(),
            incomplete: false,
        });
        Accepted::Begun
    }

    /// When the next recording is due: Unix nanoseconds.
    pub fn next_at_ns(&self) -> Option<u64> {
        self.waiting.iter().map(Recording::until_ns).min()
    }

    /// A recording whose time after the trigger has passed.
    pub fn poll(&mut self, now_ns: u64, ring: &Ring) -> Option<Recording> {
        let due = self.waiting.iter().position(|r| r.until_ns() <= now_ns)?;
        Some(self.waiting.remove(due).taken_from(ring))
    }

    /// A recording, due or not: for the end of the run.
    pub fn finish(&mut self, ring: &Ring) -> Option<Recording> {
        self.waiting.pop().map(|recording| recording.taken_from(ring))
    }
}

impl Recording {
    fn until_ns(&self) -> u64 {
        self.window().until_ns
    }

    fn window(&self) -> Window {
        Window::around(self.trigger.at_ns, self.trigger.pre, self.trigger.post)
    }

    fn taken_from(mut self, ring: &Ring) -> Self {
        let mut flow = ring.extract(self.trigger.flow.hash(ring.seed()), &self.window());
        while let Some(record) = flow.next() {
            self.packets.push(RecordedPacket {
                timestamp_ns: record.meta.timestamp_ns,
                original_len: record.meta.original_len,
                link: LinkType::from(record.meta.user as u16),
                interface: record.meta.interface,
                direction: record.meta.direction,
                bytes: record.bytes.into(),
            });
        }
        self.incomplete = flow.truncated() || flow.overwritten() > 0;
        self
    }
}
