//! What each word does.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dns_core::Resolver;
use dns_core::cache::Cached;
use dns_core::net::{ReplicationStatus, Status};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::desk::{Desk, Request};
use super::words::Verb;

impl Desk {
    /// Does it, and writes what came of it.
    pub(super) fn carry_out(&self, verb: &Verb, out: &mut impl Write) -> io::Result<()> {
        let now = self.clock.now();
        let done = match verb {
            Verb::Inspect { .. } => return self.inspect(now, verb, out),
            Verb::Purge { .. } => Ok(json!({"purged": self.purge(verb)}).to_string()),
            Verb::Inject { records } => {
                let text = lines(&records.join(" "));
                let taken = self.resolver.inject_text(now, &text);
                taken.map(|sets| json!({"injected": sets}).to_string()).map_err(Into::into)
            }
            Verb::Explain { name, rtype, client } => {
                let explain = |answer| Request::Explain(name.clone(), *rtype, *client, answer);
                self.ask(explain).flatten().map(|explained| explained.to_string())
            }
            Verb::Reload => self
                .ask(Request::Reload)
                .flatten()
                .map(|()| json!({"zones": self.resolver.zones().len()}).to_string()),
            Verb::Refresh { zone } => {
                let known = self.ask(|answer| Request::Refresh(zone.clone(), answer));
                known.and_then(|known| {
                    ensure!(known, "{zone} is no zone that other servers send");
                    Ok(json!({"asked": zone.to_string()}).to_string())
                })
            }
            Verb::Stats => {
                let stats = |(status, transfers)| stats(&self.resolver, &status, &transfers);
                self.ask(Request::Status).map(|status| stats(status).to_string())
            }
        };
        match done {
            Ok(text) => writeln!(out, "ok\n{text}"),
            Err(error) => writeln!(out, "error: {}", format!("{error:#}").replace('\n', " ")),
        }
    }

    fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let sent = self.requests.blocking_send(request(answer));
        sent.ok().and_then(|()| answered.blocking_recv().ok()).context("it is about to stop")
    }

    fn purge(&self, verb: &Verb) -> usize {
        let cache = self.resolver.cache();
        match verb {
            Verb::Purge { name: Some(name), rtype: Some(rtype), suffix: false, .. } => {
                cache.purge_type(name, *rtype)
            }
            Verb::Purge { name: Some(name), rtype: Some(rtype), suffix: true, .. } => {
                let mut names: Vec<_> = cache
                    .iter()
                    .filter(|cached| cached.rtype == *rtype && cached.name.is_under(name))
                    .map(|cached| cached.name)
                    .collect();
                names.dedup();
                names.iter().map(|name| cache.purge_type(name, *rtype)).sum()
            }
            Verb::Purge { name: Some(name), suffix: true, .. } => cache.purge_suffix(name),
            Verb::Purge { name: Some(name), .. } => cache.purge_name(name),
            _ => cache.clear(),
        }
    }

    fn inspect(&self, now: Duration, verb: &Verb, out: &mut impl Write) -> io::Result<()> {
        let Verb::Inspect { name, rtype, suffix } = verb else { return Ok(()) };
        let name = name.folded();
        writeln!(out, "ok")?;
        for cached in self.resolver.cache().iter() {
            let named = if *suffix { cached.name.is_under(&name) } else { cached.name == name };
            if named && rtype.is_none_or(|rtype| rtype == cached.rtype) {
                writeln!(out, "{}", object(now, &cached))?;
            }
        }
        Ok(())
    }
}

/// Records one a line, where `;` stood between them and in no string.
fn lines(records: &str) -> String {
    let mut quoted = false;
    let apart = records.split(|c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    apart.map(str::trim).collect::<Vec<_>>().join("\n")
}

fn object(now: Duration, cached: &Cached) -> Value {
    let entry = &cached.entry;
    let left = |until: Option<Duration>| {
        until.map(|until| until.checked_sub(now).map_or(0.0, |left| left.as_secs_f64()))
    };
    let fresh = entry.expires().is_none_or(|expires| now < expires);
    let aging = entry.aging(now, dns_core::Ttl::from_secs(30));
    let records: Vec<String> =
        entry.answer().records(aging).iter().map(ToString::to_string).collect();
    json!({
        "name": cached.name.to_string(),
        "type": cached.rtype.to_string(),
        "class": cached.class.0,
        "view": cached.view.0,
        "dnssec_ok": cached.dnssec_ok,
        "checking_disabled": cached.checking_disabled,
        "source": entry.source().label(),
        "kind": entry.kind().label(),
        "rcode": entry.answer().rcode().0,
        "state": if fresh { "fresh" } else { "stale" },
        "age": entry.age(now).as_secs_f64(),
        "fresh_for": left(entry.expires()),
        "given_for": left(entry.stale_until()),
        "hits": entry.hits(),
        "bytes": entry.answer().as_wire().len(),
        "records": records,
    })
}

fn stats(resolver: &Resolver, status: &Status, transfers: &ReplicationStatus) -> Value {
    let (stats, misses) = (resolver.stats(), &status.misses);
    let upstreams: Vec<Value> = status
        .upstreams
        .iter()
        .map(|(upstream, availability, rtt)| {
            json!({
                "server": upstream.to_string(),
                "availability": availability.label(),
                "rtt": rtt.map(|rtt| rtt.as_secs_f64()),
            })
        })
        .collect();
    let replicas: Vec<Value> = transfers
        .replicas
        .iter()
        .map(|replica| {
            json!({
                "zone": replica.origin.to_string(),
                "serial": replica.serial,
                "expires_in": replica.expires_in.map(|left| left.as_secs_f64()),
            })
        })
        .collect();
    json!({
        "cache": {
            "hits": stats.cache.hits,
            "stale": stats.cache.stale,
            "misses": stats.cache.misses,
            "insertions": stats.cache.insertions,
            "evictions": stats.cache.evictions,
            "entries": stats.cache.entries,
            "bytes": stats.cache.bytes,
        },
        "refused": stats.refused,
        "limited": stats.limited,
        "dropped": stats.dropped,
        "slow": stats.slow,
        "overloaded": status.overloaded,
        "waiting": status.waiting,
        "misses": {
            "answered": misses.answered,
            "stale": misses.stale,
            "failed": misses.failed,
            "prefetches": misses.prefetches,
        },
        "zones": resolver.zones().len(),
        "upstreams": upstreams,
        "transfers": transfers.attempts,
        "replicas": replicas,
    })
}
