//! Our zones: put in, taken out and looked at while queries go on.

use std::sync::Arc;

use super::Resolver;
use crate::name::Name;
use crate::zone::Zone;

impl Resolver {
    /// Adds `zone`, or puts it in the place of the one with its origin. When this returns, no answer of
    /// the old one is given any more. Looks at every cached answer.
    pub fn put_zone(&self, zone: impl Into<Arc<Zone>>) {
        let zone = zone.into();
        let origin = zone.origin().clone();
        let mut ours = self.shared.ours_mut();
        ours.zones.put(zone);
        self.shared.purge_behind(&origin);
    }

    /// Takes the zone at `origin` away; `false` when there is none.
    pub fn remove_zone(&self, origin: &Name) -> bool {
        let mut ours = self.shared.ours_mut();
        let removed = ours.zones.remove(origin).is_some();
        self.shared.purge_behind(origin);
        removed
    }

    /// The zone at `origin`, as it is now, to be kept however long.
    pub fn zone(&self, origin: &Name) -> Option<Arc<Zone>> {
        self.shared.ours().zones.at(origin)
    }

    /// The origins of the zones, in no order.
    pub fn zones(&self) -> Vec<Name> {
        self.shared.ours().zones.origins().cloned().collect()
    }
}
