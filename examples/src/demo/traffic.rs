//! Real TLS on loopback: a server of ours, and clients of several networks that come to it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::client::Resumption;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tls_probe::{Endpoints, Report, TimedAcceptor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::lagging::Lagging;
use super::networks::{LAGGING, NETWORKS};

/// Both ends' configurations, round a certificate made on the spot.
#[derive(Clone)]
pub(super) struct Tls {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// When clients come, and when the one network starts to lag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Handshakes a second, over all networks.
    pub rate: u32,
    /// How long clients come.
    pub duration: Duration,
    /// When the lag begins.
    pub lag_from: Duration,
}

impl Tls {
    /// Makes a certificate for [`SERVER_NAME`] and trusts it.
    ///
    /// # Errors
    ///
    /// When key generation fails.
    pub(super) fn new() -> Result<Self> {
        let made = rcgen::generate_simple_self_signed([SERVER_NAME.to_owned()])?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
            .map_err(|reason| anyhow::anyhow!("the key just made is unreadable: {reason}"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone())?;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Every client is new to the server: full handshakes are what is timed.
        client.resumption = Resumption::disabled();
        Ok(Self { server: Arc::new(server), client: Arc::new(client) })
    }
}

/// Accepts until dropped; every handshake's report, of failed ones too, goes to `reports`.
///
/// # Errors
///
/// When accepting connections fails for good.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Tls,
    config: tls_probe::Config,
    reports: mpsc::Sender<Report>,
) -> Result<()> {
    let acceptor = TimedAcceptor::new(TlsAcceptor::from(tls.server), config);
    loop {
        let (stream, _) = listener.accept().await.context("accepting a connection")?;
        stream.set_nodelay(true)?;
        let endpoints = Endpoints::of(&stream);
        let handshake = acceptor.accept_from(stream, endpoints);
        let reports = reports.clone();
        tokio::spawn(async move {
            match tokio::time::timeout(PATIENCE, handshake).await {
                Ok(Ok((mut stream, report))) => {
                    // Fails only when the demo is over.
                    let _ = reports.send(report).await;
                    let mut request = [0; REQUEST.len()];
                    if stream.read_exact(&mut request).await.is_ok() {
                        let _ = stream.write_all(RESPONSE).await;
                        let _ = stream.shutdown().await;
                    }
                }
                Ok(Err(failed)) => drop(reports.send(*failed.report).await),
                Err(_) => tracing::warn!("a handshake took longer than {PATIENCE:?}"),
            }
        });
    }
}

/// Sends clients by plan, each network in turn. Returns how many finished their exchange.
///
/// # Errors
///
/// When a client fails: on loopback none should.
pub(super) async fn clients(server: SocketAddr, tls: Tls, plan: Plan) -> Result<u64> {
    let connector = TlsConnector::from(tls.client);
    let (mut running, mut finished) = (JoinSet::new(), 0);
    let mut pace = tokio::time::interval(Duration::from_secs(1) / plan.rate);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let begin = Instant::now();
    for number in 0_u64.. {
        pace.tick().await;
        if begin.elapsed() >= plan.duration {
            break;
        }
        let network = NETWORKS[number as usize % NETWORKS.len()];
        let lags = network == LAGGING && begin.elapsed() >= plan.lag_from;
        // 300 to 500 ms, spread evenly over the clients: no need for chance.
        let lag = lags.then(|| Duration::from_millis(300 + number * 37 % 200));
        let host = 1 + (number / NETWORKS.len() as u64 % 250) as u8;
        let source = IpAddr::V4(network.address(host));
        running.spawn(client(connector.clone(), source, server, lag));
        while let Some(done) = running.try_join_next() {
            done??;
            finished += 1;
        }
    }
    while let Some(done) = running.join_next().await {
        done??;
        finished += 1;
    }
    Ok(finished)
}

async fn client(
    connector: TlsConnector,
    source: IpAddr,
    server: SocketAddr,
    lag: Option<Duration>,
) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(source, 0)).with_context(|| format!("binding {source}"))?;
    let stream = socket.connect(server).await.context("connecting to the demo's server")?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(SERVER_NAME).expect("a DNS name");
    let mut stream = connector.connect(name, Lagging::new(stream, lag)).await?;
    stream.write_all(REQUEST).await?;
    let mut response = Vec::with_capacity(RESPONSE.len());
    stream.read_to_end(&mut response).await?;
    Ok(())
}

/// The name on the certificate.
pub(super) const SERVER_NAME: &str = "edge.popkit.test";

const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.0 204 No Content\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(10);
