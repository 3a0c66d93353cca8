//! The cache across a restart.

use std::io::{self, Write};
use std::time::Duration;

use super::Resolver;
use crate::cache::{SnapshotError, read_snapshot};
use crate::name::Name;
use crate::question::View;

impl Resolver {
    /// Writes what others have told, for [`restore`](Self::restore), and returns how many answers that was.
    /// `now` counts from the Unix epoch. Buffer `out`; replace an older file by renaming.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn save(&self, now: Duration, out: &mut dyn Write) -> io::Result<u64> {
        self.shared.cache.save(now, out)
    }

    /// Takes the answers of a snapshot, as old as they are by now, and returns how many it took. Those for
    /// names that are answered here are left out, like those that have ended.
    ///
    /// # Errors
    /// [`SnapshotError`]; then nothing was taken.
    pub fn restore(&self, now: Duration, snapshot: &[u8]) -> Result<u64, SnapshotError> {
        let saved = read_snapshot(snapshot)?;
        let ours = self.shared.ours();
        let mut taken = 0;
        for saved in saved {
            let Ok(name) = Name::from_wire(saved.key.name) else { continue };
            let folded = name.folded();
            let rtype = saved.key.rtype;
            let local = self.shared.layer(&ours, View::default(), folded.as_wire(), rtype);
            let private = self.shared.policy.private_suffix(&name);
            if local.is_none() && private.is_none() {
                taken += u64::from(self.shared.cache.put_back(now, &saved));
            }
        }
        Ok(taken)
    }
}
