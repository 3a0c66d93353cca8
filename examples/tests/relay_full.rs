//! A real full disk: senders wait, nothing acknowledged is lost, and it goes on when there is room.

mod common;
mod relay_common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::is_root;
use log_pipeline::relp::{Client, ClientEvent};
use relay_common::{Relay, free_port, until};

/// A tmpfs of a mebibyte. Unmounted when dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at);
        mount.status().is_ok_and(|status| status.success()).then(|| Self(at.into()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Sends messages with the numbers `first..most` over RELP until no answer comes for a while, or all
/// are acknowledged. Gives the number after the last acknowledged one.
fn send(stream: &mut TcpStream, first: u64, most: u64) -> u64 {
    let (mut client, mut sent) = (Client::new(64), first);
    let (mut acknowledged, mut heard) = (first, Instant::now());
    let mut buffer = [0; 4096];
    while acknowledged < most && heard.elapsed() < Duration::from_millis(1500) {
        while client.has_room() && sent < most {
            let message = format!("<13>1 - h t - - - number={sent}.{:900}", "");
            assert!(client.send(message.as_bytes()), "there was room");
            sent += 1;
        }
        stream.write_all(client.transmit()).expect("it listens");
        client.transmit().clear();
        let Ok(read) = stream.read(&mut buffer) else { continue };
        assert!(read > 0, "the relay keeps the connection");
        let mut input = &buffer[..read];
        while let Some(event) = client.next(&mut input).expect("RELP, and no refusal") {
            if let ClientEvent::Acknowledged { count } = event {
                acknowledged += count as u64;
                heard = Instant::now();
            }
        }
    }
    acknowledged
}

fn metric(address: &str, name: &str) -> Option<f64> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Reads until all of `0..count` have arrived, and keeps the connection.
fn receive(listener: &TcpListener, count: u64) -> TcpStream {
    let (mut text, mut seen) = (String::new(), std::collections::BTreeSet::new());
    let (mut stream, _) = listener.accept().expect("the relay connects");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let mut buffer = vec![0; 64 << 10];
    while (seen.len() as u64) < count {
        let read = stream.read(&mut buffer).expect("more comes");
        assert!(read > 0, "{} of {count}", seen.len());
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let whole = text.rfind("number=").unwrap_or(0);
        for part in text[..whole].split("number=").skip(1) {
            seen.insert(part.split_once('.').expect("a number").0.parse::<u64>().expect("digits"));
        }
        text.drain(..whole);
        if let Some((digits, _)) = text.strip_prefix("number=").and_then(|t| t.split_once('.')) {
            seen.insert(digits.parse().expect("digits"));
        }
    }
    stream
}

fn fill_and_recover(options: &[&str]) {
    const ALL: u64 = 3000;
    let folder = tempfile::tempdir().expect("a folder");
    let Some(disk) = Tmpfs::mount(&folder.path().join("spool")) else {
        return common::skipped("a tmpfs cannot be mounted here");
    };
    let (up, metrics) = (free_port(), format!("127.0.0.1:{}", free_port()));
    let to = format!("up=tcp://127.0.0.1:{up}");
    let args = ["--relp", "127.0.0.1:0", "--to", &to, "--metrics", &metrics];
    let args = [&args[..], options].concat();
    let relay = Relay::start(folder.path(), &args);
    let mut stream = TcpStream::connect(relay.address("relp")).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    let safe = send(&mut stream, 0, ALL);
    assert!((500..1100).contains(&safe), "a mebibyte holds about a thousand: {safe}");
    let blocks = !options.contains(&"--quota");
    until("the metric says so", || {
        metric(&metrics, "log_pipeline_waits_for_disk") == Some(f64::from(u8::from(blocks)))
    });
    // It dies while the disk is full. The next one starts nevertheless.
    drop(stream);
    relay.kill();
    let relay = Relay::start(folder.path(), &args);
    let mut stream = TcpStream::connect(relay.address("relp")).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    let listener = TcpListener::bind(("127.0.0.1", up)).expect("our port");
    let receiver = std::thread::spawn(move || receive(&listener, ALL));
    // What was not acknowledged comes again, and there is room as the sink delivers.
    assert_eq!(send(&mut stream, safe, ALL), ALL, "everything is acknowledged in the end");
    let _upstream = receiver.join().expect("everything arrives");
    until("the metric says so", || metric(&metrics, "log_pipeline_waits_for_disk") == Some(0.0));
    relay.stop();
    drop(disk);
}

#[test]
fn a_full_disk_makes_senders_wait() {
    if !is_root() {
        return common::skipped("mounting a tmpfs needs root");
    }
    fill_and_recover(&[]);
}

#[test]
fn a_journal_that_is_followed_does_not_keep_the_disk_full() {
    if !is_root() {
        return common::skipped("mounting a tmpfs needs root");
    }
    let journal = tempfile::tempdir().expect("a folder");
    fill_and_recover(&["--journal", &journal.path().display().to_string()]);
}

#[test]
fn a_full_quota_makes_senders_wait() {
    if !is_root() {
        return common::skipped("mounting a tmpfs needs root");
    }
    fill_and_recover(&["--quota", "900KiB"]);
}
