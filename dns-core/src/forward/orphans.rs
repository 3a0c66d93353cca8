//! Attempts whose flight has ended: nobody waits for them, but what becomes of them tells how a server does.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use super::Server;
use super::flight::Attempt;
use super::id::AttemptId;
use crate::upstream::Reply;

#[derive(Debug, Default)]
pub(super) struct Orphans {
    attempts: HashMap<AttemptId, Attempt>,
    timers: BinaryHeap<Reverse<(Duration, AttemptId)>>,
}

impl Orphans {
    /// Takes one over, unless nothing is expected of it. Too many are forgotten.
    pub(super) fn take(&mut self, attempt: Attempt) {
        if !attempt.over && self.attempts.len() < MOST_ORPHANS {
            self.timers.push(Reverse((attempt.timeout_at, attempt.id)));
            self.attempts.insert(attempt.id, attempt);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    pub(super) fn answered(
        &mut self,
        now: Duration,
        id: AttemptId,
        response: &[u8],
        servers: &mut [Server],
    ) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let health = &mut servers[attempt.server].health;
        let rtt = now.saturating_sub(attempt.sent_at);
        match attempt.exchange.read(response) {
            Reply::Foreign => return,
            Reply::Failed(_) | Reply::Useless => health.answered_uselessly(now, rtt),
            Reply::Answer(_) | Reply::Truncated | Reply::NoEdns | Reply::BadCookie => {
                health.succeeded(rtt);
            }
        }
        self.attempts.remove(&id);
    }

    pub(super) fn failed(&mut self, now: Duration, id: AttemptId, servers: &mut [Server]) {
        if let Some(attempt) = self.attempts.remove(&id) {
            servers[attempt.server].health.failed(now);
        }
    }

    pub(super) fn time_out(&mut self, now: Duration, servers: &mut [Server]) {
        while let Some(&Reverse((at, id))) = self.timers.peek() {
            if at > now {
                return;
            }
            self.timers.pop();
            self.failed(now, id, servers);
        }
    }
}

const MOST_ORPHANS: usize = 10_000;
