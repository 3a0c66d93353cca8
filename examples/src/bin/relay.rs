//! A syslog relay: what it acknowledged it delivers, whatever dies.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use popkit_examples::settings::{ConfigFile, with_config};
use popkit_examples::{relay, relay_parse};
use tracing_subscriber::EnvFilter;

/// Take syslog in, keep it safe on disk, and deliver it to each sink at the sink's own pace
#[derive(Debug, Parser)]
#[command(
    name = "relay",
    version,
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = relay::AFTER_HELP
)]
struct Relay {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    run: Option<relay::Args>,
}

/// Other things to do than relaying.
#[derive(Debug, Subcommand)]
enum Task {
    Parse(relay_parse::Args),
    Spool(relay::spool::Args),
}

fn main() -> ExitCode {
    let args = match with_config(&Relay::command(), std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("relay: {:#}", anyhow::Error::from(error));
            return ExitCode::from(2);
        }
    };
    let command = Relay::parse_from(args);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colour = io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour)
        .init();
    let done = match (command.task, command.run) {
        (Some(Task::Parse(args)), _) => relay_parse::run(&args),
        (Some(Task::Spool(args)), _) => relay::spool::run(&args),
        (None, Some(args)) => {
            if let Err(contradiction) = args.check() {
                Relay::command().error(ErrorKind::ArgumentConflict, contradiction).exit();
            }
            relay::run(&args)
        }
        (None, None) => {
            let text = "nothing to do: give --spool, --to and something to listen on";
            Relay::command().error(ErrorKind::MissingRequiredArgument, text).exit();
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relay: {error:#}{}", mend(&error));
            ExitCode::FAILURE
        }
    }
}

/// What a person can do about it, where the cause is one of the usual ones.
fn mend(error: &anyhow::Error) -> &'static str {
    let kind = error.chain().find_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
    match kind {
        Some(io::ErrorKind::StorageFull) => "; free some space, or put the spool elsewhere",
        Some(io::ErrorKind::PermissionDenied) => {
            "; start it as root and give --user, or choose ports above 1023 and folders it may write to"
        }
        Some(io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotADirectory) => {
            "; choose a folder that can be written to"
        }
        Some(io::ErrorKind::NotFound) => "; make its folder first, or correct the path",
        Some(io::ErrorKind::AddrInUse) => {
            "; another program listens there: stop it, or choose another address"
        }
        Some(io::ErrorKind::AddrNotAvailable) => "; choose an address this machine has",
        Some(io::ErrorKind::ResourceBusy) => {
            "; another relay uses this spool: stop it, or give this one a spool of its own"
        }
        _ => "",
    }
}
