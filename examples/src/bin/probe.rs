//! Probes TLS servers: how long each part of a handshake takes, who was idle, what the
//! certificates say.

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use popkit_examples::settings::{ConfigFile, with_config};
use popkit_examples::{probe_connect, probe_pcap};
use tracing_subscriber::EnvFilter;

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
    let args = match with_config(&Probe::command(), std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("probe: {:#}", anyhow::Error::from(error));
            return ExitCode::from(2);
        }
    };
    let command = Probe::parse_from(args);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let done = match &command.task {
        Task::Connect(args) => probe_connect::run(args),
        Task::Pcap(args) => probe_pcap::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("probe: {error:#}{}", mend(&error));
            ExitCode::FAILURE
        }
    }
}

/// What a person can do about it, where the cause is one of the usual ones.
fn mend(error: &anyhow::Error) -> &'static str {
    let kind = error.chain().find_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
    match kind {
        Some(io::ErrorKind::NotFound) => "; check the path",
        Some(io::ErrorKind::PermissionDenied) => "; choose a file or port you may use",
        Some(io::ErrorKind::AddrInUse) => "; choose another port, or 0 for any",
        _ => "",
    }
}
