//! Journal entries in export format from a file or a stream, once.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Shared, stopped};
use crate::envelope::Envelope;
use crate::journal::{Decoder, Entry};
use crate::wal::{AppendError, Receipt};

/// Takes in everything up to the end of the stream, or until told to stop.
pub(in crate::net) async fn take_export(mut stream: impl AsyncRead + Unpin, shared: Shared) {
    shared.state.open.add(1);
    if let Err(error) = read(&mut stream, &shared).await {
        shared.state.violations.add(1);
        tracing::error!(%error, address = shared.state.address, "reading journal entries ended");
    }
    shared.state.open.subtract(1);
}

async fn read(stream: &mut (impl AsyncRead + Unpin), shared: &Shared) -> io::Result<()> {
    let mut stop = shared.stop.clone();
    let mut decoder = Decoder::new(shared.limits.max_frame_bytes);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let length = tokio::select! {
            read = stream.read(&mut buffer) => read?,
            () = stopped(&mut stop) => return Ok(()),
        };
        shared.state.received_bytes.add(length as u64);
        let mut input = &buffer[..length];
        while let Some(entry) = decoder.next(&mut input).map_err(io::Error::other)? {
            take_in(entry, shared).await?;
        }
        if length == 0 {
            return match decoder.finish() {
                Some(entry) => take_in(entry, shared).await,
                None => Ok(()),
            };
        }
    }
}

async fn take_in(entry: Entry<'_>, shared: &Shared) -> io::Result<()> {
    match append(entry, None, shared).await {
        Ok(_receipt) => Ok(()),
        Err(error) => {
            shared.state.count_refused(None, &error);
            if error.is_final() { Err(io::Error::other(error)) } else { Ok(()) }
        }
    }
}

/// Appends an entry as a message, with its place in the journal if that is to be remembered.
pub(super) async fn append(
    entry: Entry<'_>,
    journal_cursor: Option<&[u8]>,
    shared: &Shared,
) -> Result<Receipt, AppendError> {
    let frame = entry.to_message().to_rfc5424();
    let most = shared.limits.max_frame_bytes;
    let truncated = entry.is_truncated() || frame.len() > most;
    let frame = &frame[..frame.len().min(most)];
    shared.state.count_entry(truncated);
    let envelope = Envelope { peer: None, truncated, journal_cursor, frame };
    shared.intake.append_envelope(envelope, shared.intake.now_ns()).await
}

const READ_BYTES: usize = 64 * 1024;
