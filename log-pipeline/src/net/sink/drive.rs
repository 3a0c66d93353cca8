//! Connections that come and go: one after the other until everything is delivered.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::config::Output;
use super::feed::Feed;
use super::{relp, stream};
use crate::net::backoff::jitter;

/// Delivers until the log is closed and everything is delivered, or `quit` becomes true; then what
/// is left stays in the log.
pub(in crate::net) async fn drive(mut feed: Feed, output: Output, mut quit: watch::Receiver<bool>) {
    let state = std::sync::Arc::clone(&feed.state);
    let delivering = deliver(&mut feed, &output);
    let outcome = tokio::select! {
        outcome = delivering => outcome,
        _ = quit.wait_for(|quit| *quit) => Ok(()),
    };
    let outcome = outcome.and_then(|()| feed.sync());
    if let Err(error) = &outcome {
        tracing::error!(sink = state.name(), %error, "sink stopped");
    }
    state.stopped(outcome.as_ref().err().map(|error| error as _));
}

/// An error is one of the log's: another connection would not help.
async fn deliver(feed: &mut Feed, output: &Output) -> io::Result<()> {
    let mut failures = 0;
    loop {
        let before = feed.state.delivered();
        let outcome = match output {
            Output::Stream(output) => stream::session(feed, output).await,
            Output::Relp(output) => relp::session(feed, output).await,
            Output::File(_) => Ok(()),
        };
        let Err(error) = outcome else { return Ok(()) };
        if let SessionError::Log(error) = error {
            return Err(error);
        }
        let delivered = feed.state.delivered() > before;
        failures = if delivered { 1 } else { failures + 1 };
        let wait = feed.config.backoff.after(failures, jitter());
        let chain = describe(&error);
        tracing::warn!(sink = feed.config.name, error = chain, ?wait, "sink will try again");
        feed.state.retrying(&chain);
        feed.rewind().map_err(io::Error::other)?;
        tokio::time::sleep(wait).await;
    }
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// The log cannot be read or the cursor not moved.
    #[error("reading the log")]
    Log(#[source] io::Error),
    #[error("connecting to {0}")]
    Connect(String, #[source] io::Error),
    #[error("the connection failed")]
    Io(#[from] io::Error),
    #[error("the peer closed the connection")]
    Closed,
    #[error("no answer within {0:?}")]
    NoAnswer(Duration),
    #[error(transparent)]
    Relp(#[from] crate::relp::ClientError),
}

/// An error and its causes in one line.
pub(super) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Connects, within `timeout`.
pub(super) async fn connect(address: &str, timeout: Duration) -> Result<TcpStream, SessionError> {
    let stream = within(timeout, TcpStream::connect(address)).await;
    let stream = stream.map_err(|error| SessionError::Connect(address.to_owned(), error))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub(super) async fn within<T>(
    timeout: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let outcome = tokio::time::timeout(timeout, work).await;
    outcome.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
