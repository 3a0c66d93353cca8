//! The log, its listeners and its sinks as one thing that is opened and shut down.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::config::{Config, TcpConfig};
use super::intake::{Intake, TcpCounters};
use super::sink_file::{self, FileSink};
use super::stats::{SinkState, Stats, TcpStats};
use super::subscription::Subscription;
use super::tcp::{ListenError, serve};
use crate::cursor::{Cursor, CursorError, Start};
use crate::parse::Policy;
use crate::wal::{self, AppendError, Disk, Failed, Receipt, Sync, Wal};

/// Why a pipeline could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The spool directory cannot be used, or another process holds it.
    #[error("the spool directory cannot be used")]
    Spool(#[source] io::Error),
    /// The log in it cannot be opened.
    #[error(transparent)]
    Wal(#[from] wal::OpenError),
}

impl OpenError {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Spool(_) => "spool",
            Self::Wal(error) => error.label(),
        }
    }
}

/// Why a sink could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// Its cursor.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// Its file or thread.
    #[error("the sink's file cannot be used")]
    Io(#[from] io::Error),
}

impl SinkError {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Cursor(error) => error.label(),
            Self::Io(_) => "io",
        }
    }
}

/// What did not end well. Records that were not delivered are in the log and come again when it is
/// opened next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// Not everything became durable.
    #[error(transparent)]
    Wal(#[from] Failed),
    /// A sink had stopped; its name and why.
    #[error("sink {name} stopped: {reason}")]
    Sink {
        /// Its name.
        name: String,
        /// What it said.
        reason: String,
    },
}

impl ShutdownError {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Wal(_) => "wal",
            Self::Sink { .. } => "sink",
        }
    }
}

/// Listeners, a log and sinks. Dropping it without [`Pipeline::shutdown`] writes what was appended
/// and leaves what was not delivered in the log.
pub struct Pipeline {
    intake: Arc<Intake>,
    policy: Policy,
    durable: bool,
    stop: watch::Sender<bool>,
    listeners: Mutex<Vec<JoinHandle<()>>>,
    sinks: Mutex<Vec<Sink>>,
}

struct Sink {
    state: Arc<SinkState>,
    /// Tells when a file sink has ended; subscriptions are their owners'.
    ended: Option<oneshot::Receiver<()>>,
}

impl Pipeline {
    /// Opens the log in `config.spool`, making it if need be. Blocks on the disk; needs no runtime.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let disk = Disk::open(&config.spool).map_err(OpenError::Spool)?;
        let wal = Wal::open(disk, config.wal)?;
        Ok(Self {
            intake: Arc::new(Intake { wal, clock: config.clock, tcp: TcpCounters::default() }),
            policy: config.policy,
            durable: config.wal.sync == Sync::Durable,
            stop: watch::Sender::new(false),
            listeners: Mutex::default(),
            sinks: Mutex::default(),
        })
    }

    /// Appends one message, as a frame without its framing. The receipt tells when it is safe.
    ///
    /// # Errors
    /// [`AppendError`]; never `Busy`, for that it waits.
    pub async fn append(&self, frame: &[u8]) -> Result<Receipt, AppendError> {
        self.intake.append(frame, None, false).await
    }

    /// Listens for syslog over TCP on `address` and gives the address it got. The listener ends
    /// with the pipeline.
    ///
    /// # Errors
    /// [`ListenError`].
    pub async fn listen_tcp(
        &self,
        address: SocketAddr,
        config: TcpConfig,
    ) -> Result<SocketAddr, ListenError> {
        let failed = |source| ListenError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        let most = self.intake.wal.max_record_bytes().saturating_sub(MOST_ENVELOPE_BYTES);
        let config = TcpConfig { max_frame_bytes: config.max_frame_bytes.min(most), ..config };
        let intake = Arc::clone(&self.intake);
        let task = tokio::spawn(serve(listener, intake, config, self.stop.subscribe()));
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        Ok(local)
    }

    /// Starts a sink that appends one JSON object a line to the file at `path` (see
    /// [`Message::write_json`](crate::message::Message::write_json)). It works on a thread of its
    /// own, at its own pace; when the log is durable its lines are synced before its cursor moves.
    /// `start` matters only when the log does not know `name` yet.
    ///
    /// # Errors
    /// [`SinkError`].
    pub fn sink_file(
        &self,
        name: &str,
        path: impl AsRef<Path>,
        start: Start,
    ) -> Result<(), SinkError> {
        // Before the cursor, which would hold the log for a sink that never ran.
        let (file, plain) = sink_file::open(path.as_ref())?;
        let cursor = Cursor::open(&self.intake.wal, name, start)?;
        let state = Arc::new(SinkState::new(name, cursor.committed()));
        let sync = plain && self.durable;
        let sink = FileSink { cursor, state: Arc::clone(&state), policy: self.policy, file, sync };
        let (end, ended) = oneshot::channel();
        let at_end = Arc::clone(&state);
        std::thread::Builder::new().name(format!("sink {name}")).spawn(move || {
            if let Err(error) = sink.run() {
                tracing::error!(sink = at_end.name(), %error, "sink stopped");
                at_end.fail(&error);
            }
            // Nobody may be waiting.
            let _ = end.send(());
        })?;
        self.remember(Sink { state, ended: Some(ended) });
        Ok(())
    }

    /// A consumer in this process, with a durable cursor called `name`. `start` matters only when
    /// the log does not know `name` yet.
    ///
    /// # Errors
    /// [`CursorError`].
    pub fn subscribe(&self, name: &str, start: Start) -> Result<Subscription, CursorError> {
        let cursor = Cursor::open(&self.intake.wal, name, start)?;
        let state = Arc::new(SinkState::new(name, cursor.committed()));
        self.remember(Sink { state: Arc::clone(&state), ended: None });
        Ok(Subscription { cursor, state, policy: self.policy, read: None, unacknowledged: 0 })
    }

    /// A snapshot of all counts.
    pub fn stats(&self) -> Stats {
        let tcp = &self.intake.tcp;
        let wal = self.intake.wal.stats();
        let sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        Stats {
            wal,
            tcp: TcpStats {
                accepted: tcp.accepted.value(),
                refused: tcp.refused.value(),
                open: tcp.open.value(),
                idle_closed: tcp.idle_closed.value(),
                received_bytes: tcp.received_bytes.value(),
                frames: *tcp.frames.lock().unwrap_or_else(PoisonError::into_inner),
                lost_frames: tcp.lost_frames.value(),
            },
            sinks: sinks.iter().map(|sink| sink.state.snapshot(wal.next_seq)).collect(),
        }
    }

    /// Takes in what has arrived, stops listening, makes everything durable, lets the file sinks
    /// finish and ends them. Subscriptions deliver what is left and then `None`; they are not
    /// waited for, what they do not acknowledge comes again next time.
    ///
    /// # Errors
    /// [`ShutdownError`], the first of them, after everything has ended.
    pub async fn shutdown(self) -> Result<(), ShutdownError> {
        self.stop.send_replace(true);
        let listeners =
            std::mem::take(&mut *self.listeners.lock().unwrap_or_else(PoisonError::into_inner));
        for listener in listeners {
            // A listener that panicked has ended as well.
            let _ = listener.await;
        }
        let intake = Arc::clone(&self.intake);
        let closed = tokio::task::spawn_blocking(move || intake.wal.close()).await;
        let sinks = std::mem::take(&mut *self.sinks.lock().unwrap_or_else(PoisonError::into_inner));
        let mut outcome = Ok(());
        for sink in sinks {
            if let Some(ended) = sink.ended {
                let _ = ended.await;
            }
            if let Some(reason) = sink.state.failure() {
                let name = sink.state.name().to_owned();
                outcome = outcome.and(Err(ShutdownError::Sink { name, reason }));
            }
        }
        match closed.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(closed) => closed?,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime is going away: the log is closed when it is dropped, unseen.
            Err(Err(_)) => Err(Failed { operation: "close", kind: io::ErrorKind::Interrupted })?,
        }
        outcome
    }

    fn remember(&self, sink: Sink) {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner).push(sink);
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

const MOST_ENVELOPE_BYTES: usize = 19;
