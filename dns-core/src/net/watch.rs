//! The system's configuration, read again when it changes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

use super::reply::Missed;
use crate::system::SystemConfig;

/// What the file says, shared with whoever completes names.
pub(super) type Shared = Arc<RwLock<SystemConfig>>;

/// What tells one state of the file from another.
pub(super) type State = Option<(SystemTime, u64)>;

/// Reads the file, and the state that it was in at the latest.
pub(super) fn read(path: &Path) -> io::Result<(SystemConfig, State)> {
    let state = state(path);
    std::fs::read_to_string(path).map(|text| (SystemConfig::parse(&text), state))
}

fn state(path: &Path) -> State {
    let file = std::fs::metadata(path).ok()?;
    Some((file.modified().ok()?, file.len()))
}

/// Looks at the file every second until nobody listens. A file that is gone changes nothing: it is about to
/// be replaced.
pub(super) async fn watch(
    path: PathBuf,
    mut seen: State,
    shared: Shared,
    changed: mpsc::WeakSender<Missed>,
) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(changed) = changed.upgrade() else { return };
        let now = state(&path);
        if now.is_none() || now == seen {
            continue;
        }
        let Ok((system, state)) = read(&path) else { continue };
        seen = state;
        let servers = &system.servers;
        tracing::info!(path = %path.display(), ?servers, "the system's configuration has changed");
        *shared.write().unwrap_or_else(PoisonError::into_inner) = system.clone();
        if changed.send(Missed::System(system)).await.is_err() {
            return;
        }
    }
}

/// Changes are rare; a look costs one system call.
const EVERY: Duration = Duration::from_secs(1);
