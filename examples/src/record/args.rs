//! The words of `recorder run`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use ring_capture::{Fixed, Snaplen, TlsHandshakes, Whole};

/// Keep every packet of an interface in memory; write the flows of slow handshakes
///
/// Each flight is one line of JSON on standard output, and a pcapng file. Needs CAP_NET_RAW.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The interface to capture on
    #[arg(long, value_name = "IF")]
    pub interface: String,
    /// Folder for the flights; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// A handshake that takes this long is kept
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = humantime::parse_duration)]
    pub slow: Duration,
    /// Memory of the ring
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    pub ring: ByteSize,
    /// Threads that capture, each with its share of the flows and of the ring
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub fanout: u8,
    /// How much of each packet to keep: `whole`, `handshakes` (of each flow the first 16 KiB, headers
    /// after), or a number of bytes
    #[arg(long, value_name = "POLICY", default_value = "whole")]
    pub snaplen: Keep,
    /// Become this user once the sockets are open; all capabilities are given up in any case
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Disk space for the flights; the oldest make room
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub quota: ByteSize,
    /// Space that stays free on the file system; the oldest flights make room for it
    #[arg(long, value_name = "SIZE", default_value = "0B")]
    pub min_free: ByteSize,
    /// Which packets to keep, in tcpdump's words
    #[arg(long, value_name = "BPF", default_value = "tcp")]
    pub filter: String,
    /// Listen here for syslog over TCP; a message with an element `tls@32473` asks for its flow
    #[arg(long, value_name = "ADDR")]
    pub syslog: Option<SocketAddr>,
    /// Follow the systemd journal; an entry with fields TLS_CLIENT, TLS_SERVER, TLS_START_NS and TLS_TOTAL
    /// asks for its flow
    #[arg(long)]
    pub journal: bool,
    /// Read journal files of this folder instead of the system's
    #[arg(long, value_name = "DIR", requires = "journal")]
    pub journal_dir: Option<PathBuf>,
    /// POST an alert here, as JSON, when idle time changes its behaviour across the clients
    #[arg(long, value_name = "URL")]
    pub alert: Option<String>,
    /// Idle times are watched in windows of this length; the first thirty are learned from
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub alert_window: Duration,
    /// Serve metrics for Prometheus here, at /metrics
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
}

/// How much of each packet goes into the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All of it.
    Whole,
    /// Handshakes whole, headers after.
    Handshakes,
    /// The first bytes.
    Bytes(usize),
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "whole" => Ok(Self::Whole),
            "handshakes" => Ok(Self::Handshakes),
            bytes => bytes
                .parse()
                .map(Self::Bytes)
                .map_err(|_| "give `whole`, `handshakes` or a number of bytes".to_owned()),
        }
    }
}

impl Keep {
    pub(super) fn policy(self) -> Box<dyn Snaplen + Send> {
        match self {
            Self::Whole => Box::new(Whole),
            Self::Handshakes => Box::new(TlsHandshakes::default()),
            Self::Bytes(bytes) => Box::new(Fixed(bytes)),
        }
    }
}
