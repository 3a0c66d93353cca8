//! Streams of frames, cut into reads of any length.

use log_pipeline::frame::{Decoder, Expect, Framing, Stats};

/// Plays the bytes after the first two, which tell the longest frame, what is expected and how long
/// the reads are. What comes out does not depend on the reads, and accounts for every byte.
pub fn frame(bytes: &[u8]) {
    let [limit, size, stream @ ..] = bytes else { return };
    let expect = [Expect::Any, Expect::Delimited, Expect::Counted][usize::from(limit % 3)];
    let most = usize::from(limit / 3).max(16);
    let (whole, stats) = decode(stream, stream.len().max(1), most, expect);
    assert_eq!(decode(stream, usize::from(*size).max(1), most, expect), (whole.clone(), stats));
    let mut given = stats.discarded_bytes;
    for (frame, _, truncated) in &whole {
        assert!(frame.len() <= most && !frame.is_empty());
        assert!(!truncated || frame.len() == most || stream.ends_with(frame));
        given += frame.len() as u64;
    }
    assert!(given <= stream.len() as u64);
    assert_eq!(stats.frames, whole.len() as u64);
}

/// Frames with how they were framed and whether they were cut, and the counts.
type Seen = (Vec<(Vec<u8>, Framing, bool)>, Stats);

fn decode(stream: &[u8], size: usize, most: usize, expect: Expect) -> Seen {
    let mut decoder = Decoder::new(most).expect(expect);
    let mut frames = Vec::new();
    for mut read in stream.chunks(size) {
        while let Some(frame) = decoder.next(&mut read) {
            frames.push((frame.bytes.to_vec(), frame.framing, frame.truncated));
        }
        assert!(read.is_empty());
    }
    if let Some(frame) = decoder.finish() {
        frames.push((frame.bytes.to_vec(), frame.framing, frame.truncated));
    }
    (frames, decoder.stats())
}
