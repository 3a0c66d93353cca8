//! A real rustls server, timed from inside, against a real rustls client.

#![cfg(feature = "tokio")]

use std::{
    future::poll_fn,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
    pki_types::{PrivateKeyDer, ServerName},
    version::{TLS12, TLS13},
};
use tls_probe::{Config, Endpoints, Outcome, TimedAcceptor, Verdict, What};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const MS: u64 = 1_000_000;

/// A certificate for `probe.example` and the two configurations round it.
fn pair(version: &'static SupportedProtocolVersion) -> (TlsAcceptor, TlsConnector) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let made = rcgen::generate_simple_self_signed(["probe.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let certificate = made.cert.der().clone();
    let mut server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec()];
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec()];
    (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)))
}

/// A clock that stands still until it is told.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn advance(&self, millis: u64) {
        self.0.fetch_add(millis * MS, Ordering::SeqCst);
    }

    fn clock(&self) -> impl Fn() -> u64 + Clone + Unpin + use<> {
        let hands = self.0.clone();
        move || hands.load(Ordering::SeqCst)
    }
}

/// Lets the clock go on before the client's n-th write.
struct Stalling {
    io: DuplexStream,
    hands: Hands,
    before_write: u32,
    millis: u64,
    writes: u32,
    yielded: bool,
}

impl tokio::io::AsyncRead for Stalling {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stalling {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.yielded && self.writes + 1 == self.before_write {
            // The server gets to ask for bytes before the clock goes on.
            self.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.writes += 1;
        if self.writes == self.before_write {
            self.hands.advance(self.millis);
        }
        std::pin::Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

fn name() -> ServerName<'static> {
    ServerName::try_from("probe.example").unwrap()
}

async fn stalled(
    version: &'static SupportedProtocolVersion,
    before_write: u32,
    millis: u64,
) -> tls_probe::Report {
    let (acceptor, connector) = pair(version);
    let hands = Hands::default();
    hands.advance(1_000_000);
    let acceptor = TimedAcceptor::new(acceptor, Config::default()).with_clock(hands.clock());
    let (near, far) = duplex(64 * 1024);
    let near = Stalling { io: near, hands, before_write, millis, writes: 0, yielded: false };
    let client = async {
        let mut tls = connector.connect(name(), near).await.unwrap();
        tls.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        tls.read_exact(&mut answer).await.unwrap();
        answer
    };
    let server = async {
        let (mut tls, report) = acceptor.accept(far).await.unwrap();
        let mut asked = [0; 4];
        tls.read_exact(&mut asked).await.unwrap();
        tls.write_all(b"pong").await.unwrap();
        tls.flush().await.unwrap();
        report
    };
    let (report, answer) = tokio::join!(server, client);
    assert_eq!(&answer, b"pong", "the stream serves after the handshake");
    report
}

#[tokio::test]
async fn a_client_that_waits_before_its_hello_is_idle() {
    let report = stalled(&TLS13, 1, 700).await;
    assert_eq!(report.outcome, Outcome::Established);
    assert_eq!(report.verdict, Verdict::Client, "{report:#?}");
    assert_eq!(report.idle.client, Duration::from_millis(700));
    assert_eq!(report.phases.client_hello, Some(Duration::from_millis(700)));
    assert_eq!(report.idle.total(), report.phases.total);
}

#[tokio::test]
async fn a_client_that_waits_before_its_finished_is_idle() {
    let report = stalled(&TLS13, 2, 700).await;
    assert_eq!(report.verdict, Verdict::Client, "{report:#?}");
    assert_eq!(report.phases.client_hello, Some(Duration::ZERO));
    assert_eq!(report.phases.client_flight, Some(Duration::from_millis(700)));
    assert!(report.because.contains("700 ms after our ServerHello"), "{}", report.because);
}

#[tokio::test]
async fn the_report_says_what_was_settled() {
    for (version, named) in [(&TLS13, "TLSv1.3"), (&TLS12, "TLSv1.2")] {
        let report = stalled(version, 0, 0).await;
        assert_eq!(report.outcome, Outcome::Established);
        assert_eq!(report.verdict, Verdict::None, "{report:#?}");
        assert_eq!(report.server_name.as_deref(), Some("probe.example"));
        assert_eq!(report.alpn.as_deref(), Some("h2"));
        assert_eq!(report.version.unwrap().to_string(), named);
        assert!(report.cipher.is_some() && !report.resumed);
        let events: Vec<_> = report.timeline.events().iter().map(|event| event.what).collect();
        assert_eq!(events[0], What::ClientHello);
        assert_eq!(events[1], What::ServerHello);
        assert!(report.client_messages.contains(1) && report.server_messages.contains(2));
    }
}

#[tokio::test]
async fn a_server_that_comes_late_to_its_bytes_is_idle_itself() {
    let (acceptor, connector) = pair(&TLS13);
    let hands = Hands::default();
    let acceptor = TimedAcceptor::new(acceptor, Config::default()).with_clock(hands.clock());
    let (near, far) = duplex(64 * 1024);
    let mut accept = Box::pin(acceptor.accept(far));
    let client = async {
        let mut connect = Box::pin(connector.connect(name(), near));
        // The hello lies there for 300 ms before the server's executor gets round to it.
        poll_fn(|cx| Poll::Ready(connect.as_mut().poll(cx).is_pending())).await;
        hands.advance(300);
        connect.await.unwrap()
    };
    let server = async {
        tokio::task::yield_now().await;
        accept.as_mut().await.unwrap().1
    };
    let (_, report) = tokio::join!(client, server);
    assert_eq!(report.verdict, Verdict::Server, "{report:#?}");
    assert_eq!(report.idle.server, Duration::from_millis(300));
    assert_eq!(report.idle.client, Duration::ZERO);
}

#[tokio::test]
async fn a_refused_handshake_comes_with_its_report() {
    let (acceptor, _) = pair(&TLS13);
    let (_, stranger) = pair(&TLS13);
    let acceptor = TimedAcceptor::new(acceptor, Config::default());
    let (near, far) = duplex(64 * 1024);
    let (refused, _) = tokio::join!(acceptor.accept(far), stranger.connect(name(), near));
    let error = refused.expect_err("the client does not know this certificate");
    assert_eq!(error.label(), "alert");
    let alert = error.report.alert.expect("the client said why");
    assert_eq!(alert.side, tls_probe::Side::Client);
    assert_eq!(error.report.server_name.as_deref(), Some("probe.example"));
}

#[tokio::test]
async fn a_client_that_leaves_is_incomplete() {
    let (acceptor, _) = pair(&TLS13);
    let acceptor = TimedAcceptor::new(acceptor, Config::default());
    let (near, far) = duplex(64 * 1024);
    drop(near);
    let error = acceptor.accept(far).await.expect_err("nobody is there");
    assert_eq!(error.report.outcome, Outcome::Incomplete);
}

#[tokio::test]
async fn an_abandoned_handshake_reaches_the_callback() {
    let (acceptor, _) = pair(&TLS13);
    let hands = Hands::default();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let acceptor = TimedAcceptor::new(acceptor, Config::default().slow(Duration::from_secs(2)))
        .with_clock(hands.clock())
        .on_slow(move |report| {
            tell.lock().unwrap().push((report.outcome, report.verdict, report.phases.total));
        });
    let (_near, far) = duplex(64);
    let mut accept = Box::pin(acceptor.accept_from(far, Endpoints::default()));
    let pending = poll_fn(|cx| Poll::Ready(accept.as_mut().poll(cx).is_pending())).await;
    assert!(pending);
    hands.advance(3_000);
    drop(accept);
    let want = (Outcome::Timeout, Verdict::Client, Duration::from_secs(3));
    assert_eq!(*told.lock().unwrap(), [want]);
}
