//! Bytes from a connection, with patience that ends.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{Shared, stopped};

/// Reads until the peer closes, is idle for too long, does not end a frame in time, or the
/// listener stops; then what has arrived already, within limits.
pub(super) struct Reader {
    buffer: Vec<u8>,
    /// How often in a row little came.
    small_reads: u32,
    idle: Duration,
    unfinished: Duration,
    /// When the frame that is not finished began.
    began: Option<Instant>,
    last: Instant,
    stop: watch::Receiver<bool>,
    /// After the stop, how many reads are left.
    drains: Option<u32>,
}

/// What a read gave.
pub(super) enum Read {
    /// So many bytes: see [`Reader::bytes`].
    Bytes(usize),
    /// The end.
    End,
    /// The end, because the peer was too slow.
    TooSlow,
}

impl Reader {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            buffer: vec![0; LEAST_BYTES],
            small_reads: 0,
            idle: shared.limits.idle,
            unfinished: shared.limits.unfinished,
            began: None,
            last: Instant::now(),
            stop: shared.stop.clone(),
            drains: None,
        }
    }

    /// The bytes of the last read.
    pub(super) fn bytes(&self, length: usize) -> &[u8] {
        &self.buffer[..length]
    }

    /// Says whether a frame has begun and not ended, after the last read.
    pub(super) fn inside_frame(&mut self, inside: bool) {
        self.began = if inside { self.began.or(Some(self.last)) } else { None };
    }

    /// Waits for bytes. Dropping the future loses nothing.
    pub(super) async fn read<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<Read> {
        if self.drains.is_none() {
            let patience = match self.began {
                Some(began) => (self.last + self.idle).min(began + self.unfinished),
                None => self.last + self.idle,
            };
            // Looked at first: a sender that never pauses would hide it.
            if !*self.stop.borrow() {
                tokio::select! {
                    biased;
                    read = stream.read(&mut self.buffer) => {
                        return read.map(|read| self.took(read));
                    }
                    () = stopped(&mut self.stop) => {}
                    () = sleep_until(patience) => return Ok(Read::TooSlow),
                }
            }
            // What the kernel has may not have been noticed yet.
            tokio::task::yield_now().await;
            self.drains = Some(MOST_DRAINING_READS);
        }
        match self.drains.as_mut() {
            Some(0) | None => return Ok(Read::End),
            Some(left) => *left -= 1,
        }
        let now = poll_fn(|context| {
            let mut buffer = ReadBuf::new(&mut self.buffer);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Ready(outcome) => Poll::Ready(outcome.map(|()| buffer.filled().len())),
                Poll::Pending => Poll::Ready(Ok(0)),
            }
        });
        let read = now.await?;
        Ok(self.took(read))
    }

    /// The buffer follows what the peer sends: thousands of quiet connections cost little, a busy
    /// one few system calls.
    fn took(&mut self, read: usize) -> Read {
        if read == 0 {
            return Read::End;
        }
        self.last = Instant::now();
        Read::Bytes(read)
    }

    /// Fits the buffer to what came, once the bytes of the last read are dealt with.
    pub(super) fn fit(&mut self, read: usize) {
        let size = self.buffer.len();
        if read == size && size < MOST_BYTES {
            self.buffer = vec![0; size * 4];
            self.small_reads = 0;
        } else if read > size / 8 || size == LEAST_BYTES {
            self.small_reads = 0;
        } else {
            self.small_reads += 1;
            if self.small_reads == SMALL_READS {
                self.buffer = vec![0; LEAST_BYTES];
                self.small_reads = 0;
            }
        }
    }
}

const LEAST_BYTES: usize = 4 * 1024;
const MOST_BYTES: usize = 256 * 1024;
const SMALL_READS: u32 = 64;
/// After the stop a sender that never pauses is read this often and no more.
const MOST_DRAINING_READS: u32 = 256;
