//! The file that remembers a place in the journal: two slots, of which one is always whole, and both
//! have their room from the beginning, so that it can be moved on a full disk.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crc_fast::crc32_iscsi as crc32c;

/// A cursor of the journal, on disk.
#[derive(Debug)]
pub(super) struct Place {
    file: File,
    generation: u64,
    kept: Option<Vec<u8>>,
    /// A sync failed: what a later one says means nothing.
    poisoned: bool,
}

impl Place {
    /// Opens the file, or makes it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).read(true).write(true).open(path)?;
        if file.metadata()?.len() < 2 * SLOT_BYTES as u64 {
            file.write_all_at(&[0; 2 * SLOT_BYTES], 0)?;
            let folder = path.parent().unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()?;
        }
        let mut newest = None;
        for slot in 0..2 {
            let mut bytes = [0; SLOT_BYTES];
            file.read_exact_at(&mut bytes, slot * SLOT_BYTES as u64)?;
            newest = newest.max(decode(&bytes));
        }
        // What was read may be in the page cache only.
        file.sync_data()?;
        let (generation, kept) =
            newest.map_or((0, None), |(number, cursor)| (number, Some(cursor)));
        Ok(Self { file, generation, kept, poisoned: false })
    }

    /// What is remembered.
    pub(super) fn kept(&self) -> Option<&[u8]> {
        self.kept.as_deref()
    }

    /// Remembers another, durably. Blocks.
    pub(super) fn keep(&mut self, cursor: &[u8]) -> io::Result<()> {
        if self.poisoned {
            return Err(io::Error::other("an earlier sync of the journal's place failed"));
        }
        let generation = self.generation + 1;
        let bytes = encode(generation, cursor).ok_or(io::ErrorKind::InvalidInput)?;
        self.file.write_all_at(&bytes, generation % 2 * SLOT_BYTES as u64)?;
        if let Err(error) = self.file.sync_data() {
            self.poisoned = true;
            return Err(error);
        }
        self.generation = generation;
        self.kept = Some(cursor.to_vec());
        Ok(())
    }
}

fn encode(generation: u64, cursor: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(cursor.len()).ok()?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend(generation.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(cursor);
    bytes.extend(crc32c(&bytes).to_le_bytes());
    (bytes.len() <= SLOT_BYTES).then_some(bytes)
}

fn decode(bytes: &[u8]) -> Option<(u64, Vec<u8>)> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (generation, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (cursor, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    let covered = &bytes[..MAGIC.len() + 8 + 2 + cursor.len()];
    let whole = u32::from_le_bytes(*rest.first_chunk()?) == crc32c(covered);
    let generation = u64::from_le_bytes(*generation);
    (whole && generation < MOST).then(|| (generation, cursor.to_vec()))
}

const MAGIC: [u8; 8] = *b"LOGJRNL\x01";
const SLOT_BYTES: usize = 4096;
/// So that one can always be added.
const MOST: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_whole_slot_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("place");
        let mut place = Place::open(&path).unwrap();
        assert_eq!(place.kept(), None);
        for number in 0..5_u32 {
            place.keep(format!("s={number}").as_bytes()).unwrap();
            let text = format!("s={number}");
            assert_eq!(Place::open(&path).unwrap().kept(), Some(text.as_bytes()));
        }
        assert!(place.keep(&[b'x'; SLOT_BYTES]).is_err());
        // The newest is in slot 1: torn at any byte, the one before counts.
        let good = std::fs::read(&path).unwrap();
        for at in 0..8 + 8 + 2 + 3 + 4 {
            let mut torn = good.clone();
            torn[SLOT_BYTES + at] ^= 1;
            std::fs::write(&path, torn).unwrap();
            assert_eq!(Place::open(&path).unwrap().kept(), Some(&b"s=3"[..]), "byte {at}");
        }
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(Place::open(&path).unwrap().kept(), None);
    }
}
