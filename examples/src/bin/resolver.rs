//! The site's own DNS: zones and hosts of its own, a cache, and whom to ask for the rest.

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use popkit_examples::program;
use popkit_examples::resolving::{self, Control, Explain, Options, Top};
use popkit_examples::settings::ConfigFile;

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
    program::run("info", mend, |command: Resolver| match &command.task {
        Some(Task::Explain(explain)) => resolving::explain(explain),
        Some(Task::Control(task)) => resolving::control(task),
        Some(Task::Top(top)) => resolving::top(top),
        None => resolving::run(&command.options),
    })
}

/// What a person can do about it, where the cause is one of the usual ones.
fn mend(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "; check the path",
        ErrorKind::PermissionDenied => {
            "; start it as root and give --user, or choose ports above 1023 and files it may use"
        }
        ErrorKind::AddrInUse => "; stop the other program, or choose another address",
        ErrorKind::AddrNotAvailable => "; choose another",
        _ => "",
    }
}
