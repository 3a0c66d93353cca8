//! The side that takes messages.

use super::frame::{Decoder, Frame, FrameError, encode};
use super::head::Command;
use super::offers::Offers;

/// A session as the server sees it. It answers `open` and `close` itself; each message is
/// answered when its owner says so, and `close` after all messages before it.
#[derive(Debug)]
pub struct Server {
    decoder: Decoder,
    state: State,
    /// Messages given out and not answered.
    outstanding: usize,
    transmit: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Open,
    /// `close` has come, and is answered when nothing is outstanding.
    Closing {
        txnr: u32,
    },
    Closed,
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerEvent<'a> {
    /// A message. Answer it with [`Server::accept`] or [`Server::refuse`].
    Message {
        /// The number to answer with.
        txnr: u32,
        /// The message.
        bytes: &'a [u8],
        /// Whether it was cut at the limit.
        truncated: bool,
    },
    /// The peer follows no protocol; the session is over for it, and what is outstanding can
    /// still be answered.
    Violation(Violation),
}

/// How a peer broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// No frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Something else before `open`, or `open` again.
    #[error("a RELP session that does not begin with open")]
    NotOpen,
    /// The peer does not offer `syslog`.
    #[error("a RELP client that does not speak syslog")]
    NoSyslog,
}

impl Server {
    /// A session whose messages are cut at `max_bytes`.
    pub fn new(max_bytes: usize) -> Self {
        let decoder = Decoder::new(max_bytes);
        Self { decoder, state: State::Fresh, outstanding: 0, transmit: Vec::new() }
    }

    /// The next event, taking from `input` what it needs. `None` when `input` is used up or the
    /// session has ended: what comes after `close` is not looked at.
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Option<ServerEvent<'s>> {
        while matches!(self.state, State::Fresh | State::Open) {
            let found = match self.decoder.find(input) {
                Ok(found) => found?,
                Err(error) => return Some(self.violation(error.into())),
            };
            let (txnr, command) = (found.txnr(), found.command());
            match (self.state, command) {
                (State::Open, Command::Syslog) => {
                    self.outstanding += 1;
                    let Frame { data, truncated, .. } = self.decoder.frame(found);
                    return Some(ServerEvent::Message { txnr, bytes: data, truncated });
                }
                (State::Fresh, Command::Open) => {
                    let offers = Offers::parse(self.decoder.frame(found).data);
                    if let Err(violation) = self.open(txnr, &offers) {
                        return Some(self.violation(violation));
                    }
                }
                (_, Command::Close) => {
                    self.state = State::Closing { txnr };
                    self.close_if_done();
                }
                (State::Open, Command::Other | Command::Rsp | Command::ServerClose) => {
                    encode(txnr, Command::Rsp, b"500 unknown command", &mut self.transmit);
                }
                _ => return Some(self.violation(Violation::NotOpen)),
            }
        }
        None
    }

    fn open(&mut self, txnr: u32, offers: &Offers) -> Result<(), Violation> {
        if !offers.syslog {
            let text = b"500 this server takes syslog only";
            encode(txnr, Command::Rsp, text, &mut self.transmit);
            return Err(Violation::NoSyslog);
        }
        self.state = State::Open;
        let ours = Offers::ours(offers.version.unwrap_or(0).min(1));
        encode(txnr, Command::Rsp, format!("200 OK\n{ours}").as_bytes(), &mut self.transmit);
        Ok(())
    }

    fn violation(&mut self, violation: Violation) -> ServerEvent<'static> {
        self.state = State::Closed;
        ServerEvent::Violation(violation)
    }

    /// Answers a message: it is safe.
    pub fn accept(&mut self, txnr: u32) {
        self.answer(txnr, b"200 OK");
    }

    /// Answers a message: it could not be kept, and the client should send it again elsewhere or
    /// later.
    pub fn refuse(&mut self, txnr: u32) {
        self.answer(txnr, b"500 not stored");
    }

    /// Tells the client that the server goes away. Nothing is taken any more; what is outstanding
    /// can still be answered, before this.
    pub fn go_away(&mut self) {
        if self.state != State::Closed {
            self.state = State::Closed;
            encode(0, Command::ServerClose, b"", &mut self.transmit);
        }
    }

    /// What is to be sent; the caller takes it out.
    pub fn transmit(&mut self) -> &mut Vec<u8> {
        &mut self.transmit
    }

    /// Messages that wait for their answer.
    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Whether nothing more will be taken or sent, but for [`Server::transmit`].
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether a frame has begun and not ended.
    pub fn is_inside_frame(&self) -> bool {
        self.decoder.is_inside()
    }

    fn answer(&mut self, txnr: u32, text: &[u8]) {
        encode(txnr, Command::Rsp, text, &mut self.transmit);
        self.outstanding -= 1;
        self.close_if_done();
    }

    fn close_if_done(&mut self) {
        if let State::Closing { txnr } = self.state
            && self.outstanding == 0
        {
            encode(txnr, Command::Rsp, b"", &mut self.transmit);
            encode(0, Command::ServerClose, b"", &mut self.transmit);
            self.state = State::Closed;
        }
    }
}
