//! NSD on a loopback port of its own.

use std::process::Command;

use super::daemon::Daemon;
use super::{Directory, find};

/// NSD with `zones`, which is configuration text (`zone:` and `key:` clauses), in `directory`.
pub(crate) fn nsd(directory: &Directory, port: u16, zones: &str) -> Option<Daemon> {
    let program = find("nsd")?;
    let path = directory.path().display();
    let configuration = directory.write(
        "nsd.conf",
        format!(
            "server:\n ip-address: 127.0.0.1@{port}\n server-count: 1\n username: \"\"\n chroot: \"\"\n \
             zonesdir: \"{path}\"\n database: \"\"\n pidfile: \"{path}/nsd.pid\"\n \
             xfrdfile: \"{path}/xfrd.state\"\n zonelistfile: \"{path}/zone.list\"\n xfrdir: \"{path}\"\n \
             logfile: \"{path}/nsd.log\"\n verbosity: 3\n minimal-responses: yes\n rrl-ratelimit: 0\n \
             xfrd-reload-timeout: 0\nremote-control:\n control-enable: no\n{zones}"
        ),
    );
    let mut command = Command::new(program);
    command.arg("-d").arg("-c").arg(configuration);
    Some(Daemon::start(command, port))
}
