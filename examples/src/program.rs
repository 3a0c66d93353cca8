//! What every binary does around its task: the command line with its file of settings, the log on standard
//! error, the last word.

use std::io::{self, ErrorKind, IsTerminal as _};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::settings::with_config;

/// Reads the command line of `P` and runs `task` on it. The log goes to standard error, from `level` up where
/// `RUST_LOG` says nothing else. An error is told with its causes and with what `mend` knows to do about the
/// first of them that came from the system. Ends with 2 where the settings are of no use, and with 1 where the
/// task failed.
pub fn run<P: Parser>(
    level: &str,
    mend: fn(ErrorKind) -> &'static str,
    task: impl FnOnce(P) -> anyhow::Result<()>,
) -> ExitCode {
    let command = P::command();
    let name = command.get_name();
    let args = match with_config(&command, std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{name}: {:#}", anyhow::Error::from(error));
            return ExitCode::from(2);
        }
    };
    let parsed = P::parse_from(args);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    match task(parsed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let system = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
            eprintln!("{name}: {error:#}{}", system.map_or("", |system| mend(system.kind())));
            ExitCode::FAILURE
        }
    }
}
