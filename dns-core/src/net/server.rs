//! A server: listeners, threads and the task behind them, from start to graceful stop.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch as flag};
use tokio::task::JoinSet;

use super::accept::{Acceptor, accept};
use super::asked::{TlsClient, Ways, is_spoken};
use super::asking::Asking;
use super::bind::{BindError, Listen, Sockets};
use super::client::Client;
use super::clock::Clock;
use super::datagram::DatagramLoop;
#[cfg(feature = "zones")]
use super::replicate::Authority;
use super::reply::{Missed, ReplyTo};
use super::stream::StreamDesk;
use super::watch;
use crate::forward::{Asked, ForwardConfig, Forwarder};
use crate::miss::{MissConfig, MissStats, Misses};
use crate::resolve::Resolver;
use crate::system::SystemConfig;
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
    /// Asks the servers of this resolv.conf(5) as well, and reads it again when it changes. Default: none.
    pub system: Option<PathBuf>,
    /// How they are asked.
    pub forward: ForwardConfig,
    /// How long clients wait.
    pub miss: MissConfig,
    /// Connections at once, over all listeners. Default 1,000.
    pub max_connections: usize,
    /// How long a connection may say nothing, which clients that ask are told (RFC 7828). Default 10 s (RFC 7766
    /// §6.2.3 wants seconds).
    pub idle: Duration,
    /// Who answers transfers, notices and signed queries. Default: they are refused.
    #[cfg(feature = "zones")]
    pub authority: Option<Authority>,
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
            system: None,
            forward: ForwardConfig::default(),
            miss: MissConfig::default(),
            max_connections: 1_000,
            idle: Duration::from_secs(10),
            #[cfg(feature = "zones")]
            authority: None,
            clock: Clock::start(),
            #[cfg(feature = "tls")]
            tls_server: None,
            #[cfg(feature = "tls")]
            tls_client: None,
        }
    }
}

impl ServerConfig {
    /// Takes the servers, and the bounds where they are as they were, from the system's configuration.
    fn read_system(&mut self) -> Result<(watch::Shared, watch::State, bool), BindError> {
        let (mut system, mut state) = (SystemConfig::default(), None);
        let follows = self.system.is_some() && self.forward.has_default_bounds();
        if let Some(path) = &self.system {
            let failed = |source| BindError::System { path: path.clone(), source };
            (system, state) = watch::read(path).map_err(failed)?;
            self.upstreams.extend(system.servers.iter().cloned());
            if follows {
                let queries_per_second = self.forward.queries_per_second;
                self.forward = ForwardConfig { queries_per_second, ..system.forward() };
            }
        }
        Ok((Arc::new(RwLock::new(system)), state, follows))
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
    closing: flag::Sender<bool>,
    threads: Vec<JoinHandle<std::io::Result<()>>>,
    listeners: JoinSet<()>,
    /// Ended with the server, wherever it is.
    watching: JoinSet<()>,
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
        let sockets = Sockets::open(&config.listen, config.threads)?;
        Server::start_on(resolver, config, sockets)
    }

    /// The same on sockets that are open already; `config.listen` and `config.threads` do not count then.
    ///
    /// # Errors
    /// [`BindError`]; nothing is served then.
    pub fn start_on(
        resolver: Resolver,
        mut config: ServerConfig,
        sockets: Sockets,
    ) -> Result<Server, BindError> {
        let fixed = config.upstreams.clone();
        let (system, state, follows_bounds) = config.read_system()?;
        if let Some(unspoken) = config.upstreams.iter().find(|u| !is_spoken(u.protocol)) {
            return Err(BindError::Protocol(unspoken.clone()));
        }
        let clock = config.clock;
        let (missed, missed_by) = mpsc::channel(MOST_MISSED);
        let (closing, closed) = flag::channel(false);
        let client = Client {
            resolver: resolver.clone(),
            clock,
            missed: missed.clone(),
            system: Arc::clone(&system),
        };
        let mut server = Server {
            client,
            addresses: Vec::new(),
            stop: Arc::default(),
            closing,
            threads: Vec::new(),
            listeners: JoinSet::new(),
            watching: JoinSet::new(),
            asking: None,
            status: Arc::default(),
            overloaded: Arc::default(),
        };
        let idle = config.idle;
        resolver.set_stream_idle(idle);
        let desk = StreamDesk {
            resolver: resolver.clone(),
            clock,
            missed,
            idle,
            #[cfg(feature = "zones")]
            authority: config.authority.clone(),
        };
        let desk = Arc::new(desk);
        let connections = Arc::new(Semaphore::new(config.max_connections));
        for (listen, listener) in sockets.streams {
            let failed = |source| BindError::Listen { listen, source };
            let acceptor = Acceptor::new(listen, &config).ok_or(BindError::Tls(listen))?;
            let listener = TcpListener::from_std(listener).map_err(failed)?;
            server.addresses.push(listen);
            let (desk, connections) = (Arc::clone(&desk), Arc::clone(&connections));
            server.listeners.spawn(accept(listener, acceptor, desk, connections, closed.clone()));
        }
        for socket in sockets.datagrams {
            server.serve_datagrams(socket, &resolver, &config).map_err(BindError::Thread)?;
        }
        drop(desk);
        if let Some(path) = config.system.clone() {
            let changed = server.client.missed.downgrade();
            server.watching.spawn(watch::watch(path, state, system, changed));
        }
        server.ask(resolver, config, missed_by, (fixed, follows_bounds));
        Ok(server)
    }

    fn serve_datagrams(
        &mut self,
        socket: UdpSocket,
        resolver: &Resolver,
        config: &ServerConfig,
    ) -> std::io::Result<()> {
        let address = socket.local_addr()?;
        let work = DatagramLoop {
            socket: Arc::new(socket),
            wildcard: address.ip().is_unspecified(),
            resolver: resolver.clone(),
            clock: config.clock,
            missed: self.client.missed.clone(),
            stop: Arc::clone(&self.stop),
            overloaded: Arc::clone(&self.overloaded),
            #[cfg(feature = "zones")]
            authority: config.authority.clone(),
        };
        let named = std::thread::Builder::new().name(format!("dns {address}"));
        self.threads.push(named.spawn(move || work.run())?);
        Ok(())
    }

    fn ask(
        &mut self,
        resolver: Resolver,
        config: ServerConfig,
        missed: mpsc::Receiver<Missed>,
        (fixed, follows_bounds): (Vec<Upstream>, bool),
    ) {
        let clock = config.clock;
        let (hear, heard) = mpsc::channel(MOST_MISSED);
        let tls = TlsClient {
            #[cfg(feature = "tls")]
            config: config.tls_client,
        };
        let asked = Ways::new(tls, hear);
        let forwarder = Forwarder::new(config.forward, config.upstreams, random());
        let misses = Misses::new(resolver, forwarder, config.miss);
        let status = Arc::clone(&self.status);
        let (close, closing) = oneshot::channel();
        let asking =
            Asking { misses, asked, clock, missed, heard, status, fixed, follows_bounds, closing };
        self.asking = Some((close, tokio::spawn(asking.run())));
    }

    /// Asks these servers from now on; what is on its way is waited for.
    ///
    /// # Errors
    /// One that speaks what this build does not: nothing changes then.
    pub async fn set_upstreams(&self, upstreams: Vec<Upstream>) -> Result<(), BindError> {
        if let Some(unspoken) = upstreams.iter().find(|u| !is_spoken(u.protocol)) {
            return Err(BindError::Protocol(unspoken.clone()));
        }
        // Nobody there any more: the server is about to stop.
        let _ = self.client.missed.send(Missed::Servers(upstreams)).await;
        Ok(())
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
