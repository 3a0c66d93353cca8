//! `relay`: listeners, a durable log, sinks.

mod privilege;
mod ready;
mod sockets;
mod target;
pub mod spool;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use bytesize::ByteSize;
use clap::ValueEnum;
use log_pipeline::net::{Config, Limits, Pipeline, Rate, Source};
use log_pipeline::network::Network;
use log_pipeline::parse::Policy;
use log_pipeline::route::Route;
use log_pipeline::wal::{self, Sync, WhenFull};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::signal::unix::{SignalKind, signal};

use self::sockets::Sockets;
use self::target::Target;

/// What the options cannot say in a line each.
pub const AFTER_HELP: &str = "\
Sinks (--to NAME=URL):
  file:PATH         ?format=json|raw|rfc5424  rotate=100MiB  every=1d  keep=7  zstd=true
                    sync=batch|rotation|never; SIGHUP opens the file again
  tcp://HOST:PORT   ?framing=octet-counting|lf  format=rfc5424|raw|json
  tls://HOST:PORT   like tcp, and ca=FILE  cert=FILE  key=FILE  name=SERVER
  relp://HOST:PORT  ?window=128  format=…
  Only relp is acknowledged by its receiver. tcp and tls send again what was in the buffer of
  a connection that died; what the other machine had taken and its program lost is lost.

Routes (--route 'EXPR -> NAME'): a sink with routes gets what any of them chooses.
  severity >= warning       urgency: warning and worse       facility in (auth, authpriv)
  host = \"web*\"             also app and msgid; * is any text
  match \"link down\"         the message contains it           peer in 192.0.2.0/24
  not, and, or, parentheses, all

Examples:
  relay --tcp 5140 --spool /var/spool/relay --to all=file:/var/log/all.jsonl
  relay --relp 0.0.0.0:2514 --allow 10.0.0.0/8 --spool DIR --to up=relp://logs.example:2514 \\
        --to sec=file:sec.jsonl --route 'facility in (auth, authpriv) -> sec'";

/// Relays until SIGINT or SIGTERM.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Listen for syslog over UDP (RFC 5426); a port alone is one of 127.0.0.1, here and below
    #[arg(long, value_name = "ADDR", value_parser = sockets::address, help_heading = "Listening")]
    pub udp: Vec<SocketAddr>,
    /// Listen for syslog over TCP (RFC 6587, any framing)
    #[arg(long, value_name = "ADDR", value_parser = sockets::address, help_heading = "Listening")]
    pub tcp: Vec<SocketAddr>,
    /// Listen for syslog over TLS (RFC 5425)
    #[arg(long, value_name = "ADDR", value_parser = sockets::address, requires_all = ["cert", "key"], help_heading = "Listening")]
    pub tls: Vec<SocketAddr>,
    /// The certificate chain for --tls, PEM
    #[arg(long, value_name = "FILE", help_heading = "Listening")]
    pub cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", help_heading = "Listening")]
    pub key: Option<PathBuf>,
    /// Take only clients with a certificate of these authorities, PEM
    #[arg(long, value_name = "FILE", requires = "tls", help_heading = "Listening")]
    pub client_ca: Option<PathBuf>,
    /// Listen for RELP; a message is acknowledged when it is as safe as --sync says
    #[arg(long, value_name = "ADDR", value_parser = sockets::address, help_heading = "Listening")]
    pub relp: Vec<SocketAddr>,
    /// Take datagrams from a local socket like /dev/log
    #[arg(long, value_name = "PATH", help_heading = "Listening")]
    pub unix: Vec<PathBuf>,
    /// Take frames from a local stream socket
    #[arg(long, value_name = "PATH", help_heading = "Listening")]
    pub unix_stream: Vec<PathBuf>,
    /// Who may write to local sockets: the mode of their files, octal
    #[arg(long, value_name = "MODE", default_value = "666", value_parser = sockets::mode, help_heading = "Listening")]
    pub unix_mode: u32,

    /// Networks that may send; all when none is given
    #[arg(long, value_name = "CIDR", help_heading = "Limits")]
    pub allow: Vec<Network>,
    /// Connections at a time, for each address listened on
    #[arg(long, value_name = "N", default_value_t = 1024, help_heading = "Limits")]
    pub max_connections: usize,
    /// Of these, from one peer
    #[arg(long, value_name = "N", default_value_t = 256, help_heading = "Limits")]
    pub max_connections_per_peer: usize,
    /// Longest message; the rest of a longer one is cut
    #[arg(long, value_name = "SIZE", default_value = "32KiB", help_heading = "Limits")]
    pub max_message: ByteSize,
    /// Close connections that are silent for so long
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration, help_heading = "Limits")]
    pub idle: Duration,
    /// Messages a second from one source: connections are slowed, datagrams beyond it dropped
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub rate: Option<u32>,
    /// Receive buffer for --udp, as far as the system allows
    #[arg(long, value_name = "SIZE", default_value = "8MiB", help_heading = "Limits")]
    pub udp_buffer: ByteSize,

    /// Zone of timestamps that name none, such as +01:00
    #[arg(long, value_name = "OFFSET", default_value = "+00:00", value_parser = target::zone, help_heading = "Messages", allow_hyphen_values = true)]
    pub zone: i32,
    /// The zone for senders in a network, and how they frame: lf or octet-counting where looks
    /// deceive. The first network that fits counts
    #[arg(long, value_name = "CIDR=OFFSET[,FRAMING]", value_parser = target::source, help_heading = "Messages")]
    pub source: Vec<(Network, Source)>,
    /// First part of each message's key; this machine's name by default
    #[arg(long, value_name = "NAME", help_heading = "Messages")]
    pub node: Option<String>,

    /// Folder of the log; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub spool: PathBuf,
    /// When a message counts as safe: on disk before it is acknowledged, at most 100 ms later, or
    /// when the system likes
    #[arg(long, value_name = "WHEN", default_value = "durable")]
    pub sync: Durability,
    /// Most the spool may take; without, the disk is the limit
    #[arg(long, value_name = "SIZE")]
    pub quota: Option<ByteSize>,
    /// Beyond --quota: senders wait, what comes is refused, or the oldest messages go, delivered or
    /// not. When the disk is full, senders wait
    #[arg(long, value_name = "WHAT", default_value = "block", requires = "quota")]
    pub when_full: Full,
    /// A sink; see below
    #[arg(long, value_name = "NAME=URL", required = true)]
    pub to: Vec<Target>,
    /// Which messages a sink gets; see below. All, for sinks without
    #[arg(long, value_name = "EXPR -> NAME", value_parser = target::route)]
    pub route: Vec<(Route, String)>,
    /// On SIGTERM, how long sinks may take to deliver what is left; the rest stays in the spool
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub drain: Duration,
    /// Become this user once the sockets are open, and keep no privilege
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Serve metrics for Prometheus here, at /metrics
    #[arg(long, value_name = "ADDR", value_parser = sockets::address)]
    pub metrics: Option<SocketAddr>,
}

/// When a message counts as safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Durability {
    /// After fdatasync.
    Durable,
    /// Synced at most 100 ms after it was written.
    Batch,
    /// Written, and synced when the system likes.
    None,
}

/// What happens when the spool is as large as it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Full {
    /// Senders wait.
    Block,
    /// What comes is refused.
    DropNewest,
    /// The oldest messages go.
    DropOldest,
}

impl Args {
    /// What the options say together, and clap cannot see.
    ///
    /// # Errors
    ///
    /// One sentence for the person who wrote them.
    pub fn check(&self) -> Result<(), String> {
        let listens = self.udp.len() + self.tcp.len() + self.tls.len() + self.relp.len();
        if listens + self.unix.len() + self.unix_stream.len() == 0 {
            return Err("nothing to listen on: give --udp, --tcp, --tls, --relp or --unix".into());
        }
        for (number, target) in self.to.iter().enumerate() {
            if self.to[..number].iter().any(|earlier| earlier.name == target.name) {
                return Err(format!("two sinks are called {:?}: give each a name", target.name));
            }
        }
        for (_, name) in &self.route {
            if !self.to.iter().any(|target| target.name == *name) {
                return Err(format!("a route leads to {name:?}, which no --to names"));
            }
        }
        Ok(())
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default()
            .max_connections(self.max_connections)
            .max_connections_per_peer(self.max_connections_per_peer)
            .max_frame_bytes(self.max_message.as_u64() as usize)
            .idle(self.idle);
        limits.allow.clone_from(&self.allow);
        limits.rate = self.rate.map(|rate| Rate { per_second: rate, burst: rate });
        limits
    }

    fn config(&self) -> Config {
        let sync = match self.sync {
            Durability::Durable => Sync::Durable,
            Durability::Batch => Sync::Batch { every: Duration::from_millis(100) },
            Durability::None => Sync::None,
        };
        let mut wal = wal::Config::default().sync(sync);
        if let Some(quota) = self.quota {
            let when_full = match self.when_full {
                Full::Block => WhenFull::Block,
                Full::DropNewest => WhenFull::DropNewest,
                Full::DropOldest => WhenFull::DropOldest,
            };
            wal = wal.quota(quota.as_u64(), when_full);
        }
        let policy = Policy { utc_offset_seconds: self.zone, ..Policy::default() };
        let node = self.node.clone().unwrap_or_else(host_name);
        let config = Config::new(&self.spool).wal(wal).policy(policy).node(node).drain(self.drain);
        self.source.iter().fold(config, |config, &(network, source)| config.source(network, source))
    }
}

/// This machine's; empty when it has none.
fn host_name() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default()
}

/// Relays until SIGINT or SIGTERM, then takes in what has arrived and delivers what it can.
///
/// # Errors
///
/// When something cannot be opened, or the log fails.
pub fn run(args: &Args) -> Result<()> {
    // Before any thread is started, and before anything of others is read.
    let sockets = Sockets::open(args)?;
    if let Some(user) = &args.user {
        privilege::become_user(user).context("--user")?;
    }
    let pipeline = Pipeline::open(args.config())
        .with_context(|| format!("cannot use the spool {}", args.spool.display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(relay(args, sockets, pipeline))
}

async fn relay(args: &Args, sockets: Sockets, pipeline: Pipeline) -> Result<()> {
    for target in &args.to {
        let routes = args.route.iter().filter(|(_, name)| *name == target.name);
        let config = routes.fold(target.config(), |config, (route, _)| config.route(route.clone()));
        pipeline
            .sink(config, target.output()?)
            .with_context(|| format!("the sink {:?} cannot be started", target.name))?;
    }
    sockets.serve(&pipeline, &args.limits())?;
    let publishing = async {
        match args.metrics {
            Some(address) => publish(address, &pipeline).await,
            None => std::future::pending().await,
        }
    };
    ready::say("READY=1");
    let ended = tokio::select! {
        ended = until_told(&pipeline) => ended,
        failed = publishing => failed,
        failed = pipeline.failed() => Err(failed.into()),
    };
    ready::say("STOPPING=1");
    tracing::info!("delivering what is left");
    let shut = match pipeline.shutdown().await {
        // Said already, and no reason to call the end a failure: the messages are in the spool.
        Err(error) if error.label() == "sink" => {
            tracing::warn!(%error, "not everything is delivered yet; the rest is in the spool");
            Ok(())
        }
        outcome => outcome.context("ending the log"),
    };
    ended.and(shut)
}

/// Ends with SIGINT or SIGTERM; SIGHUP opens files again.
async fn until_told(pipeline: &Pipeline) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
            _ = terminate.recv() => return Ok(()),
            _ = hang_up.recv() => {
                tracing::info!("opening files again");
                pipeline.reopen_files();
            }
        }
    }
}

/// Serves metrics, a second old at most.
async fn publish(address: SocketAddr, pipeline: &Pipeline) -> Result<()> {
    PrometheusBuilder::new()
        .with_http_listener(address)
        .install()
        .with_context(|| format!("cannot serve metrics on {address}"))?;
    log_pipeline::metrics::describe();
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        log_pipeline::metrics::publish(&pipeline.stats());
    }
}
