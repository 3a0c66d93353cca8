//! A rustls client, timed from inside, against a real rustls server: who was idle, seen from the
//! client's side.

#![cfg(feature = "active")]

mod live;

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use live::{
    pki::{Identity, Wish, authority, trusting},
    server::{client, config},
};
use rustls::{
    SupportedProtocolVersion,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};
use tls_probe::{
    Config, Endpoints, Outcome, Report, TimedConnector, Verdict,
    net::{ConnectError, Opening},
};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const MS: u64 = 1_000_000;

fn name() -> ServerName<'static> {
    ServerName::try_from("edge.test").unwrap()
}

fn pair(
    version: &'static SupportedProtocolVersion,
    root: &Identity,
) -> (TlsAcceptor, TlsConnector) {
    let ca = authority("TestRoot");
    let leaf = Wish::of("edge.test").signed_by(&ca);
    let trusted = if root.pem.is_empty() { &ca } else { root };
    let mut server = config(&[version], &[&leaf]);
    server.alpn_protocols = vec![b"h2".to_vec()];
    let mut client = client(&[version], trusting(trusted));
    client.alpn_protocols = vec![b"h2".to_vec()];
    (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)))
}

/// Stands for the root that signed the server's certificate.
fn the_right_one() -> Identity {
    let mut root = authority("unused");
    root.pem.clear();
    root
}

/// Lets the clock go on before the server's n-th write.
struct Thinking {
    io: DuplexStream,
    hands: Arc<AtomicU64>,
    before_write: u32,
    millis: u64,
    writes: u32,
    yielded: bool,
}

impl AsyncRead for Thinking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Thinking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.yielded && self.writes + 1 == self.before_write {
            // The client gets to ask for bytes before the clock goes on.
            self.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.writes += 1;
        if self.writes == self.before_write {
            self.hands.fetch_add(self.millis * MS, Ordering::SeqCst);
        }
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

fn clock(hands: &Arc<AtomicU64>) -> impl Fn() -> u64 + Clone + Unpin + use<> {
    let hands = hands.clone();
    move || hands.load(Ordering::SeqCst)
}

async fn thought(version: &'static SupportedProtocolVersion, before_write: u32) -> Report {
    let (acceptor, connector) = pair(version, &the_right_one());
    let hands = Arc::new(AtomicU64::new(10_000 * MS));
    let connector = TimedConnector::new(connector, Config::default()).with_clock(clock(&hands));
    let (near, far) = duplex(64 * 1024);
    let far = Thinking { io: far, hands, before_write, millis: 700, writes: 0, yielded: false };
    let opening = Opening { began_ns: 9_990 * MS, done_ns: 10_000 * MS };
    let endpoints = Endpoints { opening: Some(opening), ..Endpoints::default() };
    let client = async {
        let (mut tls, report) = connector.connect_from(name(), near, endpoints).await.unwrap();
        tls.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        tls.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"pong", "the stream serves after the handshake");
        report
    };
    let server = async {
        let mut tls = acceptor.accept(far).await.unwrap();
        let mut asked = [0; 4];
        tls.read_exact(&mut asked).await.unwrap();
        tls.write_all(b"pong").await.unwrap();
        tls.flush().await.unwrap();
    };
    tokio::join!(client, server).0
}

#[tokio::test]
async fn a_server_that_thinks_before_its_flight_is_idle() {
    for version in [&TLS13, &TLS12] {
        let report = thought(version, 1).await;
        assert_eq!(report.outcome, Outcome::Established);
        assert_eq!(report.verdict, Verdict::Server, "{report:#?}");
        // The connection took 10 ms to open: so much is the path's.
        assert_eq!(report.idle.server, Duration::from_millis(690));
        assert_eq!(report.idle.network, Duration::from_millis(20));
        assert_eq!(report.rtt, Some(Duration::from_millis(10)));
        assert_eq!(report.phases.tcp, Some(Duration::from_millis(10)));
        assert_eq!(report.phases.server_flight, Some(Duration::from_millis(700)));
        assert_eq!(report.idle.total(), report.phases.total);
        assert_eq!(report.alpn.as_deref(), Some("h2"));
        assert_eq!(report.server_name.as_deref(), Some("edge.test"));
    }
}

#[tokio::test]
async fn nobody_is_idle_when_nobody_thinks() {
    let report = thought(&TLS13, 0).await;
    assert_eq!(report.verdict, Verdict::None, "{report:#?}");
    assert_eq!(report.version.unwrap().to_string(), "TLSv1.3");
}

#[tokio::test]
async fn a_certificate_that_is_refused_comes_with_its_report() {
    let (acceptor, connector) = pair(&TLS13, &authority("Another"));
    let connector = TimedConnector::new(connector, Config::default());
    let (near, far) = duplex(64 * 1024);
    let (refused, _) = tokio::join!(connector.connect(name(), near), acceptor.accept(far));
    let ConnectError { report, .. } = refused.expect_err("its root is not trusted");
    assert_eq!(report.outcome, Outcome::Alert);
    let alert = report.alert.expect("we said why");
    assert_eq!(alert.side, tls_probe::Side::Client);
    assert_eq!(alert.description, Some(48), "unknown_ca, though it went out encrypted");
}

#[tokio::test]
async fn an_abandoned_handshake_reaches_the_callback() {
    let (_, connector) = pair(&TLS13, &the_right_one());
    let hands = Arc::new(AtomicU64::new(0));
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let connector = TimedConnector::new(connector, Config::default().slow(Duration::from_secs(2)))
        .with_clock(clock(&hands))
        .on_slow(move |report| tell.lock().unwrap().push((report.outcome, report.verdict)));
    let (near, _far) = duplex(64 * 1024);
    let mut connect = Box::pin(connector.connect(name(), near));
    assert!(poll_fn(|cx| Poll::Ready(connect.as_mut().poll(cx).is_pending())).await);
    hands.fetch_add(3_000 * MS, Ordering::SeqCst);
    drop(connect);
    assert_eq!(*told.lock().unwrap(), [(Outcome::Timeout, Verdict::Server)]);
}
