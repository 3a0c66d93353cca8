//! Putting a resolver together.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64};
use std::sync::{Arc, RwLock};

use super::{Ours, Resolver, Shared};
use crate::answer::DEFAULT_UDP_PAYLOAD;
use crate::cache::{Cache, CacheConfig};
use crate::cookie::{CookieSecret, Cookies};
use crate::edns::MAX_NSID;
use crate::limit::{Limits, RateLimits};
use crate::name::Name;
use crate::overlay::{Overlay, Views};
use crate::policy::{Network, Policy, local_networks, special_zones};
use crate::zone::{Zone, ZoneSet};

/// A resolver in the making.
#[derive(Debug, Default)]
pub struct ResolverBuilder {
    zones: ZoneSet,
    cache: CacheConfig,
    allowed: Vec<Network>,
    public: Vec<Network>,
    private: Vec<Name>,
    rebinding: Option<Vec<Name>>,
    limits: RateLimits,
    cookies: Option<CookieSecret>,
    nsid: Vec<u8>,
    in_order: bool,
    overlay: Overlay,
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

    /// Answers clients in `network` from zones as well, but from nothing else: no cache, nobody asked, no
    /// private suffix. For those that [`allow`](Self::allow) does not cover.
    pub fn allow_zones(mut self, network: Network) -> ResolverBuilder {
        self.public.push(network);
        self
    }

    /// Keeps private addresses back that others give for names outside of the `exempt` suffixes (DNS
    /// rebinding): the client gets an empty answer and extended error 15. Default: they are given.
    pub fn guard_rebinding(mut self, exempt: impl IntoIterator<Item = Name>) -> ResolverBuilder {
        self.rebinding = Some(exempt.into_iter().collect());
        self
    }

    /// Limits how often clients may ask and be told the same. Default: no limit.
    pub fn limits(mut self, limits: RateLimits) -> ResolverBuilder {
        self.limits = limits;
        self
    }

    /// Gives cookies (RFC 7873, 9018) and takes them for proof of an address. `now` then has to count from
    /// the Unix epoch. Default: cookies are not answered.
    pub fn cookies(mut self, secret: CookieSecret) -> ResolverBuilder {
        self.cookies = Some(secret);
        self
    }

    /// The name of this server, for those who ask for it (NSID, RFC 5001): at most 64 octets, the rest is
    /// cut off. Default: none.
    pub fn nsid(mut self, name: impl Into<Vec<u8>>) -> ResolverBuilder {
        self.nsid = name.into();
        self.nsid.truncate(MAX_NSID);
        self
    }

    /// Gives the addresses of a name in the order in which they came. Default: a cached answer begins with
    /// another address each time.
    pub fn in_order(mut self) -> ResolverBuilder {
        self.in_order = true;
        self
    }

    /// Names that are answered before any zone, by site.
    pub fn overlay(mut self, overlay: Overlay) -> ResolverBuilder {
        self.overlay = overlay;
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
        let cookies = self.cookies.map(|current| Cookies { current, previous: None });
        let shared = Shared {
            cache: Cache::new(self.cache),
            ours: RwLock::new(Ours { zones: self.zones, views: Views::of(&self.overlay) }),
            one_view: AtomicBool::new(Views::of(&self.overlay).are_one()),
            special: special_zones(),
            policy: Policy {
                allowed,
                public: self.public,
                private: self.private,
                rebinding: self.rebinding,
            },
            limits: Limits::new(&self.limits),
            cookies: RwLock::new(cookies),
            nsid: self.nsid,
            in_order: self.in_order,
            stream_idle: AtomicU16::new(0),
            udp_payload: self.udp_payload.unwrap_or(DEFAULT_UDP_PAYLOAD),
            forwards: self.forwards,
            refused: AtomicU64::new(0),
            slow: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        };
        Resolver { shared: Arc::new(shared) }
    }
}
