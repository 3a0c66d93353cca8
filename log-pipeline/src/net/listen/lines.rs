//! A connection of frames (RFC 6587), whatever carries it.

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncRead;

use super::Shared;
use super::reader::{Read, Reader};
use crate::frame::{Decoder, Frame};

/// Takes in everything that is received, also when the peer closed in the middle of a frame.
pub(super) async fn receive<S: AsyncRead + Unpin>(
    stream: &mut S,
    peer: Option<SocketAddr>,
    shared: &Shared,
) -> io::Result<()> {
    let source = shared.intake.sources.of(peer.map(|peer| peer.ip()));
    let mut decoder = Decoder::new(shared.limits.max_frame_bytes).expect(source.framing);
    let outcome = read(stream, &mut decoder, peer, shared).await;
    let before = decoder.stats();
    let now_ns = shared.intake.now_ns();
    if let Some(frame) = decoder.finish() {
        take_in(frame, now_ns, peer, shared).await;
    }
    shared.state.count_frames(before, decoder.stats());
    outcome
}

async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    decoder: &mut Decoder,
    peer: Option<SocketAddr>,
    shared: &Shared,
) -> io::Result<()> {
    let mut reader = Reader::new(shared);
    loop {
        let length = match reader.read(stream).await? {
            Read::Bytes(length) => length,
            Read::End => return Ok(()),
            Read::TooSlow => {
                shared.state.idle_closed.add(1);
                return Ok(());
            }
        };
        shared.state.received_bytes.add(length as u64);
        // All frames of a read arrived at the same time.
        let now_ns = shared.intake.now_ns();
        let (before, mut input) = (decoder.stats(), reader.bytes(length));
        while let Some(frame) = decoder.next(&mut input) {
            if !take_in(frame, now_ns, peer, shared).await {
                return Ok(());
            }
        }
        let after = decoder.stats();
        shared.state.count_frames(before, after);
        reader.inside_frame(decoder.is_inside());
        reader.fit(length);
        shared.throttle(now_ns, peer, after.frames - before.frames).await;
    }
}

/// False when the log takes nothing any more.
async fn take_in(frame: Frame<'_>, now_ns: u64, peer: Option<SocketAddr>, shared: &Shared) -> bool {
    match shared.intake.append(frame.bytes, now_ns, peer, frame.truncated).await {
        Ok(_receipt) => true,
        Err(error) => {
            shared.state.count_refused(peer, &error);
            !error.is_final()
        }
    }
}
