//! What is sent back: nothing, a message, or as many as a zone takes.

use std::collections::VecDeque;

use crate::name::Name;
use crate::transfer::Outgoing;

/// What is sent back, a message at a time.
#[derive(Debug)]
pub struct Reply {
    messages: VecDeque<Vec<u8>>,
    outgoing: Option<Box<Outgoing>>,
    notice: Option<Name>,
}

impl Reply {
    pub(super) fn nothing() -> Reply {
        Reply { messages: VecDeque::new(), outgoing: None, notice: None }
    }

    pub(super) fn message(message: Vec<u8>) -> Reply {
        Reply { messages: VecDeque::from([message]), ..Reply::nothing() }
    }

    pub(super) fn stream(outgoing: Outgoing) -> Reply {
        Reply { outgoing: Some(Box::new(outgoing)), ..Reply::nothing() }
    }

    pub(super) fn with_notice(self, origin: Name) -> Reply {
        Reply { notice: Some(origin), ..self }
    }

    /// The next message, signed at `wall` (seconds since 1970); `None` when all were sent. One at a time: the
    /// zone is never in memory twice.
    pub fn next_message(&mut self, wall: u64) -> Option<Vec<u8>> {
        let next = self.messages.pop_front();
        next.or_else(|| self.outgoing.as_mut().and_then(|outgoing| outgoing.next_message(wall)))
    }

    /// The zone that a believed notice was about: its primaries should be asked.
    pub fn notice(&self) -> Option<&Name> {
        self.notice.as_ref()
    }
}
