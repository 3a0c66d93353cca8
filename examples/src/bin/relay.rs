//! A syslog relay: what it acknowledged it delivers, whatever dies.

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::error::ErrorKind as Contradiction;
use clap::{CommandFactory, Parser, Subcommand};
use popkit_examples::settings::ConfigFile;
use popkit_examples::{program, relay, relay_parse};

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
    program::run("info", mend, |command: Relay| match (command.task, command.run) {
        (Some(Task::Parse(args)), _) => relay_parse::run(&args),
        (Some(Task::Spool(args)), _) => relay::spool::run(&args),
        (None, Some(args)) => {
            if let Err(contradiction) = args.check() {
                Relay::command().error(Contradiction::ArgumentConflict, contradiction).exit();
            }
            relay::run(&args)
        }
        (None, None) => {
            let text = "nothing to do: give --spool, --to and something to listen on";
            Relay::command().error(Contradiction::MissingRequiredArgument, text).exit();
        }
    })
}

/// What a person can do about it, where the cause is one of the usual ones.
fn mend(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::StorageFull => "; free some space, or put the spool elsewhere",
        ErrorKind::PermissionDenied => {
            "; start it as root and give --user, or choose ports above 1023 and folders it may write to"
        }
        ErrorKind::ReadOnlyFilesystem | ErrorKind::NotADirectory => {
            "; choose a folder that can be written to"
        }
        ErrorKind::NotFound => "; make its folder first, or correct the path",
        ErrorKind::AddrInUse => {
            "; another program listens there: stop it, or choose another address"
        }
        ErrorKind::AddrNotAvailable => "; choose an address this machine has",
        ErrorKind::ResourceBusy => {
            "; another relay uses this spool: stop it, or give this one a spool of its own"
        }
        _ => "",
    }
}
