//! What goes in and comes out of a forwarder.

use thiserror::Error;

use super::flight::Asked;
use super::id::{AttemptId, Carrier, FlightId};
use crate::answer::Answer;
use crate::question::Question;

/// A query to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// To say what became of it.
    pub attempt: AttemptId,
    /// The server, by its place in the list.
    pub server: usize,
    /// What carries it.
    pub carrier: Carrier,
    /// The message, without a stream's length prefix.
    pub message: Vec<u8>,
}

/// A flight that has ended.
#[derive(Debug)]
pub struct Landed {
    /// Which.
    pub flight: FlightId,
    /// What was asked.
    pub question: Question,
    /// The answer, or why there is none.
    pub result: Result<Answer, ForwardError>,
    /// Every server asked, in order.
    pub asked: Vec<Asked>,
}

/// Why nobody had an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// There is nobody to ask.
    #[error("no server to ask")]
    NoServers,
    /// All attempts failed or were refused.
    #[error("no server gave an answer")]
    Failed,
    /// The deadline passed.
    #[error("no server answered in time")]
    Timeout,
    /// Too many questions are on their way already.
    #[error("too many questions on their way")]
    Overloaded,
}

impl ForwardError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            ForwardError::NoServers => "no_servers",
            ForwardError::Failed => "failed",
            ForwardError::Timeout => "timeout",
            ForwardError::Overloaded => "overloaded",
        }
    }
}

/// A question that policy allows to be asked of others. Only the resolver makes one, after it has looked
/// at zones, special names and private suffixes: nothing else leads to a [`Transmit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound(Question);

impl Outbound {
    pub(crate) fn vetted(question: Question) -> Outbound {
        Outbound(question)
    }

    /// What is going to be asked.
    pub fn question(&self) -> &Question {
        &self.0
    }
}
