//! A recording beside what was sent.

use ring_capture::{RecordedPacket, Recording, Window};

use super::schedule::{Schedule, Sent};
use crate::frames::{Label, flow_key};

/// How a recording differs from what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// A packet that is none of ours, at this place of the recording.
    #[error("packet {at} is torn")]
    Torn {
        /// Its number in the recording.
        at: usize,
    },
    /// A packet of ours that was not sent in this window, or not by this flow, or comes too late.
    #[error("packet {at} is {label:?}, which does not belong there")]
    Misplaced {
        /// Its number in the recording.
        at: usize,
        /// What it says it is.
        label: Label,
    },
    /// A packet was sent and is not there, and the recording does not say that some may be missing.
    #[error("{0:?} is missing")]
    Missing(Sent),
    /// It is no recording of a flow that was ever sent.
    #[error("there is no such flow")]
    NoSuchFlow,
}

/// Whether a recording holds what was sent in a window, byte for byte and in order. One that says
/// itself that it is not whole must hold nothing else.
///
/// # Errors
///
/// The first [`Flaw`].
pub fn judge(schedule: &Schedule, recording: &Recording, window: &Window) -> Result<(), Flaw> {
    let flow = (0..schedule.flows())
        .find(|&flow| flow_key(flow, Schedule::is_tcp(flow)) == recording.trigger.flow)
        .ok_or(Flaw::NoSuchFlow)?;
    let partial = recording.incomplete || recording.truncated;
    let mut expected = schedule.of_flow(flow, window).into_iter();
    let mut bytes = vec![0; Sent::MOST_BYTES];
    for (at, packet) in recording.packets.iter().enumerate() {
        loop {
            let Some(sent) = expected.next() else { return Err(wrong(at, packet)) };
            if sent.at_ns == packet.timestamp_ns && *sent.write(&mut bytes) == *packet.bytes {
                break;
            }
            if !partial {
                return Err(match Label::read(&packet.bytes) {
                    Some(_) => Flaw::Missing(sent),
                    None => Flaw::Torn { at },
                });
            }
        }
    }
    match expected.next() {
        Some(sent) if !partial => Err(Flaw::Missing(sent)),
        _ => Ok(()),
    }
}

fn wrong(at: usize, packet: &RecordedPacket) -> Flaw {
    Label::read(&packet.bytes).map_or(Flaw::Torn { at }, |label| Flaw::Misplaced { at, label })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ring_capture::{Direction, LinkType, Trigger};

    use super::*;

    fn schedule() -> Schedule {
        Schedule::new(2, 4)
    }

    /// By the window of the one trigger.
    fn judged(recording: &Recording) -> Result<(), Flaw> {
        let trigger = &recording.trigger;
        let window = Window::around(trigger.at_ns, trigger.pre, trigger.post);
        judge(&schedule(), recording, &window)
    }

    /// What a perfect ring gives.
    fn recording() -> Recording {
        let at_ns = schedule().nth(0, 1_000).at_ns;
        let mut trigger = Trigger::new(flow_key(6, true), at_ns, "test");
        (trigger.pre, trigger.post) = (Duration::from_micros(300), Duration::from_micros(100));
        let window = Window::around(at_ns, trigger.pre, trigger.post);
        let packet = |sent: Sent| {
            let mut bytes = vec![0; Sent::MOST_BYTES];
            let bytes: Box<[u8]> = sent.write(&mut bytes).into();
            RecordedPacket {
                timestamp_ns: sent.at_ns,
                original_len: bytes.len() as u32,
                link: LinkType::Ethernet,
                interface: 0,
                direction: Direction::Unknown,
                bytes,
            }
        };
        let packets = schedule().of_flow(6, &window).into_iter().map(packet).collect();
        Recording {
            trigger,
            further_reasons: Vec::new(),
            packets,
            incomplete: false,
            truncated: false,
        }
    }

    #[test]
    fn what_was_sent_is_right_and_anything_else_is_not() {
        let right = recording();
        assert!(right.packets.len() > 40);
        assert_eq!(judged(&right), Ok(()));

        let mut missing = right.clone();
        missing.packets.remove(7);
        assert!(matches!(judged(&missing), Err(Flaw::Missing(_))));
        missing.incomplete = true;
        assert_eq!(judged(&missing), Ok(()), "it says so");
        let mut last = right.clone();
        last.packets.pop();
        assert!(matches!(judged(&last), Err(Flaw::Missing(_))));

        for incomplete in [false, true] {
            let mut torn = Recording { incomplete, ..right.clone() };
            *torn.packets[9].bytes.last_mut().expect("not empty") ^= 1;
            assert!(matches!(judged(&torn), Err(Flaw::Torn { .. })));
            let mut swapped = Recording { incomplete, ..right.clone() };
            swapped.packets.swap(3, 4);
            assert!(judged(&swapped).is_err());
            let mut twice = Recording { incomplete, ..right.clone() };
            twice.packets.insert(5, twice.packets[5].clone());
            assert!(judged(&twice).is_err());
        }
    }
}
