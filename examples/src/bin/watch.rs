//! Watches series for changes of behaviour.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use popkit_examples::settings::{ConfigFile, with_config};
use popkit_examples::{
    watch_csv, watch_forecast, watch_prometheus, watch_report, watch_scrape, watch_silence,
    watch_statsd,
};
use tracing_subscriber::EnvFilter;

/// Say when a series no longer does what its past lets expect
#[derive(Debug, Parser)]
#[command(name = "watch", version, arg_required_else_help = true)]
struct Watch {
    #[command(subcommand)]
    task: Task,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Subcommand)]
enum Task {
    Csv(watch_csv::Args),
    Report(watch_report::Args),
    Forecast(watch_forecast::Args),
    Scrape(Box<watch_scrape::Args>),
    Prometheus(Box<watch_prometheus::Args>),
    Statsd(Box<watch_statsd::Args>),
    Silence(watch_silence::Args),
}

fn main() -> ExitCode {
    let args = match with_config(&Watch::command(), std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("watch: {:#}", anyhow::Error::from(error));
            return ExitCode::from(2);
        }
    };
    let command = Watch::parse_from(args);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    let done = match &command.task {
        Task::Csv(args) => watch_csv::run(args),
        Task::Report(args) => watch_report::run(args),
        Task::Forecast(args) => watch_forecast::run(args),
        Task::Scrape(args) => watch_scrape::run(args),
        Task::Prometheus(args) => watch_prometheus::run(args),
        Task::Statsd(args) => watch_statsd::run(args),
        Task::Silence(args) => watch_silence::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("watch: {error:#}");
            ExitCode::FAILURE
        }
    }
}
