//! Follows triggered flows through the ring until they are complete.
//!
//! No clock, no thread, no file. A flow's packets are taken out as they come, each time
//! [`handle_timeout`](Recorder::handle_timeout) is called, so that a ring that goes round quickly
//! loses nothing of what comes after the trigger.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::budget::{Budgets, Rate};
use crate::extract::Cursor;
use crate::flow::FlowKey;
use crate::packet::{LinkType, Packet, Parser};
use crate::position::Place;
use crate::record::Record;
use crate::ring::Ring;
use crate::trigger::{Accepted, RecordedPacket, Recording, Refused, Trigger};
use crate::window::Window;

/// The limits of a recorder.
///
/// | limit | default | least | most | source |
/// |---|---|---|---|---|
/// | `linger` | 100 ms | 0 | 1 min | a last acknowledgement over any path on earth takes 300 ms at worst, most a tenth |
/// | `quiet` | 1 s | 0 | 1 h | what a second trigger adds so soon, the first one's file has |
/// | `max_flow_bytes` | 16 MiB | 64 KiB | 1 GiB | ten thousand full packets |
/// | `max_held_bytes` | 256 MiB | 1 MiB | – | as much as the ring by default |
/// | `max_active` | 1,024 | 1 | 65,536 | each is looked at every time |
/// | `per_kind` | 100/s, burst 1,000 | – | – | more files than a disk syncs |
/// | `per_network` | 20/s, burst 200 | – | – | one network in trouble leaves room for others |
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    linger: Duration,
    quiet: Duration,
    max_flow_bytes: usize,
    max_held_bytes: usize,
    max_active: usize,
    per_kind: Rate,
    per_network: Rate,
}

impl Default for RecorderConfig {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(100),
            quiet: Duration::from_secs(1),
            max_flow_bytes: 16 << 20,
            max_held_bytes: 256 << 20,
            max_active: 1024,
            per_kind: Rate { per_second: 100.0, burst: 1000 },
            per_network: Rate { per_second: 20.0, burst: 200 },
        }
    }
}

impl RecorderConfig {
    /// How long a flow is followed after its FIN or RST, if that is sooner than its time is up.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger.min(Duration::from_mins(1));
        self
    }

    /// How long after a recording the same flow is not recorded again.
    pub fn quiet(mut self, quiet: Duration) -> Self {
        self.quiet = quiet.min(Duration::from_hours(1));
        self
    }

    /// Bytes of one recording; what comes after is left out, and the recording says so.
    pub fn max_flow_bytes(mut self, bytes: usize) -> Self {
        self.max_flow_bytes = bytes.clamp(64 << 10, 1 << 30);
        self
    }

    /// Bytes that all recordings under way may hold; beyond, none is begun.
    pub fn max_held_bytes(mut self, bytes: usize) -> Self {
        self.max_held_bytes = bytes.max(1 << 20);
        self
    }

    /// Flows recorded at once.
    pub fn max_active(mut self, flows: usize) -> Self {
        self.max_active = flows.clamp(1, 1 << 16);
        self
    }

    /// How often triggers of one kind may begin a recording.
    pub fn per_kind(mut self, rate: Rate) -> Self {
        self.per_kind = rate;
        self
    }

    /// How often triggers of one network (a /24, a /64) may.
    pub fn per_network(mut self, rate: Rate) -> Self {
        self.per_network = rate;
        self
    }
}

/// What a recorder has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecorderStats {
    /// Recordings begun.
    pub begun: u64,
    /// Triggers added to a recording under way.
    pub joined: u64,
    /// Recordings handed out.
    pub finished: u64,
    /// Of them, such that may lack packets.
    pub incomplete: u64,
    /// Of them, such that ended at the limit of bytes.
    pub truncated: u64,
    /// Triggers refused because the flow was recorded a moment ago.
    pub refused_quiet: u64,
    /// Triggers refused for the rate of their kind or network.
    pub refused_rate: u64,
    /// Triggers refused because too much was being recorded.
    pub refused_load: u64,
    /// Recordings under way now.
    pub active: u64,
    /// Bytes they hold now.
    pub held_bytes: u64,
}

/// Holds triggers, follows their flows, hands out recordings.
#[derive(Debug)]
pub struct Recorder {
    config: RecorderConfig,
    active: Vec<Active>,
    done: VecDeque<Recording>,
    /// When flows recorded a moment ago may be recorded again.
    quiet_until: HashMap<FlowKey, u64>,
    kinds: Budgets<Cow<'static, str>>,
    networks: Budgets<IpAddr>,
    stats: RecorderStats,
}

#[derive(Debug)]
struct Active {
    recording: Recording,
    places: Vec<Place>,
    cursor: Cursor,
    until_ns: u64,
    bytes: usize,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new(RecorderConfig::default())
    }
}

impl Recorder {
    /// A recorder with these limits.
    pub fn new(config: RecorderConfig) -> Self {
        Self {
            active: Vec::new(),
            done: VecDeque::new(),
            quiet_until: HashMap::new(),
            kinds: Budgets::new(config.per_kind),
            networks: Budgets::new(config.per_network),
            stats: RecorderStats::default(),
            config,
        }
    }

    /// Takes a trigger.
    ///
    /// # Errors
    ///
    /// When there will be no recording; see [`Refused`].
    pub fn trigger(&mut self, trigger: Trigger) -> Result<Accepted, Refused> {
        let until_ns = Window::around(trigger.at_ns, trigger.pre, trigger.post).until_ns;
        let same = |active: &&mut Active| active.recording.trigger.flow == trigger.flow;
        if let Some(active) = self.active.iter_mut().find(same) {
            let reasons = &mut active.recording.further_reasons;
            if reasons.len() < MOST_REASONS {
                reasons.push(trigger.reason);
            }
            active.until_ns = active.until_ns.max(until_ns);
            self.stats.joined += 1;
            return Ok(Accepted::Joined);
        }
        if let Err(refused) = self.admit(&trigger) {
            *match refused {
                Refused::Quiet => &mut self.stats.refused_quiet,
                Refused::KindRate | Refused::NetworkRate => &mut self.stats.refused_rate,
                Refused::TooManyActive | Refused::TooManyBytes => &mut self.stats.refused_load,
            } += 1;
            return Err(refused);
        }
        self.active.push(Active {
            recording: Recording {
                trigger,
                further_reasons: Vec::new(),
                packets: Vec::new(),
                incomplete: false,
                truncated: false,
            },
            places: Vec::new(),
            cursor: Cursor::default(),
            until_ns,
            bytes: 0,
        });
        self.stats.begun += 1;
        self.count();
        Ok(Accepted::Begun)
    }

    fn admit(&mut self, trigger: &Trigger) -> Result<(), Refused> {
        let now_ns = trigger.at_ns;
        if self.quiet_until.get(&trigger.flow).is_some_and(|&until_ns| now_ns < until_ns) {
            return Err(Refused::Quiet);
        }
        if self.active.len() >= self.config.max_active {
            return Err(Refused::TooManyActive);
        }
        if self.stats.held_bytes >= self.config.max_held_bytes as u64 {
            return Err(Refused::TooManyBytes);
        }
        // The network first: what it is refused is not taken from others of the kind.
        if let Some(source) = trigger.source
            && !self.networks.take(network(source), now_ns)
        {
            return Err(Refused::NetworkRate);
        }
        if !self.kinds.take(trigger.kind.clone(), now_ns) {
            return Err(Refused::KindRate);
        }
        Ok(())
    }

    /// When the next recording is complete, if nothing happens before: Unix nanoseconds.
    pub fn next_at_ns(&self) -> Option<u64> {
        self.active.iter().map(Active::due_ns).min()
    }

    /// Takes the new packets of every triggered flow, and completes those whose time is up.
    ///
    /// Call it at [`next_at_ns`](Self::next_at_ns), and often enough before that the ring does not
    /// go round between two calls. Allocates for the packets found.
    pub fn handle_timeout(&mut self, now_ns: u64, ring: &Ring) {
        for active in &mut self.active {
            active.absorb(ring, &self.config);
        }
        let due = |active: &mut Active| active.due_ns() <= now_ns;
        let due: Vec<Active> = self.active.extract_if(.., due).collect();
        for active in due {
            self.complete(active, now_ns);
        }
        self.count();
    }

    /// Completes every recording now, with what there is: for the end of a run.
    pub fn finish(&mut self, now_ns: u64, ring: &Ring) {
        for mut active in std::mem::take(&mut self.active) {
            active.absorb(ring, &self.config);
            self.complete(active, now_ns);
        }
        self.count();
    }

    /// A complete recording.
    pub fn poll_recording(&mut self) -> Option<Recording> {
        self.done.pop_front()
    }

    /// What was done so far.
    pub fn stats(&self) -> RecorderStats {
        self.stats
    }

    fn complete(&mut self, active: Active, now_ns: u64) {
        let recording = active.complete();
        self.stats.finished += 1;
        self.stats.incomplete += u64::from(recording.incomplete);
        self.stats.truncated += u64::from(recording.truncated);
        if self.quiet_until.len() >= MOST_QUIET {
            self.quiet_until.retain(|_, until_ns| now_ns < *until_ns);
        }
        if self.quiet_until.len() < MOST_QUIET {
            let quiet_ns = self.config.quiet.as_nanos() as u64;
            self.quiet_until.insert(recording.trigger.flow, now_ns.saturating_add(quiet_ns));
        }
        self.done.push_back(recording);
    }

    fn count(&mut self) {
        self.stats.active = self.active.len() as u64;
        self.stats.held_bytes = self.active.iter().map(|active| active.bytes as u64).sum();
    }
}

impl Active {
    /// When it is complete; at the limit of bytes, at once.
    fn due_ns(&self) -> u64 {
        if self.recording.truncated { 0 } else { self.until_ns }
    }

    /// Takes what has come since the last time, later than its window as well: a trigger may yet join
    /// that makes the window longer, and what was passed over then is not found again.
    fn absorb(&mut self, ring: &Ring, config: &RecorderConfig) {
        if self.recording.truncated {
            return;
        }
        let trigger = &self.recording.trigger;
        let from_ns = Window::around(trigger.at_ns, trigger.pre, Duration::ZERO).from_ns;
        let window = Window { from_ns, until_ns: u64::MAX };
        let flow = trigger.flow.hash(ring.seed());
        let mut new = ring.extract_after(flow, &window, &mut self.cursor);
        while let Some((place, record)) = new.next_placed() {
            if self.bytes + record.bytes.len() > config.max_flow_bytes {
                self.recording.truncated = true;
                break;
            }
            self.bytes += record.bytes.len();
            let packet = RecordedPacket::from(record);
            if ends(&packet, self.recording.trigger.flow) {
                let linger_ns = config.linger.as_nanos() as u64;
                let ends_ns = packet.timestamp_ns.max(self.recording.trigger.at_ns);
                self.until_ns = self.until_ns.min(ends_ns.saturating_add(linger_ns));
            }
            self.places.push(place);
            self.recording.packets.push(packet);
        }
        self.recording.incomplete |= new.truncated() || new.missing() || new.overwritten() > 0;
    }

    /// Puts what several steps brought into one order, and leaves out what came too late.
    fn complete(mut self) -> Recording {
        let until_ns = self.until_ns;
        self.places.retain(|place| place.at_ns <= until_ns);
        self.recording.packets.retain(|packet| packet.timestamp_ns <= until_ns);
        if !self.places.is_sorted() {
            let packets = std::mem::take(&mut self.recording.packets);
            let mut placed: Vec<_> = self.places.into_iter().zip(packets).collect();
            placed.sort_by_key(|(place, _)| *place);
            self.recording.packets = placed.into_iter().map(|(_, packet)| packet).collect();
        }
        self.recording
    }
}

impl From<Record<'_>> for RecordedPacket {
    fn from(record: Record<'_>) -> Self {
        Self {
            timestamp_ns: record.meta.timestamp_ns,
            original_len: record.meta.original_len,
            link: LinkType::from(record.meta.user as u16),
            interface: record.meta.interface,
            direction: record.meta.direction,
            bytes: record.bytes.into(),
        }
    }
}

/// Whether the packet ends the flow, be that its own or the one inside its tunnel.
fn ends(packet: &RecordedPacket, flow: FlowKey) -> bool {
    let inner = Parser::default().tunnels(true).parse(packet.link, &packet.bytes);
    let own = Packet::parse(packet.link, &packet.bytes);
    own.into_iter().chain(inner).any(|packet| packet.flow == flow && packet.ends_flow())
}

/// The /24 or the /64 an address lies in.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::from((v4.to_bits() & !0xff).to_be_bytes()),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

/// What a person reads of them.
const MOST_REASONS: usize = 16;
/// Flows remembered as recorded a moment ago; about 4 MiB.
const MOST_QUIET: usize = 1 << 16;
