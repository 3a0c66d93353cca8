//! The log, its listeners and its sinks as one thing that is opened and shut down.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::config::Config;
use super::intake::{Intake, ListenerState};
use super::sink::{Feed, FileConfig, FileSink, Output, SinkConfig, SinkState, Target, drive};
use super::stats::Stats;
use super::subscription::Subscription;
use crate::cursor::{Cursor, CursorError, Start};
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
    pub(super) intake: Arc<Intake>,
    #[cfg(feature = "journal")]
    pub(super) spool: std::path::PathBuf,
    durable: bool,
    drain: std::time::Duration,
    pub(super) stop: watch::Sender<bool>,
    /// Tells sinks to give up what they cannot deliver.
    quit: watch::Sender<bool>,
    reopens: Arc<AtomicU64>,
    pub(super) listeners: Mutex<Vec<Running>>,
    sinks: Mutex<Vec<Sink>>,
}

pub(super) struct Running {
    pub(super) state: Arc<ListenerState>,
    pub(super) end: End,
}

pub(super) enum End {
    Task(JoinHandle<()>),
    Thread(oneshot::Receiver<()>),
}

struct Sink {
    state: Arc<SinkState>,
    /// `None` for subscriptions, which are their owners'.
    end: Option<End>,
}

impl End {
    /// Waits. Who panicked has ended as well.
    async fn wait(self) {
        match self {
            Self::Task(task) => drop(task.await),
            Self::Thread(ended) => drop(ended.await),
        }
    }
}

impl Pipeline {
    /// Opens the log in `config.spool`, making it if need be. Blocks on the disk; needs no runtime.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let disk = Disk::open(&config.spool).map_err(OpenError::Spool)?;
        let wal = Wal::open(disk, config.wal)?;
        let (clock, sources, node) = (config.clock, config.sources, config.node);
        Ok(Self {
            intake: Arc::new(Intake { wal, clock, sources, node }),
            #[cfg(feature = "journal")]
            spool: config.spool,
            durable: config.wal.sync == Sync::Durable,
            drain: config.drain,
            stop: watch::Sender::new(false),
            quit: watch::Sender::new(false),
            reopens: Arc::default(),
            listeners: Mutex::default(),
            sinks: Mutex::default(),
        })
    }

    /// Appends one message, as a frame without its framing. The receipt tells when it is safe.
    ///
    /// # Errors
    /// [`AppendError`]; never `Busy`, for that it waits, and `Full` only when the log is kept with
    /// [`WhenFull::DropNewest`](wal::WhenFull::DropNewest).
    pub async fn append(&self, frame: &[u8]) -> Result<Receipt, AppendError> {
        self.intake.append(frame, self.intake.now_ns(), None, false).await
    }

    /// Starts a sink that appends one JSON object a line to the file at `path`: see
    /// [`Format::Json`](super::Format::Json). `start` matters only when the log does not know
    /// `name` yet.
    ///
    /// # Errors
    /// [`SinkError`].
    pub fn sink_file(
        &self,
        name: &str,
        path: impl AsRef<Path>,
        start: Start,
    ) -> Result<(), SinkError> {
        let output = Output::File(FileConfig::new(path.as_ref()));
        self.sink(SinkConfig::new(name).start(start), output)
    }

    /// Starts a sink. It works on a task or, for files, a thread of its own, at its own pace, and
    /// tries again what fails.
    ///
    /// # Errors
    /// [`SinkError`]; what is wrong at the far end is no error here.
    pub fn sink(&self, config: SinkConfig, output: Output) -> Result<(), SinkError> {
        let (name, quit) = (config.name.clone(), self.quit.subscribe());
        let feed = |config| Feed::open(Arc::clone(&self.intake), config);
        let (state, end) = match output {
            Output::File(file) => {
                // Before the cursor, which would hold the log for a sink that never ran.
                let target = Target::open(file, self.durable, self.intake.now_ns())?;
                let feed = feed(config)?;
                let state = Arc::clone(&feed.state);
                let sink = FileSink::new(feed, target, Arc::clone(&self.reopens), quit);
                let (end, ended) = oneshot::channel::<()>();
                let run = move || {
                    sink.run();
                    drop(end);
                };
                std::thread::Builder::new().name(format!("sink {name}")).spawn(run)?;
                (state, End::Thread(ended))
            }
            output => {
                let feed = feed(config)?;
                (Arc::clone(&feed.state), End::Task(tokio::spawn(drive(feed, output, quit))))
            }
        };
        self.remember(Sink { state, end: Some(end) });
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
        self.remember(Sink { state: Arc::clone(&state), end: None });
        let intake = Arc::clone(&self.intake);
        Ok(Subscription { cursor, state, intake, read: None, unacknowledged: 0 })
    }

    /// Names of cursors in the log that nobody has opened: sinks of earlier times, for which the
    /// log keeps what they have not delivered.
    pub fn idle_cursors(&self) -> Vec<String> {
        self.intake.wal.idle_cursors()
    }

    /// Has the log forget such a cursor. False when there is none.
    ///
    /// # Errors
    /// [`CursorError`].
    pub fn forget_cursor(&self, name: &str) -> Result<bool, CursorError> {
        Cursor::forget(&self.intake.wal, name)
    }

    /// Has every file sink open its file again before it writes next: what SIGHUP means after
    /// somebody has renamed the files.
    pub fn reopen_files(&self) {
        self.reopens.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends when the log has failed: nothing is taken any more, and somebody has to act.
    pub async fn failed(&self) -> Failed {
        let log = self.intake.wal.shared();
        std::future::poll_fn(|context| log.poll(context, |state| state.failed)).await
    }

    /// A snapshot of all counts.
    pub fn stats(&self) -> Stats {
        let wal = self.intake.wal.stats();
        let now_ns = self.intake.now_ns();
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        Stats {
            wal,
            listeners: listeners.iter().map(|running| running.state.snapshot()).collect(),
            sinks: sinks
                .iter()
                .map(|sink| {
                    let skipped = self.intake.wal.skipped_records(sink.state.name());
                    sink.state.snapshot(wal.next_seq, skipped, now_ns)
                })
                .collect(),
        }
    }

    /// Takes in what has arrived, stops listening, makes everything durable, lets the sinks
    /// deliver what is left for as long as [`Config::drain`] says, and ends them. Subscriptions
    /// deliver what is left and then `None`; they are not waited for. What is not delivered or
    /// acknowledged comes again next time.
    ///
    /// # Errors
    /// [`ShutdownError`], the first of them, after everything has ended.
    pub async fn shutdown(self) -> Result<(), ShutdownError> {
        self.stop.send_replace(true);
        let listeners =
            std::mem::take(&mut *self.listeners.lock().unwrap_or_else(PoisonError::into_inner));
        // All of them may be waiting for room that no sink makes: closing the log ends that.
        let until = tokio::time::Instant::now() + self.drain;
        let all_ended = async {
            for listener in listeners {
                listener.end.wait().await;
            }
        };
        if tokio::time::timeout_at(until, all_ended).await.is_err() {
            tracing::warn!("the log is full: what was received last is not taken");
        }
        let intake = Arc::clone(&self.intake);
        let closed = tokio::task::spawn_blocking(move || intake.wal.close()).await;
        let sinks = std::mem::take(&mut *self.sinks.lock().unwrap_or_else(PoisonError::into_inner));
        let (states, ends): (Vec<_>, Vec<_>) =
            sinks.into_iter().map(|sink| (sink.state, sink.end)).unzip();
        let all_ended = async {
            for end in ends.into_iter().flatten() {
                end.wait().await;
            }
        };
        tokio::pin!(all_ended);
        if tokio::time::timeout_at(until, &mut all_ended).await.is_err() {
            self.quit.send_replace(true);
            // A thread may hang in a write that never returns: it is not waited for any longer.
            let _ = tokio::time::timeout(QUIT, all_ended).await;
        }
        match closed.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(closed) => closed?,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime is going away: the log is closed when it is dropped, unseen.
            Err(Err(_)) => Err(Failed { operation: "close", kind: io::ErrorKind::Interrupted })?,
        }
        let failed = states.iter().find_map(|state| Some((state.name(), state.failure()?)));
        match failed {
            Some((name, reason)) => Err(ShutdownError::Sink { name: name.to_owned(), reason }),
            None => Ok(()),
        }
    }

    fn remember(&self, sink: Sink) {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner).push(sink);
    }
}

impl Drop for Pipeline {
    /// Sinks hold the log as well: closing it is what ends them.
    fn drop(&mut self) {
        // Who wants to know calls `shutdown`.
        let _ = self.intake.wal.close();
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

const QUIT: std::time::Duration = std::time::Duration::from_secs(1);
