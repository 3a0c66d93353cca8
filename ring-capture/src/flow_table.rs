//! How many payload bytes of each flow have passed, in a table of fixed size.
//!
//! Sets of eight flows, a cache line each, in the order in which they last sent payload: to look a
//! flow up and to say that it is the newest is one touch of one line. Nothing is allocated after `new`.

/// Payload bytes by flow hash.
#[derive(Clone, Debug)]
pub(crate) struct FlowTable {
    sets: Box<[Set]>,
}

/// The newest first. An entry is 40 bits of the flow's hash and 24 of bytes passed; zero is nobody,
/// which is as good as a flow that has sent nothing.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Set([u64; WAYS]);

impl FlowTable {
    /// The most that is counted.
    pub(crate) const MOST_PASSED: u32 = (1 << PASSED_BITS) - 1;

    /// Room for `flows`, rounded up to a power of two, from 8 to 2²⁴.
    pub(crate) fn new(flows: usize) -> Self {
        let flows = flows.clamp(WAYS, MOST_FLOWS).next_power_of_two();
        Self { sets: vec![Set::default(); flows / WAYS].into() }
    }

    /// Counts payload of a flow; returns what had passed before. Without payload this only looks:
    /// a flow takes no room until it has sent some, and one that has ended is not brought back by
    /// the last acknowledgement.
    #[inline]
    pub(crate) fn pass(&mut self, flow: u64, payload: usize) -> u32 {
        let (set, tag) = self.place(flow);
        let found = set.find(tag);
        let before = found.map_or(0, |at| set.0[at] & PASSED_MASK);
        if payload > 0 {
            let passed = before.saturating_add(payload as u64).min(PASSED_MASK);
            // Where nobody is found, the last one in the row makes room.
            set.0.copy_within(..found.unwrap_or(WAYS - 1), 1);
            set.0[0] = tag | passed;
        }
        before as u32
    }

    /// The flow begins anew.
    #[inline]
    pub(crate) fn restart(&mut self, flow: u64) {
        let (set, tag) = self.place(flow);
        if let Some(at) = set.find(tag) {
            set.0[at] = tag;
        }
    }

    /// The flow is over: it is the next of its set to make room, and is known until then, for its
    /// last packets are yet to come.
    #[inline]
    pub(crate) fn end(&mut self, flow: u64) {
        let (set, tag) = self.place(flow);
        if let Some(at) = set.find(tag) {
            set.0[at..].rotate_left(1);
        }
    }

    #[inline]
    fn place(&mut self, flow: u64) -> (&mut Set, u64) {
        // The set by the low bits (at most 21 of them), the tag by the 40 high ones.
        let index = flow as usize & (self.sets.len() - 1);
        (&mut self.sets[index], flow & !PASSED_MASK)
    }
}

impl Set {
    #[inline]
    fn find(&self, tag: u64) -> Option<usize> {
        self.0.iter().position(|entry| entry & !PASSED_MASK == tag)
    }
}

const WAYS: usize = 8;
const PASSED_BITS: u32 = 24;
const PASSED_MASK: u64 = (1 << PASSED_BITS) - 1;
const MOST_FLOWS: usize = 1 << 24;

#[cfg(test)]
mod tests {
    use super::*;

    /// A flow of the set that all of these fall into.
    fn flow(number: u64) -> u64 {
        (number + 1) << PASSED_BITS
    }

    #[test]
    fn what_passed_before_is_told() {
        let mut table = FlowTable::new(64);
        assert_eq!(table.pass(flow(1), 100), 0);
        assert_eq!(table.pass(flow(2), 7), 0);
        assert_eq!(table.pass(flow(1), 0), 100);
        assert_eq!(table.pass(flow(1), usize::MAX), 100);
        assert_eq!(table.pass(flow(1), 1), FlowTable::MOST_PASSED, "and stays there");
        assert_eq!(table.pass(flow(2), 0), 7);
        table.restart(flow(1));
        assert_eq!(table.pass(flow(1), 5), 0);
        assert_eq!(table.pass(flow(1), 5), 5);
    }

    #[test]
    fn who_was_silent_longest_makes_room() {
        let mut table = FlowTable::new(8);
        for number in 0..8 {
            table.pass(flow(number), 10);
        }
        table.pass(flow(0), 1);
        table.pass(flow(8), 10);
        assert_eq!(table.pass(flow(1), 0), 0, "forgotten");
        assert_eq!(table.pass(flow(0), 0), 11, "heard of lately");
    }

    #[test]
    fn who_has_ended_makes_room_first_and_is_known_until_then() {
        let mut table = FlowTable::new(8);
        for number in 0..8 {
            table.pass(flow(number), 10);
        }
        table.end(flow(5));
        table.end(flow(99));
        assert_eq!(table.pass(flow(5), 0), 10, "its last acknowledgement");
        assert_eq!(table.sets[0].0[WAYS - 1], flow(5) + 10);
        table.pass(flow(8), 10);
        assert_eq!(table.pass(flow(5), 0), 0);
        assert!((0..8).filter(|&n| n != 5).all(|n| table.pass(flow(n), 0) == 10));
    }

    #[test]
    fn who_sends_nothing_takes_no_room() {
        let mut table = FlowTable::new(8);
        table.pass(flow(0), 10);
        for number in 1..1000 {
            table.restart(flow(number));
            table.pass(flow(number), 0);
        }
        assert_eq!(table.pass(flow(0), 0), 10);
    }
}
