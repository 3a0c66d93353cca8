//! What is listened on: opened with the privileges it takes, or handed over by the service manager.

use anyhow::{Context, Result, ensure};
use dns_core::net::{ServerConfig, Sockets};
use listenfd::ListenFd;

/// The addresses of the command line and the sockets of sd_listen_fds(3).
pub(super) fn open(config: &ServerConfig) -> Result<Sockets> {
    let mut sockets = Sockets::open(&config.listen, config.threads)?;
    let mut handed = ListenFd::from_env();
    for index in 0..handed.len() {
        const WHAT: &str = "a socket of the service manager";
        if let Ok(Some(listener)) = handed.take_tcp_listener(index) {
            sockets.take_stream(listener).context(WHAT)?;
        } else if let Some(socket) = handed.take_udp_socket(index).context(WHAT)? {
            sockets.take_datagrams(socket).context(WHAT)?;
        }
    }
    ensure!(
        sockets.addresses().next().is_some(),
        "nothing to listen on: give --listen 127.0.0.1:53"
    );
    Ok(sockets)
}
