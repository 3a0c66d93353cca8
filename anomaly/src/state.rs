//! A detector put away and taken up again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alarm::Alarm;
use crate::config::Config;
use crate::detector::{Detector, Stats};
use crate::model::Model;

/// Everything a [`Detector`] has learned, its configuration included. Serialise it with a format
/// that gives back every float as it was; going on from it then equals never having stopped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    version: u32,
    config: Config,
    model: Model,
    alarm: Option<Alarm>,
    absent: bool,
    stats: Stats,
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
    pub const VERSION: u32 = 1;
}

impl Detector {
    /// A copy of everything learned. Allocates.
    pub fn snapshot(&self) -> Snapshot {
        let Self { config, model, alarm, absent, stats } = self.clone();
        let config = (*config).clone();
        Snapshot { version: Snapshot::VERSION, config, model, alarm, absent, stats }
    }

    /// Goes on from a snapshot.
    ///
    /// # Errors
    /// When the snapshot is of another version, or holds what no detector can have learned.
    pub fn restore(snapshot: Snapshot) -> Result<Self, RestoreError> {
        let Snapshot { version, config, model, alarm, absent, stats } = snapshot;
        if version != Snapshot::VERSION {
            return Err(RestoreError::Version { found: version });
        }
        if !config.is_sound() {
            return Err(RestoreError::Impossible { part: "configuration" });
        }
        if !model.is_sound(&config) {
            return Err(RestoreError::Impossible { part: "model" });
        }
        if !alarm.as_ref().is_none_or(Alarm::is_sound) {
            return Err(RestoreError::Impossible { part: "alarm" });
        }
        Ok(Self { config: Arc::new(config), model, alarm, absent, stats })
    }
}
