//! What the tests of `relay` share: a running one, and the programs it talks to.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The binary under test.
pub const RELAY: &str = env!("CARGO_BIN_EXE_relay");

/// A relay that listens. Killed when dropped.
pub struct Relay {
    pub child: Child,
    listening: Vec<(String, String)>,
}

impl Relay {
    /// Starts one with a spool in `folder` and waits until it says where it listens.
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        let listeners = [
            "--udp",
            "--tcp",
            "--tls",
            "--relp",
            "--relp-tls",
            "--unix",
            "--unix-stream",
            "--journal",
        ];
        let expected = args.iter().filter(|arg| listeners.contains(arg)).count();
        let mut child = Command::new(RELAY)
            .args(args)
            .arg("--spool")
            .arg(folder.join("spool"))
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the relay starts");
        let stderr = child.stderr.take().expect("it was piped");
        let mut lines = BufReader::new(stderr).lines();
        let mut listening = Vec::new();
        while listening.len() < expected {
            let line = lines.next().expect("it says where it listens").expect("text");
            let value = |key| Some(line.split_once(key)?.1.split_once('"')?.0.to_owned());
            listening.extend(value("transport=\"").zip(value("address=\"")));
        }
        // So that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, listening }
    }

    /// Where it listens for `transport`.
    pub fn address(&self, transport: &str) -> SocketAddr {
        let found = self.listening.iter().find(|(name, _)| name == transport);
        found.expect("it was asked for").1.parse().expect("an address")
    }

    /// SIGTERM; panics unless it ends well.
    pub fn stop(mut self) {
        signal(&self.child, libc::SIGTERM);
        assert!(self.child.wait().expect("it ends").success(), "SIGTERM drains and ends well");
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().expect("our own child");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a child that was not waited for.
pub fn signal(child: &Child, signal: libc::c_int) {
    let id = i32::try_from(child.id()).expect("process numbers are small");
    // SAFETY: two numbers; the process is our own child, which has not been waited for.
    unsafe { libc::kill(id, signal) };
}

/// A program of others that runs in the foreground. Killed when dropped.
pub struct Daemon(pub Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// rsyslogd with this configuration, once it listens on `port`.
pub fn rsyslogd(program: &mut Command, folder: &Path, conf: &str, port: u16) -> Daemon {
    std::fs::create_dir_all(folder).expect("a folder");
    let file = folder.join("rsyslog.conf");
    let work = format!("global(workDirectory=\"{}\")\n", folder.display());
    std::fs::write(&file, work + conf).expect("room");
    let pid = folder.join("pid");
    let _ = std::fs::remove_file(&pid);
    let child = program.arg("-n").arg("-f").arg(&file).arg("-i").arg(pid).spawn();
    wait_for(port);
    Daemon(child.expect("it starts"))
}

/// A program of syslog-ng, which cannot be installed beside rsyslog: out of the folder where its
/// package was unpacked, or where it is installed.
pub fn syslog_ng(program: &str) -> Option<Command> {
    let Some(root) = std::env::var_os("POPKIT_SYSLOG_NG").map(PathBuf::from) else {
        return super::common::peer(program);
    };
    let folders = ["usr/sbin", "usr/bin"].map(|folder| root.join(folder).join(program));
    let found = folders.into_iter().find(|path| path.exists());
    let mut command = Command::new(found.expect("POPKIT_SYSLOG_NG is where syslog-ng-core is"));
    let libraries = std::fs::read_dir(root.join("usr/lib")).expect("libraries");
    let mut paths: Vec<PathBuf> = libraries.map(|entry| entry.expect("a folder").path()).collect();
    paths.push(root.join("usr/lib/syslog-ng"));
    command.env("LD_LIBRARY_PATH", std::env::join_paths(paths).expect("no colons"));
    command.env("SYSLOGNG_PREFIX", root.join("usr"));
    if program == "syslog-ng" {
        let modules = std::fs::read_dir(root.join("usr/lib/syslog-ng")).expect("modules");
        let version = modules.map(|entry| entry.expect("a folder").path()).find(|p| p.is_dir());
        let mut option = std::ffi::OsString::from("--module-path=");
        option.push(version.expect("a folder of modules"));
        command.arg(option);
    }
    Some(command)
}

/// A port of loopback that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// Waits until somebody listens.
pub fn wait_for(port: u16) {
    until("somebody listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
}

/// Waits, at most 30 s.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(30), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends messages `number=N.` in these numbers over TCP, a line each, and waits until the other
/// side has read them.
pub fn send_lines(port: u16, numbers: std::ops::Range<u64>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    for number in numbers {
        writeln!(stream, "<13>1 2026-01-01T00:00:00Z host test - - - number={number}.")
            .expect("it reads");
    }
    stream.shutdown(std::net::Shutdown::Write).expect("connected");
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

/// The numbers in a file of messages, in the order they stand there.
pub fn numbers(path: &Path) -> Vec<u64> {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let digits = |part: &str| part.split_once('.').and_then(|(digits, _)| digits.parse().ok());
    text.split("number=").skip(1).filter_map(digits).collect()
}

/// Whether all of `0..count` are there.
pub fn all_there(path: &Path, count: u64) -> bool {
    let mut found = numbers(path);
    found.sort_unstable();
    found.dedup();
    found.len() as u64 == count && found.last() == Some(&(count - 1))
}
