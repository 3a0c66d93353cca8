//! Who sends what when: computed for any packet, so that what a recording must hold is known without
//! keeping what was sent.
//!
//! Time is the sender's own: a microsecond a packet of each producer. A round gives every flow one
//! packet of every producer, in another order each time.

use ring_capture::Window;

use crate::frames::{LEAST_FRAME_BYTES, Label};

/// The packets of all producers.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    pub(super) producers: u32,
    flow_bits: u32,
}

/// One packet of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    /// Its timestamp: Unix nanoseconds, of the sender's clock.
    pub at_ns: u64,
    /// Who pushes it.
    pub producer: u32,
    /// The flow it belongs to.
    pub flow: u32,
    /// Its number there, counted over all producers.
    pub sequence: u32,
}

impl Schedule {
    /// So many producers, which all send packets of the same 2^`flow_bits` flows.
    pub fn new(producers: u32, flow_bits: u32) -> Self {
        Self { producers: producers.clamp(1, 64), flow_bits: flow_bits.clamp(1, 20) }
    }

    /// How many flows there are.
    pub fn flows(&self) -> u32 {
        1 << self.flow_bits
    }

    /// Every other flow is TCP, the rest UDP.
    pub fn is_tcp(flow: u32) -> bool {
        flow.is_multiple_of(2)
    }

    /// The `nth` packet of a producer.
    pub fn nth(&self, producer: u32, nth: u64) -> Sent {
        let (round, slot) = (nth >> self.flow_bits, nth as u32 & (self.flows() - 1));
        let flow = slot.wrapping_mul(STRIDE).wrapping_add(shift(producer, round));
        Sent {
            at_ns: BEGIN_NS + nth * STEP_NS,
            producer,
            flow: flow & (self.flows() - 1),
            sequence: round as u32 * self.producers + producer,
        }
    }

    /// The packets of a flow in a window, in the order of time and, at the same instant, of producers.
    pub fn of_flow(&self, flow: u32, window: &Window) -> Vec<Sent> {
        let round_ns = STEP_NS << self.flow_bits;
        let round = |at_ns: u64| at_ns.saturating_sub(BEGIN_NS) / round_ns;
        let mut sent = Vec::new();
        for round in round(window.from_ns)..=round(window.until_ns) {
            for producer in 0..self.producers {
                let slot = flow.wrapping_sub(shift(producer, round)).wrapping_mul(STRIDE_INVERSE);
                let slot = u64::from(slot & (self.flows() - 1));
                sent.push(self.nth(producer, (round << self.flow_bits) + slot));
            }
        }
        sent.retain(|sent| window.holds(sent.at_ns));
        sent.sort_unstable();
        sent
    }
}

impl Sent {
    /// The longest frame: a full one of Ethernet.
    pub const MOST_BYTES: usize = 1514;

    /// Writes it at the front of `bytes`, [`MOST_BYTES`](Self::MOST_BYTES) of them.
    pub fn write<'a>(&self, bytes: &'a mut [u8]) -> &'a [u8] {
        let label = Label { flow: self.flow, sequence: self.sequence };
        let spread = (Self::MOST_BYTES - LEAST_FRAME_BYTES + 1) as u64;
        let frame = &mut bytes[..LEAST_FRAME_BYTES + (label.mixed() % spread) as usize];
        label.write(Schedule::is_tcp(self.flow), frame);
        frame
    }
}

/// By how much the order of a round is turned.
fn shift(producer: u32, round: u64) -> u32 {
    producer.wrapping_mul(0x85eb_ca6b).wrapping_add((round as u32).wrapping_mul(0xc2b2_ae35))
}

/// Newton's iteration: each step doubles the bits that are right, of which an odd number has three.
const fn inverse(odd: u32) -> u32 {
    let (mut x, mut steps) = (odd, 0);
    while steps < 4 {
        x = x.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(x)));
        steps += 1;
    }
    x
}

const STRIDE: u32 = 0x9e37_79b1;
const STRIDE_INVERSE: u32 = inverse(STRIDE);
const STEP_NS: u64 = 1_000;
/// Any instant will do.
const BEGIN_NS: u64 = 1_700_000_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_flow_sent_is_what_all_sent_of_it() {
        let schedule = Schedule::new(3, 5);
        let mut all: Vec<Sent> = (0..3)
            .flat_map(|producer| (0..320).map(move |nth| schedule.nth(producer, nth)))
            .collect();
        all.sort_unstable();
        let window = Window { from_ns: BEGIN_NS + 33_000, until_ns: BEGIN_NS + 300_000 };
        for flow in 0..schedule.flows() {
            let of_flow: Vec<Sent> = all
                .iter()
                .filter(|sent| sent.flow == flow && window.holds(sent.at_ns))
                .copied()
                .collect();
            assert!(of_flow.len() > 20);
            assert_eq!(schedule.of_flow(flow, &window), of_flow);
        }
    }
}
