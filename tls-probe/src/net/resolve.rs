//! From a name to the addresses to try, by the system's resolver.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{net::lookup_host, time::timeout};

use super::{
    failure::Failure,
    target::{Family, Target},
};

/// The addresses of a target, a group for each probe: the members of a group are tried in turn.
pub(super) async fn resolve(
    target: &Target,
    family: Family,
    limit: Duration,
) -> Result<Vec<Vec<SocketAddr>>, (Failure, String)> {
    let found: Vec<SocketAddr> = match target.host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, target.port)],
        Err(_) => match timeout(limit, lookup_host((target.host.as_str(), target.port))).await {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(error)) => return Err((failure(&error), format!("{}: {error}", target.host))),
            Err(_) => {
                let why = format!("the resolver did not answer within {limit:?}");
                return Err((Failure::DnsTimeout, why));
            }
        },
    };
    let of = |v4: bool| {
        let these = found.iter().filter(|address| address.is_ipv4() == v4);
        these.take(MAX_ADDRESSES).copied().collect::<Vec<_>>()
    };
    let groups = match family {
        Family::Any => vec![found.iter().take(MAX_ADDRESSES).copied().collect()],
        Family::V4 => vec![of(true)],
        Family::V6 => vec![of(false)],
        Family::Both => vec![of(true), of(false)],
    };
    let groups: Vec<_> = groups.into_iter().filter(|group| !group.is_empty()).collect();
    if groups.is_empty() {
        let why = format!("{} has no address of the family asked for", target.host);
        return Err((Failure::DnsNotFound, why));
    }
    Ok(groups)
}

/// getaddrinfo's own classes do not come through; that a name is not known shows in the text.
fn failure(error: &io::Error) -> Failure {
    let text = error.to_string();
    if text.contains("not known") || text.contains("No address") || text.contains("nodename") {
        Failure::DnsNotFound
    } else {
        Failure::DnsFailed
    }
}

/// The most addresses of a name that are tried for one probe.
const MAX_ADDRESSES: usize = 4;
