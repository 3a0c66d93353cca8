//! What a record of the log holds: a frame and where it came from.

use std::net::{IpAddr, SocketAddr};

/// A received frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Who sent it; `None` when it was appended in-process.
    pub peer: Option<SocketAddr>,
    /// Whether the frame was cut at the limit or by the end of its stream.
    pub truncated: bool,
    /// Where in the systemd journal the frame came from; its length is at most 65,535.
    pub journal_cursor: Option<&'a [u8]>,
    /// The frame.
    pub frame: &'a [u8],
}

/// The record kind of an envelope.
pub const KIND: u8 = 1;

impl<'a> Envelope<'a> {
    /// The bytes before the journal's cursor and the frame, which follow as they are, and how many
    /// of them count: flags, address and port, length of the cursor. Scope and flow label of IPv6
    /// are not kept.
    pub fn head(&self) -> ([u8; 21], usize) {
        let mut head = [0; 21];
        head[0] = if self.truncated { TRUNCATED } else { 0 };
        let mut end = 1;
        if let Some(peer) = self.peer {
            match peer.ip() {
                IpAddr::V4(ip) => {
                    head[0] |= V4;
                    head[1..5].copy_from_slice(&ip.octets());
                    end = 5;
                }
                IpAddr::V6(ip) => {
                    head[0] |= V6;
                    head[1..17].copy_from_slice(&ip.octets());
                    end = 17;
                }
            }
            head[end..end + 2].copy_from_slice(&peer.port().to_be_bytes());
            end += 2;
        }
        if let Some(cursor) = self.cursor() {
            head[0] |= JOURNAL;
            head[end..end + 2].copy_from_slice(&(cursor.len() as u16).to_be_bytes());
            end += 2;
        }
        (head, end)
    }

    /// The cursor, if it has a length that can be written.
    pub(crate) fn cursor(&self) -> Option<&'a [u8]> {
        self.journal_cursor.filter(|cursor| u16::try_from(cursor.len()).is_ok())
    }

    /// Reads a record's payload. Bytes that are no envelope are a frame from nowhere: what is in
    /// the log is delivered.
    pub fn decode(payload: &'a [u8]) -> Self {
        Self::strict(payload).unwrap_or(Self {
            peer: None,
            truncated: false,
            journal_cursor: None,
            frame: payload,
        })
    }

    fn strict(payload: &'a [u8]) -> Option<Self> {
        let (&flags, rest) = payload.split_first()?;
        let truncated = flags & TRUNCATED != 0;
        let (ip, rest): (Option<IpAddr>, _) = match flags & !(TRUNCATED | JOURNAL) {
            0 => (None, rest),
            V4 => rest.split_first_chunk::<4>().map(|(ip, rest)| (Some((*ip).into()), rest))?,
            V6 => rest.split_first_chunk::<16>().map(|(ip, rest)| (Some((*ip).into()), rest))?,
            _ => return None,
        };
        let (peer, rest) = match ip {
            Some(ip) => {
                let (port, rest) = rest.split_first_chunk()?;
                (Some(SocketAddr::new(ip, u16::from_be_bytes(*port))), rest)
            }
            None => (None, rest),
        };
        let (journal_cursor, frame) = if flags & JOURNAL == 0 {
            (None, rest)
        } else {
            let (length, rest) = rest.split_first_chunk()?;
            let (cursor, frame) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
            (Some(cursor), frame)
        };
        Some(Self { peer, truncated, journal_cursor, frame })
    }
}

const TRUNCATED: u8 = 1;
const V4: u8 = 4;
const V6: u8 = 6;
const JOURNAL: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_put_in_comes_out(
            peer: Option<SocketAddr>, truncated: bool, cursor: Option<Vec<u8>>, frame: Vec<u8>
        ) {
            let peer = peer.map(|peer| SocketAddr::new(peer.ip(), peer.port()));
            let journal_cursor = cursor.as_deref();
            let envelope = Envelope { peer, truncated, journal_cursor, frame: &frame };
            let (head, length) = envelope.head();
            let payload = [&head[..length], journal_cursor.unwrap_or(&[]), &frame].concat();
            prop_assert_eq!(Envelope::decode(&payload), envelope);
        }

        #[test]
        fn arbitrary_bytes_never_panic(payload: Vec<u8>) {
            prop_assert!(payload.ends_with(Envelope::decode(&payload).frame));
        }
    }
}
