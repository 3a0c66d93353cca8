//! One direction of a TCP connection put in order (RFC 9293 §3.4), within bounds.
//!
//! Segments in order pass through without a copy; those ahead of a hole are kept until it is
//! filled. Where segments overlap, what came first stands. A hole that cannot be filled, because
//! the other end has acknowledged the bytes or because the store is full, is reported as one.

/// What a [`Reassembly`] hands on, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// The next bytes of the stream.
    Bytes(&'a [u8]),
    /// So many bytes of the stream were not captured.
    Hole(u64),
}

/// How a segment related to what had come before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It carried on where the stream stood.
    Next,
    /// Bytes before it are missing as yet.
    Ahead,
    /// It carried bytes that lie before others already seen.
    Late,
    /// All of it had been seen.
    Again,
}

/// One direction's order.
#[derive(Debug, Clone)]
pub struct Reassembly {
    /// Sequence number and stream offset of the next byte in order.
    next: Option<(u32, u64)>,
    /// The offset after the furthest byte seen.
    furthest: u64,
    /// Kept segments by offset, without overlap.
    kept: Vec<Kept>,
    kept_bytes: usize,
    max_bytes: usize,
    /// The other end has acknowledged everything before this offset.
    acked: u64,
}

#[derive(Debug, Clone)]
struct Kept {
    at: u64,
    length: u64,
    /// Shorter than `length` if the capture cut the packet.
    bytes: Vec<u8>,
}

impl Reassembly {
    /// Keeps at most `max_bytes` ahead of a hole.
    pub fn new(max_bytes: usize) -> Self {
        Self { next: None, furthest: 0, kept: Vec::new(), kept_bytes: 0, max_bytes, acked: 0 }
    }

    /// The stream's first byte has this sequence number (one more than the SYN's).
    pub fn begin(&mut self, sequence: u32) {
        if self.next.is_none() {
            self.next = Some((sequence, 0));
        }
    }

    /// The stream offset of a sequence number, near what has been seen; `None` before the
    /// beginning of the stream or when nothing has been.
    pub fn offset(&self, sequence: u32) -> Option<u64> {
        let (base, offset) = self.next?;
        let distance = i64::from(sequence.wrapping_sub(base) as i32);
        offset.checked_add_signed(distance)
    }

    /// The sequence number after the furthest byte seen; `None` before the first.
    pub fn reached(&self) -> Option<u32> {
        let (sequence, offset) = self.next?;
        Some(sequence.wrapping_add((self.furthest - offset.min(self.furthest)) as u32))
    }

    /// Bytes kept ahead of holes.
    pub fn held_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// The offset after the furthest byte seen.
    pub fn furthest(&self) -> u64 {
        self.furthest
    }

    /// Takes a segment of `length` bytes, of which `payload` were captured, and hands on what is
    /// in order now.
    pub fn segment(
        &mut self,
        sequence: u32,
        payload: &[u8],
        length: usize,
        mut sink: impl FnMut(Chunk<'_>),
    ) -> Arrival {
        self.begin(sequence);
        let payload = &payload[..payload.len().min(length)];
        // Bytes before the beginning of the stream (a keep-alive) are none of it.
        let Some(at) = self.offset(sequence) else { return Arrival::Again };
        let end = at + length as u64;
        let stands = self.stands();
        let arrival = if end <= stands || self.covered(at.max(stands), end) {
            Arrival::Again
        } else if at < self.furthest {
            Arrival::Late
        } else if at > stands {
            Arrival::Ahead
        } else {
            Arrival::Next
        };
        self.furthest = self.furthest.max(end);
        if arrival == Arrival::Again {
            return arrival;
        }
        if at <= stands && self.kept.is_empty() {
            let known = (stands - at).min(payload.len() as u64) as usize;
            self.hand_on(&payload[known..], end - stands, &mut sink);
            return arrival;
        }
        self.keep(at, payload, end);
        self.drain(&mut sink);
        // A hole that was acknowledged before anything behind it came was received, and not captured.
        while self.kept.first().is_some_and(|kept| kept.at <= self.acked) {
            self.give_up_hole(&mut sink);
        }
        while self.kept_bytes > self.max_bytes || self.kept.len() > MAX_KEPT {
            self.give_up_hole(&mut sink);
        }
        arrival
    }

    /// The other end acknowledges everything before `offset`: what is missing there was received
    /// by it and will not come again.
    pub fn acknowledged(&mut self, offset: u64, mut sink: impl FnMut(Chunk<'_>)) {
        self.acked = self.acked.max(offset);
        while self.kept.first().is_some_and(|kept| kept.at < offset) {
            self.give_up_hole(&mut sink);
        }
    }

    /// Hands on what is kept, holes and all: nothing more will come.
    pub fn finish(&mut self, mut sink: impl FnMut(Chunk<'_>)) {
        while !self.kept.is_empty() {
            self.give_up_hole(&mut sink);
        }
    }

    fn stands(&self) -> u64 {
        self.next.map_or(0, |(_, offset)| offset)
    }

    fn hand_on(&mut self, bytes: &[u8], length: u64, sink: &mut impl FnMut(Chunk<'_>)) {
        if let Some((sequence, offset)) = &mut self.next {
            *sequence = sequence.wrapping_add(length as u32);
            *offset += length;
        }
        if !bytes.is_empty() {
            sink(Chunk::Bytes(bytes));
        }
        let cut = length - bytes.len() as u64;
        if cut > 0 {
            sink(Chunk::Hole(cut));
        }
    }

    /// Whether the kept segments hold every byte of `at..end`.
    fn covered(&self, mut at: u64, end: u64) -> bool {
        for kept in &self.kept {
            if kept.at <= at {
                at = at.max(kept.at + kept.length);
            }
        }
        at >= end
    }

    /// Keeps those parts of `at..end` that are new.
    fn keep(&mut self, at: u64, payload: &[u8], end: u64) {
        let mut from = at.max(self.stands());
        let mut place = 0;
        while from < end {
            while place < self.kept.len() && self.kept[place].at + self.kept[place].length <= from {
                place += 1;
            }
            let limit = match self.kept.get(place) {
                Some(kept) if kept.at <= from => {
                    from = kept.at + kept.length;
                    continue;
                }
                Some(kept) => end.min(kept.at),
                None => end,
            };
            let captured = |offset: u64| ((offset - at) as usize).min(payload.len());
            let bytes = payload[captured(from)..captured(limit)].to_vec();
            self.kept_bytes += bytes.len();
            self.kept.insert(place, Kept { at: from, length: limit - from, bytes });
            from = limit;
        }
    }

    fn drain(&mut self, sink: &mut impl FnMut(Chunk<'_>)) {
        let mut end = self.stands();
        let joins = |kept: &&Kept| {
            let joins = kept.at == end;
            end = kept.at + kept.length;
            joins
        };
        let ready = self.kept.iter().take_while(joins).count();
        for kept in self.kept.drain(..ready).collect::<Vec<_>>() {
            self.kept_bytes -= kept.bytes.len();
            self.hand_on(&kept.bytes, kept.length, sink);
        }
    }

    fn give_up_hole(&mut self, sink: &mut impl FnMut(Chunk<'_>)) {
        let Some(first) = self.kept.first() else { return };
        let hole = first.at - self.stands();
        self.hand_on(&[], hole, sink);
        self.drain(sink);
    }
}

/// Segments kept ahead of holes, whatever their size: enough for a receive window of full ones,
/// few enough for the linear search.
const MAX_KEPT: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(out: &mut Vec<u8>) -> impl FnMut(Chunk<'_>) {
        |chunk| match chunk {
            Chunk::Bytes(bytes) => out.extend_from_slice(bytes),
            Chunk::Hole(count) => out.extend(std::iter::repeat_n(b'?', count as usize)),
        }
    }

    #[test]
    fn order_is_restored_across_the_wrap_of_the_sequence() {
        let mut out = Vec::new();
        let mut order = Reassembly::new(64);
        order.begin(u32::MAX - 1);
        assert_eq!(order.segment(1, b"def", 3, collect(&mut out)), Arrival::Ahead);
        assert_eq!(order.segment(u32::MAX - 1, b"abc", 3, collect(&mut out)), Arrival::Late);
        assert_eq!(order.segment(u32::MAX - 1, b"abc", 3, collect(&mut out)), Arrival::Again);
        assert_eq!(order.segment(4, b"g", 1, collect(&mut out)), Arrival::Next);
        assert_eq!(out, b"abcdefg");
    }

    #[test]
    fn where_segments_overlap_the_first_stands() {
        let mut out = Vec::new();
        let mut order = Reassembly::new(64);
        order.begin(0);
        order.segment(2, b"CC", 2, collect(&mut out));
        order.segment(6, b"GG", 2, collect(&mut out));
        order.segment(1, b"xxxxxxxxx", 9, collect(&mut out));
        order.segment(0, b"ab", 2, collect(&mut out));
        assert_eq!(out, b"axCCxxGGxx");
    }

    #[test]
    fn a_hole_is_reported_once_acknowledged_or_when_the_store_is_full() {
        let mut out = Vec::new();
        let mut order = Reassembly::new(4);
        order.begin(0);
        order.segment(2, b"cd", 2, collect(&mut out));
        order.acknowledged(2, collect(&mut out));
        assert!(out.is_empty(), "the peer has not got past the hole");
        order.acknowledged(4, collect(&mut out));
        assert_eq!(out, b"??cd");
        order.segment(5, b"fghij", 5, collect(&mut out));
        assert_eq!(out, b"??cd?fghij");
    }

    #[test]
    fn a_packet_cut_short_leaves_a_hole_of_the_rest() {
        let mut out = Vec::new();
        let mut order = Reassembly::new(64);
        order.segment(9, b"ab", 5, collect(&mut out));
        order.segment(14, b"c", 1, collect(&mut out));
        order.segment(8, b"?", 1, collect(&mut out));
        assert_eq!(out, b"ab???c");
    }
}
