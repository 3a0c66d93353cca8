//! A storage in memory with a page cache: what was not synced may vanish, stay or tear when the
//! power goes, and the power can go at any operation.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use log_pipeline::wal::{File, Storage};

#[derive(Debug, Clone, Default)]
pub(crate) struct Sim {
    world: Arc<Mutex<World>>,
    sync_gate: Arc<Mutex<()>>,
}

#[derive(Debug, Default)]
struct World {
    /// Directory entries and file contents as programs see them.
    names: BTreeMap<String, usize>,
    /// Directory entries on the platter.
    durable_names: BTreeMap<String, usize>,
    files: Vec<Contents>,
    operations: u64,
    crash_at: Option<u64>,
    fault: Fault,
}

#[derive(Debug, Clone, Default)]
struct Contents {
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// A sync failed: the kernel believes the pages clean and will not write them again.
    forgotten: bool,
}

/// How the storage deceives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fault {
    #[default]
    None,
    /// `sync_data` says yes and does nothing.
    SyncDataLies,
    /// `sync_dir` says yes and does nothing.
    SyncDirLies,
    /// `sync_data` fails once, at the given call from now; later calls succeed and do nothing.
    SyncDataFails(u32),
    /// Writing fails: no space.
    Full,
}

/// What is found after the crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// The process died: the page cache is all there.
    Kill,
    /// The power went and with it everything that was not synced.
    PowerCut,
    /// The power went while pages and entries were on their way, some done, some not.
    Torn(u64),
}

impl Sim {
    pub(crate) fn crash_at(&self, operation: u64) {
        self.world().crash_at = Some(operation);
    }

    /// No `sync_data` ends while this is held.
    pub(crate) fn hold_syncs(&self) -> MutexGuard<'_, ()> {
        self.sync_gate.lock().unwrap()
    }

    pub(crate) fn operations(&self) -> u64 {
        self.world().operations
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.world().fault = fault;
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.world().names.keys().cloned().collect()
    }

    /// Files whose names end so, in order.
    pub(crate) fn ending(&self, end: &str) -> Vec<String> {
        self.names().into_iter().filter(|name| name.ends_with(end)).collect()
    }

    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut world = self.world();
        let file = world.names[name];
        let file = &mut world.files[file];
        change(&mut file.cached);
        file.durable.clone_from(&file.cached);
    }

    /// The storage another process finds. This one is left as it is.
    pub(crate) fn after(&self, after: After) -> Self {
        let world = self.world();
        let mut seed = match after {
            After::Torn(seed) => seed,
            _ => 0,
        };
        let mut chance = move || {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize
        };
        let names = match after {
            After::Kill => world.names.clone(),
            // Entries reach the platter in their order or not at all.
            After::Torn(_) if chance().is_multiple_of(2) => world.names.clone(),
            _ => world.durable_names.clone(),
        };
        let files = world.files.iter().map(|file| {
            let contents = match after {
                After::Kill => file.cached.clone(),
                After::PowerCut => file.durable.clone(),
                After::Torn(_) => torn(file, &mut chance),
            };
            let durable = match after {
                After::Kill => file.durable.clone(),
                _ => contents.clone(),
            };
            Contents {
                cached: contents,
                durable,
                forgotten: file.forgotten && after == After::Kill,
            }
        });
        let files = files.collect();
        let durable_names =
            if after == After::Kill { world.durable_names.clone() } else { names.clone() };
        let world = World { names, durable_names, files, ..World::default() };
        Self { world: Arc::new(Mutex::new(world)), sync_gate: Arc::default() }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }
}

/// Each sector is old or new, and the length is anything between.
fn torn(file: &Contents, chance: &mut impl FnMut() -> usize) -> Vec<u8> {
    let (old, new) = (&file.durable, &file.cached);
    let (least, most) = (old.len().min(new.len()), old.len().max(new.len()));
    let length = least + chance() % (most - least + 1);
    let mut contents = vec![0; length];
    for start in (0..length).step_by(SECTOR) {
        let end = length.min(start + SECTOR);
        let source = if chance().is_multiple_of(2) { old } else { new };
        if let Some(bytes) = source.get(start..end.min(source.len())) {
            contents[start..start + bytes.len()].copy_from_slice(bytes);
        }
    }
    contents
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
}

impl Storage for Sim {
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut world = self.world();
        world.operate()?;
        world.files.push(Contents::default());
        let file = world.files.len() - 1;
        world.names.insert(name.to_owned(), file);
        Ok(Arc::new(Handle { sim: self.clone(), file }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let file = *self.world().names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(Handle { sim: self.clone(), file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        world.operate()?;
        let file = world.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        world.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.operate()?;
        world.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut world = self.world();
        world.operate()?;
        if world.fault != Fault::SyncDirLies {
            let names = world.names.clone();
            world.durable_names = names;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Handle {
    sim: Sim,
    file: usize,
}

impl File for Handle {
    fn length(&self) -> io::Result<u64> {
        Ok(self.sim.world().files[self.file].cached.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let world = self.sim.world();
        let rest = world.files[self.file].cached.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(into.len());
        into[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.sim.world();
        let crashes_now = world.crash_at == Some(world.operations);
        let outcome = world.operate();
        let full = world.fault == Fault::Full;
        // What dies in the middle of a write has written some of it.
        let bytes = if crashes_now || full { &bytes[..bytes.len() / 2] } else { bytes };
        if outcome.is_ok() || crashes_now {
            let contents = &mut world.files[self.file].cached;
            let (start, end) = (offset as usize, offset as usize + bytes.len());
            contents.resize(contents.len().max(end), 0);
            contents[start..end].copy_from_slice(bytes);
        }
        if full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        outcome
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut world = self.sim.world();
        world.operate()?;
        world.files[self.file].cached.truncate(length as usize);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let _gate = self.sim.sync_gate.lock().unwrap();
        let mut world = self.sim.world();
        world.operate()?;
        match world.fault {
            Fault::SyncDataLies => return Ok(()),
            Fault::SyncDataFails(0) => {
                world.fault = Fault::None;
                world.files[self.file].forgotten = true;
                return Err(io::Error::other("input/output error"));
            }
            Fault::SyncDataFails(calls) => world.fault = Fault::SyncDataFails(calls - 1),
            _ => {}
        }
        let file = &mut world.files[self.file];
        if !file.forgotten {
            file.durable.clone_from(&file.cached);
        }
        Ok(())
    }
}

const SECTOR: usize = 64;
