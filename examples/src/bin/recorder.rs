//! A flight recorder for packets: when a handshake is slow, its packets are on disk.

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use popkit_examples::settings::{ConfigFile, with_config};
use popkit_examples::{demo, record, replay};
use tracing_subscriber::EnvFilter;

/// Keep every packet in memory, write only the flow that matters
#[derive(Debug, Parser)]
#[command(name = "recorder", version, arg_required_else_help = true)]
struct Recorder {
    #[command(subcommand)]
    task: Task,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Subcommand)]
enum Task {
    Demo(demo::Args),
    Run(Box<record::Args>),
    Replay(replay::Args),
}

fn main() -> ExitCode {
    let args = match with_config(&Recorder::command(), std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("recorder: {:#}", anyhow::Error::from(error));
            return ExitCode::from(2);
        }
    };
    let command = Recorder::parse_from(args);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let done = match &command.task {
        Task::Demo(args) => demo::run(args),
        Task::Run(args) => record::run(args),
        Task::Replay(args) => replay::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("recorder: {error:#}{}", mend(&error));
            ExitCode::FAILURE
        }
    }
}

/// What a person can do about it, where the cause is one of the usual ones.
fn mend(error: &anyhow::Error) -> &'static str {
    let kind = error.chain().find_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
    match kind {
        Some(io::ErrorKind::StorageFull) => {
            "; free some space, or choose another folder with --out"
        }
        Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            "; choose a folder you may write to with --out"
        }
        Some(
            io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory,
        ) => "; choose another folder with --out",
        Some(io::ErrorKind::AddrInUse) => "; choose another port with --port, or 0 for any",
        _ => "",
    }
}
