//! `probe connect`: handshakes with servers, once or for ever.

mod tls;
mod human;
mod exposition;
mod board;
mod serve;
mod schedule;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use tls_probe::net::starttls::Protocol;
use tls_probe::net::{Family, Limits, Settings, Target, Unvalidated};

/// Probe TLS servers: one object a handshake on standard output
///
/// A picture on a terminal, JSON Lines when piped. Ends with 0 if every handshake was established
/// with a certificate that validates, or when stopped by a signal; with 1 and a line of cause
/// otherwise.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Servers, as [PROTOCOL://]HOST[:PORT]; PROTOCOL is tls, or one that --starttls knows
    #[arg(value_name = "HOST:PORT", id = "target")]
    pub targets: Vec<Target>,
    /// More of them from a file, one a line, each perhaps followed by the name to ask for
    #[arg(long = "targets", value_name = "FILE")]
    pub targets_file: Option<PathBuf>,
    /// The name to ask for and to hold the certificate against, if not the host
    #[arg(long, value_name = "NAME")]
    pub server_name: Option<String>,
    /// Speak this before TLS: smtp, imap, pop3, ftp, xmpp, postgres or ldap
    #[arg(long, value_name = "PROTOCOL")]
    pub starttls: Option<Protocol>,
    /// Trust the certificates in this file (PEM) instead of the system's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Show this certificate to servers that ask for one (PEM, with its chain)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Go on although the certificate does not validate; it is reported all the same
    #[arg(long)]
    pub insecure: bool,
    /// The lowest version to offer: 1.2 or 1.3
    #[arg(long, value_name = "VERSION", default_value = "1.2")]
    pub min_version: Version,
    /// The highest
    #[arg(long, value_name = "VERSION", default_value = "1.3")]
    pub max_version: Version,
    /// Application protocols to offer, as h2,http/1.1
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub alpn: Vec<String>,
    /// Which addresses of a name: any, 4, 6, or both
    #[arg(long, value_name = "FAMILY", default_value = "any")]
    pub family: Addresses,
    /// After each handshake a second one that offers to resume the session
    #[arg(long)]
    pub resume: bool,
    /// Probes of each server; without --every 1, with it as many as there is time for
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// Probe each server so often
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub every: Option<Duration>,
    /// Begin each probe late by up to this share of --every, so that probers do not keep step
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    pub jitter: f64,
    /// The most probes at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// Time for the resolver
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub dns_timeout: Duration,
    /// Time for each TCP connection
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub tcp_timeout: Duration,
    /// Time for the dialogue before TLS
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub starttls_timeout: Duration,
    /// Time for the handshake
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub tls_timeout: Duration,
    /// Append the session secrets to this file, for Wireshark; whoever has it can read the sessions
    #[arg(long, value_name = "FILE")]
    pub keylog: Option<PathBuf>,
    /// Draw each handshake, on a pipe too
    #[arg(long, conflicts_with = "json")]
    pub human: bool,
    /// Write JSON Lines, on a terminal too
    #[arg(long)]
    pub json: bool,
    /// Serve metrics for Prometheus here: /metrics, and /probe?target=HOST:PORT to probe on demand
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
}

/// A protocol version that can be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl FromStr for Version {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            _ => Err("give 1.2 or 1.3: nothing older can be offered"),
        }
    }
}

/// Which addresses of a name.
#[derive(Clone, Copy, Debug)]
pub struct Addresses(pub Family);

impl FromStr for Addresses {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(match text {
            "any" => Family::Any,
            "4" => Family::V4,
            "6" => Family::V6,
            "both" => Family::Both,
            _ => return Err("give any, 4, 6 or both"),
        }))
    }
}

/// Probes until all is done, or until SIGINT or SIGTERM; then completes what is under way.
///
/// # Errors
///
/// When a file cannot be read, the metrics' address is taken, or a handshake did not succeed.
pub fn run(args: &Args) -> Result<()> {
    let targets = args.all_targets()?;
    let prober = tls::prober(args)?;
    // Probing waits much and computes little: one thread is enough, and cheapest.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tally = runtime.block_on(schedule::probe_all(args, targets, prober))?;
    // A resolver that does not answer must not hold up the end.
    runtime.shutdown_background();
    let schedule::Tally { probes, failed, stopped, first } = tally;
    match first {
        Some(first) if !stopped => Err(anyhow!("{failed} of {probes} failed; {first}")),
        _ => Ok(()),
    }
}

impl Args {
    /// How to probe.
    pub fn settings(&self) -> Settings {
        Settings {
            limits: Limits {
                dns: self.dns_timeout,
                tcp: self.tcp_timeout,
                starttls: self.starttls_timeout,
                tls: self.tls_timeout,
            },
            family: self.family.0,
            unvalidated: if self.insecure { Unvalidated::GoOn } else { Unvalidated::Refuse },
            resume: self.resume,
            config: tls_probe::Config::default(),
        }
    }

    fn draws(&self) -> bool {
        self.human || !self.json && std::io::stdout().is_terminal()
    }

    /// The servers of the command line and of the file, as the options want them.
    fn all_targets(&self) -> Result<Vec<Target>> {
        let mut targets = self.targets.clone();
        if let Some(path) = &self.targets_file {
            let text = std::fs::read_to_string(path);
            let text = text.with_context(|| format!("cannot read {}", path.display()))?;
            for (number, line) in (1..).zip(text.lines()) {
                let place = || format!("{}, line {number}", path.display());
                targets.extend(read_line(line).with_context(place)?);
            }
        }
        for target in &mut targets {
            self.adapt(target).with_context(|| target.to_string())?;
        }
        ensure!(
            !targets.is_empty() || self.metrics.is_some(),
            "nothing to probe: give HOST:PORT, --targets FILE, or --metrics ADDR to serve /probe"
        );
        Ok(targets)
    }

    /// Applies the options that stand for every target to one that does not say itself.
    fn adapt(&self, target: &mut Target) -> Result<()> {
        if target.server_name.is_none() {
            target.server_name.clone_from(&self.server_name);
        }
        target.starttls = target.starttls.or(self.starttls);
        target.tls_name().map(|_| ()).context("--server-name")
    }
}

/// A line of a file of targets: `[PROTOCOL://]HOST[:PORT] [NAME]`, perhaps with a # comment.
fn read_line(line: &str) -> Result<Option<Target>> {
    let line = line.split('#').next().unwrap_or_default();
    let mut words = line.split_whitespace();
    let Some(target) = words.next() else { return Ok(None) };
    let mut target: Target = target.parse()?;
    target.server_name = words.next().map(str::to_owned);
    ensure!(words.next().is_none(), "give HOST:PORT and at most a name");
    Ok(Some(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_file_of_targets() {
        assert_eq!(read_line("  # only a comment").unwrap(), None);
        let target = read_line("smtp://192.0.2.1 mx.test # the old one").unwrap().unwrap();
        assert_eq!(
            (target.to_string().as_str(), target.name()),
            ("smtp://192.0.2.1:25", "mx.test")
        );
        assert!(read_line("a:1 b c").is_err());
        assert!(read_line("a:b").is_err());
    }
}
