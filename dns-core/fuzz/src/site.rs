//! What a site writes by hand, and the cache of its last run; `tests/fuzz_zones.rs` does the same with the seeds.

use std::fmt::{Debug, Display};
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use dns_core::hosts::Hosts;
use dns_core::overlay::Scope;
use dns_core::primary::Grant;
use dns_core::{Name, Network, Overlay, RecordType, Resolver, SystemConfig, Upstream};

const NOW: Duration = Duration::from_secs(1_790_000_000);
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 2, 0, 1));

/// Made once: the reserved zones take their time.
fn resolver() -> &'static Resolver {
    static ONE: OnceLock<Resolver> = OnceLock::new();
    ONE.get_or_init(|| Resolver::builder().cache_bytes(1 << 20).build())
}

/// Reads the bytes as each of the files, and a line of them as each of the words; what an overlay holds is answered
/// for, records that are put in are found, and words read back as they are written.
pub fn site_files(bytes: &[u8]) {
    let site = resolver();
    let _ = site.restore(NOW, bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (hosts, _) = Hosts::parse(text);
    let overlay = Overlay::new().hosts(&Scope::Everybody, &hosts);
    let overlay = match Overlay::parse(text) {
        Ok(parsed) => overlay.merge(parsed),
        Err(_) => overlay,
    };
    site.put_overlay(&overlay);
    for (name, addresses) in hosts.names() {
        let rtype = if addresses[0].is_ipv4() { RecordType::A } else { RecordType::AAAA };
        let explained = site.explain_name(NOW, name, rtype, CLIENT);
        let _ = explained.to_string();
    }
    if let Ok(sets) = site.inject_text(NOW, text) {
        assert!(sets <= text.lines().count().max(1) * 65_536, "{sets}");
    }
    site.cache().clear();
    let system = SystemConfig::parse(text);
    let first = text.lines().next().unwrap_or_default();
    for name in system.candidates(first) {
        same(&name);
    }
    word::<Name>(first);
    word::<Network>(first);
    word::<Grant>(first);
    word::<Upstream>(first);
    word::<RecordType>(first);
}

fn word<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) {
    if let Ok(word) = text.parse::<T>() {
        same(&word);
    }
}

fn same<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(word: &T) {
    assert_eq!(word.to_string().parse::<T>().as_ref().ok(), Some(word));
}
