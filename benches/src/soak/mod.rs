//! A ring at full speed under triggers: is every recording what the sender says it sent?

mod schedule;
mod verdict;

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ring_capture::{
    Accepted, Config, Direction, Frame, LinkType, Producer, Recorder, Ring, Tap, Trigger, Window,
};

pub use schedule::{Schedule, Sent};
pub use verdict::{Flaw, judge};

use crate::frames::{flow_key, mix};
use crate::memory::resident_bytes;

/// What to do for how long.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// Who sends what when.
    pub schedule: Schedule,
    /// Bytes of the ring.
    pub ring_bytes: usize,
    /// How long the producers push.
    pub lasting: Duration,
    /// Between two triggers.
    pub trigger_every: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Outcome {
    /// Packets pushed by all producers.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets for which the ring had no room, because readers held every block.
    pub dropped: u64,
    /// Triggers fired.
    pub triggers: u64,
    /// Of them, such that the recorder refused: their flow had just been recorded.
    pub refused: u64,
    /// Of them, such that made a recording under way longer.
    pub joined: u64,
    /// Recordings taken out.
    pub recordings: u64,
    /// Of them, such that are what was sent, packet for packet and byte for byte.
    pub identical: u64,
    /// Of them, such that say themselves that they may not be whole; what they hold was sent.
    pub incomplete: u64,
    /// Packets compared with what was sent.
    pub verified_packets: u64,
    /// Of them, such that are not what was sent and do not say so.
    pub unsound: u64,
    /// What is wrong with the first few of those.
    pub flaws: Vec<String>,
    /// Seconds since the start, and the memory this process held then.
    pub resident: Vec<(u64, u64)>,
}

impl Soak {
    /// Pushes at full speed from a thread each while this one fires triggers and judges recordings.
    ///
    /// # Errors
    ///
    /// When there is no memory for the ring, or none can be measured.
    ///
    /// # Panics
    ///
    /// When a producer does.
    pub fn run(&self) -> io::Result<Outcome> {
        let producers = self.schedule.producers as usize;
        let config = Config::default().bytes(self.ring_bytes).producers(producers);
        let (ring, producers) = Ring::new(&config).map_err(io::Error::other)?;
        let stop = AtomicBool::new(false);
        // How far each producer has come: its latest timestamp.
        let clocks: Vec<AtomicU64> = producers.iter().map(|_| AtomicU64::new(0)).collect();
        let mut outcome = thread::scope(|scope| {
            for (number, producer) in (0..).zip(producers) {
                let stop = &stop;
                let clocks = &clocks[..];
                scope.spawn(move || self.push(number, producer, clocks, stop));
            }
            let outcome = self.fire(&ring, &clocks);
            stop.store(true, Ordering::Relaxed);
            outcome
        })?;
        let stats = ring.stats();
        outcome.packets = stats.pushed;
        outcome.bytes = stats.pushed_bytes;
        outcome.dropped = stats.dropped_pinned;
        Ok(outcome)
    }

    fn push(&self, number: u32, producer: Producer, clocks: &[AtomicU64], stop: &AtomicBool) {
        let mut tap = Tap::new(producer);
        let mut bytes = vec![0; Sent::MOST_BYTES];
        for nth in 0.. {
            let sent = self.schedule.nth(number, nth);
            let frame = sent.write(&mut bytes);
            let frame = Frame {
                timestamp_ns: sent.at_ns,
                original_len: frame.len() as u32,
                link: LinkType::Ethernet,
                interface: number as u16,
                direction: Direction::Unknown,
                bytes: frame,
            };
            // Counted by the ring, should it fail.
            let _ = tap.push(&frame);
            if nth.is_multiple_of(64) {
                // Release: partner of the Acquire in `fire`: up to here it is pushed.
                clocks[number as usize].store(sent.at_ns, Ordering::Release);
                // Nobody's clock runs far ahead: in real life there is but one.
                while latest_of_all(clocks) + LEAD_NS < sent.at_ns && !stop.load(Ordering::Relaxed)
                {
                    thread::yield_now();
                }
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
    }

    fn fire(&self, ring: &Ring, clocks: &[AtomicU64]) -> io::Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut recorder = Recorder::default();
        // Of recordings under way: what they are to hold.
        let mut wanted = HashMap::new();
        let begin = Instant::now();
        loop {
            let elapsed = begin.elapsed();
            let now_ns = latest_of_all(clocks);
            let ended = elapsed >= self.lasting;
            // The last recordings end when their time is up; nobody waits longer than this for it.
            if ended && (recorder.stats().active == 0 || elapsed > self.lasting + PATIENCE) {
                return Ok(outcome);
            }
            let due = elapsed.as_nanos() / self.trigger_every.as_nanos().max(1);
            if !ended && u128::from(outcome.triggers) < due && now_ns > 0 {
                outcome.triggers += 1;
                let trigger = self.trigger(outcome.triggers, now_ns, ring);
                let (flow, window) =
                    (trigger.flow, Window::around(trigger.at_ns, trigger.pre, trigger.post));
                match recorder.trigger(trigger) {
                    Ok(Accepted::Joined) => {
                        outcome.joined += 1;
                        let wanted: &mut Window = wanted.get_mut(&flow).expect("it is under way");
                        wanted.until_ns = wanted.until_ns.max(window.until_ns);
                    }
                    Ok(_) => drop(wanted.insert(flow, window)),
                    Err(_) => outcome.refused += 1,
                }
            }
            recorder.handle_timeout(now_ns, ring);
            while let Some(recording) = recorder.poll_recording() {
                outcome.recordings += 1;
                outcome.verified_packets += recording.packets.len() as u64;
                let window = wanted.remove(&recording.trigger.flow).expect("it was triggered");
                match judge(&self.schedule, &recording, &window) {
                    Ok(()) if recording.incomplete || recording.truncated => {
                        outcome.incomplete += 1;
                    }
                    Ok(()) => outcome.identical += 1,
                    Err(flaw) => {
                        outcome.unsound += 1;
                        if outcome.flaws.len() < MOST_FLAWS {
                            outcome.flaws.push(flaw.to_string());
                        }
                    }
                }
            }
            if outcome.resident.len() as u64 * SAMPLE_SECONDS <= elapsed.as_secs() {
                outcome.resident.push((elapsed.as_secs(), resident_bytes()?));
            }
            thread::sleep(BREATH);
        }
    }

    /// A flow drawn by lot, from up to a third of the ring's history ago until as long from now.
    fn trigger(&self, nth: u64, now_ns: u64, ring: &Ring) -> Trigger {
        let lot = mix(nth);
        let flow = (lot % u64::from(self.schedule.flows())) as u32;
        let oldest_ns = ring.history().map_or(now_ns, |history| history.oldest_ns);
        let third = now_ns.saturating_sub(oldest_ns) / 3;
        let upto = |most: u64, lot: u64| Duration::from_nanos(lot % most.max(1));
        Trigger {
            pre: upto(third, mix(lot)),
            post: upto(third, mix(mix(lot))),
            ..Trigger::new(flow_key(flow, Schedule::is_tcp(flow)), now_ns, "soak")
        }
    }
}

/// Up to when every producer has pushed everything.
fn latest_of_all(clocks: &[AtomicU64]) -> u64 {
    let clocks = clocks.iter().map(|clock| clock.load(Ordering::Acquire));
    clocks.min().expect("a ring has a producer")
}

/// A thousandth of a second of the sender's time, a thousand packets.
const LEAD_NS: u64 = 1_000_000;
const BREATH: Duration = Duration::from_micros(500);
const PATIENCE: Duration = Duration::from_secs(5);
const SAMPLE_SECONDS: u64 = 5;
const MOST_FLAWS: usize = 10;
