//! kill -9, again and again: what was acknowledged over RELP is in the file afterwards, and what is
//! there twice has the same key.

mod common;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use log_pipeline::relp::{Client, ClientEvent};

const RELAY: &str = env!("CARGO_BIN_EXE_relay");

struct Relay {
    child: Child,
    relp: SocketAddr,
}

fn start(folder: &Path, sync: &str) -> Relay {
    let mut child = Command::new(RELAY)
        .args(["--relp", "127.0.0.1:0", "--sync", sync, "--node", "n", "--spool"])
        .arg(folder.join("spool"))
        .arg("--to")
        .arg(format!("all=file:{}", folder.join("all.jsonl").display()))
        .env("RUST_LOG", "info")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the relay starts");
    let stderr = child.stderr.take().expect("it was piped");
    let mut lines = BufReader::new(stderr).lines();
    let relp = loop {
        let line = lines.next().expect("it says where it listens").expect("text");
        if let Some((_, address)) = line.split_once("address=\"") {
            break address.trim_end_matches('"').parse().expect("an address");
        }
    };
    // Nobody reads on, and nobody must: the pipe holds what a short life says.
    std::thread::spawn(move || lines.for_each(drop));
    Relay { child, relp }
}

/// Sends messages numbered from `next` for about `time` and gives the number after the last one
/// acknowledged, and after the last one sent.
fn send(relp: SocketAddr, next: u64, time: Duration) -> (u64, u64) {
    let mut stream = TcpStream::connect(relp).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let mut client = Client::new(64);
    let (mut sent, mut acknowledged) = (next, next);
    let mut buffer = [0; 4096];
    let until = Instant::now() + time;
    loop {
        while client.has_room() && Instant::now() < until {
            let message = format!("<13>1 - host test - - - number={sent}.");
            assert!(client.send(message.as_bytes()), "there was room");
            sent += 1;
        }
        if stream.write_all(client.transmit()).is_err() {
            return (acknowledged, sent);
        }
        client.transmit().clear();
        if Instant::now() >= until {
            return (acknowledged, sent);
        }
        let Ok(read @ 1..) = stream.read(&mut buffer) else { return (acknowledged, sent) };
        let mut input = &buffer[..read];
        while let Some(event) = client.next(&mut input).expect("RELP") {
            if let ClientEvent::Acknowledged { count } = event {
                acknowledged += count as u64;
            }
        }
    }
}

fn rounds(sync: &str, rounds: u32) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = Vec::new();
    let mut next = 0;
    for round in 0..rounds {
        let Relay { mut child, relp } = start(folder.path(), sync);
        // Lives of different lengths are cut off in different places.
        let (safe, sent) = send(relp, next, Duration::from_millis(10 + u64::from(round * 7 % 40)));
        child.kill().expect("our own child");
        child.wait().expect("it ends");
        acknowledged.push(next..safe);
        next = sent;
    }
    let Relay { mut child, relp } = start(folder.path(), sync);
    let (safe, _) = send(relp, next, Duration::from_millis(50));
    acknowledged.push(next..safe);
    let id = i32::try_from(child.id()).expect("process numbers are small");
    // SAFETY: a signal to our own child, which has not been waited for.
    unsafe { libc::kill(id, libc::SIGTERM) };
    assert!(child.wait().expect("it ends").success(), "SIGTERM drains and ends well");

    let mut keys: HashMap<u64, String> = HashMap::new();
    let mut duplicates = 0;
    for line in common::json_lines(&folder.path().join("all.jsonl")) {
        let text = line["message"].as_str().expect("a message");
        let number = text.trim_start_matches("number=").trim_end_matches('.');
        let key = line["key"].as_str().expect("a key").to_owned();
        if let Some(before) = keys.insert(number.parse().expect("a number"), key.clone()) {
            duplicates += 1;
            assert_eq!(before, key, "message {number} came twice");
        }
    }
    let safe: Vec<u64> = acknowledged.into_iter().flatten().collect();
    let lost: Vec<_> = safe.iter().filter(|number| !keys.contains_key(number)).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged are lost: {lost:?}", lost.len(), safe.len());
    assert!(safe.len() as u32 > rounds, "only {} were acknowledged", safe.len());
    let mut distinct: Vec<&String> = keys.values().collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), keys.len(), "no key stands for two messages");
    writeln!(std::io::stderr(), "{sync}: {} acknowledged, {duplicates} twice", safe.len())
        .expect("standard error");
}

#[test]
fn nothing_acknowledged_is_lost_when_durable() {
    rounds("durable", 100);
}

#[test]
fn nothing_acknowledged_is_lost_when_only_written() {
    rounds("none", 100);
}
