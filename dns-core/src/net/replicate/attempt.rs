//! One transfer in, over one connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{random, wall};
use crate::secondary::{Attempt, AttemptError, Step};
use crate::transfer::Received;

/// Runs `attempt` to its end.
pub(super) async fn run(mut attempt: Attempt) -> Result<Received, AttemptError> {
    let outcome = timeout(LONGEST, converse(&mut attempt)).await;
    outcome.unwrap_or(Err(AttemptError::Connection(io::ErrorKind::TimedOut)))
}

async fn converse(attempt: &mut Attempt) -> Result<Received, AttemptError> {
    let mut stream = patient(TcpStream::connect(attempt.primary().address)).await?;
    let first = attempt.begin(random(), wall());
    send(&mut stream, &first).await?;
    let mut message = vec![0; usize::from(u16::MAX)];
    loop {
        let len = usize::from(patient(stream.read_u16()).await?);
        patient(stream.read_exact(&mut message[..len])).await?;
        match attempt.handle(&message[..len], random(), wall()) {
            Step::Receive => {}
            Step::Send(next) => send(&mut stream, &next).await?,
            Step::Done(outcome) => return Ok(outcome?),
        }
    }
}

async fn send(stream: &mut TcpStream, message: &[u8]) -> Result<(), AttemptError> {
    let framed = [&(message.len() as u16).to_be_bytes(), message].concat();
    patient(stream.write_all(&framed)).await
}

async fn patient<T>(what: impl Future<Output = io::Result<T>>) -> Result<T, AttemptError> {
    let done = timeout(PATIENCE, what).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()));
    done.map_err(|error| AttemptError::Connection(error.kind()))
}

/// How long a primary may say nothing.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a whole transfer may take: one that only just does not fall silent holds up all others.
const LONGEST: Duration = Duration::from_mins(30);
