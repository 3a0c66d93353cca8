//! The command line of `relay`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::ValueEnum;
use log_pipeline::net::{Config, Limits, Rate, Source};
use log_pipeline::network::Network;
use log_pipeline::parse::Policy;
use log_pipeline::route::Route;
use log_pipeline::wal::{self, Sync, WhenFull};

use super::target::{self, Target};
use super::words;

/// What the options cannot say in a line each.
pub const AFTER_HELP: &str = "\
Sinks (--to NAME=URL):
  file:PATH         ?format=json|raw|rfc5424  rotate=100MiB  every=1d  keep=7  zstd=true
                    sync=batch|rotation|never; SIGHUP opens the file again
  tcp://HOST:PORT   ?framing=octet-counting|lf  format=rfc5424|raw|json
  tls://HOST:PORT   like tcp, and ca=FILE  cert=FILE  key=FILE  name=SERVER
  relp://HOST:PORT  ?window=128  format=…
  relp+tls://HOST:PORT  like relp, and ca=FILE  cert=FILE  key=FILE  name=SERVER
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
    #[arg(long, value_name = "ADDR", value_parser = words::address, help_heading = "Listening")]
    pub udp: Vec<SocketAddr>,
    /// Listen for syslog over TCP (RFC 6587, any framing)
    #[arg(long, value_name = "ADDR", value_parser = words::address, help_heading = "Listening")]
    pub tcp: Vec<SocketAddr>,
    /// Listen for syslog over TLS (RFC 5425)
    #[arg(long, value_name = "ADDR", value_parser = words::address, requires_all = ["cert", "key"], help_heading = "Listening")]
    pub tls: Vec<SocketAddr>,
    /// Listen for RELP over TLS
    #[arg(long, value_name = "ADDR", value_parser = words::address, requires_all = ["cert", "key"], help_heading = "Listening")]
    pub relp_tls: Vec<SocketAddr>,
    /// The certificate chain for --tls and --relp-tls, PEM
    #[arg(long, value_name = "FILE", help_heading = "Listening")]
    pub cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", help_heading = "Listening")]
    pub key: Option<PathBuf>,
    /// Take only clients with a certificate of these authorities, PEM
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Listening")]
    pub client_ca: Option<PathBuf>,
    /// Listen for RELP; a message is acknowledged when it is as safe as --sync says
    #[arg(long, value_name = "ADDR", value_parser = words::address, help_heading = "Listening")]
    pub relp: Vec<SocketAddr>,
    /// Take datagrams from a local socket like /dev/log
    #[arg(long, value_name = "PATH", help_heading = "Listening")]
    pub unix: Vec<PathBuf>,
    /// Take frames from a local stream socket
    #[arg(long, value_name = "PATH", help_heading = "Listening")]
    pub unix_stream: Vec<PathBuf>,
    /// Who may write to local sockets: the mode of their files, octal
    #[arg(long, value_name = "MODE", default_value = "666", value_parser = words::mode, help_heading = "Listening")]
    pub unix_mode: u32,

    /// Follow the systemd journal in a folder, or the system's: each entry once, over restarts
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "system", help_heading = "Listening")]
    pub journal: Option<PathBuf>,
    /// Where to begin when it was never followed: with what comes now, or with the oldest entry
    #[arg(
        long,
        value_name = "WHERE",
        default_value = "end",
        requires = "journal",
        help_heading = "Listening"
    )]
    pub journal_from: JournalFrom,
    /// Take journal entries in export format from a file, or - for standard input; at each start anew
    #[arg(long, value_name = "FILE", help_heading = "Listening")]
    pub journal_export: Vec<PathBuf>,

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
    /// Forget a sink that is no more: until then the spool keeps what it has not delivered
    #[arg(long, value_name = "NAME")]
    pub forget: Vec<String>,
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
    #[arg(long, value_name = "ADDR", value_parser = words::address)]
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

/// Where the journal begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JournalFrom {
    /// With what comes from now on.
    End,
    /// With the oldest entry.
    Oldest,
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
        let listens = self.udp.len() + self.tcp.len() + self.tls.len();
        let listens = listens + self.relp.len() + self.relp_tls.len();
        let journals = usize::from(self.journal.is_some()) + self.journal_export.len();
        if listens + self.unix.len() + self.unix_stream.len() + journals == 0 {
            let known = "--udp, --tcp, --tls, --relp, --unix or --journal";
            return Err(format!("nothing to listen on: give {known}"));
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

    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits::default()
            .max_connections(self.max_connections)
            .max_connections_per_peer(self.max_connections_per_peer)
            .max_frame_bytes(self.max_message.as_u64() as usize)
            .idle(self.idle);
        limits.allow.clone_from(&self.allow);
        limits.rate = self.rate.map(|rate| Rate { per_second: rate, burst: rate });
        limits
    }

    pub(super) fn config(&self) -> Config {
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
        let node = self.node.clone().unwrap_or_else(words::host_name);
        let config = Config::new(&self.spool).wal(wal).policy(policy).node(node).drain(self.drain);
        self.source.iter().fold(config, |config, &(network, source)| config.source(network, source))
    }
}
