//! A client whose host is busy: it answers the server's flight late.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A stream that waits once: before its first write after a read.
///
/// In a TLS 1.3 handshake that is between receiving the server's flight and sending the client's
/// Finished, where the work of a client lies. The kernel under it acknowledges as ever.
#[derive(Debug)]
pub(super) struct Lagging<S> {
    stream: S,
    lag: Option<Duration>,
    has_read: bool,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<S> Lagging<S> {
    /// Waits for `lag` once, or not at all.
    pub(super) fn new(stream: S, lag: Option<Duration>) -> Self {
        Self { stream, lag, has_read: false, sleep: None }
    }

    fn poll_lag(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_read
            && let Some(lag) = self.lag.take()
        {
            self.sleep = Some(Box::pin(tokio::time::sleep(lag)));
        }
        if let Some(sleep) = &mut self.sleep {
            ready!(sleep.as_mut().poll(cx));
            self.sleep = None;
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lagging<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.has_read = true;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lagging<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_lag(cx));
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_lag(cx));
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
