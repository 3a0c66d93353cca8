//! Names and contents, as programs see them and as the platter has them.

use std::collections::BTreeMap;
use std::io;

use super::fault::{After, Fault};

#[derive(Debug, Default)]
pub(super) struct World {
    /// Directory entries as programs see them.
    names: Names,
    /// Directory entries on the platter.
    durable_names: Names,
    /// What was done to names since they were synced.
    unsynced: Vec<Act>,
    files: Vec<Contents>,
    pub(super) operations: u64,
    pub(super) crash_at: Option<u64>,
    pub(super) fault: Fault,
    pub(super) capacity: Option<u64>,
    pub(super) refused: u64,
}

type Names = BTreeMap<String, usize>;

/// Something done to names.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Create { name: String, file: usize },
    Rename { from: String, to: String },
    Unlink { name: String },
}

#[derive(Debug, Clone, Default)]
struct Contents {
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// A sync failed: the kernel believes the pages clean and will not write them again.
    forgotten: bool,
    /// Handles of this process.
    handles: u32,
}

impl World {
    /// Counts an operation; an error from the moment of the crash on.
    fn operate(&mut self) -> io::Result<()> {
        if self.crash_at.is_some_and(|at| self.operations >= at) {
            return Err(io::Error::other("crashed"));
        }
        self.operations += 1;
        Ok(())
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    pub(super) fn contents(&self, name: &str) -> Option<&Vec<u8>> {
        self.find(name).map(|file| &self.files[file].cached)
    }

    /// What is open keeps its room, deleted or not.
    pub(super) fn used(&self) -> u64 {
        let named = |file: &usize| self.names.values().any(|named| named == file);
        let there =
            (0..self.files.len()).filter(|file| self.files[*file].handles > 0 || named(file));
        there.map(|file| self.length(file)).sum()
    }

    pub(super) fn hold(&mut self, file: usize) {
        self.files[file].handles += 1;
    }

    pub(super) fn release(&mut self, file: usize) {
        self.files[file].handles -= 1;
    }

    pub(super) fn change(&mut self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let file = self.find(name).unwrap_or_else(|| {
            self.files.push(Contents::default());
            let file = self.files.len() - 1;
            self.names.insert(name.into(), file);
            self.durable_names.insert(name.into(), file);
            file
        });
        let file = &mut self.files[file];
        change(&mut file.cached);
        file.durable.clone_from(&file.cached);
    }

    pub(super) fn create(&mut self, name: &str) -> io::Result<usize> {
        let file = self.files.len();
        self.enter(Act::Create { name: name.into(), file })?;
        self.files.push(Contents::default());
        Ok(file)
    }

    pub(super) fn enter(&mut self, act: Act) -> io::Result<()> {
        self.operate()?;
        apply(&mut self.names, &act)?;
        self.unsynced.push(act);
        Ok(())
    }

    pub(super) fn sync_dir(&mut self) -> io::Result<()> {
        self.operate()?;
        match self.fault {
            Fault::SyncDirLies => return Ok(()),
            Fault::SyncDirFails(0) => {
                self.fault = Fault::None;
                return Err(io::Error::other("input/output error"));
            }
            Fault::SyncDirFails(calls) => self.fault = Fault::SyncDirFails(calls - 1),
            _ => {}
        }
        self.unsynced.clear();
        self.durable_names.clone_from(&self.names);
        Ok(())
    }

    pub(super) fn length(&self, file: usize) -> u64 {
        self.files[file].cached.len() as u64
    }

    pub(super) fn read(&mut self, file: usize, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        match self.fault {
            Fault::ReadFails(0) => {
                self.fault = Fault::None;
                return Err(io::Error::other("input/output error"));
            }
            Fault::ReadFails(calls) => self.fault = Fault::ReadFails(calls - 1),
            _ => {}
        }
        let rest = self.files[file].cached.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(into.len());
        into[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    pub(super) fn write(&mut self, file: usize, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let crashes_now = self.crash_at == Some(self.operations);
        let outcome = self.operate();
        if outcome.is_err() && !crashes_now {
            return outcome;
        }
        let room = self.capacity.map_or(u64::MAX, |most| most.saturating_sub(self.used()));
        let contents = &mut self.files[file].cached;
        let (start, length) = (offset as usize, contents.len());
        let fits = (length as u64).saturating_add(room).saturating_sub(offset);
        // What dies in the middle of a write has written some of it.
        let wanted = if crashes_now { bytes.len() / 2 } else { bytes.len() };
        let written = wanted.min(usize::try_from(fits).unwrap_or(usize::MAX));
        if written > 0 {
            contents.resize(length.max(start + written), 0);
            contents[start..start + written].copy_from_slice(&bytes[..written]);
        }
        if written < wanted {
            self.refused += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        outcome
    }

    pub(super) fn truncate(&mut self, file: usize, length: u64) -> io::Result<()> {
        self.operate()?;
        self.files[file].cached.resize(length as usize, 0);
        Ok(())
    }

    pub(super) fn sync_data(&mut self, file: usize) -> io::Result<()> {
        self.operate()?;
        match self.fault {
            Fault::SyncDataLies => return Ok(()),
            Fault::SyncDataFails(0) => {
                self.fault = Fault::None;
                self.files[file].forgotten = true;
                return Err(io::Error::other("input/output error"));
            }
            Fault::SyncDataFails(calls) => self.fault = Fault::SyncDataFails(calls - 1),
            _ => {}
        }
        let file = &mut self.files[file];
        if !file.forgotten {
            file.durable.clone_from(&file.cached);
        }
        Ok(())
    }

    /// What another process finds.
    pub(super) fn after(&self, after: After) -> Self {
        if after == After::Kill {
            return Self {
                names: self.names.clone(),
                durable_names: self.durable_names.clone(),
                unsynced: self.unsynced.clone(),
                files: self
                    .files
                    .iter()
                    .map(|file| Contents { handles: 0, ..file.clone() })
                    .collect(),
                capacity: self.capacity,
                ..Self::default()
            };
        }
        let mut dice = match after {
            After::Torn(seed) => Some(Dice(seed)),
            _ => None,
        };
        let mut names = self.durable_names.clone();
        if let Some(dice) = &mut dice {
            // A journal keeps the order; other file systems need not.
            let ordered = dice.below(2) == 0;
            let prefix = dice.below(self.unsynced.len() + 1);
            for (number, act) in self.unsynced.iter().enumerate() {
                if if ordered { number < prefix } else { dice.below(2) == 0 } {
                    // Whose earlier half did not arrive does not arrive.
                    let _ = apply(&mut names, act);
                }
            }
        }
        let files = self.files.iter().map(|file| {
            let contents = match &mut dice {
                Some(dice) => torn(file, dice),
                None => file.durable.clone(),
            };
            Contents { durable: contents.clone(), cached: contents, ..Contents::default() }
        });
        let files = files.collect();
        let (durable_names, capacity) = (names.clone(), self.capacity);
        Self { names, durable_names, files, capacity, ..Self::default() }
    }
}

fn apply(names: &mut Names, act: &Act) -> io::Result<()> {
    match act {
        Act::Create { name, file } => {
            names.insert(name.clone(), *file);
        }
        Act::Rename { from, to } => {
            let file = names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            names.insert(to.clone(), file);
        }
        Act::Unlink { name } => {
            names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        }
    }
    Ok(())
}

/// Each sector is old or new, and the length is anything between.
fn torn(file: &Contents, dice: &mut Dice) -> Vec<u8> {
    let (old, new) = (&file.durable, &file.cached);
    if old == new {
        return new.clone();
    }
    let (least, most) = (old.len().min(new.len()), old.len().max(new.len()));
    let length = least + dice.below(most - least + 1);
    let mut contents = vec![0; length];
    for start in (0..length).step_by(SECTOR) {
        let end = length.min(start + SECTOR);
        let source = if dice.below(2) == 0 { old } else { new };
        if let Some(bytes) = source.get(start..end.min(source.len())) {
            contents[start..start + bytes.len()].copy_from_slice(bytes);
        }
    }
    contents
}

/// Knuth's MMIX generator: the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

/// Smaller than those of disks, so that short records tear as well.
const SECTOR: usize = 64;
