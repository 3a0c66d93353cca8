//! What a record of the log holds: a frame and where it came from.

use std::net::{IpAddr, SocketAddr};

/// A received frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Who sent it; `None` when it was appended in-process.
    pub peer: Option<SocketAddr>,
    /// Whether the frame was cut at the limit or by the end of its stream.
    pub truncated: bool,
    /// The frame.
    pub frame: &'a [u8],
}

/// The record kind of an envelope.
pub const KIND: u8 = 1;

impl<'a> Envelope<'a> {
    /// The bytes before the frame and how many of them count: flags, then address and port. Scope
    /// and flow label of IPv6 are not kept.
    pub fn head(&self) -> ([u8; 19], usize) {
        let mut head = [0; 19];
        head[0] = if self.truncated { TRUNCATED } else { 0 };
        let Some(peer) = self.peer else { return (head, 1) };
        let end = match peer.ip() {
            IpAddr::V4(ip) => {
                head[0] |= V4;
                head[1..5].copy_from_slice(&ip.octets());
                5
            }
            IpAddr::V6(ip) => {
                head[0] |= V6;
                head[1..17].copy_from_slice(&ip.octets());
                17
            }
        };
        head[end..end + 2].copy_from_slice(&peer.port().to_be_bytes());
        (head, end + 2)
    }

    /// Reads a record's payload. Bytes that are no envelope are a frame from nowhere: what is in
    /// the log is delivered.
    pub fn decode(payload: &'a [u8]) -> Self {
        Self::strict(payload).unwrap_or(Self { peer: None, truncated: false, frame: payload })
    }

    fn strict(payload: &'a [u8]) -> Option<Self> {
        let (&flags, rest) = payload.split_first()?;
        let truncated = flags & TRUNCATED != 0;
        let (ip, rest): (IpAddr, _) = match flags & !TRUNCATED {
            0 => return Some(Self { peer: None, truncated, frame: rest }),
            V4 => rest.split_first_chunk::<4>().map(|(ip, rest)| ((*ip).into(), rest))?,
            V6 => rest.split_first_chunk::<16>().map(|(ip, rest)| ((*ip).into(), rest))?,
            _ => return None,
        };
        let (port, frame) = rest.split_first_chunk()?;
        let peer = SocketAddr::new(ip, u16::from_be_bytes(*port));
        Some(Self { peer: Some(peer), truncated, frame })
    }
}

const TRUNCATED: u8 = 1;
const V4: u8 = 4;
const V6: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_put_in_comes_out(peer: Option<SocketAddr>, truncated: bool, frame: Vec<u8>) {
            let peer = peer.map(|peer| SocketAddr::new(peer.ip(), peer.port()));
            let envelope = Envelope { peer, truncated, frame: &frame };
            let (head, length) = envelope.head();
            let payload = [&head[..length], &frame].concat();
            prop_assert_eq!(Envelope::decode(&payload), envelope);
        }

        #[test]
        fn arbitrary_bytes_never_panic(payload: Vec<u8>) {
            prop_assert!(payload.ends_with(Envelope::decode(&payload).frame));
        }
    }
}
