//! Listeners of a log that is as large as it may be: they wait, or count what was refused, and they
//! never end because of it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use log_pipeline::cursor::Start;
use log_pipeline::net::{Config, Limits, ListenerStats, Pipeline, Subscription};
use log_pipeline::relp::{Client, ClientEvent};
use log_pipeline::wal::{self, WhenFull};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

const QUOTA: u64 = 64 << 10;

fn open(folder: &tempfile::TempDir, when_full: WhenFull) -> (Pipeline, Subscription) {
    let wal = wal::Config::default().quota(QUOTA, when_full);
    let config = Config::new(folder.path()).wal(wal).drain(Duration::from_millis(300));
    let pipeline = Pipeline::open(config).unwrap();
    let all = pipeline.subscribe("all", Start::Oldest).unwrap();
    (pipeline, all)
}

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn stats(pipeline: &Pipeline) -> ListenerStats {
    pipeline.stats().listeners[0].clone()
}

async fn until(mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(20), "in vain");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn message(number: u32) -> Vec<u8> {
    let mut text = format!("<13>1 - h a - - - {number} ").into_bytes();
    text.resize(1000, b'x');
    text.push(b'\n');
    text
}

/// The numbers delivered until nothing comes any more.
async fn take(all: &mut Subscription) -> Vec<u32> {
    let mut numbers = Vec::new();
    while let Ok(next) = tokio::time::timeout(Duration::from_millis(200), all.next()).await {
        let delivery = next.unwrap().unwrap();
        let text = String::from_utf8(delivery.message().message.to_vec()).unwrap();
        numbers.push(text.split(' ').next().unwrap().parse().unwrap());
        all.ack().unwrap();
    }
    numbers
}

#[tokio::test]
async fn connections_outlive_what_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (pipeline, mut all) = open(&folder, WhenFull::DropNewest);
    let address = pipeline.listen_tcp(loopback(), Limits::default()).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    for number in 0..100 {
        stream.write_all(&message(number)).await.unwrap();
    }
    until(|| stats(&pipeline).frames.frames == 100).await;
    until(|| stats(&pipeline).dropped.full + pipeline.stats().wal.appended_records == 100).await;
    let taken = take(&mut all).await;
    assert_eq!(taken, (0..taken.len() as u32).collect::<Vec<_>>());
    assert_eq!(stats(&pipeline).dropped.full, 100 - taken.len() as u64);
    assert_eq!((stats(&pipeline).open, stats(&pipeline).dropped.log), (1, 0));
    stream.write_all(&message(100)).await.unwrap();
    assert_eq!(take(&mut all).await, [100], "there is room again, on the same connection");
    pipeline.shutdown().await.unwrap();
}

#[tokio::test]
async fn datagrams_are_counted_and_received_on() {
    let folder = tempfile::tempdir().unwrap();
    let (pipeline, mut all) = open(&folder, WhenFull::DropNewest);
    let socket = std::net::UdpSocket::bind(loopback()).unwrap();
    let address = socket.local_addr().unwrap();
    pipeline.serve_udp(socket, Limits::default()).unwrap();
    let sender = UdpSocket::bind(loopback()).await.unwrap();
    for number in 0..100 {
        sender.send_to(&message(number), address).await.unwrap();
        until(|| stats(&pipeline).frames.frames == u64::from(number) + 1).await;
    }
    let taken = take(&mut all).await;
    assert_eq!(stats(&pipeline).dropped.full, 100 - taken.len() as u64);
    sender.send_to(&message(100), address).await.unwrap();
    assert_eq!(take(&mut all).await, [100], "the thread is still there");
    pipeline.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_refused_relp_message_is_told_to_its_sender() {
    let folder = tempfile::tempdir().unwrap();
    let (pipeline, mut all) = open(&folder, WhenFull::DropNewest);
    let socket = std::net::TcpListener::bind(loopback()).unwrap();
    let address = socket.local_addr().unwrap();
    pipeline.serve_relp(socket, Limits::default()).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut client, mut sent, mut acknowledged) = (Client::new(8), 0, 0);
    let mut buffer = [0; 4096];
    let refused = 'session: loop {
        while client.has_room() {
            client.send(message(sent).trim_ascii_end());
            sent += 1;
        }
        stream.write_all(client.transmit()).await.unwrap();
        client.transmit().clear();
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the session is not just closed");
        let mut input = &buffer[..read];
        loop {
            match client.next(&mut input) {
                Ok(Some(ClientEvent::Acknowledged { count })) => acknowledged += count as u32,
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => break 'session error,
            }
        }
    };
    assert!(refused.to_string().contains("500"), "{refused}");
    let taken = take(&mut all).await;
    assert!(taken.len() as u32 >= acknowledged && acknowledged > 30, "{acknowledged}");
    assert!(stats(&pipeline).dropped.full > 0);
    pipeline.shutdown().await.unwrap();
}

#[tokio::test]
async fn who_blocks_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (pipeline, mut all) = open(&folder, WhenFull::Block);
    let address = pipeline.listen_tcp(loopback(), Limits::default()).unwrap();
    let sender = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        for number in 0..2000 {
            stream.write_all(&message(number)).await.unwrap();
        }
    });
    until(|| pipeline.stats().wal.used_bytes > QUOTA - 4096).await;
    let mut taken: Vec<u32> = Vec::new();
    while taken.len() < 2000 {
        assert!(pipeline.stats().wal.used_bytes <= QUOTA);
        let delivery = all.next().await.unwrap().unwrap();
        let text = String::from_utf8(delivery.message().message.to_vec()).unwrap();
        taken.push(text.split(' ').next().unwrap().parse().unwrap());
        all.ack().unwrap();
    }
    assert_eq!(taken, (0..2000).collect::<Vec<u32>>());
    sender.await.unwrap();
    let dropped = stats(&pipeline).dropped;
    assert_eq!((dropped.full, dropped.log), (0, 0));
    pipeline.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_full_log_does_not_keep_the_pipeline_open() {
    let folder = tempfile::tempdir().unwrap();
    let (pipeline, _all) = open(&folder, WhenFull::Block);
    let address = pipeline.listen_tcp(loopback(), Limits::default()).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    for number in 0..100 {
        stream.write_all(&message(number)).await.unwrap();
    }
    until(|| pipeline.stats().wal.used_bytes > QUOTA - 4096).await;
    let began = Instant::now();
    pipeline.shutdown().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_sink_that_missed_something_says_how_much() {
    let folder = tempfile::tempdir().unwrap();
    let (pipeline, mut all) = open(&folder, WhenFull::DropOldest);
    for number in 0..200 {
        pipeline.append(message(number).trim_ascii_end()).await.unwrap().await.unwrap();
    }
    let taken = take(&mut all).await;
    assert_eq!(taken, (taken[0]..200).collect::<Vec<_>>());
    let stats = pipeline.stats();
    assert_eq!(stats.sinks[0].skipped_records, 200 - taken.len() as u64);
    assert!(stats.wal.evicted_segments > 0);
    pipeline.shutdown().await.unwrap();
}
