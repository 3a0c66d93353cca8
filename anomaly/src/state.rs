//! A detector put away and taken up again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::detector::Detector;
use crate::watch::Watch;

/// Everything a [`Detector`] has learned, its configuration included. Serialise it with a format
/// that gives back every float as it was; going on from it then equals never having stopped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    version: u32,
    config: Config,
    watch: Watch,
    absent: bool,
}

/// Why a snapshot is refused. Nothing is restored then: learning starts over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// Written by another version of the state's format.
    #[error("snapshot of version {found}, this is version {}", Snapshot::VERSION)]
    Version {
        /// The version the snapshot names.
        found: u32,
    },
    /// Parts that no detector can have: the snapshot is damaged.
    #[error("snapshot with an impossible {part}")]
    Impossible {
        /// Which part.
        part: &'static str,
    },
}

impl RestoreError {
    /// A closed set of names for metrics: `version`, `impossible`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Version { .. } => "version",
            Self::Impossible { .. } => "impossible",
        }
    }
}

impl Snapshot {
    /// The version of the format written, and the only one read.
    pub const VERSION: u32 = 2;
}

impl Detector {
    /// A copy of everything learned. Allocates.
    pub fn snapshot(&self) -> Snapshot {
        let Self { config, watch, absent } = self.clone();
        let config = (*config).clone();
        Snapshot { version: Snapshot::VERSION, config, watch, absent }
    }

    /// Goes on from a snapshot.
    ///
    /// # Errors
    /// When the snapshot is of another version, or holds what no detector can have learned.
    pub fn restore(snapshot: Snapshot) -> Result<Self, RestoreError> {
        let Snapshot { version, config, watch, absent } = snapshot;
        if version != Snapshot::VERSION {
            return Err(RestoreError::Version { found: version });
        }
        if !config.is_sound() {
            return Err(RestoreError::Impossible { part: "configuration" });
        }
        if let Some(part) = watch.flaw(&config) {
            return Err(RestoreError::Impossible { part });
        }
        Ok(Self { config: Arc::new(config), watch, absent })
    }
}
