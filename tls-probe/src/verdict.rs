//! Who was idle: the gaps between the packets of a handshake, each laid at somebody's door.
//!
//! The rule. A gap between two consecutive packets of the handshake belongs to the side whose
//! packet ends it. Of a gap that the remote side ends and that follows a packet of ours, up to one
//! initial round trip is the network's, the rest is that side's. "Ours" is the side the capture
//! stands beside, the [`Vantage`].
//!
//! The packets of the handshake are the SYN, the SYN-ACK, the ACK that answers it, and every
//! packet with payload. A bare ACK is none: the kernel sends it whatever the application does. So
//! it neither ends a gap nor starts one; it is the evidence. If the remote host acknowledged our
//! flight within a round trip and its application then said nothing, the path was not the cause.
//!
//! What the network loses costs a wait that nobody's application is to blame for: a gap ended by
//! a retransmission is the network's whole, and so is the time from a retransmission of ours until
//! it is acknowledged. A FIN or RST does not end a silence but gives it up: the gap before it
//! belongs to the side whose turn it was.
//!
//! Every gap is divided without remainder, so `client + server + network` is the time from the
//! first packet of the handshake to the last.

use std::time::Duration;

use crate::{
    gap::{Idle, Silence, Vantage},
    names::Side,
    sentence,
    timeline::{Event, What},
};

/// Who made the handshake wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Verdict {
    /// The client was silent for notably long.
    Client,
    /// The server was.
    Server,
    /// Losses held it up.
    Network,
    /// Nobody, notably.
    #[default]
    None,
}

impl Verdict {
    /// `client`, `server`, `network` or `none`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Network => "network",
            Self::None => "none",
        }
    }
}

/// Keeps the account of one handshake's gaps.
#[derive(Debug, Clone)]
pub struct Ledger {
    ours: Side,
    rtt: Option<Duration>,
    rtt_is_initial: bool,
    last: Option<Last>,
    idle: Idle,
    lost: Duration,
    retransmissions: u32,
    longest: [Option<Silence>; 2],
}

#[derive(Debug, Clone, Copy)]
struct Last {
    event: Event,
    /// Where the gap now open begins; later than the event if part of it is accounted for.
    from_ns: u64,
    acked_ns: Option<u64>,
}

impl Ledger {
    /// An empty account.
    pub fn new(vantage: Vantage) -> Self {
        Self {
            ours: vantage.ours(),
            rtt: None,
            rtt_is_initial: false,
            last: None,
            idle: Idle::default(),
            lost: Duration::ZERO,
            retransmissions: 0,
            longest: [None; 2],
        }
    }

    /// The initial round trip is known, from the TCP handshake or from the kernel.
    pub fn set_rtt(&mut self, rtt: Duration) {
        (self.rtt, self.rtt_is_initial) = (Some(rtt), true);
    }

    /// The initial round trip, or failing that the shortest seen since.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Packets that made good a loss.
    pub fn retransmissions(&self) -> u32 {
        self.retransmissions
    }

    /// The account so far.
    pub fn idle(&self) -> Idle {
        self.idle
    }

    /// When the last packet of the handshake was seen, in Unix nanoseconds.
    pub fn last_ns(&self) -> Option<u64> {
        self.last.map(|last| last.from_ns)
    }

    /// Forgets the gaps and begins at the next packet, keeping the round trip: what came before
    /// was not the handshake (STARTTLS).
    pub fn restart(&mut self) {
        let (rtt, initial) = (self.rtt, self.rtt_is_initial);
        let vantage = if self.ours == Side::Client { Vantage::Client } else { Vantage::Server };
        *self = Self { rtt, rtt_is_initial: initial, ..Self::new(vantage) };
    }

    /// A packet of the handshake: it ends the gap since the one before.
    pub fn packet(&mut self, event: &Event) {
        if event.resent {
            self.retransmissions += 1;
        }
        let from_ns = match self.last {
            Some(last) => {
                let at_ns = event.at_ns.max(last.from_ns);
                self.close(&last, at_ns, event.side, Some(event.what), event.resent);
                at_ns
            }
            None => event.at_ns,
        };
        self.last = Some(Last { event: *event, from_ns, acked_ns: None });
    }

    /// `by` acknowledged everything before offset `upto` of the other side's stream. Call it
    /// before [`packet`](Self::packet) for a packet that does both.
    pub fn acknowledged(&mut self, at_ns: u64, by: Side, upto: u64) {
        let Some(last) = &mut self.last else { return };
        if by == last.event.side || last.event.bytes == 0 || upto < last.event.end {
            return;
        }
        if last.acked_ns.is_none() {
            last.acked_ns = Some(at_ns);
            // Whom a sample of a resent packet belongs to is not known (Karn, RFC 6298 §3).
            let sample = Duration::from_nanos(at_ns.saturating_sub(last.event.at_ns));
            if by != self.ours && !last.event.resent && !self.rtt_is_initial {
                self.rtt = Some(self.rtt.map_or(sample, |rtt| rtt.min(sample)));
            }
        }
    }

    /// Our side began to listen only now: until here the silence was its own.
    pub fn listening(&mut self, at_ns: u64) {
        if let Some(mut last) = self.last
            && at_ns > last.from_ns
        {
            self.close(&last, at_ns, self.ours, None, false);
            last.from_ns = at_ns;
            self.last = Some(last);
        }
    }

    /// The handshake ended without another packet of its own while it was `awaited`'s turn.
    pub fn give_up(&mut self, at_ns: u64, awaited: Side) {
        if let Some(mut last) = self.last
            && at_ns > last.from_ns
        {
            self.close(&last, at_ns, awaited, None, false);
            last.from_ns = at_ns;
            self.last = Some(last);
        }
    }

    fn close(&mut self, last: &Last, at_ns: u64, side: Side, what: Option<What>, resent: bool) {
        let gap = Duration::from_nanos(at_ns - last.from_ns);
        let acked = last.acked_ns.map(|ns| ns.min(at_ns));
        let (network, lost) = if resent {
            (gap, gap)
        } else if side != self.ours && last.event.side == self.ours {
            let trip = self.rtt.unwrap_or_default().min(gap);
            let recovered_ns = if last.event.resent { acked.unwrap_or(at_ns) } else { 0 };
            let recovery = Duration::from_nanos(recovered_ns.saturating_sub(last.from_ns));
            (trip.max(recovery), recovery.saturating_sub(trip))
        } else {
            (Duration::ZERO, Duration::ZERO)
        };
        let rest = gap.saturating_sub(network);
        self.idle.network += network;
        self.lost += lost;
        match side {
            Side::Client => self.idle.client += rest,
            Side::Server => self.idle.server += rest,
        }
        let longest = &mut self.longest[side as usize];
        if longest.is_none_or(|silence| silence.lasted < rest) {
            let since = |ns: u64| Duration::from_nanos(ns.saturating_sub(last.event.at_ns));
            *longest = Some(Silence {
                side,
                lasted: rest,
                after_side: last.event.side,
                after: last.event.what,
                before: what,
                acked_after: acked.filter(|_| last.event.side != side).map(since),
            });
        }
    }

    /// The longest silence of a side.
    pub fn longest(&self, side: Side) -> Option<Silence> {
        self.longest[side as usize]
    }

    /// Time that losses cost.
    pub fn lost(&self) -> Duration {
        self.lost
    }

    /// The verdict and the sentence that gives its reason.
    ///
    /// A side is to blame if its idle time, or the network if the time its losses cost, reaches
    /// the greater of `notable` and a quarter of the round trip: the round trips themselves have been taken
    /// off already, and what is left of that order is jitter. Of several the longest wins. A long
    /// but clean path is nobody's silence: the verdict is `none`, with the path in the sentence.
    pub fn judge(&self, notable: Duration) -> (Verdict, String) {
        let threshold = notable.max(self.rtt.unwrap_or_default() / 4);
        let suspects = [
            (self.idle.client, Verdict::Client),
            (self.idle.server, Verdict::Server),
            (self.lost, Verdict::Network),
        ];
        let worst = suspects.into_iter().filter(|(time, _)| *time >= threshold);
        let verdict = worst.max_by_key(|(time, _)| *time).map_or(Verdict::None, |(_, who)| who);
        let nobody = || sentence::nobody(&self.idle, threshold, self.rtt);
        let silent = |side: Side, total| {
            let longest = self.longest(side);
            longest.map_or_else(nobody, |s| sentence::silence(&s, total, self.ours, self.rtt))
        };
        let because = match verdict {
            Verdict::Client => silent(Side::Client, self.idle.client),
            Verdict::Server => silent(Side::Server, self.idle.server),
            Verdict::Network => sentence::losses(self.retransmissions, self.lost),
            Verdict::None => nobody(),
        };
        (verdict, because)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn event(at_ms: u64, side: Side, what: What, end: u64) -> Event {
        Event { bytes: u32::from(end > 0), end, ..Event::bare(at_ms * MS, side, what) }
    }

    fn ms(duration: Duration) -> u64 {
        duration.as_millis() as u64
    }

    /// SYN, SYN-ACK, ACK 10 ms later, ClientHello, ServerHello.
    fn opened() -> Ledger {
        let mut ledger = Ledger::new(Vantage::Server);
        ledger.packet(&event(0, Side::Client, What::Syn, 0));
        ledger.packet(&event(0, Side::Server, What::SynAck, 0));
        ledger.set_rtt(Duration::from_millis(10));
        ledger.packet(&event(10, Side::Client, What::Ack, 0));
        ledger.packet(&event(11, Side::Client, What::ClientHello, 5));
        ledger.packet(&event(13, Side::Server, What::ServerHello, 5));
        ledger
    }

    #[test]
    fn of_a_gap_the_remote_side_ends_one_round_trip_is_the_network_s() {
        let mut ledger = opened();
        ledger.acknowledged(23 * MS, Side::Client, 5);
        ledger.packet(&event(113, Side::Client, What::ClientFlight, 9));
        let idle = ledger.idle();
        assert_eq!((ms(idle.client), ms(idle.server), ms(idle.network)), (1 + 90, 2, 20));
        assert_eq!(ms(idle.total()), 113);
        let silence = ledger.longest(Side::Client).unwrap();
        assert_eq!(silence.acked_after, Some(Duration::from_millis(10)));
        assert_eq!(ledger.judge(Duration::from_millis(20)).0, Verdict::Client);
    }

    #[test]
    fn recovery_from_loss_is_the_network_s_until_acknowledged() {
        let mut ledger = opened();
        let again = Event { resent: true, ..event(213, Side::Server, What::ServerHello, 5) };
        ledger.packet(&again);
        ledger.acknowledged(413 * MS, Side::Client, 5);
        ledger.packet(&event(415, Side::Client, What::ClientFlight, 9));
        let idle = ledger.idle();
        assert_eq!((ms(idle.client), ms(idle.network)), (1 + 2, 10 + 200 + 200));
        assert_eq!(ledger.judge(Duration::from_millis(20)).0, Verdict::Network);
    }

    #[test]
    fn what_nobody_ends_belongs_to_the_side_whose_turn_it_was() {
        let mut ledger = opened();
        ledger.give_up(513 * MS, Side::Client);
        assert_eq!(ms(ledger.idle().client), 1 + 490, "a round trip is taken off all the same");
        let (verdict, because) = ledger.judge(Duration::from_millis(20));
        assert_eq!(verdict, Verdict::Client);
        assert!(because.contains("never went on"), "{because}");
    }

    #[test]
    fn a_clock_that_steps_back_costs_nobody_anything() {
        let mut ledger = opened();
        ledger.packet(&event(5, Side::Client, What::ClientFlight, 9));
        assert_eq!(ms(ledger.idle().total()), 13);
        assert_eq!(ledger.last_ns(), Some(13 * MS));
    }

    #[test]
    fn a_long_clean_path_is_nobody_s_silence() {
        let mut ledger = Ledger::new(Vantage::Server);
        ledger.packet(&event(0, Side::Server, What::SynAck, 0));
        ledger.set_rtt(Duration::from_millis(600));
        ledger.packet(&event(600, Side::Client, What::Ack, 0));
        let (verdict, because) = ledger.judge(Duration::from_millis(20));
        assert_eq!(verdict, Verdict::None);
        assert!(because.contains("round trip of 600 ms"), "{because}");
    }
}
