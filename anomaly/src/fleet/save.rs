//! A fleet put away, taken up again, and moved.

use std::io::{self, Write};
use std::sync::Arc;

use crate::alert::Labels;
use crate::checksum::crc32;
use crate::detector::Detector;
use crate::state::RestoreError;

use super::Fleet;

/// What loading a snapshot into a fleet did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Series taken up where they were put away.
    pub restored: u64,
    /// Series that the fleet knows a later value of: kept as they are.
    pub older: u64,
    /// Damaged records, or of another version: these series start learning anew.
    pub refused: u64,
}

/// Why bytes are no snapshot of a fleet. Nothing was loaded then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// They do not begin like one.
    #[error("not a snapshot of a fleet")]
    Foreign,
    /// Written by another version of the file's format.
    #[error("fleet snapshot of version {found}, this is version {VERSION}")]
    Version {
        /// The version it names.
        found: u32,
    },
}

impl LoadError {
    /// A closed set of names for metrics: `foreign`, `version`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Version { .. } => "version",
        }
    }
}

impl Fleet {
    /// Writes what every series for which `wanted` says so has learned; alerts are not part of it
    /// ([`Alerts::to_bytes`](crate::Alerts::to_bytes)). One record a series, each with its own checksum.
    ///
    /// # Errors
    /// Those of writing.
    pub fn save(&self, out: &mut impl Write, wanted: impl Fn(&Labels) -> bool) -> io::Result<()> {
        out.write_all(MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        for (labels, detector) in self.detectors().filter(|(labels, _)| wanted(labels)) {
            let record = record(labels, detector);
            let length = u32::try_from(record.len())
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "labels of gigabytes"))?;
            out.write_all(&length.to_le_bytes())?;
            out.write_all(&crc32(&record).to_le_bytes())?;
            out.write_all(&record)?;
        }
        Ok(())
    }

    /// Takes up what [`Fleet::save`] wrote. Of a series that is here already the detector with the
    /// later value stays, so that snapshots of a shard that moved can be loaded in any order, and
    /// more than once. Damaged records are counted, here and in the fleet's statistics, and left
    /// out: their series start learning anew.
    ///
    /// # Errors
    /// When the bytes do not begin like a snapshot of this version.
    pub fn load(&mut self, bytes: &[u8]) -> Result<Loaded, LoadError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(LoadError::Foreign)?;
        let (version, mut rest) = take_u32(rest).ok_or(LoadError::Foreign)?;
        if version != VERSION {
            return Err(LoadError::Version { found: version });
        }
        let mut loaded = Loaded::default();
        while !rest.is_empty() {
            let Some((record, checksum, after)) = next_record(rest) else {
                // Cut off: nobody knows how many more there were.
                loaded.refused += 1;
                break;
            };
            rest = after;
            match parse(record, checksum) {
                Ok((labels, detector)) => self.take_up(labels, detector, &mut loaded),
                Err(_) => loaded.refused += 1,
            }
        }
        self.stats.refused += loaded.refused;
        Ok(loaded)
    }

    fn take_up(&mut self, labels: Labels, mut detector: Detector, loaded: &mut Loaded) {
        let last = |detector: &Detector| {
            (detector.watch.model.cadence.last_value(), detector.stats().values)
        };
        if self.detector(&labels).is_some_and(|own| last(own) >= last(&detector)) {
            loaded.older += 1;
            return;
        }
        if *detector.config == *self.config {
            detector.config = Arc::clone(&self.config);
        }
        loaded.restored += 1;
        self.watch(labels, detector);
    }
}

/// Number of labels, their names and values, each with its length; then the detector.
fn record(labels: &Labels, detector: &Detector) -> Vec<u8> {
    let count = labels.iter().count() as u32;
    let mut record = count.to_le_bytes().to_vec();
    let mut put = |bytes: &[u8]| {
        record.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        record.extend_from_slice(bytes);
    };
    for (name, value) in labels.iter() {
        put(name.as_bytes());
        put(value.as_bytes());
    }
    record.extend_from_slice(&detector.to_bytes());
    record
}

fn next_record(rest: &[u8]) -> Option<(&[u8], u32, &[u8])> {
    let (length, rest) = take_u32(rest)?;
    let (checksum, rest) = take_u32(rest)?;
    let (record, rest) = rest.split_at_checked(length as usize)?;
    Some((record, checksum, rest))
}

fn parse(record: &[u8], checksum: u32) -> Result<(Labels, Detector), RestoreError> {
    if crc32(record) != checksum {
        return Err(RestoreError::Checksum);
    }
    let (labels, rest) = labels(record).ok_or(RestoreError::Malformed)?;
    Ok((labels, Detector::from_bytes(rest)?))
}

fn labels(record: &[u8]) -> Option<(Labels, &[u8])> {
    let (count, mut rest) = take_u32(record)?;
    let mut pairs = Vec::new();
    for _ in 0..count {
        let (name, after) = take(rest)?;
        let (value, after) = take(after)?;
        pairs.push((std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?));
        rest = after;
    }
    Some((Labels::new(pairs), rest))
}

fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = take_u32(bytes)?;
    rest.split_at_checked(length as usize)
}

fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*number), rest))
}

const MAGIC: &[u8] = b"anomaly fleet\n";
const VERSION: u32 = 1;
