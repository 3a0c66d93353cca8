//! What each listener takes, from whom, and how patiently.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use log_pipeline::cursor::Start;
use log_pipeline::frame::Expect;
use log_pipeline::net::{
    Config, Limits, ListenerStats, Pipeline, Rate, Source, Subscription, UnixMode, bind_tcp,
    bind_udp, bind_unix_datagram, bind_unix_stream,
};
use log_pipeline::parse::Policy;
use log_pipeline::timestamp::Timestamp;
use log_pipeline::wal::Sync;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn open(directory: &Path) -> (Pipeline, Subscription) {
    let config = Config::new(directory.join("spool")).sync(Sync::None);
    let pipeline = Pipeline::open(config).unwrap();
    let all = pipeline.subscribe("all", Start::Oldest).unwrap();
    (pipeline, all)
}

async fn next(all: &mut Subscription) -> String {
    let delivery = all.next().await.unwrap().expect("the pipeline is open");
    String::from_utf8_lossy(&delivery.frame).into_owned()
}

fn stats(pipeline: &Pipeline) -> ListenerStats {
    pipeline.stats().listeners.remove(0)
}

async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A TCP listener and its address.
fn tcp(pipeline: &Pipeline, limits: Limits) -> SocketAddr {
    pipeline.listen_tcp(loopback(), limits).unwrap()
}

#[tokio::test]
async fn each_datagram_is_a_message() {
    let directory = tempfile::tempdir().unwrap();
    let (pipeline, mut all) = open(directory.path());
    let socket = bind_udp(loopback(), 1 << 20).unwrap();
    let address = socket.local_addr().unwrap();
    pipeline.serve_udp(socket, Limits::default().max_frame_bytes(20)).unwrap();
    let sender = UdpSocket::bind(loopback()).unwrap();
    for text in ["<13>one\n", "", "\n", "<13>two\nlines\0", "<13>0123456789abcdefghij"] {
        sender.send_to(text.as_bytes(), address).unwrap();
    }
    assert_eq!(next(&mut all).await, "<13>one");
    let delivery = all.next().await.unwrap().unwrap();
    assert_eq!(&delivery.frame[..], b"<13>two\nlines");
    assert_eq!(delivery.peer, Some(sender.local_addr().unwrap()));
    let long = all.next().await.unwrap().unwrap();
    assert_eq!((&long.frame[..], long.truncated), (&b"<13>0123456789abcdef"[..], true));
    // Counted once what came together is in the log.
    until(|| {
        let found = stats(&pipeline);
        (found.frames.frames, found.frames.truncated) == (3, 1)
    })
    .await;

    // What has arrived when the pipeline is told to stop is taken in.
    for number in 0..200 {
        sender.send_to(format!("<13>{number}").as_bytes(), address).unwrap();
    }
    pipeline.shutdown().await.unwrap();
    for number in 0..200 {
        assert_eq!(next(&mut all).await, format!("<13>{number}"));
    }
}

#[tokio::test]
async fn datagrams_the_kernel_dropped_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let (pipeline, _all) = open(directory.path());
    let socket = bind_udp(loopback(), 4096).unwrap();
    let address = socket.local_addr().unwrap();
    let sender = UdpSocket::bind(loopback()).unwrap();
    // Nobody reads yet.
    for _ in 0..1000 {
        sender.send_to(&[b'x'; 500], address).unwrap();
    }
    pipeline.serve_udp(socket, Limits::default()).unwrap();
    until(|| {
        let found = stats(&pipeline);
        found.dropped.kernel > 0 && found.dropped.kernel + found.frames.frames == 1000
    })
    .await;
    pipeline.shutdown().await.unwrap();
}

#[tokio::test]
async fn strangers_and_the_hasty_are_dropped_with_their_reason() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::new(directory.path().join("spool"))
        .sync(Sync::None)
        .clock(|| Timestamp::from_unix_ns(1_700_000_000_000_000_000));
    let pipeline = Pipeline::open(config).unwrap();
    let socket = bind_udp(loopback(), 1 << 20).unwrap();
    let address = socket.local_addr().unwrap();
    let limits = Limits::default()
        .allow("127.0.0.1/32".parse().unwrap())
        .rate(Rate { per_second: 100, burst: 10 });
    pipeline.serve_udp(socket, limits.clone()).unwrap();
    let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
    let sender = UdpSocket::bind(loopback()).unwrap();
    for number in 0..30 {
        stranger.send_to(b"<13>x", address).unwrap();
        sender.send_to(format!("<13>{number}").as_bytes(), address).unwrap();
    }
    until(|| stats(&pipeline).frames.frames == 60).await;
    let found = stats(&pipeline).dropped;
    assert_eq!((found.not_allowed, found.rate), (30, 20), "the clock stands still");

    let address = tcp(&pipeline, limits);
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut stranger = socket.connect(address).await.unwrap();
    assert_eq!(stranger.read(&mut [0]).await.unwrap_or(0), 0);
    assert_eq!(pipeline.stats().listeners[1].refused.not_allowed, 1);
    assert_eq!(pipeline.stats().wal.appended_records, 10);
}

#[tokio::test]
async fn no_peer_takes_all_places() {
    let directory = tempfile::tempdir().unwrap();
    let (pipeline, mut all) = open(directory.path());
    let limits = Limits::default().max_connections_per_peer(2).max_connections(3);
    let address = tcp(&pipeline, limits);
    let from = |ip: &str| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(ip.parse().unwrap(), 0)).unwrap();
        socket.connect(address)
    };
    let mut first = from("127.0.0.1").await.unwrap();
    let _second = from("127.0.0.1").await.unwrap();
    let mut third = from("127.0.0.1").await.unwrap();
    assert_eq!(third.read(&mut [0]).await.unwrap_or(0), 0, "two are enough for one");
    let mut other = from("127.0.0.2").await.unwrap();
    other.write_all(b"<13>heard\n").await.unwrap();
    assert_eq!(next(&mut all).await, "<13>heard");
    let mut fourth = from("127.0.0.3").await.unwrap();
    assert_eq!(fourth.read(&mut [0]).await.unwrap_or(0), 0, "three are enough for all");
    let refused = stats(&pipeline).refused;
    assert_eq!((refused.too_many_of_peer, refused.too_many), (1, 1));
    // A place that is free again is given again.
    first.shutdown().await.unwrap();
    until(|| stats(&pipeline).open == 2).await;
    let mut again = from("127.0.0.1").await.unwrap();
    again.write_all(b"<13>again\n").await.unwrap();
    assert_eq!(next(&mut all).await, "<13>again");
}

#[tokio::test(start_paused = true)]
async fn who_drips_bytes_is_cut_off_and_what_came_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (pipeline, _all) = open(directory.path());
    let limits = Limits::default().unfinished(Duration::from_mins(1)).idle(Duration::from_secs(50));
    let address = tcp(&pipeline, limits);
    let mut slow = TcpStream::connect(address).await.unwrap();
    let mut honest = TcpStream::connect(address).await.unwrap();
    until(|| stats(&pipeline).open == 2).await;
    let mut sent = 0;
    // Each byte comes in time not to be idle; the frame does not end in time.
    while slow.write_all(b"x").await.is_ok() && stats(&pipeline).open == 2 {
        sent += 1;
        assert!(sent < 20, "it goes on for ever");
        honest.write_all(b"<13>whole\n").await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert!(sent >= 6, "{sent}");
    assert_eq!(stats(&pipeline).idle_closed, 1);
    drop(honest);
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_never_pauses_does_not_keep_the_pipeline_open() {
    let directory = tempfile::tempdir().unwrap();
    let (pipeline, _all) = open(directory.path());
    let address = tcp(&pipeline, Limits::default());
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let lines = b"<13>again and again\n".repeat(1000);
    let sender = std::thread::spawn(move || while stream.write_all(&lines).is_ok() {});
    until(|| stats(&pipeline).frames.frames > 0).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), pipeline.shutdown()).await;
    ended.expect("in time").unwrap();
    sender.join().unwrap();
}

#[tokio::test]
async fn a_connection_beyond_its_rate_is_slowed_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (pipeline, mut all) = open(directory.path());
    let address = tcp(&pipeline, Limits::default().rate(Rate { per_second: 1000, burst: 10 }));
    let began = std::time::Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    for number in 0..200 {
        stream.write_all(format!("<13>{number:04}\n").as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    for number in 0..200 {
        assert_eq!(next(&mut all).await, format!("<13>{number:04}"));
    }
    assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());
}

#[tokio::test]
async fn local_sockets_have_a_mode_and_replace_only_dead_ones() {
    let directory = tempfile::tempdir().unwrap();
    let (pipeline, mut all) = open(directory.path());
    let path = directory.path().join("log");
    let socket = bind_unix_datagram(&path, UnixMode::default()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o666);
    let taken = bind_unix_datagram(&path, UnixMode::default()).unwrap_err();
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    assert!(bind_unix_stream(&path, UnixMode::default()).is_err(), "of whatever type");
    drop(socket);
    let socket = bind_unix_datagram(&path, UnixMode(0o660)).unwrap();
    assert_eq!(mode(&path), 0o660);
    pipeline.serve_unix_datagram(socket, &path, Limits::default()).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.send_to(b"<13>Oct 11 22:14:15 su: local\n", &path).unwrap();
    assert_eq!(next(&mut all).await, "<13>Oct 11 22:14:15 su: local");

    let stream_path = directory.path().join("stream");
    let socket = bind_unix_stream(&stream_path, UnixMode::default()).unwrap();
    pipeline.serve_unix_stream(socket, Limits::default()).unwrap();
    let mut stream = UnixStream::connect(&stream_path).unwrap();
    stream.write_all(b"<13>a\n<13>b\0<13>c").unwrap();
    drop(stream);
    for expected in ["<13>a", "<13>b", "<13>c"] {
        assert_eq!(next(&mut all).await, expected);
    }
    std::fs::write(directory.path().join("file"), "precious").unwrap();
    assert!(bind_unix_datagram(&directory.path().join("file"), UnixMode::default()).is_err());
    pipeline.shutdown().await.unwrap();
    assert!(!path.exists(), "the socket file goes away with the listener");
    assert!(!stream_path.exists(), "that of a stream as well");
}

#[tokio::test]
async fn each_network_has_its_zone_and_framing() {
    let directory = tempfile::tempdir().unwrap();
    let policy = Policy { utc_offset_seconds: 3600, ..Policy::default() };
    let east = Source { policy, framing: Expect::Delimited };
    let config = Config::new(directory.path().join("spool"))
        .sync(Sync::None)
        .source("127.0.0.2/32".parse().unwrap(), east);
    let pipeline = Pipeline::open(config).unwrap();
    let mut all = pipeline.subscribe("all", Start::Oldest).unwrap();
    let socket = bind_udp(loopback(), 1 << 20).unwrap();
    let address = socket.local_addr().unwrap();
    pipeline.serve_udp(socket, Limits::default()).unwrap();
    let mut times = Vec::new();
    for ip in ["127.0.0.1", "127.0.0.2"] {
        let sender = UdpSocket::bind((ip, 0)).unwrap();
        sender.send_to(b"<13>Oct 11 22:14:15 h su: x", address).unwrap();
        let delivery = all.next().await.unwrap().unwrap();
        times.push(delivery.message().timestamp.unwrap().unix_ns());
    }
    assert_eq!(times[0] - times[1], 3_600_000_000_000);

    let address = tcp(&pipeline, Limits::default());
    for (ip, expected) in [("127.0.0.1", &["<1>a", "b"][..]), ("127.0.0.2", &["4 <1>ab"])] {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(ip.parse().unwrap(), 0)).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        stream.write_all(b"4 <1>ab\n").await.unwrap();
        for frame in expected {
            assert_eq!(next(&mut all).await, *frame, "{ip}");
        }
    }
}

#[tokio::test]
async fn relp_acknowledges_what_the_receipt_says_and_refuses_when_closed() {
    let directory = tempfile::tempdir().unwrap();
    // Durable: the answer waits for the disk.
    let pipeline = Pipeline::open(Config::new(directory.path().join("spool"))).unwrap();
    let socket = bind_tcp(loopback()).unwrap();
    let address = socket.local_addr().unwrap();
    pipeline.serve_relp(socket, Limits::default()).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"1 open 15 commands=syslog\n").await.unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"1 rsp "));
    stream.write_all(b"2 syslog 5 <13>a\n3 syslog 5 <13>b\n4 close 0\n").await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    let expected = "2 rsp 6 200 OK\n3 rsp 6 200 OK\n4 rsp 0\n0 serverclose 0\n";
    assert_eq!(String::from_utf8(rest).unwrap(), expected);
    let found = pipeline.stats();
    assert_eq!((found.wal.durable_seq, found.wal.next_seq), (3, 3));
    assert!(found.wal.syncs > 0);

    // Half-closed in the middle of a frame: the whole ones are answered.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"1 open 15 commands=syslog\n2 syslog 5 <13>c\n3 syslog 50 <13")
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(String::from_utf8(rest).unwrap().ends_with("2 rsp 6 200 OK\n0 serverclose 0\n"));

    // Nonsense ends the session and is counted.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.ok();
    assert_eq!(stats(&pipeline).violations, 1);
    until(|| stats(&pipeline).open == 0).await;
    pipeline.shutdown().await.unwrap();
}

#[cfg(feature = "tls")]
mod tls {
    use super::*;
    use log_pipeline::net::{Output, RelpOutput, SinkConfig, StreamOutput, tls_client, tls_server};
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    struct Authority(CertifiedIssuer<'static, KeyPair>);

    impl Authority {
        fn new() -> Self {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
        }

        fn issue(&self, name: &str) -> (String, String) {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([name.to_owned()]).unwrap();
            (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
        }
    }

    #[tokio::test]
    async fn from_a_tls_sink_to_a_tls_listener_with_certificates_on_both_sides() {
        let (directory, upstream) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (ca, stranger) = (Authority::new(), Authority::new());
        let (chain, key) = ca.issue("localhost");
        let ca_pem = ca.0.pem();
        let (receiver, mut all) = open(upstream.path());
        let socket = StdListener::bind(loopback()).unwrap();
        let address = format!("localhost:{}", socket.local_addr().unwrap().port());
        let server = tls_server(chain.as_bytes(), key.as_bytes(), Some(ca_pem.as_bytes())).unwrap();
        receiver.serve_tls(socket, Arc::clone(&server), Limits::default()).unwrap();

        let (pipeline, _own) = open(directory.path());
        let (client, client_key) = ca.issue("client");
        let identity = (client.as_bytes(), client_key.as_bytes());
        let config = tls_client(ca_pem.as_bytes(), Some(identity)).unwrap();
        let output = StreamOutput::new(&address).tls(config);
        pipeline.sink(SinkConfig::new("up"), Output::Stream(output)).unwrap();
        for number in 0..1000 {
            drop(
                pipeline.append(format!("<13>1 - h a - - - {number}\n").as_bytes()).await.unwrap(),
            );
        }
        for number in 0..1000 {
            assert_eq!(next(&mut all).await, format!("<13>1 - h a - - - {number}\n"));
        }
        pipeline.shutdown().await.unwrap();

        // Without a certificate, or with one of somebody else: no.
        let (other, other_key) = stranger.issue("client");
        let directory = tempfile::tempdir().unwrap();
        let (pipeline, _own) = open(directory.path());
        drop(pipeline.append(b"<13>x").await.unwrap());
        for (name, identity) in
            [("none", None), ("other", Some((other.as_bytes(), other_key.as_bytes())))]
        {
            let config = tls_client(ca_pem.as_bytes(), identity).unwrap();
            let output = StreamOutput::new(&address).tls(config);
            pipeline.sink(SinkConfig::new(name), Output::Stream(output)).unwrap();
        }
        until(|| stats(&receiver).refused.handshake >= 2).await;
        assert_eq!(stats(&receiver).frames.frames, 1000);
    }

    #[tokio::test]
    async fn relp_over_tls_with_certificates_on_both_sides() {
        let (directory, upstream) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let ca = Authority::new();
        let ca_pem = ca.0.pem();
        let (chain, key) = ca.issue("logs.example");
        let (receiver, mut all) = open(upstream.path());
        let socket = StdListener::bind(loopback()).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let server = tls_server(chain.as_bytes(), key.as_bytes(), Some(ca_pem.as_bytes())).unwrap();
        receiver.serve_relp_tls(socket, server, Limits::default()).unwrap();

        let (pipeline, _own) = open(directory.path());
        let (client, client_key) = ca.issue("client");
        let identity = (client.as_bytes(), client_key.as_bytes());
        let config = tls_client(ca_pem.as_bytes(), Some(identity)).unwrap();
        let output = RelpOutput::new(&address).tls(Arc::clone(&config)).server_name("logs.example");
        pipeline.sink(SinkConfig::new("up"), Output::Relp(output)).unwrap();
        // Another name than the certificate's.
        let output = RelpOutput::new(&address).tls(config).server_name("other.example");
        pipeline.sink(SinkConfig::new("other"), Output::Relp(output)).unwrap();
        for number in 0..1000 {
            drop(pipeline.append(format!("<13>1 - h a - - - {number}").as_bytes()).await.unwrap());
        }
        for number in 0..1000 {
            assert_eq!(next(&mut all).await, format!("<13>1 - h a - - - {number}"));
        }
        until(|| pipeline.stats().sinks.iter().any(|s| s.name == "up" && s.lag_records == 0)).await;
        until(|| pipeline.stats().sinks.iter().any(|s| s.name == "other" && s.retries > 0)).await;
        until(|| stats(&receiver).refused.handshake >= 1).await;
        assert_eq!(stats(&receiver).frames.frames, 1000);
    }

    #[tokio::test]
    async fn a_handshake_that_never_comes_ends_in_time() {
        let directory = tempfile::tempdir().unwrap();
        let (pipeline, _all) = open(directory.path());
        let (chain, key) = Authority::new().issue("localhost");
        let server = tls_server(chain.as_bytes(), key.as_bytes(), None).unwrap();
        let socket = StdListener::bind(loopback()).unwrap();
        let address = socket.local_addr().unwrap();
        let limits = Limits::default().unfinished(Duration::from_millis(50));
        pipeline.serve_tls(socket, server, limits).unwrap();
        let mut silent = TcpStream::connect(address).await.unwrap();
        assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
        assert_eq!(stats(&pipeline).refused.handshake, 1);
    }
}
