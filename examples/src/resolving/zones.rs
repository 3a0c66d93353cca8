//! Zones and hosts from files, read again without a gap.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};
use dns_core::hosts::Hosts;
use dns_core::overlay::Scope;
use dns_core::primary::{Installed, Primary};
use dns_core::{Name, Overlay, Zone};

use super::options::Options;

/// What came from files the last time.
#[derive(Debug, Default)]
pub(super) struct Sources {
    origins: Vec<Name>,
    /// The files that are watched, as they were.
    seen: Vec<Option<(SystemTime, u64)>>,
}

impl Sources {
    /// Whether a file of hosts or an overlay is another than the one that was read last.
    pub(super) fn have_changed(&self, options: &Options) -> bool {
        let now = state(options);
        // One that is gone is about to be replaced.
        now != self.seen && now.iter().all(Option::is_some)
    }

    /// Reads everything first; only if all of it is good does it replace what is served.
    /// Gives back the zones that are there now.
    pub(super) fn reload(
        &mut self,
        options: &Options,
        primary: &Primary,
    ) -> Result<Vec<Arc<Zone>>> {
        self.seen = state(options);
        let (mut zones, mut overlay) = (Vec::new(), Overlay::new());
        for path in &options.hosts {
            let (hosts, mistakes) = Hosts::parse(&read(path)?);
            for mistake in mistakes {
                tracing::warn!(file = %path.display(), "{mistake}: passed over");
            }
            overlay = overlay.hosts(&Scope::Everybody, &hosts);
        }
        for path in &options.overlay {
            let read = Overlay::parse(&read(path)?);
            overlay = overlay.merge(read.with_context(|| path.display().to_string())?);
        }
        for zone in &options.zone {
            // What it includes lies beside it or below.
            let beside = zone.file.parent().filter(|parent| !parent.as_os_str().is_empty());
            let loaded = Zone::load(&zone.origin, &zone.file, beside.unwrap_or(Path::new(".")))?;
            for remark in &loaded.remarks {
                tracing::warn!("{remark}");
            }
            zones.push(Arc::new(loaded.zone));
        }
        let origins: Vec<Name> = zones.iter().map(|zone| zone.origin().clone()).collect();
        for zone in &zones {
            let installed = primary.install(Arc::clone(zone), Vec::new());
            let installed =
                installed.with_context(|| format!("the journal of {}", zone.origin()))?;
            if installed == Installed::SameSerial {
                tracing::warn!(zone = %zone.origin(), "it has changed and its serial is not newer: secondaries will not notice");
            }
        }
        for gone in self.origins.iter().filter(|origin| !origins.contains(origin)) {
            primary.remove(gone);
        }
        primary.resolver().put_overlay(&overlay);
        self.origins = origins;
        Ok(zones)
    }
}

fn state(options: &Options) -> Vec<Option<(SystemTime, u64)>> {
    let files = options.hosts.iter().chain(&options.overlay);
    let state = files.map(|path| {
        let file = fs::metadata(path).ok()?;
        Some((file.modified().ok()?, file.len()))
    });
    state.collect()
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
