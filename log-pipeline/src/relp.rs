//! RELP, the Reliable Event Logging Protocol, without a socket: bytes in; messages,
//! acknowledgements and bytes to send out.
//!
//! RELP has no RFC: librelp is the reference, and its `relp.html` the text. A frame is
//! `TXNR SP COMMAND SP DATALEN [SP DATA] LF`. The client numbers its commands from 1 and may send
//! as many before the first answer as its window allows; each is answered by a `rsp` of the same
//! number. A session begins with `open`, where both sides offer what they know, and ends with
//! `close`. Number 0 is the server's hint that it goes away.

mod head;
mod frame;
mod offers;
mod server;
mod client;

pub use client::{Client, ClientError, ClientEvent};
pub use frame::{Decoder, Frame, FrameError};
pub use head::Command;
pub use offers::Offers;
pub use server::{Server, ServerEvent, Violation};

/// Messages a client sends before it waits for the first to be acknowledged: what librelp uses.
pub const DEFAULT_WINDOW: usize = 128;
