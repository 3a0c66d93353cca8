//! The side that sends messages and learns which are safe.

use std::collections::VecDeque;

use super::frame::{Decoder, Frame, FrameError, encode};
use super::head::{Command, MOST_TXNR};
use super::offers::Offers;

/// A session as the client sees it. It keeps no messages: what was sent and not acknowledged when
/// the session ends is sent again by its owner in the next one.
#[derive(Debug)]
pub struct Client {
    decoder: Decoder,
    state: State,
    window: usize,
    last_txnr: u32,
    /// Messages sent and not yet reported, oldest first, and whether they were acknowledged.
    sent: VecDeque<(u32, bool)>,
    transmit: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    Closing { txnr: u32 },
    Closed,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientEvent {
    /// The server takes messages.
    Opened,
    /// The oldest `count` messages sent and not reported yet are safe.
    Acknowledged {
        /// How many.
        count: usize,
    },
    /// The session has ended as it should.
    Closed,
}

/// Why a session cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The server does not open the session; its code.
    #[error("the RELP server refused the session with {0}")]
    NotOpened(u16),
    /// The server does not offer `syslog`.
    #[error("the RELP server does not take syslog")]
    NoSyslog,
    /// The server refused a message; its code.
    #[error("the RELP server refused a message with {0}")]
    Refused(u16),
    /// An answer to nothing that was asked, or no answer at all.
    #[error("the RELP server answers what was not asked")]
    Unexpected,
    /// The server went away.
    #[error("the RELP server goes away")]
    GoneAway,
}

impl ClientError {
    /// A name for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Frame(error) => error.label(),
            Self::NotOpened(_) => "not_opened",
            Self::NoSyslog => "no_syslog",
            Self::Refused(_) => "refused",
            Self::Unexpected => "unexpected",
            Self::GoneAway => "gone_away",
        }
    }
}

impl Client {
    /// A session that has at most `window` messages, at least one, under way; `open` is ready to
    /// be sent.
    pub fn new(window: usize) -> Self {
        let mut transmit = Vec::new();
        encode(1, Command::Open, Offers::ours(0).as_bytes(), &mut transmit);
        Self {
            decoder: Decoder::new(MOST_ANSWER_BYTES),
            state: State::Opening,
            window: window.max(1),
            last_txnr: 1,
            sent: VecDeque::new(),
            transmit,
        }
    }

    /// Whether a message may be sent now.
    pub fn has_room(&self) -> bool {
        self.state == State::Open && self.sent.len() < self.window
    }

    /// Sends a message, or gives false when there is no room.
    pub fn send(&mut self, message: &[u8]) -> bool {
        if !self.has_room() {
            return false;
        }
        let txnr = self.number();
        encode(txnr, Command::Syslog, message, &mut self.transmit);
        self.sent.push_back((txnr, false));
        true
    }

    /// Ends the session; what is outstanding is still answered.
    pub fn close(&mut self) {
        if matches!(self.state, State::Opening | State::Open) {
            let txnr = self.number();
            encode(txnr, Command::Close, b"", &mut self.transmit);
            self.state = State::Closing { txnr };
        }
    }

    /// The next event, taking from `input` what it needs; `None` when `input` is used up.
    ///
    /// # Errors
    /// [`ClientError`]: give the session up and send what is not acknowledged in another one.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<ClientEvent>, ClientError> {
        while let Some(frame) = self.decoder.next(input)? {
            let Frame { txnr, command, data, .. } = frame;
            let code = code(data);
            match (command, self.state) {
                (Command::ServerClose, State::Closing { .. } | State::Closed) => {}
                (Command::ServerClose, _) => return Err(ClientError::GoneAway),
                (Command::Rsp, State::Opening) if txnr == 1 => {
                    if code != Some(200) {
                        return Err(ClientError::NotOpened(code.unwrap_or(0)));
                    }
                    if !Offers::parse(data).syslog {
                        return Err(ClientError::NoSyslog);
                    }
                    self.state = State::Open;
                    return Ok(Some(ClientEvent::Opened));
                }
                (Command::Rsp, State::Closing { txnr: close }) if txnr == close => {
                    self.state = State::Closed;
                    return Ok(Some(ClientEvent::Closed));
                }
                (Command::Rsp, _) => {
                    if let Some(event) = self.answered(txnr, code)? {
                        return Ok(Some(event));
                    }
                }
                _ => return Err(ClientError::Unexpected),
            }
        }
        Ok(None)
    }

    /// What is to be sent; the caller takes it out.
    pub fn transmit(&mut self) -> &mut Vec<u8> {
        &mut self.transmit
    }

    /// Messages sent and not reported as acknowledged.
    pub fn outstanding(&self) -> usize {
        self.sent.len()
    }

    /// Servers may answer in any order; messages are reported in the order they were sent.
    fn answered(
        &mut self,
        txnr: u32,
        code: Option<u16>,
    ) -> Result<Option<ClientEvent>, ClientError> {
        let entry = self.sent.iter_mut().find(|(sent, _)| *sent == txnr);
        let (_, done) = entry.ok_or(ClientError::Unexpected)?;
        match code {
            Some(200) => *done = true,
            code => return Err(ClientError::Refused(code.unwrap_or(0))),
        }
        let count = self.sent.iter().take_while(|(_, done)| *done).count();
        self.sent.drain(..count);
        Ok((count > 0).then_some(ClientEvent::Acknowledged { count }))
    }

    fn number(&mut self) -> u32 {
        self.last_txnr = if self.last_txnr == MOST_TXNR { 1 } else { self.last_txnr + 1 };
        self.last_txnr
    }
}

/// The three digits an answer begins with.
fn code(data: &[u8]) -> Option<u16> {
    std::str::from_utf8(data.get(..3)?).ok()?.parse().ok()
}

/// Offers are longer than any other answer.
const MOST_ANSWER_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_again_at_one() {
        let mut client = Client::new(2);
        client.next(&mut &b"1 rsp 22 200 OK\ncommands=syslog\n"[..]).unwrap();
        client.last_txnr = MOST_TXNR - 1;
        assert!(client.send(b"a") && client.send(b"b") && !client.send(b"c"));
        assert_eq!(client.sent, [(MOST_TXNR, false), (1, false)]);
    }
}
