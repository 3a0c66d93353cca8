//! Zones from other servers and for them: the words of the command line about transfers.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};
use dns_core::net::{Group, Replica};
use dns_core::notify::Peer;
use dns_core::primary::{Grant, Primary, ZoneOptions};
use dns_core::secondary::SecondaryConfig;
use dns_core::tsig::Keyring;
use dns_core::{Name, Resolver};

/// Who sends zones to us, and who may have ours.
#[derive(Clone, Debug, clap::Args)]
pub struct Transfers {
    /// Answer for a zone that other servers send: ORIGIN=ADDR[#KEY], several with commas between;
    /// tls://ADDR@NAME[#KEY] over TLS, where NAME is what the certificate has to be for
    #[arg(long, value_name = "ORIGIN=ADDR[#KEY][,ADDR...]")]
    pub secondary: Vec<Of<Servers>>,
    /// The same, and for every zone that it lists (RFC 9432)
    #[arg(long, value_name = "ORIGIN=ADDR[#KEY][,ADDR...]")]
    pub catalog: Vec<Of<Servers>>,
    /// Ask these servers for the zones that catalogs put into this group, not those of the catalog
    #[arg(long, value_name = "GROUP=ADDR[#KEY][,ADDR...]")]
    pub group: Vec<InGroup<Servers>>,
    /// Let this network, or whoever signs with this key, transfer the zones that catalogs put into this group
    #[arg(long, value_name = "GROUP=CIDR|#KEY|CIDR#KEY")]
    pub group_allow_transfer: Vec<InGroup<Grant>>,
    /// Let this network, or whoever signs with this key, or both at once transfer a zone
    #[arg(long, value_name = "ORIGIN=CIDR|#KEY|CIDR#KEY")]
    pub allow_transfer: Vec<Of<Grant>>,
    /// Let a zone be transferred over TLS only, to an address that is listened on as tls://
    #[arg(long, value_name = "ORIGIN")]
    pub transfer_over_tls: Vec<Name>,
    /// Tell these servers when a zone changes
    #[arg(long, value_name = "ORIGIN=ADDR[#KEY][,ADDR...]")]
    pub notify: Vec<Of<Servers>>,
    /// Keys shared with other servers: NAME:hmac-sha256:SECRET, one a line
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// Keep zones that others sent, and what changed in ours, in this directory
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// Something about one zone.
#[derive(Clone, Debug)]
pub struct Of<T> {
    /// The zone's origin.
    pub origin: Name,
    /// What is said of it.
    pub what: T,
}

impl<T: FromStr<Err: std::fmt::Display>> FromStr for Of<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Of<T>, String> {
        let (origin, what) = text.split_once('=').ok_or("begin with ORIGIN=")?;
        let origin = origin.parse().map_err(|error| format!("{origin}: {error}"))?;
        let what = what.parse().map_err(|error| format!("{what}: {error}"))?;
        Ok(Of { origin, what })
    }
}

/// Something about the zones of one group.
#[derive(Clone, Debug)]
pub struct InGroup<T> {
    /// The group's name.
    pub name: String,
    /// What is said of them.
    pub what: T,
}

impl<T: FromStr<Err: std::fmt::Display>> FromStr for InGroup<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<InGroup<T>, String> {
        let (name, what) = text.split_once('=').ok_or("begin with GROUP=")?;
        let what = what.parse().map_err(|error| format!("{what}: {error}"))?;
        Ok(InGroup { name: name.to_owned(), what })
    }
}

/// Servers, each with the name of the key that it shares with us.
#[derive(Clone, Debug)]
pub struct Servers(Vec<OneServer>);

/// One of them.
#[derive(Clone, Debug)]
struct OneServer {
    address: SocketAddr,
    /// The name in its certificate, for transfers over TLS.
    tls_name: Option<String>,
    key: Option<Name>,
}

impl FromStr for Servers {
    type Err = String;

    fn from_str(text: &str) -> Result<Servers, String> {
        let one = |text: &str| {
            let (address, key) = text.split_once('#').map_or((text, None), |(a, k)| (a, Some(k)));
            let (address, tls_name) = match address.strip_prefix("tls://") {
                Some(rest) => {
                    let named = rest.split_once('@').filter(|(_, name)| !name.is_empty());
                    let (address, name) = named.ok_or("write tls://ADDR@NAME")?;
                    (address, Some(name.to_owned()))
                }
                None => (address, None),
            };
            let port = if tls_name.is_some() { 853 } else { 53 };
            let address = address
                .parse::<SocketAddr>()
                .or_else(|_| address.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, port)))
                .map_err(|_| "write ADDR, ADDR:PORT or ADDR#KEY".to_owned())?;
            let key = key.map(|key| key.parse().map_err(|error| format!("{key}: {error}")));
            Ok(OneServer { address, tls_name, key: key.transpose()? })
        };
        text.split(',').map(one).collect::<Result<_, String>>().map(Servers)
    }
}

impl Transfers {
    /// The holder of our zones.
    pub(super) fn primary(&self, resolver: Resolver) -> Result<Primary> {
        let keys = self.keys.as_deref().map_or_else(|| Ok(Keyring::default()), read_keys)?;
        if let Some(directory) = &self.state {
            let shown = directory.display();
            std::fs::create_dir_all(directory).with_context(|| format!("cannot make {shown}"))?;
        }
        let primary = Primary::new(resolver, keys, self.state.as_deref());
        let grants = self.allow_transfer.iter().map(|of| &of.origin);
        let told = self.notify.iter().map(|of| &of.origin);
        for origin in grants.chain(told).chain(&self.transfer_over_tls) {
            primary.configure(origin, self.options(&primary, origin)?);
        }
        Ok(primary)
    }

    /// Whether some of them are sent over TLS.
    pub(super) fn over_tls(&self) -> bool {
        let servers = self.secondary.iter().chain(&self.catalog).map(|of| &of.what);
        let mut servers =
            servers.chain(self.group.iter().map(|of| &of.what)).flat_map(|all| &all.0);
        servers.any(|server| server.tls_name.is_some())
    }

    /// The zones that others send.
    pub(super) fn replicas(&self, primary: &Primary) -> Result<Vec<Replica>> {
        let all = self.secondary.iter().map(|of| (of, false));
        let all = all.chain(self.catalog.iter().map(|of| (of, true)));
        all.map(|(of, catalog)| {
            let primaries = peers(primary, &of.what)?;
            let config = SecondaryConfig::new(of.origin.clone(), primaries);
            let options = self.options(primary, &of.origin)?;
            let groups = if catalog { self.groups(primary)? } else { Vec::new() };
            Ok(Replica { config, options, catalog, groups })
        })
        .collect()
    }

    /// How the zones of groups differ from their catalogs, in the order of the command line.
    fn groups(&self, primary: &Primary) -> Result<Vec<Group>> {
        let mut groups: Vec<Group> = Vec::new();
        let names = self.group.iter().map(|of| &of.name);
        for name in names.chain(self.group_allow_transfer.iter().map(|of| &of.name)) {
            if groups.iter().any(|group| group.name == *name) {
                continue;
            }
            let mut group = Group { name: name.clone(), ..Group::default() };
            if let Some(of) = self.group.iter().find(|of| of.name == *name) {
                group.primaries = Some(peers(primary, &of.what)?);
            }
            for of in self.group_allow_transfer.iter().filter(|of| of.name == *name) {
                if let Some(key) = &of.what.key {
                    known(primary, key)?;
                }
                group.options.get_or_insert_default().transfer.push(of.what.clone());
            }
            groups.push(group);
        }
        Ok(groups)
    }

    fn options(&self, primary: &Primary, origin: &Name) -> Result<ZoneOptions> {
        let mut options = ZoneOptions::default();
        options.only_encrypted = self.transfer_over_tls.contains(origin);
        for of in self.allow_transfer.iter().filter(|of| of.origin == *origin) {
            if let Some(key) = &of.what.key {
                known(primary, key)?;
            }
            options.transfer.push(of.what.clone());
        }
        for of in self.notify.iter().filter(|of| of.origin == *origin) {
            options.notify.extend(peers(primary, &of.what)?);
        }
        Ok(options)
    }
}

fn peers(primary: &Primary, servers: &Servers) -> Result<Vec<Peer>> {
    let peer = |server: &OneServer| {
        let mut peer = Peer::new(server.address);
        if let Some(name) = &server.tls_name {
            peer = peer.over_tls(name);
        }
        Ok(match &server.key {
            Some(key) => peer.with_key(known(primary, key)?.clone()),
            None => peer,
        })
    };
    servers.0.iter().map(peer).collect()
}

fn known<'p>(primary: &'p Primary, key: &Name) -> Result<&'p std::sync::Arc<dns_core::tsig::Key>> {
    primary.keys().find(key).ok_or_else(|| anyhow!("no key {key}: add it to the file of --keys"))
}

fn read_keys(file: &Path) -> Result<Keyring> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    let mut keys = Keyring::default();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line is not shown: it holds a secret.
        match line.parse() {
            Ok(key) => drop(keys.add(key)),
            Err(error) => bail!("{shown}:{}: {error}", number + 1),
        }
    }
    Ok(keys)
}
