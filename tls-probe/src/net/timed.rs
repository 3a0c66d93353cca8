//! A stream that notes when its bytes came and went, for as long as the handshake lasts.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::clock::{Clock, SystemClock};
use crate::{
    handshake::Handshake,
    names::Side,
    timeline::{Event, What},
};

/// A stream on its way through a handshake, and the plain stream afterwards: once the handshake is
/// over neither clock nor lock is touched any more. It copies nothing.
pub struct Timed<IO, C = SystemClock> {
    io: IO,
    tape: Option<Tape<C>>,
}

impl<IO: fmt::Debug, C> fmt::Debug for Timed<IO, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timed").field("io", &self.io).finish_non_exhaustive()
    }
}

impl<IO, C> Timed<IO, C> {
    /// The stream inside.
    pub fn io(&self) -> &IO {
        &self.io
    }

    /// The stream inside, to set its options.
    pub fn io_mut(&mut self) -> &mut IO {
        &mut self.io
    }

    /// The stream alone.
    pub fn into_inner(self) -> IO {
        self.io
    }

    pub(super) fn new(io: IO, tape: Tape<C>) -> Self {
        Self { io, tape: Some(tape) }
    }

    pub(super) fn release(&mut self) {
        self.tape = None;
    }
}

/// What was noted. Shared with the acceptor or connector, because a failing or abandoned handshake takes its
/// stream with it.
#[derive(Debug, Clone)]
pub(super) struct Tape<C> {
    noted: Arc<Mutex<Noted>>,
    pub(super) clock: C,
    /// Which side writes what this stream writes.
    ours: Side,
}

#[derive(Debug)]
pub(super) struct Noted {
    /// Taken when it is reported.
    pub(super) handshake: Option<Handshake>,
    /// Our side has asked for bytes and there were none.
    waiting: bool,
}

impl<C: Clock> Tape<C> {
    pub(super) fn new(handshake: Handshake, clock: C, ours: Side) -> Self {
        let noted = Noted { handshake: Some(handshake), waiting: false };
        Self { noted: Arc::new(Mutex::new(noted)), clock, ours }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Noted> {
        // A panic elsewhere leaves at worst an incomplete note.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `note` with the handshake and the time, unless the handshake is over.
    fn note(&self, note: impl FnOnce(&mut Handshake, &mut bool, u64)) {
        let Noted { handshake, waiting } = &mut *self.lock();
        if let Some(handshake) = handshake.as_mut().filter(|h| h.outcome().is_none()) {
            note(handshake, waiting, self.clock.now_ns());
        }
    }

    fn read(&self, polled: &Poll<io::Result<()>>, new: &[u8]) {
        let theirs = self.ours.other();
        self.note(|handshake, waiting, now| {
            // Until our side asks, silence is its own: bytes that are there at once may have
            // been there for long.
            if !*waiting {
                handshake.listening(now);
            }
            *waiting = polled.is_pending();
            match polled {
                Poll::Pending => {}
                Poll::Ready(Ok(())) if new.is_empty() => {
                    handshake.closed(Event::bare(now, theirs, What::Fin));
                }
                Poll::Ready(Ok(())) => handshake.bytes(now, theirs, [new]),
                Poll::Ready(Err(error)) => self.failed(handshake, now, error),
            }
        });
    }

    fn written<'b>(
        &self,
        polled: &Poll<io::Result<usize>>,
        buffers: impl IntoIterator<Item = &'b [u8]>,
    ) {
        self.note(|handshake, _, now| match polled {
            Poll::Pending => {}
            Poll::Ready(Ok(count)) => {
                let mut left = *count;
                let written = buffers.into_iter().map(|buffer| {
                    let part = &buffer[..buffer.len().min(left)];
                    left -= part.len();
                    part
                });
                handshake.bytes(now, self.ours, written);
            }
            Poll::Ready(Err(error)) => self.failed(handshake, now, error),
        });
    }

    fn failed(&self, handshake: &mut Handshake, now: u64, error: &io::Error) {
        if error.kind() == io::ErrorKind::ConnectionReset {
            handshake.closed(Event::bare(now, self.ours.other(), What::Rst));
        }
    }
}

impl<IO: AsyncRead + Unpin, C: Clock + Unpin> AsyncRead for Timed<IO, C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if let Some(tape) = &self.tape {
            tape.read(&polled, &buf.filled()[before..]);
        }
        polled
    }
}

impl<IO: AsyncWrite + Unpin, C: Clock + Unpin> AsyncWrite for Timed<IO, C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        if let Some(tape) = &self.tape {
            tape.written(&polled, [buf]);
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        if let Some(tape) = &self.tape {
            tape.written(&polled, bufs.iter().map(|buf| &buf[..]));
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
