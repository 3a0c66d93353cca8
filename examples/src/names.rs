//! Who a client is: its network's name by reverse lookup in a private zone, served from memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use anyhow::{Context, Result};
use dns_core::{Name, Resolver, Zone};

/// Names client networks through dns-core's cache.
#[derive(Debug)]
pub struct ClientNames {
    resolver: Resolver,
    epoch: Instant,
}

/// How often names came from where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameStats {
    /// Looked up in the zone.
    pub misses: u64,
    /// Answered from the cache.
    pub hits: u64,
}

impl ClientNames {
    /// Serves one reverse zone (`10.127.in-addr.arpa`, say) from the text of a master file.
    ///
    /// # Errors
    ///
    /// When the zone has a mistake; the error names its line.
    pub fn from_zone(origin: &str, master_file: &str) -> Result<Self> {
        let origin: Name = origin.parse().with_context(|| format!("zone name {origin:?}"))?;
        let zone = Zone::from_master_file(&origin, "built-in reverse zone", master_file)?;
        let resolver = Resolver::builder().zone(zone).cache_bytes(CACHE_BYTES).build();
        Ok(Self { resolver, epoch: Instant::now() })
    }

    /// The name of the address, or the address itself where no zone knows it.
    pub fn of(&self, address: IpAddr) -> String {
        let lookup = self.resolver.reverse(self.epoch.elapsed(), address);
        let name =
            lookup.names().next().map(|name| name.to_string().trim_end_matches('.').to_owned());
        name.unwrap_or_else(|| address.to_string())
    }

    /// Hits and misses so far.
    pub fn stats(&self) -> NameStats {
        let stats = self.resolver.stats();
        NameStats { misses: stats.cache.misses, hits: stats.cache.hits }
    }

    /// Names of several addresses at once, for a file's name resolution block.
    pub fn of_all(&self, addresses: impl IntoIterator<Item = IpAddr>) -> HashMap<IpAddr, String> {
        addresses.into_iter().map(|address| (address, self.of(address))).collect()
    }
}

const CACHE_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_named_and_the_second_time_from_the_cache() {
        let names = ClientNames::from_zone("10.127.in-addr.arpa", crate::demo::networks::ZONE)
            .expect("the built-in zone");
        let client = IpAddr::from([127, 10, 3, 17]);
        assert_eq!(names.of(client), "coral.clients.popkit.test");
        assert_eq!(names.of(client), "coral.clients.popkit.test");
        assert_eq!(names.stats(), NameStats { misses: 1, hits: 1 });
        let stranger = IpAddr::from([127, 10, 99, 1]);
        assert_eq!(names.of(stranger), "127.10.99.1");
    }
}
