//! Putting a resolver together.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};

use super::{Resolver, Shared};
use crate::answer::DEFAULT_UDP_PAYLOAD;
use crate::cache::{Cache, CacheConfig};
use crate::name::Name;
use crate::policy::{Network, Policy, local_networks, special_zones};
use crate::zone::{Zone, ZoneSet};

/// A resolver in the making.
#[derive(Debug, Default)]
pub struct ResolverBuilder {
    zones: ZoneSet,
    cache: CacheConfig,
    allowed: Vec<Network>,
    private: Vec<Name>,
    udp_payload: Option<u16>,
    forwards: bool,
}

impl ResolverBuilder {
    /// Answers from `zone`; a later one with the same origin replaces it.
    pub fn zone(mut self, zone: Zone) -> ResolverBuilder {
        self.zones.put(zone);
        self
    }

    /// Bounds the cache, administration included. Default 32 MiB, least 64 KiB.
    pub fn cache_bytes(mut self, max_bytes: usize) -> ResolverBuilder {
        self.cache.max_bytes = max_bytes;
        self
    }

    /// All of the cache's bounds.
    pub fn cache(mut self, config: CacheConfig) -> ResolverBuilder {
        self.cache = config;
        self
    }

    /// Answers clients in `network`. Default: loopback, link-local and private networks; the first call
    /// replaces them. Clients elsewhere are refused. In-process lookups are always answered.
    pub fn allow(mut self, network: Network) -> ResolverBuilder {
        self.allowed.push(network);
        self
    }

    /// Answers `suffix` and everything below it from zones only; answers from elsewhere are never taken.
    /// The suffixes of zones and special names are so anyway.
    pub fn private(mut self, suffix: Name) -> ResolverBuilder {
        self.private.push(suffix);
        self
    }

    /// The largest answer over UDP, in octets. Default 1232, least 512, most 4096 (RFC 6891 §6.2.5).
    pub fn udp_payload(mut self, octets: u16) -> ResolverBuilder {
        self.udp_payload = Some(octets.clamp(512, 4_096));
        self
    }

    /// Has others asked for names that are not known here: whoever drives the resolver does the asking
    /// ([`Misses`](crate::Misses)). Default: nobody is asked.
    pub fn forwards(mut self) -> ResolverBuilder {
        self.forwards = true;
        self
    }

    /// The resolver.
    pub fn build(self) -> Resolver {
        let allowed = if self.allowed.is_empty() { local_networks() } else { self.allowed };
        let shared = Shared {
            cache: Cache::new(self.cache),
            zones: RwLock::new(self.zones),
            special: special_zones(),
            policy: Policy { allowed, private: self.private },
            udp_payload: self.udp_payload.unwrap_or(DEFAULT_UDP_PAYLOAD),
            forwards: self.forwards,
            refused: AtomicU64::new(0),
            slow: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        };
        Resolver { shared: Arc::new(shared) }
    }
}
