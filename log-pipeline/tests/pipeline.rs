//! From a socket to the sinks, each at its own pace, and over a restart.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use log_pipeline::cursor::Start;
use log_pipeline::message::Builder;
use log_pipeline::net::{Config, Limits, Pipeline};
use log_pipeline::pri::{Facility, Pri, Severity};
use log_pipeline::timestamp::Timestamp;
use log_pipeline::wal::Stage;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn config(directory: &Path) -> Config {
    Config::new(directory.join("spool"))
        .clock(|| Timestamp::from_unix_ns(1_700_000_000_000_000_000))
}

fn message(number: usize) -> Vec<u8> {
    Builder::new(Pri::new(Facility::DAEMON, Severity::INFO))
        .timestamp(Timestamp::from_unix_ns(1_065_910_455_003_000_000))
        .hostname("host")
        .appname("test")
        .param("n@32473", "number", &number.to_string())
        .message(format!("message {number}"))
        .to_rfc5424()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn send(address: SocketAddr, numbers: std::ops::Range<usize>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    for number in numbers {
        let message = message(number);
        stream.write_all(format!("{} ", message.len()).as_bytes()).await.unwrap();
        stream.write_all(&message).await.unwrap();
    }
    stream.shutdown().await.unwrap();
    // Half-closed: wait for the other half, when everything has been taken in.
    stream.read_to_end(&mut Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_message_goes_from_the_socket_to_both_sinks() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("flights.jsonl");
    let pipeline = Pipeline::open(config(directory.path())).unwrap();
    pipeline.sink_file("flights", &file, Start::Oldest).unwrap();
    let mut trigger = pipeline.subscribe("trigger", Start::Oldest).unwrap();
    let address = pipeline.listen_tcp(loopback(), Limits::default()).unwrap();
    send(address, 0..1).await;

    let delivery = trigger.next().await.unwrap().unwrap();
    let parsed = delivery.message();
    assert_eq!(parsed.message, b"message 0");
    assert_eq!(parsed.structured_data.value("n@32473", "number").unwrap(), "0");
    assert_eq!(delivery.peer.unwrap().ip(), Ipv4Addr::LOCALHOST);
    assert_eq!(delivery.received.unix_ns(), 1_700_000_000_000_000_000);
    trigger.ack().unwrap();

    let receipt = pipeline.append(b"<13>Oct 11 22:14:15 host in: process").await.unwrap();
    assert_eq!(receipt.await, Ok(Stage::Durable));
    let delivery = trigger.next().await.unwrap().unwrap();
    assert_eq!((delivery.peer, delivery.message().appname), (None, Some("in")));

    let stats = pipeline.stats();
    assert_eq!((stats.listeners[0].accepted, stats.listeners[0].frames.octet_counted), (1, 1));
    assert_eq!((stats.sinks[1].delivered_records, stats.sinks[1].lag_records), (1, 1));
    pipeline.shutdown().await.unwrap();
    assert_eq!(trigger.next().await.unwrap(), None);
    let lines = lines(&file);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["structured_data"]["n@32473"]["number"], "0");
    assert_eq!(lines[1]["protocol"], "rfc3164");
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all.jsonl");
    for round in 0..3 {
        let pipeline = Pipeline::open(config(directory.path())).unwrap();
        pipeline.sink_file("all", &file, Start::Oldest).unwrap();
        let mut trigger = pipeline.subscribe("trigger", Start::End).unwrap();
        let address = pipeline.listen_tcp(loopback(), Limits::default()).unwrap();
        send(address, round * 10..round * 10 + 10).await;
        // Of ten, seven are acknowledged; the other three come first in the next round.
        for number in 0..10 {
            let expected = (round * 7 + number) as i64;
            let delivery = trigger.next().await.unwrap().unwrap();
            assert_eq!(delivery.message().message, format!("message {expected}").as_bytes());
            if number == 6 {
                trigger.ack().unwrap();
            }
        }
        drop(trigger);
        pipeline.shutdown().await.unwrap();
        let numbers: Vec<_> = lines(&file).iter().map(|line| line["message"].to_string()).collect();
        let expected: Vec<_> = (0..round * 10 + 10).map(|n| format!("\"message {n}\"")).collect();
        assert_eq!(numbers, expected, "each line once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_sink_delays_nobody_else() {
    const MESSAGES: usize = 2_000;
    let directory = tempfile::tempdir().unwrap();
    let (stuck, free) = (directory.path().join("stuck"), directory.path().join("free.jsonl"));
    assert!(std::process::Command::new("mkfifo").arg(&stuck).status().unwrap().success());
    // Somebody has the pipe open and does not read: the sink blocks when the pipe is full.
    let mut pipe = fs::OpenOptions::new().read(true).write(true).open(&stuck).unwrap();
    let pipeline = Pipeline::open(config(directory.path())).unwrap();
    pipeline.sink_file("stuck", &stuck, Start::Oldest).unwrap();
    pipeline.sink_file("free", &free, Start::Oldest).unwrap();
    let mut never_read = pipeline.subscribe("never-read", Start::Oldest).unwrap();
    let mut trigger = pipeline.subscribe("trigger", Start::Oldest).unwrap();
    let address = pipeline.listen_tcp(loopback(), Limits::default()).unwrap();
    send(address, 0..MESSAGES).await;
    for _ in 0..MESSAGES {
        trigger.next().await.unwrap().unwrap();
    }
    trigger.ack().unwrap();
    while pipeline.stats().sinks[1].lag_records > 0 {
        tokio::task::yield_now().await;
    }
    let stats = pipeline.stats();
    assert_eq!(stats.sinks[1].delivered_records, MESSAGES as u64);
    assert!(stats.sinks[0].lag_records > 0, "the pipe holds less than all messages");
    assert_eq!(lines(&free).len(), MESSAGES);

    // When it is unstuck it gets everything.
    let reader = std::thread::spawn(move || {
        let (mut seen, mut buffer, mut ends) = (Vec::new(), vec![0; 65536], 0);
        while ends < MESSAGES {
            let read = pipe.read(&mut buffer).unwrap();
            ends += buffer[..read].split(|&byte| byte == b'\n').count() - 1;
            seen.extend_from_slice(&buffer[..read]);
        }
        seen
    });
    pipeline.shutdown().await.unwrap();
    assert_eq!(reader.join().unwrap(), fs::read(&free).unwrap());
    assert_eq!(never_read.try_next().unwrap().unwrap().message().message, b"message 0");
}

#[tokio::test]
async fn shutting_down_takes_in_what_has_arrived() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all.jsonl");
    let pipeline = Pipeline::open(config(directory.path())).unwrap();
    pipeline.sink_file("all", &file, Start::Oldest).unwrap();
    let address = pipeline.listen_tcp(loopback(), Limits::default()).unwrap();
    // Neither closed nor ended: the last line has no line feed yet.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"<13>one\n<13>two\r\n<13>three").await.unwrap();
    pipeline.shutdown().await.unwrap();
    let messages: Vec<_> = lines(&file).iter().map(|line| line["message"].clone()).collect();
    assert_eq!(messages, ["one", "two", "three"]);
}

#[tokio::test]
async fn limits_hold() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = Pipeline::open(config(directory.path())).unwrap();
    let mut all = pipeline.subscribe("all", Start::Oldest).unwrap();
    let limits = Limits::default().max_connections(1).max_frame_bytes(20).idle(Duration::ZERO);
    let idle = pipeline.listen_tcp(loopback(), limits.clone()).unwrap();
    let mut stream = TcpStream::connect(idle).await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "idle for longer than nothing");

    let limits = limits.idle(Duration::from_mins(1));
    let address = pipeline.listen_tcp(loopback(), limits.clone()).unwrap();
    let mut first = TcpStream::connect(address).await.unwrap();
    first.write_all(b"<13>0123456789abcdefghij\n").await.unwrap();
    let delivery = all.next().await.unwrap().unwrap();
    assert_eq!((&delivery.frame[..], delivery.truncated), (&b"<13>0123456789abcdef"[..], true));
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(second.read(&mut [0]).await.unwrap_or(0), 0, "one too many");
    let [idle, busy] = &pipeline.stats().listeners[..] else { panic!("two listeners") };
    assert_eq!((idle.idle_closed, idle.accepted), (1, 1));
    assert_eq!((busy.refused.too_many, busy.accepted), (1, 1));
    pipeline.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_torn_line_is_replaced_and_a_foreign_one_kept() {
    let directory = tempfile::tempdir().unwrap();
    for (before, after) in [("{\"facility\":\"us", ""), ("x\n{\"fac", "x\n"), ("text", "text\n")] {
        let file = directory.path().join("lines");
        fs::write(&file, before).unwrap();
        let pipeline = Pipeline::open(config(directory.path())).unwrap();
        pipeline.sink_file("lines", &file, Start::End).unwrap();
        pipeline.append(b"<13>new").await.unwrap().await.unwrap();
        pipeline.shutdown().await.unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(&format!("{after}{{\"facility\":\"user\"")), "{text}");
        assert_eq!(text.lines().count(), after.lines().count() + 1);
    }
}

#[tokio::test]
async fn a_pipeline_that_is_dropped_lets_go_of_its_log() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all.jsonl");
    let pipeline = Pipeline::open(config(directory.path())).unwrap();
    pipeline.sink_file("all", &file, Start::Oldest).unwrap();
    pipeline.listen_tcp(loopback(), Limits::default()).unwrap();
    drop(pipeline.append(b"<13>kept").await.unwrap());
    drop(pipeline);
    // The sink finishes on its own thread, the listener on this one.
    let pipeline = loop {
        tokio::task::yield_now().await;
        if let Ok(pipeline) = Pipeline::open(config(directory.path())) {
            break pipeline;
        }
    };
    pipeline.sink_file("all", &file, Start::Oldest).unwrap();
    pipeline.shutdown().await.unwrap();
    assert_eq!(lines(&file).len(), 1);
}

#[tokio::test]
async fn the_clock_is_the_callers() {
    let directory = tempfile::tempdir().unwrap();
    let time = Arc::new(Mutex::new(5));
    let asked = Arc::clone(&time);
    let config =
        config(directory.path()).clock(move || Timestamp::from_unix_ns(*asked.lock().unwrap()));
    let pipeline = Pipeline::open(config).unwrap();
    let mut all = pipeline.subscribe("all", Start::Oldest).unwrap();
    for ns in [5, 9] {
        *time.lock().unwrap() = ns;
        drop(pipeline.append(b"x").await.unwrap());
        assert_eq!(all.next().await.unwrap().unwrap().received.unix_ns(), ns);
    }
    pipeline.shutdown().await.unwrap();
}
