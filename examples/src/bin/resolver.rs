//! The site's own DNS: zones and hosts of its own, a cache, and whom to ask for the rest.

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use popkit_examples::resolving::{self, Control, Explain, Options, Top};
use popkit_examples::settings::{ConfigFile, with_config};
use tracing_subscriber::EnvFilter;

/// Answer from zones, hosts and a cache; ask others for the rest
#[derive(Debug, Parser)]
#[command(name = "resolver", version, arg_required_else_help = true)]
struct Resolver {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Subcommand)]
enum Task {
    Explain(Box<Explain>),
    Control(Box<Control>),
    Top(Top),
}

fn main() -> ExitCode {
    let args = match with_config(&Resolver::command(), std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("resolver: {:#}", anyhow::Error::from(error));
            return ExitCode::from(2);
        }
    };
    let command = Resolver::parse_from(args);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let done = match &command.task {
        Some(Task::Explain(explain)) => resolving::explain(explain),
        Some(Task::Control(task)) => resolving::control(task),
        Some(Task::Top(top)) => resolving::top(top),
        None => resolving::run(&command.options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("resolver: {error:#}");
            ExitCode::FAILURE
        }
    }
}
