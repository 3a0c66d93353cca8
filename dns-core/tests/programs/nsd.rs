//! NSD on a loopback port of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Directory, find};

/// A running server; ends with this.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// A port that was free a moment ago, for UDP and TCP.
pub(crate) fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = tcp.local_addr().expect("bound").port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

impl Daemon {
    /// Starts `command` and waits until it takes connections at `port`.
    pub(crate) fn start(mut command: Command, port: u16) -> Daemon {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn().expect("the program starts");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut daemon = Daemon { child, address };
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            let ended = daemon.child.try_wait().expect("a child");
            assert!(ended.is_none(), "it ended at once: {ended:?}");
            assert!(Instant::now() < patience, "it does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        daemon
    }
}

impl Daemon {
    /// To send signals to.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").arg(&pid).status();
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
