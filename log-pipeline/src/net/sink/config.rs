//! What a sink delivers, where, and how.

use std::path::PathBuf;
use std::time::Duration;

use super::format::Format;
use crate::cursor::Start;
use crate::net::backoff::Backoff;
use crate::route::Route;

/// What all sinks have.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SinkConfig {
    /// Its name and its cursor's: 1 to 64 of `a-z`, `0-9`, `_` and `-`.
    pub name: String,
    /// Where it begins when the log does not know the name yet. Default [`Start::Oldest`].
    pub start: Start,
    /// It gets the messages that any of these chooses. Default none, which means all messages.
    pub routes: Vec<Route>,
    /// Bytes gathered for one write. Default 64 KiB; file sinks that sync each batch gather up to
    /// 1 MiB of what is there.
    pub batch_bytes: usize,
    /// How long a smaller batch waits for more. Default zero: what there is goes out at once.
    pub batch_age: Duration,
    /// Waiting times after failures.
    pub backoff: Backoff,
}

impl SinkConfig {
    /// A sink called `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            start: Start::Oldest,
            routes: Vec::new(),
            batch_bytes: 64 << 10,
            batch_age: Duration::ZERO,
            backoff: Backoff::default(),
        }
    }

    /// Sets [`SinkConfig::start`].
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Adds a route: messages chosen by any of them are delivered.
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// Sets [`SinkConfig::batch_bytes`] and [`SinkConfig::batch_age`].
    pub fn batch(mut self, bytes: usize, age: Duration) -> Self {
        (self.batch_bytes, self.batch_age) = (bytes, age);
        self
    }

    /// Sets [`SinkConfig::backoff`].
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}

/// Where a sink delivers to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Output {
    /// A file on this machine.
    File(FileConfig),
    /// A stream of frames.
    Stream(StreamOutput),
    /// A RELP server.
    Relp(RelpOutput),
}

/// A file sink.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileConfig {
    /// The file. It is appended to; a line torn by a crash is cut off.
    pub path: PathBuf,
    /// What a line is. Default [`Format::Json`].
    pub format: Format,
    /// A file that has reached this many bytes is renamed and a new one begun. Default never.
    pub rotate_bytes: Option<u64>,
    /// A new file is begun with the first message of each such period, counted from the Unix
    /// epoch, so that a day begins at midnight UTC. Default never.
    pub rotate_every: Option<Duration>,
    /// Files kept besides the one being written; older ones are deleted. Default all.
    pub keep: Option<usize>,
    /// Whether renamed files are compressed (feature `zstd`). Default not.
    #[cfg(feature = "zstd")]
    pub compress: bool,
    /// When the file is synced. Default as the log is: before the cursor moves when the log is
    /// durable, else never.
    pub sync: Option<FileSync>,
}

/// When a file sink calls fdatasync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSync {
    /// After each batch, before the cursor moves.
    Batch,
    /// When a file is done with.
    Rotation,
    /// Never: the system writes when it likes.
    Never,
}

impl FileConfig {
    /// JSON Lines in one file that grows.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            format: Format::Json,
            rotate_bytes: None,
            rotate_every: None,
            keep: None,
            #[cfg(feature = "zstd")]
            compress: false,
            sync: None,
        }
    }

    /// Sets [`FileConfig::format`].
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Sets [`FileConfig::rotate_bytes`].
    pub fn rotate_bytes(mut self, bytes: u64) -> Self {
        self.rotate_bytes = Some(bytes);
        self
    }

    /// Sets [`FileConfig::rotate_every`].
    pub fn rotate_every(mut self, period: Duration) -> Self {
        self.rotate_every = Some(period);
        self
    }

    /// Sets [`FileConfig::keep`].
    pub fn keep(mut self, files: usize) -> Self {
        self.keep = Some(files);
        self
    }

    /// Sets [`FileConfig::compress`].
    #[cfg(feature = "zstd")]
    pub fn compress(mut self, compress: bool) -> Self {
        self.compress = compress;
        self
    }

    /// Sets [`FileConfig::sync`].
    pub fn sync(mut self, sync: FileSync) -> Self {
        self.sync = Some(sync);
        self
    }
}

/// How frames are set off on a stream (RFC 6587 §3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// Octet counting, which carries any byte.
    #[default]
    OctetCounting,
    /// A line feed; those inside a message become spaces.
    Lf,
}

/// A stream of frames over TCP or TLS. The protocol has no acknowledgements: the sink counts a
/// record as delivered when the peer's kernel has acknowledged its bytes for a tenth of a second,
/// and sends again what was in the buffer of a connection that died, and a little more. What the
/// peer's kernel had for longer and the peer never read is lost; a TLS proxy or a load balancer
/// acknowledges for others. Use RELP where that matters. What is acknowledged stands in
/// `/proc/net/tcp`, which is read ten times a second while something is under way.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StreamOutput {
    /// `HOST:PORT`, resolved anew for each connection.
    pub address: String,
    /// How frames are set off.
    pub framing: Framing,
    /// What a frame is. Default [`Format::Rfc5424`].
    pub format: Format,
    /// How to wrap the stream in TLS (RFC 5425): see [`tls_client`](crate::net::tls_client).
    #[cfg(feature = "tls")]
    pub tls: Option<std::sync::Arc<tokio_rustls::rustls::ClientConfig>>,
    /// The name the server's certificate must have; the host of the address when not set.
    #[cfg(feature = "tls")]
    pub server_name: Option<String>,
    /// Longest time to connect, handshake included. Default 10 s.
    pub connect_timeout: Duration,
}

impl StreamOutput {
    /// Octet-counted RFC 5424 over TCP to `HOST:PORT`.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            framing: Framing::default(),
            format: Format::Rfc5424,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            server_name: None,
            connect_timeout: CONNECT_TIMEOUT,
        }
    }

    /// Sets [`StreamOutput::framing`].
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// Sets [`StreamOutput::format`].
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Sets [`StreamOutput::tls`].
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: std::sync::Arc<tokio_rustls::rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Sets [`StreamOutput::server_name`].
    #[cfg(feature = "tls")]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }
}

/// A RELP client. A record counts as delivered when the server has acknowledged it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RelpOutput {
    /// `HOST:PORT`, resolved anew for each connection.
    pub address: String,
    /// Messages sent before the first must be acknowledged. Default 128.
    pub window: usize,
    /// What a message is. Default [`Format::Rfc5424`].
    pub format: Format,
    /// How to wrap the connection in TLS, as librelp does it: see
    /// [`tls_client`](crate::net::tls_client).
    #[cfg(feature = "tls")]
    pub tls: Option<std::sync::Arc<tokio_rustls::rustls::ClientConfig>>,
    /// The name the server's certificate must have; the host of the address when not set.
    #[cfg(feature = "tls")]
    pub server_name: Option<String>,
    /// Longest time to connect, handshake included. Default 10 s.
    pub connect_timeout: Duration,
    /// Longest time to wait for any answer while one is due. Default 90 s, as librelp has it.
    pub answer_timeout: Duration,
}

impl RelpOutput {
    /// RFC 5424 to the RELP server at `HOST:PORT`.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            window: crate::relp::DEFAULT_WINDOW,
            format: Format::Rfc5424,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            server_name: None,
            connect_timeout: CONNECT_TIMEOUT,
            answer_timeout: Duration::from_secs(90),
        }
    }

    /// Sets [`RelpOutput::window`].
    pub fn window(mut self, messages: usize) -> Self {
        self.window = messages;
        self
    }

    /// Sets [`RelpOutput::format`].
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Sets [`RelpOutput::tls`].
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: std::sync::Arc<tokio_rustls::rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Sets [`RelpOutput::server_name`].
    #[cfg(feature = "tls")]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Sets [`RelpOutput::answer_timeout`].
    pub fn answer_timeout(mut self, time: Duration) -> Self {
        self.answer_timeout = time;
        self
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
