//! rustls servers on loopback.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use rustls::{
    ClientConfig, ServerConfig, SupportedProtocolVersion,
    client::danger,
    version::{TLS12, TLS13},
};
use tls_probe::{
    Config, Endpoints, Report, TimedAcceptor,
    net::{Prober, Settings, Target, TcpInfoSource},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

use super::pki::{Identity, provider, trusting};

/// A server's configuration with this chain, its own certificate and key first.
pub fn config(versions: &[&'static SupportedProtocolVersion], chain: &[&Identity]) -> ServerConfig {
    let certificates = chain.iter().map(|one| one.der.clone()).collect();
    ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, chain[0].private())
        .unwrap()
}

/// Serves on a free port of loopback, for as long as the runtime runs: says a word to each client
/// and listens until it leaves.
pub async fn serve(config: ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut tls) = acceptor.accept(stream).await {
                    let _ = tls.write_all(b"hello\n").await;
                    let mut rest = [0; 64];
                    while tls.read(&mut rest).await.is_ok_and(|count| count > 0) {}
                }
            });
        }
    });
    address
}

/// A client's configuration for [`tls_probe::net::Prober`], which brings its own verifier.
pub fn client(
    versions: &[&'static SupportedProtocolVersion],
    verifier: Arc<dyn danger::ServerCertVerifier>,
) -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth()
}

/// A timed server on a free port of this address, and its reports.
pub async fn timed(
    at: IpAddr,
    tls: ServerConfig,
    config: Config,
) -> (SocketAddr, mpsc::UnboundedReceiver<Report>) {
    let acceptor = TimedAcceptor::new(TlsAcceptor::from(Arc::new(tls)), config)
        .with_tcp_info(TcpInfoSource::open().unwrap());
    let listener = TcpListener::bind((at, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (to, reports) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let endpoints = Endpoints::of(&stream);
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                if let Ok((mut tls, report)) = acceptor.accept_from(stream, endpoints).await {
                    to.send(report).unwrap();
                    let _ = tls.read(&mut [0; 256]).await;
                }
            });
        }
    });
    (address, reports)
}

/// A probe of edge.test, who is there, with the certificates of this authority; it must succeed.
pub async fn probe(ca: &Identity, server: SocketAddr) -> Report {
    let tls = client(&[&TLS13, &TLS12], trusting(ca));
    let prober = Prober::new(tls, trusting(ca), Settings::default());
    let target: Target = server.to_string().parse().unwrap();
    let target = Target { server_name: Some("edge.test".to_owned()), ..target };
    let probed = prober.probe(&target).await.remove(0);
    assert!(probed.success(), "{probed:#?}");
    probed.report
}
