//! Watches series for changes of behaviour.

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use popkit_examples::program;
use popkit_examples::settings::ConfigFile;
use popkit_examples::{
    watch_csv, watch_forecast, watch_prometheus, watch_report, watch_scrape, watch_silence,
    watch_statsd,
};

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
    program::run("warn", mend, |command: Watch| match &command.task {
        Task::Csv(args) => watch_csv::run(args),
        Task::Report(args) => watch_report::run(args),
        Task::Forecast(args) => watch_forecast::run(args),
        Task::Scrape(args) => watch_scrape::run(args),
        Task::Prometheus(args) => watch_prometheus::run(args),
        Task::Statsd(args) => watch_statsd::run(args),
        Task::Silence(args) => watch_silence::run(args),
    })
}

/// What a person can do about it, where the cause is one of the usual ones.
fn mend(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "; check the path",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; choose a file or port you may use"
        }
        ErrorKind::StorageFull => "; free some space, or write elsewhere",
        ErrorKind::AddrInUse => "; choose another port, or 0 for any",
        ErrorKind::ConnectionRefused => "; check that it runs and listens there",
        _ => "",
    }
}
