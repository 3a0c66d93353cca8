//! How far a cursor has come, on disk: two slots, of which one is always whole.

use std::io;
use std::sync::Arc;

use crc_fast::crc32_iscsi as crc32c;

use super::layout::{MOST, u32_at, u64_at};
use super::scan::Position;
use super::storage::{File, Storage};

/// The file of one cursor. A commit goes to the slot that holds no durable position, so a loss of
/// power costs commits since the last `sync`, never the position itself.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    file: Arc<dyn File>,
    generation: u64,
    /// The slot that was synced last and must not be touched.
    durable_slot: u64,
    durable: Position,
    written: Position,
}

impl Checkpoint {
    /// Makes the file, durable under its name.
    pub(crate) fn create(storage: &dyn Storage, name: &str, at: Position) -> io::Result<Self> {
        let (temporary, name) = (format!("{name}.cursor.tmp"), file_name(name));
        let file = storage.create(&temporary)?;
        file.write_at(0, &encode(1, at))?;
        // Both slots have their room from now on: commits go on when the disk is full, and with
        // them segments go.
        file.write_at(SLOT_DISTANCE, &[0; SLOT_BYTES])?;
        file.sync_data()?;
        storage.rename(&temporary, &name)?;
        storage.sync_dir()?;
        let file = storage.open(&name)?;
        Ok(Self { file, generation: 1, durable_slot: 0, durable: at, written: at })
    }

    /// Reads the newer good slot. `None` when neither is good.
    pub(crate) fn open(storage: &dyn Storage, name: &str) -> io::Result<Option<Self>> {
        let file = storage.open(&file_name(name))?;
        let Some((generation, slot, at)) = newest(&*file)? else { return Ok(None) };
        // What was read may be in the page cache only: without this the next commit could
        // overwrite the slot that is on disk.
        file.sync_data()?;
        Ok(Some(Self { file, generation, durable_slot: slot, durable: at, written: at }))
    }

    pub(crate) fn position(&self) -> Position {
        self.written
    }

    pub(crate) fn durable(&self) -> Position {
        self.durable
    }

    /// Survives the end of the process, not yet a loss of power.
    pub(crate) fn write(&mut self, at: Position) -> io::Result<()> {
        self.generation += 1;
        let slot = 1 - self.durable_slot;
        self.file.write_at(slot * SLOT_DISTANCE, &encode(self.generation, at))?;
        self.written = at;
        Ok(())
    }

    /// Makes what was written last survive a loss of power.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.durable != self.written {
            self.file.sync_data()?;
            self.durable_slot = 1 - self.durable_slot;
            self.durable = self.written;
        }
        Ok(())
    }
}

/// The newer good slot: generation, number and position.
pub(super) fn newest(file: &dyn File) -> io::Result<Option<(u64, u64, Position)>> {
    let mut newest: Option<(u64, u64, Position)> = None;
    for slot in [0, 1] {
        let mut bytes = [0; SLOT_BYTES];
        let read = file.read_at(slot * SLOT_DISTANCE, &mut bytes)?;
        if let Some((generation, position)) = decode(&bytes[..read])
            && newest.is_none_or(|(newest, ..)| generation > newest)
        {
            newest = Some((generation, slot, position));
        }
    }
    Ok(newest)
}

/// The name of the cursor in a file's name.
pub(crate) fn cursor_name(file: &str) -> Option<&str> {
    file.strip_suffix(".cursor").filter(|name| valid_name(name))
}

/// `a-z`, `0-9`, `_` and `-`, 1 to 64 of them: it becomes a file's name.
pub(crate) fn valid_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

pub(crate) fn file_name(cursor: &str) -> String {
    format!("{cursor}.cursor")
}

fn encode(generation: u64, at: Position) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..16].copy_from_slice(&generation.to_le_bytes());
    bytes[16..24].copy_from_slice(&at.seq.to_le_bytes());
    bytes[24..32].copy_from_slice(&at.segment.to_le_bytes());
    bytes[32..40].copy_from_slice(&at.offset.to_le_bytes());
    let crc = crc32c(&bytes[..SLOT_BYTES - 4]);
    bytes[SLOT_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(u64, Position)> {
    let bytes = bytes.get(..SLOT_BYTES)?;
    let whole = u32_at(bytes, SLOT_BYTES - 4) == crc32c(&bytes[..SLOT_BYTES - 4]);
    let countable = u64_at(bytes, 8) < MOST && u64_at(bytes, 16) < MOST;
    (bytes[..8] == MAGIC && whole && countable).then(|| {
        let at = Position {
            seq: u64_at(bytes, 16),
            segment: u64_at(bytes, 24),
            offset: u64_at(bytes, 32),
        };
        (u64_at(bytes, 8), at)
    })
}

const MAGIC: [u8; 8] = *b"LOGCURS\x01";
const SLOT_BYTES: usize = 48;
/// Apart by a page, so that no device writes both at once.
const SLOT_DISTANCE: u64 = 4096;
