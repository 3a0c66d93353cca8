//! Zones by origin; the longest match answers.

use std::collections::HashMap;
use std::sync::Arc;

use super::Zone;
use crate::name::{Name, ancestors};
use crate::record_type::RecordType;

/// A set of zones.
#[derive(Clone, Debug, Default)]
pub(crate) struct ZoneSet {
    zones: HashMap<Box<[u8]>, Arc<Zone>>,
}

impl ZoneSet {
    /// Puts `zone` in and returns the one it replaces.
    pub(crate) fn put(&mut self, zone: impl Into<Arc<Zone>>) -> Option<Arc<Zone>> {
        let zone = zone.into();
        self.zones.insert(zone.origin.folded().as_wire().into(), zone)
    }

    pub(crate) fn remove(&mut self, origin: &Name) -> Option<Arc<Zone>> {
        self.zones.remove(origin.folded().as_wire())
    }

    /// The zone at `origin`, to be kept however long.
    pub(crate) fn at(&self, origin: &Name) -> Option<Arc<Zone>> {
        self.zones.get(origin.folded().as_wire()).cloned()
    }

    /// The zone to ask about `folded`, a wire name in lower case. A DS set belongs to the parent, when
    /// that is here too.
    pub(crate) fn find(&self, folded: &[u8], rtype: RecordType) -> Option<&Zone> {
        let mut matches = ancestors(folded).filter_map(|name| self.zones.get(name));
        let longest = matches.next()?;
        if rtype == RecordType::DS && longest.origin.as_wire().len() == folded.len() {
            return Some(matches.next().unwrap_or(longest));
        }
        Some(longest)
    }

    pub(crate) fn origins(&self) -> impl Iterator<Item = &Name> {
        self.zones.values().map(|zone| &zone.origin)
    }
}
