//! Zones from other servers and for them: asks primaries when it is time, saves what they send, and tells
//! secondaries. The decisions are those of [`Secondary`](crate::secondary::Secondary) and
//! [`Notifier`](crate::notify::Notifier).

mod attempt;
mod saved;
mod status;
mod task;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};

use super::asked::TlsClient;
use crate::name::Name;
use crate::notify::Peer;
use crate::primary::{Primary, Reply, ZoneOptions};
use crate::resolve::Transport;
use crate::secondary::SecondaryConfig;
use crate::zone::Zone;
pub use status::{ReplicaStatus, ReplicationStatus};
use task::Task;

/// A zone that others are the primaries of.
#[derive(Clone, Debug)]
pub struct Replica {
    /// Where it begins, and whom to ask.
    pub config: SecondaryConfig,
    /// What others may do with it here. Its primaries are those of `config`.
    pub options: ZoneOptions,
    /// It is a catalog (RFC 9432): its members are replicas too, from the same primaries and with the same
    /// options, unless a group of theirs says otherwise.
    pub catalog: bool,
    /// How members in these groups differ (RFC 9432 §4.3.2); of several the first counts.
    pub groups: Vec<Group>,
}

/// What the configuration says of the members that a catalog puts into one group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Its name, octet for octet.
    pub name: String,
    /// Whom to ask; `None`: the catalog's primaries.
    pub primaries: Option<Vec<Peer>>,
    /// What others may do with them; `None`: what they may with the catalog. Its primaries do not count.
    pub options: Option<ZoneOptions>,
}

impl Replica {
    /// A zone that is no catalog, for nobody else.
    pub fn new(config: SecondaryConfig) -> Replica {
        let options = ZoneOptions::default();
        Replica { config, options, catalog: false, groups: Vec::new() }
    }
}

/// Tells the task what happened elsewhere.
#[derive(Debug)]
enum Command {
    /// A believed notice.
    Notice(Name),
    /// Secondaries are to be told.
    Tell(Arc<Zone>),
    /// One more replica.
    Add(Box<Replica>),
    /// No more of this one.
    Remove(Name),
    /// Somebody wants to know how it goes.
    Status(oneshot::Sender<ReplicationStatus>),
}

/// What the listeners ask about transfers, notices and signed queries. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Authority {
    primary: Primary,
    commands: mpsc::Sender<Command>,
}

/// The thread that keeps replicas fresh: one of its own, since working in a large zone takes a while. Dropping
/// this ends it without waiting; [`stop`](Replication::stop) waits.
#[derive(Debug)]
pub struct Replication {
    authority: Authority,
    close: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Replication {
    /// Begins. Zones are saved in `directory`, when there is one, and served from there after a restart until
    /// they expire; until there is anything to serve, questions to them fail. Blocks while saved zones are
    /// read.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        primary: Primary,
        replicas: Vec<Replica>,
        directory: Option<PathBuf>,
    ) -> io::Result<Replication> {
        Replication::begin(primary, replicas, directory, TlsClient::default())
    }

    /// The same where some primaries are spoken to over TLS (RFC 9103).
    ///
    /// # Errors
    /// When the thread cannot be started.
    #[cfg(feature = "tls")]
    pub fn start_with_tls(
        primary: Primary,
        replicas: Vec<Replica>,
        directory: Option<PathBuf>,
        tls: Arc<rustls::ClientConfig>,
    ) -> io::Result<Replication> {
        Replication::begin(primary, replicas, directory, TlsClient { config: Some(tls) })
    }

    fn begin(
        primary: Primary,
        replicas: Vec<Replica>,
        directory: Option<PathBuf>,
        tls: TlsClient,
    ) -> io::Result<Replication> {
        let (commands, commanded) = mpsc::channel(MOST_COMMANDS);
        let (close, closing) = oneshot::channel();
        let authority = Authority { primary: primary.clone(), commands };
        let mut task = Task::new(primary, directory, tls);
        for replica in replicas {
            task.add(replica);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let named = std::thread::Builder::new().name("dns zones".to_owned());
        let thread = named.spawn(move || runtime.block_on(task.run(commanded, closing)))?;
        Ok(Replication { authority, close, thread })
    }

    /// For [`ServerConfig::authority`](super::ServerConfig).
    pub fn authority(&self) -> Authority {
        self.authority.clone()
    }

    /// What is going on; durations are told once.
    pub async fn status(&self) -> ReplicationStatus {
        let (tell, told) = oneshot::channel();
        let _ = self.authority.commands.send(Command::Status(tell)).await;
        // Nobody there any more: it is about to stop.
        told.await.unwrap_or_default()
    }

    /// Ends transfers on their way, and returns.
    pub async fn stop(self) {
        let _ = self.close.send(());
        let joined = tokio::task::spawn_blocking(|| self.thread.join());
        if !matches!(joined.await, Ok(Ok(()))) {
            tracing::error!("the thread of the zones panicked");
        }
    }
}

impl Authority {
    /// The zones and what others may do with them.
    pub fn primary(&self) -> &Primary {
        &self.primary
    }

    /// Has whoever is to be notified of `zone` told that it has changed.
    pub async fn tell(&self, zone: Arc<Zone>) {
        let _ = self.commands.send(Command::Tell(zone)).await;
    }

    /// Asks the primaries of the replica at `origin` at once, as a notice would have it.
    pub async fn refresh(&self, origin: &Name) {
        let _ = self.commands.send(Command::Notice(origin.clone())).await;
    }

    /// One more replica; in the place of the one with its origin.
    pub async fn add(&self, replica: Replica) {
        let _ = self.commands.send(Command::Add(Box::new(replica))).await;
    }

    /// No more of the replica at `origin`: it is not served any longer, and what was saved is removed.
    pub async fn remove(&self, origin: &Name) {
        let _ = self.commands.send(Command::Remove(origin.clone())).await;
    }

    /// Answers what [`Primary::wants`] is true for.
    pub(super) fn answer(
        &self,
        now: Duration,
        client: IpAddr,
        message: &[u8],
        transport: Transport,
    ) -> Reply {
        let reply = self.primary.handle(now, wall(), client, message, transport);
        if let Some(origin) = reply.notice() {
            // One that is lost is one that the refresh timer makes up for.
            let _ = self.commands.try_send(Command::Notice(origin.clone()));
        }
        reply
    }
}

/// Seconds since 1970.
pub(super) fn wall() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn random() -> u16 {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).expect("the system gives random numbers");
    u16::from_ne_bytes(bytes)
}

/// Notices and changes that wait to be looked at.
const MOST_COMMANDS: usize = 1_024;
