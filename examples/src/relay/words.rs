//! Words of the command line.

use std::net::{Ipv4Addr, SocketAddr};

/// This machine's; empty when it has none.
pub(super) fn host_name() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default()
}

/// Reads an address, or a port of loopback: whoever wants strangers says so.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let port = || Some(SocketAddr::from((Ipv4Addr::LOCALHOST, text.parse().ok()?)));
    let address = text.parse().ok().or_else(port);
    address.ok_or_else(|| "give ADDRESS:PORT, or a port of 127.0.0.1".to_owned())
}

/// Reads a mode such as `660`.
pub(super) fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|&mode| mode <= 0o777);
    mode.ok_or_else(|| "give three octal digits, such as 660".to_owned())
}
