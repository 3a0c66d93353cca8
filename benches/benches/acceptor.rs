//! What does timing cost a server? Plain tokio-rustls and `TimedAcceptor` take turns in one run.
//! The server's side of each handshake is on an account of its own, and both sides on another.

use std::future::Future;
use std::hint::black_box;
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use popkit_benches::clock::{cpu_time, median_and_spread};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tls_probe::net::TcpInfoSource;
use tls_probe::{Config, TimedAcceptor};
use tokio::io::{DuplexStream, duplex};
use tokio_rustls::{TlsAcceptor, TlsConnector};

fn main() {
    println!(
        "| version | plain server µs | timed server µs | more | of both sides' CPU | spread |"
    );
    println!("|---|---|---|---|---|---|");
    for (name, version) in [("TLS 1.2", &TLS12), ("TLS 1.3", &TLS13)] {
        let (acceptor, connector) = pair(version);
        let timed = TimedAcceptor::new(acceptor.clone(), Config::default());
        let (mut without, mut with) = (Vec::new(), Vec::new());
        let (mut ratios, mut shares) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (mut plain, mut ours) = (Duration::ZERO, Duration::ZERO);
            let begin = cpu_time();
            for turn in 0..HANDSHAKES {
                // Whoever is second finds the caches as the first left them.
                if turn % 2 == 0 {
                    plain += handshake(&connector, |io| acceptor.accept(io));
                    ours += handshake(&connector, |io| timed.accept(io));
                } else {
                    ours += handshake(&connector, |io| timed.accept(io));
                    plain += handshake(&connector, |io| acceptor.accept(io));
                }
            }
            let both = cpu_time().saturating_sub(begin).as_secs_f64() / 2.0;
            shares.push((ours.as_secs_f64() - plain.as_secs_f64()) / both);
            let micros = |spent: Duration| spent.as_secs_f64() * 1e6 / f64::from(HANDSHAKES);
            without.push(micros(plain));
            with.push(micros(ours));
            ratios.push(ours.as_secs_f64() / plain.as_secs_f64());
        }
        let (plain, _) = median_and_spread(&mut without);
        let (ours, _) = median_and_spread(&mut with);
        let (ratio, spread) = median_and_spread(&mut ratios);
        let (more, spread) = (ratio * 100.0 - 100.0, spread * 100.0);
        let share = median_and_spread(&mut shares).0 * 100.0;
        println!(
            "| {name} | {plain:.1} | {ours:.1} | {more:.1} % | {share:.1} % | {spread:.1} % |"
        );
    }
    println!("A question to the kernel (`TcpInfoSource::ask`): {:.2} µs", question());
}

/// One handshake in memory; the server's CPU time.
fn handshake<F: Future>(
    connector: &TlsConnector,
    accept: impl FnOnce(DuplexStream) -> F,
) -> Duration {
    let (near, far) = duplex(64 * 1024);
    let name = ServerName::try_from("probe.example").expect("a name");
    let mut client = Box::pin(connector.connect(name, near));
    let mut spent = Duration::ZERO;
    let mut timed = |work: &mut dyn FnMut() -> bool| {
        let begin = cpu_time();
        let done = work();
        spent += cpu_time().saturating_sub(begin);
        done
    };
    let mut cx = Context::from_waker(Waker::noop());
    let (mut far, mut accept) = (Some(far), Some(accept));
    let mut server: Option<Pin<Box<F>>> = None;
    let mut opened = None;
    loop {
        if opened.is_none()
            && let Poll::Ready(stream) = client.as_mut().poll(&mut cx)
        {
            opened = Some(stream.expect("the client trusts the server"));
        }
        let done = timed(&mut || {
            let server = server.get_or_insert_with(|| {
                let (accept, far) = (accept.take(), far.take());
                Box::pin(accept.expect("once")(far.expect("once")))
            });
            black_box(server.as_mut().poll(&mut cx)).is_ready()
        });
        if done {
            return spent;
        }
    }
}

fn pair(version: &'static SupportedProtocolVersion) -> (TlsAcceptor, TlsConnector) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let made = rcgen::generate_simple_self_signed(["probe.example".to_owned()]).expect("made");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let certificate = made.cert.der().clone();
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[version])
        .expect("the provider knows it")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a pair");
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("the provider knows it")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Full handshakes only.
    client.resumption = rustls::client::Resumption::disabled();
    (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)))
}

fn question() -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let there = listener.local_addr().expect("bound");
    let stream = TcpStream::connect(there).expect("it listens");
    let here = stream.local_addr().expect("bound");
    let source = TcpInfoSource::open().expect("sock_diag");
    let mut rounds: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let begin = cpu_time();
            for _ in 0..1_000 {
                black_box(source.ask(here, there)).expect("it is there");
            }
            cpu_time().saturating_sub(begin).as_secs_f64() * 1e3
        })
        .collect();
    median_and_spread(&mut rounds).0
}

const ROUNDS: usize = 31;
const HANDSHAKES: u32 = 100;
