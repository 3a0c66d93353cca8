//! The words of the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytesize::ByteSize;
use dns_core::net::{Listen, ServerConfig};
use dns_core::stale::StaleRules;
use dns_core::{CacheConfig, CookieSecret, Name, Network, RateLimits, Resolver, Ttl, Upstream};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::replicas::Transfers;

/// What is served, and how what is not here is come by.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Take queries here, over UDP and TCP; tls://ADDR for DNS over TLS, https://ADDR for DNS over HTTPS
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<Listen>,
    /// Answer for a zone from a master file; SIGHUP reads it again
    #[arg(long, value_name = "ORIGIN=FILE")]
    pub zone: Vec<ZoneFile>,
    /// Answer names and addresses from a hosts file; it is read again when it changes
    #[arg(long, value_name = "FILE")]
    pub hosts: Vec<PathBuf>,
    /// Answer names by site: `site NAME NETWORK...`, then `NAME [@SITE] [TTL] TYPE DATA`, a record a line; read again when it changes
    #[arg(long, value_name = "FILE")]
    pub overlay: Vec<PathBuf>,
    /// Ask these for the rest: ADDR, tls://ADDR#NAME, https://ADDR/PATH#NAME; those of /etc/resolv.conf,
    /// whenever it changes, with `system`
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    pub forward: Vec<Forward>,
    /// Queries a second to one of them at the most; beyond that clients get what is stale, or SERVFAIL
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub forward_rate: u32,
    /// Answer clients of this network; loopback and private networks unless given
    #[arg(long, value_name = "CIDR")]
    pub allow: Vec<Network>,
    /// Answer clients of this network from zones too, and from nothing else
    #[arg(long, value_name = "CIDR")]
    pub allow_zones: Vec<Network>,
    /// Keep private addresses back that others give for public names; --rebind-exempt says where they are meant
    #[arg(long)]
    pub guard_rebinding: bool,
    /// Let names under this suffix have private addresses
    #[arg(long, value_name = "SUFFIX", requires = "guard_rebinding")]
    pub rebind_exempt: Vec<Name>,
    /// Queries a second from one client
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub query_limit: Option<u32>,
    /// Equal answers a second to one network, by datagram and without a cookie
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub response_limit: Option<u32>,
    /// Make cookies with this secret (RFC 9018: 32 hexadecimal digits), as all servers of one address do
    #[arg(long, value_name = "HEX", value_parser = cookie_secret)]
    pub cookie_secret: Option<CookieSecret>,
    /// The name of this server for those who ask for it (NSID)
    #[arg(long, value_name = "TEXT")]
    pub nsid: Option<String>,
    /// Give addresses in the order of the zone, not in turn
    #[arg(long)]
    pub in_order: bool,
    /// Never ask others for names under this suffix
    #[arg(long, value_name = "SUFFIX")]
    pub private: Vec<Name>,
    /// Threads for datagrams on each address
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
    /// Memory of the cache
    #[arg(long, value_name = "SIZE", default_value = "32MiB")]
    pub cache: ByteSize,
    /// Give expired answers for so long while fresh ones cannot be had; 0s: never
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = humantime::parse_duration)]
    pub max_stale: Duration,
    /// Give no expired answer in these cases
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    pub no_stale: Vec<NoStale>,
    /// Keep the cache in this file from one run to the next
    #[arg(long, value_name = "FILE")]
    pub cache_file: Option<PathBuf>,
    /// Become this user, without any privilege, once the sockets are open
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Take orders here, from `resolver control PATH`: a socket for the resolver's user and root alone
    #[arg(long, value_name = "PATH")]
    pub control: Option<PathBuf>,
    /// Certificate chain for tls:// and https:// addresses (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Trust the certificates in this file (PEM) for servers that are asked, instead of the system's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Zones from other servers and for them.
    #[command(flatten)]
    pub transfers: Transfers,
    /// Serve metrics for Prometheus here, at /metrics
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
}

/// When no expired answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum NoStale {
    /// It says that something is not there
    Denials,
    /// A server answers, and with a failure (SERVFAIL, REFUSED)
    Failures,
    /// Servers are slow and have not failed yet
    Slow,
}

/// A zone and where it is read from.
#[derive(Clone, Debug)]
pub struct ZoneFile {
    /// Where the zone begins.
    pub origin: Name,
    /// Its master file.
    pub file: PathBuf,
}

impl FromStr for ZoneFile {
    type Err = String;

    fn from_str(text: &str) -> Result<ZoneFile, String> {
        let (origin, file) =
            text.split_once('=').ok_or("give ORIGIN=FILE, as in example.com=example.com.zone")?;
        let origin = origin.parse().map_err(|error| format!("{origin}: {error}"))?;
        Ok(ZoneFile { origin, file: file.into() })
    }
}

/// Whom to ask.
#[derive(Clone, Debug)]
pub enum Forward {
    /// This server.
    To(Upstream),
    /// Those of /etc/resolv.conf.
    System,
}

impl FromStr for Forward {
    type Err = dns_core::upstream::UpstreamError;

    fn from_str(text: &str) -> Result<Forward, Self::Err> {
        if text == "system" { Ok(Forward::System) } else { text.parse().map(Forward::To) }
    }
}

impl Options {
    pub(super) fn resolver(&self) -> Resolver {
        let mut cache = CacheConfig::default();
        cache.max_bytes = self.cache.as_u64() as usize;
        cache.max_stale = Ttl::from_secs(self.max_stale.as_secs().try_into().unwrap_or(u32::MAX));
        let mut builder = Resolver::builder().cache(cache);
        for network in &self.allow {
            builder = builder.allow(*network);
        }
        for network in &self.allow_zones {
            builder = builder.allow_zones(*network);
        }
        if self.guard_rebinding {
            builder = builder.guard_rebinding(self.rebind_exempt.clone());
        }
        builder = builder.limits(RateLimits {
            queries_per_second: self.query_limit,
            responses_per_second: self.response_limit,
            ..RateLimits::default()
        });
        builder = builder.cookies(self.cookie_secret.unwrap_or_else(CookieSecret::random));
        if let Some(name) = &self.nsid {
            builder = builder.nsid(name.as_bytes());
        }
        if self.in_order {
            builder = builder.in_order();
        }
        for suffix in &self.private {
            builder = builder.private(suffix.clone());
        }
        if !self.forward.is_empty() {
            builder = builder.forwards();
        }
        builder.build()
    }

    pub(super) fn server(&self) -> Result<ServerConfig> {
        let mut config = ServerConfig::default();
        config.forward.queries_per_second = self.forward_rate;
        config.miss.stale = Arc::new(StaleRules {
            denials: !self.no_stale.contains(&NoStale::Denials),
            on_failure: !self.no_stale.contains(&NoStale::Failures),
            when_slow: !self.no_stale.contains(&NoStale::Slow),
        });
        config.listen.clone_from(&self.listen);
        config.threads = usize::from(self.threads);
        for forward in &self.forward {
            match forward {
                Forward::To(upstream) => config.upstreams.push(upstream.clone()),
                Forward::System => config.system = Some("/etc/resolv.conf".into()),
            }
        }
        let encrypted = |upstream: &Upstream| upstream.protocol.is_encrypted();
        if config.upstreams.iter().any(encrypted) {
            config.tls_client = Some(Arc::new(self.tls_client()?));
        }
        if self.listen.iter().any(|listen| !matches!(listen, Listen::Plain(_))) {
            config.tls_server = Some(Arc::new(self.tls_server()?));
        }
        Ok(config)
    }

    pub(super) fn tls_client(&self) -> Result<rustls::ClientConfig> {
        let builder = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?;
        let Some(path) = &self.ca else {
            return Ok(builder.with_platform_verifier()?.with_no_client_auth());
        };
        let mut roots = rustls::RootCertStore::empty();
        for certificate in
            CertificateDer::pem_file_iter(path).with_context(|| path.display().to_string())?
        {
            roots.add(certificate.with_context(|| path.display().to_string())?)?;
        }
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }

    fn tls_server(&self) -> Result<rustls::ServerConfig> {
        let (Some(cert), Some(key)) = (&self.cert, &self.key) else {
            bail!("tls:// and https:// addresses take a certificate: give --cert and --key");
        };
        let chain =
            CertificateDer::pem_file_iter(cert).with_context(|| cert.display().to_string())?;
        let chain: Vec<_> =
            chain.collect::<Result<_, _>>().with_context(|| cert.display().to_string())?;
        let key = PrivateKeyDer::from_pem_file(key).with_context(|| key.display().to_string())?;
        let builder = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?;
        Ok(builder.with_no_client_auth().with_single_cert(chain, key)?)
    }
}

fn cookie_secret(text: &str) -> Result<CookieSecret, String> {
    let wrong = || "give 32 hexadecimal digits".to_owned();
    let digits = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32);
    digits.map(|secret| CookieSecret(secret.to_be_bytes())).ok_or_else(wrong)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
