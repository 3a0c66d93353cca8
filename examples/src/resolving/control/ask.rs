//! `resolver control PATH …`: the other end of the socket.

use std::io::{self, BufRead as _, BufReader, Write as _, stdout};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::words::Verb;

/// Tell a running resolver what to do: purge, inspect, inject, explain, reload, stats
#[derive(Clone, Debug, clap::Args)]
pub struct Control {
    /// Its socket (its --control)
    #[arg(value_name = "PATH")]
    pub socket: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

/// Says it and prints what comes back.
///
/// # Errors
///
/// When nobody listens, or the answer is an error.
pub fn control(task: &Control) -> Result<()> {
    let path = task.socket.display();
    let mut stream = UnixStream::connect(&task.socket)
        .with_context(|| format!("cannot connect to {path}: is --control given there?"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    writeln!(stream, "{}", task.verb).with_context(|| format!("cannot write to {path}"))?;
    let mut answer = BufReader::new(stream);
    let mut first = String::new();
    answer.read_line(&mut first).with_context(|| format!("cannot read from {path}"))?;
    match first.trim_end() {
        "ok" => {}
        other => match other.strip_prefix("error: ") {
            Some(error) => bail!("{error}"),
            None => bail!("{path} is not the socket of a resolver"),
        },
    }
    match io::copy(&mut answer, &mut stdout().lock()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        copied => copied.map(drop).with_context(|| format!("cannot read from {path}")),
    }
}

/// A reload of large zones takes its time.
const PATIENCE: Duration = Duration::from_mins(2);
