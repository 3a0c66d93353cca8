//! Where the socket is listened on: one request at a time, on a thread of its own, so that looking at every
//! cached answer holds nobody up.

use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use anyhow::{Context, Result};
use dns_core::net::{Clock, ReplicationStatus, Status};
use dns_core::{Explanation, Name, RecordType, Resolver};
use tokio::sync::{mpsc, oneshot};

use super::words::Verb;

/// What only the task that serves can say or do.
#[derive(Debug)]
pub(in crate::resolving) enum Request {
    /// Read files again.
    Reload(oneshot::Sender<Result<()>>),
    /// Ask the primaries of this zone; false when there are none.
    Refresh(Name, oneshot::Sender<bool>),
    /// Say what is going on.
    Status(oneshot::Sender<(Status, ReplicationStatus)>),
    /// Say who answers this address, and have others asked if that takes it.
    Explain(Name, RecordType, IpAddr, oneshot::Sender<Result<Explanation>>),
}

/// Whoever carries requests out.
#[derive(Debug)]
pub(in crate::resolving) struct Desk {
    pub(super) resolver: Resolver,
    pub(super) clock: Clock,
    pub(super) requests: mpsc::Sender<Request>,
}

impl Desk {
    /// Listens for as long as the process lives.
    pub(in crate::resolving) fn start(
        resolver: Resolver,
        clock: Clock,
        listener: &UnixListener,
    ) -> Result<mpsc::Receiver<Request>> {
        let listener = listener.try_clone().context("the control socket")?;
        let (requests, requested) = mpsc::channel(1);
        let desk = Desk { resolver, clock, requests };
        std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || desk.run(&listener))
            .context("cannot start the thread of the control socket")?;
        Ok(requested)
    }

    fn run(&self, listener: &UnixListener) {
        loop {
            let served = listener.accept().and_then(|(stream, _)| self.serve(&stream));
            if let Err(error) = served {
                tracing::debug!(%error, "a request on the control socket came to nothing");
                // Out of descriptors, maybe: it passes.
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    fn serve(&self, stream: &UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = String::new();
        BufReader::new(stream.take(LONGEST_LINE)).read_line(&mut line)?;
        let mut out = BufWriter::new(stream);
        match Verb::read(&line).map_err(anyhow::Error::msg) {
            Ok(verb) => {
                tracing::info!(%verb, "asked for on the control socket");
                self.carry_out(&verb, &mut out)?;
            }
            Err(error) => writeln!(out, "error: {error}")?,
        }
        out.flush()
    }
}

/// How long whoever asks may take to write and to read.
const PATIENCE: Duration = Duration::from_secs(5);
/// Octets of a request: some hundred records.
const LONGEST_LINE: u64 = 64 << 10;
