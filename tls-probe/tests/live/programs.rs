//! Programs that are not ours.

use std::{
    io::Write,
    net::{SocketAddr, TcpListener},
    process::{Child, Command},
    time::Duration,
};

/// Whether a program is here. Says that it is not, or fails where it must be.
pub fn there(program: &str, version: &str) -> bool {
    if Command::new(program).arg(version).output().is_ok() {
        return true;
    }
    let required = std::env::var("POPKIT_PEERS").is_ok_and(|value| value == "require");
    assert!(!required, "{program} is not installed, and POPKIT_PEERS=require");
    writeln!(std::io::stderr(), "skipped: {program} is not installed").expect("standard error");
    false
}

/// A port of loopback that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program that runs until it is dropped.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until somebody listens there.
pub async fn listening(address: SocketAddr) {
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nobody listens on {address}");
}
