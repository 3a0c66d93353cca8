//! `resolver top`: what a running resolver does, second by second, from its page of metrics.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Show rates, hit ratio and the health of servers of a running resolver
#[derive(Clone, Debug, clap::Args)]
pub struct Top {
    /// Where it serves metrics (its --metrics)
    #[arg(value_name = "ADDR")]
    pub address: SocketAddr,
    /// Time between two looks
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    pub every: Duration,
    /// Looks until it ends; without, until it is stopped
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
}

/// Numbers by name and labels, as they stand on the page.
type Numbers = BTreeMap<String, f64>;

/// Looks and shows, again and again.
///
/// # Errors
///
/// When the page cannot be had.
pub fn top(task: &Top) -> Result<()> {
    let url = format!("http://{}/metrics", task.address);
    let look = || -> Result<(Instant, Numbers)> {
        let page = ureq::get(&url).call().and_then(|mut page| page.body_mut().read_to_string());
        let page = page.with_context(|| format!("cannot read {url}: is --metrics given there?"))?;
        Ok((Instant::now(), numbers(&page)))
    };
    let mut before = look()?;
    for _ in 0..task.count.unwrap_or(u64::MAX) {
        std::thread::sleep(task.every);
        let after = look()?;
        let picture = picture(&before.1, &after.1, after.0.duration_since(before.0));
        let mut out = stdout().lock();
        // Home, and clear what is below: without a flicker.
        let clear = if out.is_terminal() { "\x1b[H\x1b[J" } else { "" };
        write!(out, "{clear}{picture}")?;
        out.flush()?;
        before = after;
    }
    Ok(())
}

fn numbers(page: &str) -> Numbers {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

fn picture(before: &Numbers, after: &Numbers, time: Duration) -> String {
    let now = |name: &str| after.get(name).copied().unwrap_or(0.0);
    let rate = |name: &str| {
        let was = before.get(name).copied().unwrap_or(0.0);
        (now(name) - was).max(0.0) / time.as_secs_f64().max(1e-3)
    };
    let outcome = |metric: &str, outcome: &str| rate(&format!("{metric}{{outcome=\"{outcome}\"}}"));
    let looked = |what| outcome("dns_core_lookups_total", what);
    let missed = |what| outcome("dns_core_misses_total", what);
    let (hit, stale, miss) = (looked("hit"), looked("stale"), looked("miss"));
    let all = hit + stale + miss;
    let ratio = if all > 0.0 { (hit + stale) / all * 100.0 } else { 0.0 };
    let mut text = String::new();
    let mut line = |label: &str, value: String| {
        let _ = writeln!(text, "{label:<12} {value}");
    };
    line(
        "queries",
        format!("{all:>9.0} /s   {ratio:.1} % from the cache, {stale:.0} /s of them stale"),
    );
    let (answered, from_stale, failed) = (missed("answered"), missed("stale"), missed("failed"));
    line(
        "asked",
        format!(
            "{answered:>9.0} /s   {from_stale:.0} /s stale instead, {failed:.0} /s failed, {:.0} waiting",
            now("dns_core_waiting_queries")
        ),
    );
    let dropped: f64 = ["no_query", "rate_limited", "overloaded"]
        .map(|reason| rate(&format!("dns_core_dropped_queries_total{{reason=\"{reason}\"}}")))
        .iter()
        .sum();
    line(
        "refused",
        format!("{:>9.0} /s   {dropped:.0} /s dropped", rate("dns_core_refused_queries_total")),
    );
    let mib = now("dns_core_cache_bytes") / f64::from(1 << 20);
    line(
        "cache",
        format!(
            "{:>9.0}      answers in {mib:.1} MiB, {:.0} /s thrown out",
            now("dns_core_cache_entries"),
            rate("dns_core_evictions_total")
        ),
    );
    for (server, up) in servers(after) {
        let rtt = now(&format!("dns_core_upstream_rtt_seconds{{server=\"{server}\"}}"));
        let state = if up { "up" } else { "DOWN" };
        line(state, format!("{:>9.1} ms   {server}", rtt * 1e3));
    }
    text
}

fn servers(numbers: &Numbers) -> impl Iterator<Item = (&str, bool)> {
    numbers.iter().filter_map(|(name, value)| {
        let server = name.strip_prefix("dns_core_upstream_up{server=\"")?.strip_suffix("\"}")?;
        Some((server, *value > 0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_what_came_between_two_looks() {
        let before = numbers("dns_core_lookups_total{outcome=\"hit\"} 100\n");
        let page = "# HELP x y\ndns_core_lookups_total{outcome=\"hit\"} 190\n\
                    dns_core_lookups_total{outcome=\"miss\"} 10\n\
                    dns_core_upstream_up{server=\"192.0.2.1:53\"} 0\n";
        let picture = picture(&before, &numbers(page), Duration::from_secs(2));
        assert!(
            picture.starts_with("queries             50 /s   90.0 % from the cache"),
            "{picture}"
        );
        assert!(picture.contains("DOWN") && picture.contains("192.0.2.1:53"), "{picture}");
    }
}
