//! A zone that others are the primaries of: when to ask them (RFC 1034 §4.3.5), what to make of the answer, and
//! when to stop answering.

use std::sync::Arc;
use std::time::Duration;

use crate::name::Name;
use crate::notify::Peer;
use crate::transfer::{Incoming, Received, TransferError, TransferLimits, request};
use crate::zone::{Difference, Zone};

/// What a secondary has to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SecondaryConfig {
    /// Where the zone begins.
    pub origin: Name,
    /// Whom to ask, in order.
    pub primaries: Vec<Peer>,
    /// What a transfer may bring.
    pub limits: TransferLimits,
    /// The least time between two refreshes that no notice asked for, whatever the SOA says. Default 10 s.
    pub least_refresh: Duration,
    /// The most. Default a day.
    pub most_refresh: Duration,
}

impl SecondaryConfig {
    /// A secondary of the zone at `origin`.
    pub fn new(origin: Name, primaries: Vec<Peer>) -> SecondaryConfig {
        SecondaryConfig {
            origin,
            primaries,
            limits: TransferLimits::default(),
            least_refresh: Duration::from_secs(10),
            most_refresh: Duration::from_hours(24),
        }
    }
}

/// What became of the zone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// A new version, and the differences when it came as such.
    Updated(Arc<Zone>, Vec<Difference>),
    /// The primaries say that there is nothing newer: what is saved is good for another expiry time.
    Confirmed,
    /// No primary was reached for too long: the zone must not be answered from any more.
    Expired,
}

/// One zone's state. `now` is of the caller's clock.
#[derive(Debug)]
pub struct Secondary {
    config: SecondaryConfig,
    zone: Option<Arc<Zone>>,
    /// Which primary is asked next.
    next: usize,
    /// Primaries that failed in a row.
    failed: usize,
    /// Rounds through all primaries that failed in a row.
    rounds: u32,
    busy: bool,
    due: Duration,
    expires: Option<Duration>,
    /// A notice came while a transfer was on its way.
    again: bool,
}

impl Secondary {
    /// Begins; `saved` is the zone as it was saved, and how long ago a primary last confirmed it.
    pub fn new(
        config: SecondaryConfig,
        saved: Option<(Arc<Zone>, Duration)>,
        now: Duration,
    ) -> Secondary {
        let mut secondary = Secondary {
            config,
            zone: None,
            next: 0,
            failed: 0,
            rounds: 0,
            busy: false,
            due: now,
            expires: None,
            again: false,
        };
        if let Some((zone, age)) = saved {
            let left = Duration::from_secs(zone.soa().expire.into()).saturating_sub(age);
            if !left.is_zero() {
                secondary.expires = Some(now + left);
                secondary.zone = Some(zone);
            }
        }
        secondary
    }

    /// Where the zone begins.
    pub fn origin(&self) -> &Name {
        &self.config.origin
    }

    /// Whom to ask.
    pub fn primaries(&self) -> &[Peer] {
        &self.config.primaries
    }

    /// Asks these from now on, and at once, when they are others than before.
    pub fn set_primaries(&mut self, now: Duration, primaries: Vec<Peer>) {
        if self.config.primaries != primaries {
            self.config.primaries = primaries;
            (self.next, self.failed) = (0, 0);
            self.notify(now);
        }
    }

    /// The zone, while it may be answered from.
    pub fn zone(&self) -> Option<&Arc<Zone>> {
        self.zone.as_ref()
    }

    /// When it may not be answered from any more, unless a primary is reached before.
    pub fn expires(&self) -> Option<Duration> {
        self.expires
    }

    /// A notice came (RFC 1996 §4.3): the primaries are asked at once, or after the transfer on its way.
    pub fn notify(&mut self, now: Duration) {
        if self.busy {
            self.again = true;
        } else {
            self.due = now;
        }
    }

    /// When to call [`handle_timeout`](Secondary::handle_timeout) and
    /// [`poll_attempt`](Secondary::poll_attempt) again; `None` while nothing is to be done.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let due = (!self.busy).then_some(self.due);
        due.into_iter().chain(self.expires).min()
    }

    /// Whether the zone has expired by `now`.
    pub fn handle_timeout(&mut self, now: Duration) -> Option<Change> {
        self.expires.filter(|&expires| expires <= now)?;
        self.expires = None;
        self.zone = None;
        Some(Change::Expired)
    }

    /// A primary to ask at `now`. Each attempt has to be reported to [`ended`](Secondary::ended).
    pub fn poll_attempt(&mut self, now: Duration) -> Option<Attempt> {
        if self.busy || self.due > now {
            return None;
        }
        let primary = self.config.primaries.get(self.next)?.clone();
        self.busy = true;
        let (origin, known) = (self.config.origin.clone(), self.zone.clone());
        Some(Attempt { primary, origin, known, limits: self.config.limits, incoming: None })
    }

    /// What an attempt came to, or that the primary was not reached. `random` spreads the next ones.
    pub fn ended(
        &mut self,
        now: Duration,
        outcome: Result<Received, AttemptError>,
        random: u16,
    ) -> Option<Change> {
        self.busy = false;
        let Ok(received) = outcome else {
            self.failed_at(now);
            return None;
        };
        (self.failed, self.rounds) = (0, 0);
        let change = match received {
            Received::Unchanged => Change::Confirmed,
            Received::Zone(zone, changes) => {
                self.zone = Some(Arc::clone(&zone));
                Change::Updated(zone, changes)
            }
        };
        let soa = self.zone.as_ref()?.soa();
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let refresh =
            seconds(soa.refresh).clamp(self.config.least_refresh, self.config.most_refresh);
        // Up to a tenth earlier, so that a hundred zones do not come all at once.
        let refresh = refresh.saturating_sub(refresh / 10 * u32::from(random) / 65_536);
        self.due = if std::mem::take(&mut self.again) { now } else { now + refresh };
        self.expires = Some(now + seconds(soa.expire));
        Some(change)
    }

    /// The next primary at once; after all of them, after the SOA's retry time.
    fn failed_at(&mut self, now: Duration) {
        let primaries = self.config.primaries.len().max(1);
        self.next = (self.next + 1) % primaries;
        self.failed += 1;
        if !self.failed.is_multiple_of(primaries) {
            self.due = now;
            return;
        }
        self.rounds += 1;
        self.again = false;
        let retry = match &self.zone {
            Some(zone) => Duration::from_secs(zone.soa().retry.into()),
            None => FIRST_RETRY * 2u32.pow(self.rounds.min(8) - 1),
        };
        self.due = now + retry.clamp(FIRST_RETRY.min(self.config.least_refresh), MOST_RETRY);
    }
}

/// Why an attempt came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// The primary was not reached, or went away.
    #[error("the primary was not reached: {0}")]
    Connection(std::io::ErrorKind),
    /// TLS with it.
    #[error("TLS: {0}")]
    Tls(String),
    /// What it sent.
    #[error("the transfer failed")]
    Transfer(#[from] TransferError),
}

impl AttemptError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            AttemptError::Connection(_) => "connection",
            AttemptError::Tls(_) => "tls",
            AttemptError::Transfer(error) => error.label(),
        }
    }
}

/// One try at one primary, over one connection.
#[derive(Debug)]
pub struct Attempt {
    primary: Peer,
    origin: Name,
    known: Option<Arc<Zone>>,
    limits: TransferLimits,
    incoming: Option<Incoming>,
}

/// What an attempt wants next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// The next message.
    Receive,
    /// This message sent, then the answer.
    Send(Vec<u8>),
    /// No more: this came of it.
    Done(Result<Received, TransferError>),
}

impl Attempt {
    /// Whom to connect to, over TCP or TLS as it says.
    pub fn primary(&self) -> &Peer {
        &self.primary
    }

    /// Where the zone begins.
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// The first message: what changed since the version we have (an answer of one SOA says: nothing), or all
    /// of it. `id` is random, `wall` in seconds since 1970.
    pub fn begin(&mut self, id: u16, wall: u64) -> Vec<u8> {
        let (key, known) = (self.primary.key.as_ref(), self.known.clone());
        let (message, incoming) = request(id, &self.origin, known, key, self.limits, wall);
        self.incoming = Some(incoming);
        message
    }

    /// Takes a message. Where differences are not given or do not fit, all of it is asked for (RFC 1995 §4).
    pub fn handle(&mut self, message: &[u8], id: u16, wall: u64) -> Step {
        let Some(incoming) = &mut self.incoming else { return Step::Receive };
        match incoming.handle(message, wall) {
            Ok(None) => Step::Receive,
            Ok(Some(received)) => Step::Done(Ok(received)),
            Err(error) if self.known.is_some() && is_about_differences(&error) => {
                self.known = None;
                Step::Send(self.begin(id, wall))
            }
            Err(error) => Step::Done(Err(error)),
        }
    }
}

fn is_about_differences(error: &TransferError) -> bool {
    matches!(error, TransferError::Apply(_) | TransferError::NoSoa | TransferError::Rcode(_))
}

/// Without a zone: the first pause after all primaries failed; it doubles.
const FIRST_RETRY: Duration = Duration::from_secs(5);
/// The longest pause.
const MOST_RETRY: Duration = Duration::from_hours(1);
