//! Knot DNS on a loopback port of its own.

use std::process::Command;

use super::daemon::Daemon;
use super::{Directory, find};

/// knotd with `sections`, which is configuration text, in `directory`.
pub(crate) fn knot(directory: &Directory, port: u16, sections: &str) -> Option<Daemon> {
    let program = find("knotd")?;
    let path = directory.path().display();
    let configuration = directory.write(
        "knot.conf",
        format!(
            "server:\n  rundir: \"{path}\"\n  listen: 127.0.0.1@{port}\n  udp-workers: 1\n  tcp-workers: 1\n  \
             background-workers: 1\ncontrol:\n  listen: \"{path}/knot.sock\"\nlog:\n  - target: \"{path}/knot.log\"\n    \
             any: debug\ndatabase:\n  storage: \"{path}\"\n{sections}"
        ),
    );
    let mut command = Command::new(program);
    command.arg("-c").arg(configuration);
    Some(Daemon::start(command, port))
}
