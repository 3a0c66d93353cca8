//! What alerts and those who tell of them are put away as: bytes with a version and a checksum.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::alert::incident::{Alert, Origin};
use crate::alert::labels::Labels;
use crate::checksum::crc32;
use crate::sample::UnixNanos;
use crate::signal::Signal;

/// Why saved alerts are refused. Nothing is taken up then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// Written by another version of the format.
    #[error("alerts saved by version {found}, this is version {VERSION}")]
    Version {
        /// The version they name.
        found: u32,
    },
    /// The bytes are not the ones that were written.
    #[error("saved alerts whose checksum does not match: they are damaged")]
    Checksum,
    /// The bytes are no saved alerts at all, or end too early.
    #[error("not saved alerts")]
    Malformed,
    /// Parts that no alerts can have: they are damaged.
    #[error("saved alerts with an impossible {part}")]
    Impossible {
        /// Which part.
        part: &'static str,
    },
}

impl ResumeError {
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

/// Version, checksum, state.
pub(super) fn seal(state: &impl Serialize) -> Vec<u8> {
    let state = postcard::to_allocvec(state).expect("the state has a fixed shape");
    let head = [VERSION.to_le_bytes(), crc32(&state).to_le_bytes()];
    [head.as_flattened(), &state].concat()
}

/// What [`seal`] wrote, and nothing behind it.
pub(super) fn unseal<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ResumeError> {
    let (version, rest) = bytes.split_first_chunk::<4>().ok_or(ResumeError::Malformed)?;
    let (checksum, state) = rest.split_first_chunk::<4>().ok_or(ResumeError::Malformed)?;
    let found = u32::from_le_bytes(*version);
    if found != VERSION {
        return Err(ResumeError::Version { found });
    }
    if crc32(state) != u32::from_le_bytes(*checksum) {
        return Err(ResumeError::Checksum);
    }
    match postcard::take_from_bytes(state) {
        Ok((state, [])) => Ok(state),
        _ => Err(ResumeError::Malformed),
    }
}

/// An alert field by field: as JSON, which people read, its signal lies flat among them.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedAlert {
    id: u64,
    group: Labels,
    labels: Labels,
    signal: Signal,
    raised_at: UnixNanos,
    cleared_at: Option<UnixNanos>,
    series: Vec<Labels>,
    origins: Vec<SavedOrigin>,
    flapping: bool,
    part_of: Option<u64>,
}

/// An origin likewise: series, signal, deviation.
pub(super) type SavedOrigin = (Labels, Signal, f64);

impl From<&Alert> for SavedAlert {
    fn from(alert: &Alert) -> Self {
        let alert = alert.clone();
        Self {
            id: alert.id,
            group: alert.group,
            labels: alert.labels,
            signal: alert.signal,
            raised_at: alert.raised_at,
            cleared_at: alert.cleared_at,
            series: alert.series,
            origins: alert.origins.into_iter().map(saved).collect(),
            flapping: alert.flapping,
            part_of: alert.part_of,
        }
    }
}

impl SavedAlert {
    /// The alert it was, unless none can have been like it.
    pub(super) fn alert(self) -> Result<Alert, ResumeError> {
        if self.series.is_empty() || self.series.len() > Alert::MOST_SERIES {
            return Err(ResumeError::Impossible { part: "number of series" });
        }
        if self.origins.len() > Alert::MOST_ORIGINS {
            return Err(ResumeError::Impossible { part: "number of origins" });
        }
        Ok(Alert {
            id: self.id,
            group: self.group,
            labels: self.labels,
            signal: self.signal,
            raised_at: self.raised_at,
            cleared_at: self.cleared_at,
            series: self.series,
            origins: self.origins.into_iter().map(origin).collect(),
            flapping: self.flapping,
            part_of: self.part_of,
        })
    }
}

pub(super) fn saved(Origin { labels, signal, deviation }: Origin) -> SavedOrigin {
    (labels, signal, deviation)
}

pub(super) fn origin((labels, signal, deviation): SavedOrigin) -> Origin {
    Origin { labels, signal, deviation }
}

/// The version of the format written, and the only one read.
const VERSION: u32 = 1;
