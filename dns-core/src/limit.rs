//! How often somebody may ask, and be told the same: token buckets in a table of fixed size, one atomic word
//! each. No lock, no allocation, and whoever floods with many addresses only overwrites idle buckets.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Limits by client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Queries a second from one client (an IPv4 address, an IPv6 /64), and as many at once. Default: no
    /// limit; most 60,000. Datagrams above it are dropped, queries on connections refused.
    pub queries_per_second: Option<u32>,
    /// Equal answers a second by datagram to one network (IPv4 /24, IPv6 /56), and as many at once; denials
    /// and errors count as equal. For clients that have not proven their address by a cookie. Default: no
    /// limit; most 60,000.
    pub responses_per_second: Option<u32>,
    /// Of the answers above the limit, every so manieth goes out empty with TC set (or BADCOOKIE), so that a
    /// client whose address is abused can ask again over TCP. Default 2; 0: none.
    pub slip: u32,
}

impl Default for RateLimits {
    fn default() -> RateLimits {
        RateLimits { queries_per_second: None, responses_per_second: None, slip: 2 }
    }
}

/// What limits have to say about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// It may go.
    Whole,
    /// Only an empty one may go, with TC set.
    Slip,
    /// Nothing may.
    Nothing,
}

/// Everybody's buckets.
#[derive(Debug)]
pub(crate) struct Limits {
    queries: Option<Buckets>,
    responses: Option<Buckets>,
    slip: u32,
    limited: AtomicU64,
}

impl Limits {
    pub(crate) fn new(limits: &RateLimits) -> Limits {
        Limits {
            queries: limits.queries_per_second.map(Buckets::new),
            responses: limits.responses_per_second.map(Buckets::new),
            slip: limits.slip,
            limited: AtomicU64::new(0),
        }
    }

    /// Whether this client may ask now.
    pub(crate) fn allows_query(&self, now: Duration, client: IpAddr) -> bool {
        let Some(queries) = &self.queries else { return true };
        let allowed = queries.take(now, &masked(client, 32, 64));
        if !allowed {
            self.limited.fetch_add(1, Ordering::Relaxed);
        }
        allowed
    }

    /// Whether this client's network may be told `what` (a name and type, or a kind of error) now.
    pub(crate) fn grant(&self, now: Duration, client: IpAddr, what: impl Hash) -> Grant {
        let Some(responses) = &self.responses else { return Grant::Whole };
        if responses.take(now, &(masked(client, 24, 56), what)) {
            return Grant::Whole;
        }
        let nth = self.limited.fetch_add(1, Ordering::Relaxed);
        let slips = self.slip > 0 && nth.is_multiple_of(u64::from(self.slip));
        if slips { Grant::Slip } else { Grant::Nothing }
    }

    /// Whether answers are limited at all.
    pub(crate) fn limits_responses(&self) -> bool {
        self.responses.is_some()
    }

    /// Queries and answers above a limit so far.
    pub(crate) fn limited(&self) -> u64 {
        self.limited.load(Ordering::Relaxed)
    }
}

/// The network of `address`.
fn masked(address: IpAddr, v4: u32, v6: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(ip) => Ipv4Addr::from(u32::from(ip) >> (32 - v4) << (32 - v4)).into(),
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) >> (128 - v6) << (128 - v6)).into(),
    }
}

/// Buckets by hash. Each is one word: 16 bits of the hash, and 48 bits that say when the bucket will be full
/// again (the generic cell rate algorithm, ITU-T I.371): an idle bucket needs no state at all.
#[derive(Debug)]
struct Buckets {
    words: Box<[AtomicU64]>,
    hasher: RandomState,
    /// Ticks a token takes to grow.
    interval: u64,
    /// How far ahead of now a bucket's moment may lie.
    most: u64,
}

impl Buckets {
    fn new(per_second: u32) -> Buckets {
        let per_second = u64::from(per_second.clamp(1, MOST_PER_SECOND));
        let interval = TICKS_PER_SECOND / per_second;
        Buckets {
            words: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            interval,
            most: interval * per_second,
        }
    }

    /// Takes a token. Relaxed throughout: every word stands for itself.
    fn take(&self, now: Duration, who: &impl Hash) -> bool {
        let now = now.as_micros() as u64 / MICROS_PER_TICK;
        // The hash is keyed at random: nobody can choose whom to share a bucket with.
        let hash = self.hasher.hash_one(who);
        let (tag, at) = (hash & !MOMENT, hash as usize % (BUCKETS / WAYS) * WAYS);
        let ways = &self.words[at..at + WAYS];
        for _ in 0..ATTEMPTS {
            let seen: [u64; WAYS] = std::array::from_fn(|way| ways[way].load(Ordering::Relaxed));
            let mine = (0..WAYS).find(|&way| seen[way] & !MOMENT == tag && seen[way] != 0);
            // A stranger's bucket that has been idle longest, mostly long full again.
            let idlest = || (0..WAYS).min_by_key(|&way| seen[way] & MOMENT).unwrap_or(0);
            let way = mine.unwrap_or_else(idlest);
            let full_at = if mine.is_some() { seen[way] & MOMENT } else { 0 };
            let next = full_at.max(now) + self.interval;
            if next > now + self.most {
                return false;
            }
            let (word, order) = (tag | next & MOMENT, Ordering::Relaxed);
            if ways[way].compare_exchange(seen[way], word, order, order).is_ok() {
                return true;
            }
        }
        true
    }
}

/// A quarter of a million buckets in 2 MiB.
const BUCKETS: usize = 1 << 18;
/// Buckets that share a hash's place.
const WAYS: usize = 4;
/// Threads that meet on one word so often in a row let one through.
const ATTEMPTS: usize = 8;
/// 16 µs a tick: 48 bits last from 1970 to 2112.
const MICROS_PER_TICK: u64 = 16;
const TICKS_PER_SECOND: u64 = 1_000_000 / MICROS_PER_TICK;
const MOMENT: u64 = (1 << 48) - 1;
const MOST_PER_SECOND: u32 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_the_rate_and_no_more() {
        let limits = RateLimits { queries_per_second: Some(100), ..RateLimits::default() };
        let limits = Limits::new(&limits);
        let client = IpAddr::from([192, 0, 2, 1]);
        let start = Duration::from_secs(1_790_000_000);
        let taken = |from: u64, to: u64| {
            (from..to)
                .filter(|&ms| limits.allows_query(start + Duration::from_millis(ms), client))
                .count()
        };
        assert_eq!(taken(0, 100), 100, "at once");
        assert!((80..=110).contains(&taken(100, 1_100)), "then at the rate");
        assert!(limits.allows_query(start + Duration::from_secs(1), [192, 0, 2, 2].into()));
        assert!(limits.limited() > 800);
    }

    #[test]
    fn a_network_shares_one_bucket_and_strangers_do_not() {
        let limits =
            RateLimits { responses_per_second: Some(10), slip: 2, ..RateLimits::default() };
        let limits = Limits::new(&limits);
        let now = Duration::from_secs(5);
        let grants: Vec<Grant> =
            (0..30).map(|i| limits.grant(now, [192, 0, 2, i].into(), "www")).collect();
        let count = |grant| grants.iter().filter(|&&g| g == grant).count();
        assert_eq!((count(Grant::Whole), count(Grant::Slip)), (10, 10));
        assert_eq!(limits.grant(now, [192, 0, 2, 1].into(), "ftp"), Grant::Whole);
        assert_eq!(limits.grant(now, [192, 0, 3, 1].into(), "www"), Grant::Whole);
        assert_eq!(
            limits.grant(Duration::from_secs(6), [192, 0, 2, 1].into(), "www"),
            Grant::Whole
        );
    }

    #[test]
    fn a_flood_of_addresses_takes_nobody_s_limit_away_for_good() {
        let limits = RateLimits { queries_per_second: Some(1), ..RateLimits::default() };
        let limits = Limits::new(&limits);
        let now = Duration::from_secs(100);
        for ip in 0..200_000_u32 {
            limits.allows_query(now, IpAddr::V4(Ipv4Addr::from(ip)));
        }
        let client = IpAddr::from([203, 0, 113, 1]);
        limits.allows_query(now, client);
        assert!(!limits.allows_query(now, client));
    }
}
