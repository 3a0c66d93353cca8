//! Connections whose handshake was reported, remembered for a while: a hello that is sent again must not be
//! taken for another handshake.

use crate::names::Side;

/// How far the two streams of a connection had come, the client's first: the next sequence number of each.
pub(crate) type Reached = [Option<u32>; 2];

/// The last connections that were closed, by the hash of their ends; a newer one takes the place of an older.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    /// None at all before the first.
    places: Vec<Option<Was>>,
}

#[derive(Debug, Clone, Copy)]
struct Was {
    ends: u64,
    at_ns: u64,
    reached: Reached,
}

impl Closed {
    /// A connection between these ends is over.
    pub(crate) fn note(&mut self, ends: u64, at_ns: u64, reached: Reached) {
        if self.places.is_empty() {
            self.places.resize(PLACES, None);
        }
        self.places[ends as usize % PLACES] = Some(Was { ends, at_ns, reached });
    }

    /// Whether bytes that `side` sends from `sequence` on were part of a connection that is over.
    pub(crate) fn sent_again(&self, ends: u64, at_ns: u64, side: Side, sequence: u32) -> bool {
        let Some(Some(was)) = self.places.get(ends as usize % PLACES) else { return false };
        let reached = was.reached[side as usize];
        was.ends == ends
            && at_ns.saturating_sub(was.at_ns) <= REMEMBERED_NS
            && reached.is_some_and(|reached| (sequence.wrapping_sub(reached) as i32) < 0)
    }
}

/// About 200 KiB.
const PLACES: usize = 4096;
/// Retransmissions double their distance from a second on (RFC 6298): within a minute there are five.
const REMEMBERED_NS: u64 = 60_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_before_is_known_across_the_wrap_and_what_is_new_is_not() {
        let mut closed = Closed::default();
        assert!(!closed.sent_again(7, 0, Side::Client, 0));
        closed.note(7, 100, [Some(20), None]);
        assert!(closed.sent_again(7, 200, Side::Client, 19));
        assert!(closed.sent_again(7, 200, Side::Client, u32::MAX - 500));
        assert!(!closed.sent_again(7, 200, Side::Client, 20));
        assert!(!closed.sent_again(7, 200, Side::Server, 19));
        assert!(!closed.sent_again(8, 200, Side::Client, 19));
        assert!(!closed.sent_again(7, 101 + REMEMBERED_NS, Side::Client, 19), "long ago");
        closed.note(7 + PLACES as u64, 300, [Some(20), None]);
        assert!(!closed.sent_again(7, 300, Side::Client, 19), "its place is taken");
    }
}
