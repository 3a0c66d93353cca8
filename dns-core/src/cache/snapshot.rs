//! The cache on disk: what others told us, to begin the next run with.
//!
//! A head with a version, blocks of entries each behind its length and before its checksum, and an empty block
//! at the end. Numbers are big-endian. Times count from the Unix epoch.

use std::io::{self, Write};
use std::time::Duration;

use siphasher::sip::SipHasher24;
use thiserror::Error;

use super::{Cache, Entry, Freshness, Lifetime, Source, read as locked};
use crate::answer::Answer;
use crate::question::{Key, View};
use crate::record_type::{Class, RecordType};
use crate::ttl::Ttl;

/// Why a snapshot is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Not a snapshot at all.
    #[error("not a snapshot of a cache")]
    Magic,
    /// Written by a version that is not known here.
    #[error("a snapshot of version {0}; version {VERSION} is read")]
    Version(u16),
    /// It ends too early.
    #[error("a snapshot cut short")]
    Short,
    /// Its octets are not those that were written.
    #[error("a corrupted snapshot: the checksum at octet {0} is wrong")]
    Corrupted(usize),
}

impl SnapshotError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            SnapshotError::Magic => "magic",
            SnapshotError::Version(_) => "version",
            SnapshotError::Short => "short",
            SnapshotError::Corrupted(_) => "corrupted",
        }
    }
}

/// One entry as it was written.
pub(crate) struct Saved<'s> {
    pub(crate) key: Key<'s>,
    pub(crate) inserted: Duration,
    pub(crate) lifetime: Lifetime,
    pub(crate) source: Source,
    pub(crate) wire: &'s [u8],
}

impl Cache {
    /// Writes what came from others and has not ended, and returns how many answers that was. Answers for
    /// sites are left out: their numbers mean nothing to the next run. Holds no lock while it writes.
    pub(crate) fn save(&self, now: Duration, out: &mut dyn Write) -> io::Result<u64> {
        out.write_all(MAGIC)?;
        out.write_all(&VERSION.to_be_bytes())?;
        let mut count = 0;
        for part in &self.shards {
            let mut block = Vec::new();
            locked(part).each(|entry| count += u64::from(put(now, entry, &mut block)));
            if !block.is_empty() {
                write_block(out, &block)?;
            }
        }
        write_block(out, &[])?;
        Ok(count)
    }

    /// Puts a saved answer back, as old as it is by now; `false` when it has ended or makes no sense.
    pub(crate) fn put_back(&self, now: Duration, saved: &Saved<'_>) -> bool {
        let (Ok(answer), Lifetime::Ages { fresh, stale }) =
            (Answer::from_response(saved.wire), saved.lifetime)
        else {
            return false;
        };
        // Bounds may be tighter now than they were then.
        let fresh = fresh.min(self.config.max_ttl);
        let lifetime = Lifetime::Ages { fresh, stale: stale.min(self.config.max_stale) };
        // A clock that went back makes nothing younger than new.
        let inserted = saved.inserted.min(now);
        let entry = Entry::new(inserted, &saved.key, answer, saved.source, lifetime);
        if entry.freshness(now) == Freshness::Dead || !entry.is_of(&saved.key) {
            return false;
        }
        self.insert_entry(now, entry);
        true
    }
}

/// Appends an entry to a block; `false` when it is not to be kept.
fn put(now: Duration, entry: &Entry, block: &mut Vec<u8>) -> bool {
    let Lifetime::Ages { fresh, stale } = entry.lifetime() else { return false };
    let source = match entry.source() {
        Source::Upstream => UPSTREAM,
        Source::Injected => INJECTED,
        _ => return false,
    };
    // A word on why it is empty would be lost, and the answer with it.
    let noted = entry.answer().note().is_some();
    let key = entry.key();
    if key.view != View::default() || noted || entry.freshness(now) == Freshness::Dead {
        return false;
    }
    let answer = entry.answer();
    let wire = answer.as_wire();
    block.push(source);
    block.extend(((KEY_FIXED + key.name.len()) as u16).to_be_bytes());
    block.extend((wire.len() as u16).to_be_bytes());
    block.extend((entry.inserted().as_millis() as u64).to_be_bytes());
    block.extend(fresh.as_secs().to_be_bytes());
    block.extend(stale.as_secs().to_be_bytes());
    block.extend([key.view.0, key.rtype.0, key.class.0].into_iter().flat_map(u16::to_be_bytes));
    block.push(u8::from(key.dnssec_ok) | u8::from(key.checking_disabled) << 1);
    block.extend(key.name);
    block.extend(wire);
    true
}

fn write_block(out: &mut dyn Write, block: &[u8]) -> io::Result<()> {
    let len = u32::try_from(block.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    out.write_all(&len.to_be_bytes())?;
    out.write_all(block)?;
    out.write_all(&check(block).to_be_bytes())
}

fn check(block: &[u8]) -> u64 {
    SipHasher24::new_with_key(&CHECK).hash(block)
}

/// Reads a snapshot, all of it before anything of it is believed.
pub(crate) fn read(snapshot: &[u8]) -> Result<Vec<Saved<'_>>, SnapshotError> {
    let rest = snapshot.strip_prefix(MAGIC).ok_or(SnapshotError::Magic)?;
    let (version, mut rest) = rest.split_first_chunk().ok_or(SnapshotError::Short)?;
    match u16::from_be_bytes(*version) {
        VERSION => {}
        other => return Err(SnapshotError::Version(other)),
    }
    let mut entries = Vec::new();
    loop {
        let (len, after) = rest.split_first_chunk().ok_or(SnapshotError::Short)?;
        let len = u32::from_be_bytes(*len) as usize;
        let (mut block, after) = after.split_at_checked(len).ok_or(SnapshotError::Short)?;
        let (sum, after) = after.split_first_chunk().ok_or(SnapshotError::Short)?;
        let at = snapshot.len() - after.len() - sum.len();
        if check(block) != u64::from_be_bytes(*sum) {
            return Err(SnapshotError::Corrupted(at));
        }
        if block.is_empty() {
            return Ok(entries);
        }
        while !block.is_empty() {
            entries.push(take(&mut block).ok_or(SnapshotError::Corrupted(at))?);
        }
        rest = after;
    }
}

fn take<'s>(block: &mut &'s [u8]) -> Option<Saved<'s>> {
    let (&[source, k1, k2, w1, w2], rest) = block.split_first_chunk()?;
    let (inserted, rest) = rest.split_first_chunk()?;
    let (fresh, rest) = rest.split_first_chunk()?;
    let (stale, rest) = rest.split_first_chunk()?;
    let (key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([k1, k2])))?;
    let (wire, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([w1, w2])))?;
    *block = rest;
    let (&[v1, v2, t1, t2, c1, c2, bits], name) = key.split_first_chunk::<KEY_FIXED>()?;
    Some(Saved {
        key: Key {
            view: View(u16::from_be_bytes([v1, v2])),
            rtype: RecordType(u16::from_be_bytes([t1, t2])),
            class: Class(u16::from_be_bytes([c1, c2])),
            dnssec_ok: bits & 1 != 0,
            checking_disabled: bits & 2 != 0,
            name,
        },
        inserted: Duration::from_millis(u64::from_be_bytes(*inserted)),
        lifetime: Lifetime::Ages {
            fresh: Ttl::from_secs(u32::from_be_bytes(*fresh)),
            stale: Ttl::from_secs(u32::from_be_bytes(*stale)),
        },
        source: if source == INJECTED { Source::Injected } else { Source::Upstream },
        wire,
    })
}

const MAGIC: &[u8] = b"dns-core cache\n";
const VERSION: u16 = 1;
/// View, type, class and the DO and CD bits, before the name.
const KEY_FIXED: usize = 7;
const UPSTREAM: u8 = 1;
const INJECTED: u8 = 2;
/// Against accidents; whoever can write the file needs no collision.
const CHECK: [u8; 16] = *b"dns-core snapsho";
