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
    /// The bytes are not the ones that were written.
    #[error("snapshot whose checksum does not match: it is damaged")]
    Checksum,
    /// The bytes are no snapshot at all, or end too early.
    #[error("not a snapshot of a detector")]
    Malformed,
    /// Parts that no detector can have: the snapshot is damaged.
    #[error("snapshot with an impossible {part}")]
    Impossible {
        /// Which part.
        part: &'static str,
    },
}

impl RestoreError {
    /// A closed set of names for metrics: `version`, `checksum`, `malformed`, `impossible`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Version { .. } => "version",
            Self::Checksum => "checksum",
            Self::Malformed => "malformed",
            Self::Impossible { .. } => "impossible",
        }
    }
}

impl Snapshot {
    /// The version of the format written, and the only one read.
    pub const VERSION: u32 = 4;
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

#[cfg(feature = "snapshots")]
impl Detector {
    /// Everything learned, as bytes: the version, a checksum, and each number as it is, to the
    /// last bit.
    ///
    /// # Panics
    /// When memory ends.
    pub fn to_bytes(&self) -> Vec<u8> {
        let state = postcard::to_allocvec(&self.snapshot()).expect("a snapshot has a fixed shape");
        let checksum = crate::checksum::crc32(&state);
        let head = [Snapshot::VERSION.to_le_bytes(), checksum.to_le_bytes()];
        [head.as_flattened(), &state].concat()
    }

    /// Goes on from the bytes of [`Detector::to_bytes`].
    ///
    /// # Errors
    /// When they were written by another version, are damaged, or hold what no detector can have
    /// learned.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RestoreError> {
        let (version, rest) = bytes.split_first_chunk::<4>().ok_or(RestoreError::Malformed)?;
        let (checksum, state) = rest.split_first_chunk::<4>().ok_or(RestoreError::Malformed)?;
        let found = u32::from_le_bytes(*version);
        if found != Snapshot::VERSION {
            return Err(RestoreError::Version { found });
        }
        if crate::checksum::crc32(state) != u32::from_le_bytes(*checksum) {
            return Err(RestoreError::Checksum);
        }
        let snapshot = postcard::from_bytes(state).map_err(|_| RestoreError::Malformed)?;
        Self::restore(snapshot)
    }
}
