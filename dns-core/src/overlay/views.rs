//! The overlay as it is asked: one table for each network that is told apart.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Overlay, Scope, Tagged};
use crate::name::ancestors;
use crate::policy::Network;
use crate::question::View;
use crate::zone::Zone;

/// What each client sees.
#[derive(Clone, Debug, Default)]
pub(crate) struct Views {
    /// From the narrowest network to the widest; views are counted from 1.
    networks: Vec<(Network, Option<String>)>,
    /// By view; that of everybody else first.
    tables: Vec<Table>,
}

/// Names by their wire form in lower case; wildcards by the name they stand below.
#[derive(Clone, Debug, Default)]
struct Table {
    names: HashMap<Box<[u8]>, Arc<Zone>>,
    below: HashMap<Box<[u8]>, Arc<Zone>>,
}

impl Views {
    pub(crate) fn of(overlay: &Overlay) -> Views {
        let mut networks: Vec<(Network, Option<String>)> = Vec::new();
        for (site, of_site) in &overlay.sites {
            networks.extend(of_site.iter().map(|network| (*network, Some(site.clone()))));
        }
        for tagged in &overlay.names {
            if let Scope::Network(network) = tagged.scope
                && !networks.iter().any(|(known, _)| *known == network)
            {
                networks.push((network, None));
            }
        }
        networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix()));
        networks.truncate(usize::from(u16::MAX - 1));
        let all = std::iter::once(None).chain(networks.iter().map(|(network, _)| Some(network)));
        let tables = all.map(|network| Table::of(overlay, network)).collect();
        Views { networks, tables }
    }

    /// Whether all clients see the same, so that nobody needs to look who asks.
    pub(crate) fn are_one(&self) -> bool {
        self.networks.is_empty()
    }

    /// How many views there are; at least that of everybody.
    #[cfg(feature = "zones")]
    pub(crate) fn count(&self) -> u16 {
        self.networks.len() as u16 + 1
    }

    /// What `client` sees.
    pub(crate) fn view_of(&self, client: IpAddr) -> View {
        let at = self.networks.iter().position(|(network, _)| network.contains(client));
        View(at.map_or(0, |at| at as u16 + 1))
    }

    /// The name of a view: its site, else its network.
    pub(crate) fn name_of(&self, view: View) -> Option<String> {
        let (network, site) = self.networks.get(usize::from(view.0.checked_sub(1)?))?;
        Some(site.clone().unwrap_or_else(|| network.to_string()))
    }

    /// Whether clients are told apart as in `other`.
    pub(crate) fn same_networks(&self, other: &Views) -> bool {
        self.networks == other.networks
    }

    /// Whether any view has an answer for `folded`.
    pub(crate) fn holds(&self, folded: &[u8]) -> bool {
        (0..self.tables.len()).any(|view| self.find(View(view as u16), folded).is_some())
    }

    /// What answers `folded`, a wire name in lower case: the name itself, else the nearest wildcard.
    pub(crate) fn find(&self, view: View, folded: &[u8]) -> Option<&Zone> {
        let table = self.tables.get(usize::from(view.0))?;
        let wildcard = || ancestors(folded).skip(1).find_map(|name| table.below.get(name));
        table.names.get(folded).or_else(wildcard).map(Arc::as_ref)
    }
}

impl Table {
    /// What a network sees; `None`: all that are in none.
    fn of(overlay: &Overlay, network: Option<&Network>) -> Table {
        let mut seen: Vec<(u16, &Tagged)> = overlay
            .names
            .iter()
            .filter_map(|tagged| Some((width(overlay, &tagged.scope, network)?, tagged)))
            .collect();
        // Narrower ones replace wider ones; of two as narrow, the later.
        seen.sort_by_key(|(width, _)| *width);
        let mut table = Table::default();
        for (_, tagged) in seen {
            let (name, zone) = (tagged.name.folded(), Arc::clone(&tagged.zone));
            if name.is_wildcard() {
                table.below.insert(name.as_wire()[2..].into(), zone);
            } else {
                table.names.insert(name.as_wire().into(), zone);
            }
        }
        table
    }
}

/// How narrow a scope is round `network`; `None` when the network is not in it.
fn width(overlay: &Overlay, scope: &Scope, network: Option<&Network>) -> Option<u16> {
    let holds = |wide: &&Network| network.is_some_and(|network| wide.covers(network));
    match scope {
        Scope::Everybody => Some(0),
        Scope::Network(wide) => {
            Some(wide).filter(holds).map(|wide| u16::from(wide.prefix()) * 2 + 2)
        }
        Scope::Site(site) => {
            let widest =
                overlay.sites.get(site)?.iter().filter(holds).map(Network::prefix).max()?;
            Some(u16::from(widest) * 2 + 1)
        }
    }
}
