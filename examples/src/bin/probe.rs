//! Probes TLS servers: how long each part of a handshake takes, who was idle, what the
//! certificates say.

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use popkit_examples::settings::ConfigFile;
use popkit_examples::{probe_connect, probe_pcap, program};

/// Time TLS handshakes part by part, and say who was idle
#[derive(Debug, Parser)]
#[command(name = "probe", version, arg_required_else_help = true)]
struct Probe {
    #[command(subcommand)]
    task: Task,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Subcommand)]
enum Task {
    Connect(Box<probe_connect::Args>),
    Pcap(probe_pcap::Args),
}

fn main() -> ExitCode {
    program::run("error", mend, |command: Probe| match &command.task {
        Task::Connect(args) => probe_connect::run(args),
        Task::Pcap(args) => probe_pcap::run(args),
    })
}

/// What a person can do about it, where the cause is one of the usual ones.
fn mend(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "; check the path",
        ErrorKind::PermissionDenied => "; choose a file or port you may use",
        ErrorKind::AddrInUse => "; choose another port, or 0 for any",
        _ => "",
    }
}
