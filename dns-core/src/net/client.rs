//! Looking up in this process, with the cache and the servers of a [`Server`](super::Server).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::PoisonError;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::clock::Clock;
use super::reply::{Missed, ReplyTo};
use super::watch;
use crate::name::Name;
use crate::question::{Query, Question};
use crate::record_type::RecordType;
use crate::resolve::{CacheState, Explanation, Layer, Lookup, Resolver, Served, Transport};
use crate::upstream::wire_query;

/// A handle to look names up with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) resolver: Resolver,
    pub(super) clock: Clock,
    pub(super) missed: mpsc::Sender<Missed>,
    pub(super) system: watch::Shared,
}

/// The server was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the resolver was stopped")]
pub struct Closed;

impl Client {
    /// Looks up records of one type. A denial is an answer, a failure too ([`Lookup::outcome`]).
    ///
    /// # Errors
    /// Only when the server behind it was stopped.
    pub async fn lookup(&self, name: &Name, rtype: RecordType) -> Result<Lookup, Closed> {
        let wire = wire_query(&Question::new(name, rtype));
        let mut out = vec![0; usize::from(u16::MAX)];
        let (now, client) = (self.clock.now(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let transport = Transport::Stream;
        let query = Query::ask(name, rtype);
        let (response, cached) = match self.resolver.serve_caller(now, &wire, &mut out) {
            Served::Answer { len, .. } => {
                out.truncate(len);
                (out, true)
            }
            Served::Nothing => (Vec::new(), false),
            Served::Ask => {
                let (to, answer) = oneshot::channel();
                let to = ReplyTo::Caller(to);
                let missed = Missed::Query { query: wire.into(), client, transport, to };
                self.missed.send(missed).await.map_err(|_| Closed)?;
                (answer.await.map_err(|_| Closed)?, false)
            }
        };
        Ok(Lookup::read(&query, &response, cached))
    }

    /// Says who answers `from` and why; has others asked where that takes it, and says who and how long it took.
    ///
    /// # Errors
    /// Only when the server behind it was stopped.
    pub async fn explain(
        &self,
        name: &Name,
        rtype: RecordType,
        from: IpAddr,
    ) -> Result<Explanation, Closed> {
        let mut explanation = self.resolver.explain_name(self.clock.now(), name, rtype, from);
        let here = match explanation.layer {
            Layer::Upstream => matches!(explanation.cache, CacheState::Fresh { .. }),
            _ => explanation.leads_to.is_none(),
        };
        if here {
            return Ok(explanation);
        }
        let query = wire_query(&Question::new(name, rtype)).into();
        let (tell, told) = oneshot::channel();
        let missed = Missed::Explain { query, client: from, tell };
        self.missed.send(missed).await.map_err(|_| Closed)?;
        let (response, asked) = told.await.map_err(|_| Closed)?;
        let lookup = Lookup::read(&Query::ask(name, rtype), &response, false);
        (explanation.outcome, explanation.records) = (lookup.outcome, lookup.records);
        explanation.asked = asked;
        Ok(explanation)
    }

    /// The addresses of a host as a user writes it: an address, an absolute name, or a short one that the
    /// search list of the system's configuration completes. Empty when there is none.
    ///
    /// # Errors
    /// Only when the server behind it was stopped.
    pub async fn lookup_host(&self, host: &str) -> Result<Vec<IpAddr>, Closed> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return Ok(vec![address]);
        }
        let system = self.system.read().unwrap_or_else(PoisonError::into_inner).clone();
        for name in system.candidates(host) {
            let addresses = self.lookup_ip(&name).await?;
            if !addresses.is_empty() {
                return Ok(addresses);
            }
        }
        Ok(Vec::new())
    }

    /// The addresses of a host, IPv6 and IPv4 in turn, IPv6 first (RFC 8305 §4).
    ///
    /// # Errors
    /// Only when the server behind it was stopped.
    pub async fn lookup_ip(&self, host: &Name) -> Result<Vec<IpAddr>, Closed> {
        let (v6, v4) = tokio::try_join!(
            self.lookup(host, RecordType::AAAA),
            self.lookup(host, RecordType::A)
        )?;
        let (mut v6, mut v4) = (v6.addresses(), v4.addresses());
        let mut addresses = Vec::new();
        loop {
            let (six, four) = (v6.next(), v4.next());
            if six.is_none() && four.is_none() {
                return Ok(addresses);
            }
            addresses.extend(six.into_iter().chain(four));
        }
    }
}
