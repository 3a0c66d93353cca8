//! A server: listeners, threads and the task behind them, from start to graceful stop.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::asked::{TlsClient, Ways, is_spoken};
use super::asking::Asking;
use super::bind::{self, BindError, Listen};
use super::client::Client;
use super::clock::Clock;
use super::datagram::DatagramLoop;
use super::reply::{Missed, ReplyTo};
use super::stream::{self, StreamDesk};
use crate::forward::{Asked, ForwardConfig, Forwarder};
use crate::miss::{MissConfig, MissStats, Misses};
use crate::resolve::{Resolver, Transport};
use crate::upstream::{Availability, Upstream};

/// What a server listens on and whom it asks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Where queries are taken. Default: nowhere, for a [`Client`] alone.
    pub listen: Vec<Listen>,
    /// Threads for datagrams on each address. Default 1.
    pub threads: usize,
    /// Whom to ask.
    pub upstreams: Vec<Upstream>,
    /// How they are asked.
    pub forward: ForwardConfig,
    /// How long clients wait.
    pub miss: MissConfig,
    /// Connections at once, over all listeners. Default 1,000.
    pub max_connections: usize,
    /// How long a connection may say nothing. Default 10 s (RFC 7766 §6.2.3 wants seconds).
    pub idle: Duration,
    /// The clock, when others have to share it. Default: one that begins with the server.
    pub clock: Clock,
    /// TLS towards clients.
    #[cfg(feature = "tls")]
    pub tls_server: Option<Arc<rustls::ServerConfig>>,
    /// TLS towards servers that are asked.
    #[cfg(feature = "tls")]
    pub tls_client: Option<Arc<rustls::ClientConfig>>,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            listen: Vec::new(),
            threads: 1,
            upstreams: Vec::new(),
            forward: ForwardConfig::default(),
            miss: MissConfig::default(),
            max_connections: 1_000,
            idle: Duration::from_secs(10),
            clock: Clock::start(),
            #[cfg(feature = "tls")]
            tls_server: None,
            #[cfg(feature = "tls")]
            tls_client: None,
        }
    }
}

/// What is going on, as of a moment ago.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Status {
    /// What became of the queries that others were asked for.
    pub misses: MissStats,
    /// Queries waiting.
    pub waiting: usize,
    /// Whom is asked, whether it is up, and its smoothed round trip.
    pub upstreams: Vec<(Upstream, Availability, Option<Duration>)>,
    /// Whom the last question was asked of, in order.
    pub last_asked: Vec<Asked>,
    /// Queries dropped because too many waited already.
    pub overloaded: u64,
}

impl Status {
    pub(super) fn note(&mut self, now: Duration, misses: &Misses<ReplyTo>) {
        self.misses = misses.stats();
        self.waiting = misses.waiting();
        let servers = misses.forwarder().servers();
        self.upstreams.clear();
        self.upstreams.extend(servers.map(|(upstream, health)| {
            (upstream.clone(), health.availability(now), health.smoothed_rtt())
        }));
    }
}

/// A running server. Dropping it stops it without waiting; [`stop`](Server::stop) waits.
#[derive(Debug)]
pub struct Server {
    client: Client,
    addresses: Vec<Listen>,
    stop: Arc<AtomicBool>,
    closing: watch::Sender<bool>,
    threads: Vec<JoinHandle<std::io::Result<()>>>,
    listeners: JoinSet<()>,
    asking: Option<(oneshot::Sender<()>, tokio::task::JoinHandle<()>)>,
    status: Arc<Mutex<Status>>,
    overloaded: Arc<AtomicU64>,
}

impl Server {
    /// Opens every socket, then serves. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`BindError`]; nothing is served then.
    pub fn start(resolver: Resolver, config: ServerConfig) -> Result<Server, BindError> {
        if let Some(unspoken) = config.upstreams.iter().find(|u| !is_spoken(u.protocol)) {
            return Err(BindError::Protocol(unspoken.clone()));
        }
        let clock = config.clock;
        let (missed, missed_by) = mpsc::channel(MOST_MISSED);
        let (closing, closed) = watch::channel(false);
        let client = Client { resolver: resolver.clone(), clock, missed: missed.clone() };
        let mut server = Server {
            client,
            addresses: Vec::new(),
            stop: Arc::default(),
            closing,
            threads: Vec::new(),
            listeners: JoinSet::new(),
            asking: None,
            status: Arc::default(),
            overloaded: Arc::default(),
        };
        let idle = config.idle;
        let desk = StreamDesk { resolver: resolver.clone(), clock, missed, idle };
        let desk = Arc::new(desk);
        let connections = Arc::new(Semaphore::new(config.max_connections));
        for &listen in &config.listen {
            let failed = |source| BindError::Listen { listen, source };
            let mut address = listen.address();
            let listener = bind::stream(address).map_err(failed)?;
            // With port 0, UDP takes the port that TCP was given.
            address = listener.local_addr().map_err(failed)?;
            let acceptor = match listen {
                Listen::Plain(_) => {
                    for _ in 0..config.threads.max(1) {
                        server.serve_datagrams(address, &resolver, clock).map_err(failed)?;
                    }
                    Acceptor::Plain
                }
                Listen::Tls(_) => Acceptor::tls(&config).ok_or(BindError::Tls(listen))?,
            };
            server.addresses.push(match listen {
                Listen::Plain(_) => Listen::Plain(address),
                Listen::Tls(_) => Listen::Tls(address),
            });
            let (desk, connections) = (Arc::clone(&desk), Arc::clone(&connections));
            server.listeners.spawn(accept(listener, acceptor, desk, connections, closed.clone()));
        }
        drop(desk);
        server.ask(resolver, config, clock, missed_by);
        Ok(server)
    }

    fn serve_datagrams(
        &mut self,
        address: SocketAddr,
        resolver: &Resolver,
        clock: Clock,
    ) -> std::io::Result<()> {
        let work = DatagramLoop {
            socket: Arc::new(bind::datagram(address)?),
            wildcard: address.ip().is_unspecified(),
            resolver: resolver.clone(),
            clock,
            missed: self.client.missed.clone(),
            stop: Arc::clone(&self.stop),
            overloaded: Arc::clone(&self.overloaded),
        };
        let named = std::thread::Builder::new().name(format!("dns {address}"));
        self.threads.push(named.spawn(move || work.run())?);
        Ok(())
    }

    fn ask(
        &mut self,
        resolver: Resolver,
        config: ServerConfig,
        clock: Clock,
        missed: mpsc::Receiver<Missed>,
    ) {
        let (hear, heard) = mpsc::channel(MOST_MISSED);
        let tls = TlsClient {
            #[cfg(feature = "tls")]
            config: config.tls_client,
        };
        let asked = Ways::new(&config.upstreams, &tls, &hear);
        let forwarder = Forwarder::new(config.forward, config.upstreams, random());
        let misses = Misses::new(resolver, forwarder, config.miss);
        let status = Arc::clone(&self.status);
        let (close, closing) = oneshot::channel();
        let asking = Asking { misses, asked, clock, missed, heard, status, closing };
        self.asking = Some((close, tokio::spawn(asking.run())));
    }

    /// Where it listens: with the ports the system chose.
    pub fn addresses(&self) -> &[Listen] {
        &self.addresses
    }

    /// To look names up in this process.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// What is going on.
    pub fn status(&self) -> Status {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner).clone();
        status.overloaded = self.overloaded.load(Ordering::Relaxed);
        status
    }

    /// Takes no more queries, answers those that wait, and returns.
    pub async fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.closing.send(true);
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                match thread.join() {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::error!(%error, "a listener ended early"),
                    Err(_) => tracing::error!("a listener panicked"),
                }
            }
        });
        let _ = joined.await;
        while self.listeners.join_next().await.is_some() {}
        // Only now: what the listeners took last is answered too.
        if let Some((close, asking)) = self.asking.take() {
            let _ = close.send(());
            let _ = asking.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[derive(Clone)]
enum Acceptor {
    Plain,
    #[cfg(feature = "tls")]
    Tls(tokio_rustls::TlsAcceptor),
}

impl Acceptor {
    #[cfg(feature = "tls")]
    fn tls(config: &ServerConfig) -> Option<Acceptor> {
        config.tls_server.clone().map(|config| Acceptor::Tls(config.into()))
    }

    #[cfg(not(feature = "tls"))]
    fn tls(_: &ServerConfig) -> Option<Acceptor> {
        None
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: Acceptor,
    desk: Arc<StreamDesk>,
    connections: Arc<Semaphore>,
    mut closing: watch::Receiver<bool>,
) {
    let mut serving = JoinSet::new();
    loop {
        // Nobody is let in while the house is full: the backlog waits.
        let room = Arc::clone(&connections).acquire_owned();
        let (stream, client) = tokio::select! {
            _ = closing.changed() => break,
            Some(_) = serving.join_next() => continue,
            accepted = async { (room.await, listener.accept().await) } => match accepted {
                (Ok(room), Ok((stream, client))) => ((stream, room), client.ip()),
                (_, Ok(_)) => break,
                (_, Err(error)) => {
                    // Out of descriptors, most likely: it passes.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let ((stream, room), acceptor, desk) = (stream, acceptor.clone(), Arc::clone(&desk));
        serving.spawn(async move {
            let _room = room;
            if let Err(error) = converse(stream, client, acceptor, desk).await {
                tracing::debug!(client.address = %client, %error, "a connection ended");
            }
        });
    }
    drop(listener);
    // Who is connected may finish what is on its way; idle ones do not hold the stop up.
    let _ =
        tokio::time::timeout(DRAIN, async { while serving.join_next().await.is_some() {} }).await;
}

async fn converse(
    stream: tokio::net::TcpStream,
    client: IpAddr,
    acceptor: Acceptor,
    desk: Arc<StreamDesk>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    match acceptor {
        Acceptor::Plain => stream::serve(stream, client, Transport::Stream, desk).await,
        #[cfg(feature = "tls")]
        Acceptor::Tls(acceptor) => {
            let stream = tokio::time::timeout(desk.idle, acceptor.accept(stream)).await??;
            stream::serve(stream, client, Transport::Encrypted, desk).await
        }
    }
}

/// Random words from the system, some at a time. Where it has none left to give, nothing may be asked:
/// ids that can be guessed let anybody answer.
fn random() -> impl FnMut() -> u64 + Send {
    let mut words: Vec<u64> = Vec::new();
    move || {
        words.pop().unwrap_or_else(|| {
            let mut bytes = [0; 512];
            getrandom::fill(&mut bytes).expect("the system gives random numbers");
            words.extend(bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word)));
            words.pop().expect("just filled")
        })
    }
}

/// Queries between the listeners and the asking task.
const MOST_MISSED: usize = 4_096;
/// How long connections may take to end when the server stops.
const DRAIN: Duration = Duration::from_secs(2);
