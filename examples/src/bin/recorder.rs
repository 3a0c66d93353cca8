//! A flight recorder for packets: when a handshake is slow, its packets are on disk.

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use popkit_examples::settings::ConfigFile;
use popkit_examples::{demo, program, record, replay};

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
    program::run("warn", mend, |command: Recorder| match &command.task {
        Task::Demo(args) => demo::run(args),
        Task::Run(args) => record::run(args),
        Task::Replay(args) => replay::run(args),
    })
}

/// What a person can do about it, where the cause is one of the usual ones.
fn mend(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::StorageFull => "; free some space, or choose another folder with --out",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; choose a folder you may write to with --out"
        }
        ErrorKind::NotFound | ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            "; choose another folder with --out"
        }
        ErrorKind::AddrInUse => "; choose another port with --port, or 0 for any",
        _ => "",
    }
}
