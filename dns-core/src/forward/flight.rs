//! One question on its way, and the attempts made for it.

use std::time::Duration;

use super::id::{AttemptId, Carrier};
use crate::message::Rcode;
use crate::question::Question;
use crate::upstream::{Exchange, Upstream};

#[derive(Debug)]
pub(super) struct Flight {
    pub(super) question: Question,
    pub(super) deadline: Duration,
    pub(super) attempts: Vec<Attempt>,
    /// When a second server is asked, should nobody have answered.
    pub(super) hedge_at: Option<Duration>,
    /// The earliest timer set for it.
    pub(super) armed_for: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) id: AttemptId,
    pub(super) server: usize,
    pub(super) carrier: Carrier,
    pub(super) exchange: Exchange,
    pub(super) sent_at: Duration,
    pub(super) timeout_at: Duration,
    /// Responses from the right address that were not to this query.
    pub(super) foreign: u32,
    /// Only to see whether the server is back.
    pub(super) probe: bool,
    /// Nothing is expected of it any more. An answer that comes all the same is taken.
    pub(super) over: bool,
    outcome: AskedOutcome,
    took: Duration,
}

/// One query to one server: for `explain`, and for whoever wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// The server.
    pub server: Upstream,
    /// What carried the query.
    pub carrier: Carrier,
    /// What became of it.
    pub outcome: AskedOutcome,
    /// How long that took.
    pub took: Duration,
}

/// What became of one query to one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskedOutcome {
    /// It was not waited for any longer, because another answer came.
    Overtaken,
    /// It gave the answer.
    Answered,
    /// It gave half an answer.
    Truncated,
    /// It does not know EDNS.
    NoEdns,
    /// It wants its cookie along.
    BadCookie,
    /// It failed or refused.
    Failed(Rcode),
    /// It pointed elsewhere or made no sense.
    Useless,
    /// What came was meant for other queries: forged or confused.
    Forged,
    /// Nothing came in time.
    Timeout,
    /// It could not be reached.
    Unreachable,
}

impl AskedOutcome {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            AskedOutcome::Overtaken => "overtaken",
            AskedOutcome::Answered => "answered",
            AskedOutcome::Truncated => "truncated",
            AskedOutcome::NoEdns => "no_edns",
            AskedOutcome::BadCookie => "bad_cookie",
            AskedOutcome::Failed(_) => "failed",
            AskedOutcome::Useless => "useless",
            AskedOutcome::Forged => "forged",
            AskedOutcome::Timeout => "timeout",
            AskedOutcome::Unreachable => "unreachable",
        }
    }
}

impl Flight {
    pub(super) fn new(question: Question, deadline: Duration) -> Flight {
        Flight { question, deadline, attempts: Vec::new(), hedge_at: None, armed_for: None }
    }

    pub(super) fn attempt(&mut self, id: AttemptId) -> Option<&mut Attempt> {
        self.attempts.iter_mut().find(|attempt| attempt.id == id)
    }

    /// When something has to be done at the latest.
    pub(super) fn due(&self) -> Duration {
        let waiting = self.attempts.iter().filter(|a| !a.over).map(|a| a.timeout_at);
        waiting.chain(self.hedge_at).chain([self.deadline]).min().unwrap_or(self.deadline)
    }

    /// How often a server was asked for this.
    pub(super) fn times_asked(&self, server: usize) -> usize {
        self.attempts.iter().filter(|attempt| attempt.server == server).count()
    }
}

impl Attempt {
    pub(super) fn new(
        id: AttemptId,
        server: usize,
        carrier: Carrier,
        exchange: Exchange,
        sent_at: Duration,
        timeout_at: Duration,
    ) -> Attempt {
        Attempt {
            id,
            server,
            carrier,
            exchange,
            sent_at,
            timeout_at,
            foreign: 0,
            probe: false,
            over: false,
            outcome: AskedOutcome::Overtaken,
            took: Duration::ZERO,
        }
    }

    pub(super) fn end(&mut self, now: Duration, outcome: AskedOutcome) {
        self.over = true;
        self.outcome = outcome;
        self.took = now.saturating_sub(self.sent_at);
    }

    pub(super) fn outcome(&self) -> AskedOutcome {
        self.outcome
    }

    pub(super) fn asked(&self, server: &Upstream) -> Asked {
        let (outcome, took) = (self.outcome, self.took);
        Asked { server: server.clone(), carrier: self.carrier, outcome, took }
    }
}
