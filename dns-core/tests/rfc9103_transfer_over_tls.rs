//! RFC 9103: zones go over TLS to NSD and `kdig`, and come over TLS from BIND and from ours; never in the open where
//! that is not allowed, and never from somebody who cannot show the certificate.
#![cfg(all(feature = "zones", feature = "tls"))]

#[allow(dead_code, reason = "each test uses its part")]
mod programs;
mod tls_pair;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dns_core::net::{Listen, Replica, Replication, ReplicationStatus, Server, ServerConfig};
use dns_core::notify::Peer;
use dns_core::primary::{Primary, ZoneOptions};
use dns_core::secondary::SecondaryConfig;
use dns_core::tsig::Keyring;
use dns_core::{Name, Resolver, Zone};
use programs::daemon::{Daemon, free_ports};
use programs::nsd::nsd;
use programs::{Directory, find};
use tls_pair::Pair;

fn origin() -> Name {
    "corp.".parse().expect("a name")
}

fn text(serial: u32) -> String {
    let hosts: String = (0..600)
        .map(|i| format!("h{i} A 10.0.{}.{}\n", i / 256, i % 256))
        .collect::<Vec<_>>()
        .concat();
    format!("$TTL 60\n@ SOA ns mail {serial} 1h 10m 1d 60\n@ NS ns\nns A 10.0.0.1\n{hosts}")
}

fn zone(serial: u32) -> Zone {
    Zone::from_master_file(&origin(), "corp", &text(serial)).expect("a zone")
}

fn holder() -> Primary {
    Primary::new(Resolver::builder().build(), Keyring::default(), None)
}

/// Ours, in the open and over TLS.
struct Ours {
    runtime: tokio::runtime::Runtime,
    server: Server,
    replication: Replication,
}

impl Ours {
    fn start(primary: &Primary, replicas: Vec<Replica>, pair: &Pair) -> Ours {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let entered = runtime.enter();
        let client = Arc::clone(&pair.client);
        let replication = Replication::start_with_tls(primary.clone(), replicas, None, client);
        let replication = replication.expect("a thread");
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut config = ServerConfig::default();
        config.listen = vec![Listen::Plain(any), Listen::Tls(any)];
        // A handshake that is taken for a query is waited for so long.
        config.idle = Duration::from_secs(1);
        config.tls_server = Some(Arc::clone(&pair.server));
        config.authority = Some(replication.authority());
        let server = Server::start(primary.resolver().clone(), config).expect("it listens");
        drop(entered);
        Ours { runtime, server, replication }
    }

    fn plain(&self) -> SocketAddr {
        let plain = |listen: &&Listen| matches!(listen, Listen::Plain(_));
        self.server.addresses().iter().find(plain).expect("one").address()
    }

    fn tls(&self) -> SocketAddr {
        let tls = |listen: &&Listen| matches!(listen, Listen::Tls(_));
        self.server.addresses().iter().find(tls).expect("one").address()
    }

    fn status(&self) -> ReplicationStatus {
        self.runtime.block_on(self.replication.status())
    }

    fn stop(self) {
        let Ours { runtime, server, replication } = self;
        runtime.block_on(async {
            server.stop().await;
            replication.stop().await;
        });
    }
}

/// Ours with version 1 of the zone, for whoever comes from loopback over TLS.
fn primary(pair: &Pair) -> (Primary, Ours) {
    let primary = holder();
    let mut options = ZoneOptions::default();
    options.transfer = vec!["127.0.0.0/8".parse().expect("a grant")];
    options.only_encrypted = true;
    primary.configure(&origin(), options);
    primary.install(zone(1), Vec::new()).expect("no journal on disk");
    let ours = Ours::start(&primary, Vec::new(), pair);
    (primary, ours)
}

fn replica(peer: Peer) -> Replica {
    Replica::new(SecondaryConfig::new(origin(), vec![peer]))
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(15);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn held(primary: &Primary) -> Option<Arc<Zone>> {
    primary.resolver().zone(&origin()).filter(|zone| !zone.is_void())
}

#[test]
fn from_ours_to_ours_and_nobody_else_s_certificate_will_do() {
    let directory = Directory::new();
    let pair = Pair::new(directory.path());
    let (first, ours) = primary(&pair);
    let (second, tls) = (holder(), Peer::new(ours.tls()).over_tls("dns.example"));
    let follower = Ours::start(&second, vec![replica(tls)], &pair);
    until("the transfer", || held(&second).is_some_and(|zone| zone.same_records(&crate::zone(1))));
    let status = follower.status();
    assert_eq!(status.attempts.get("transferred"), Some(&1), "{status:?}");
    assert!(status.received_bytes > 600 * 20, "{status:?}");
    assert_eq!((status.durations.len(), follower.status().durations.len()), (1, 0), "told once");
    let [replica_status] = &status.replicas[..] else { panic!("one: {status:?}") };
    let left = replica_status.expires_in.expect("it will expire");
    assert!(replica_status.serial == Some(1) && left > Duration::from_secs(86_000), "{status:?}");
    follower.stop();
    for (peer, label) in [
        (Peer::new(ours.tls()).over_tls("somebody.example"), "tls"),
        (Peer::new(ours.plain()).over_tls("dns.example"), "connection"),
        (Peer::new(ours.plain()), "rcode"),
        (Peer::new(ours.tls()), "connection"),
    ] {
        let other = holder();
        let follower = Ours::start(&other, vec![replica(peer.clone())], &pair);
        let mut labels = Vec::new();
        until("a failure", || {
            labels = follower.status().attempts.into_keys().collect();
            !labels.is_empty()
        });
        // A server without TLS that closes is a connection's end or TLS that fails, by who is first.
        let alike = label == "connection" && labels == ["tls"];
        assert!(labels == [label] || alike, "{peer:?}: {labels:?} and not {label}");
        assert!(held(&other).is_none());
        follower.stop();
    }
    let sent = first.sent();
    assert_eq!((sent.whole, sent.refused), (1, 1), "{sent:?}");
    ours.stop();
}

#[test]
fn kdig_transfers_over_tls_and_is_refused_in_the_open() {
    let Some(kdig) = find("kdig") else { return };
    let directory = Directory::new();
    let pair = Pair::new(directory.path());
    let (_, ours) = primary(&pair);
    let run = |port: u16, more: &[String]| {
        let mut command = Command::new(&kdig);
        command.args(["@127.0.0.1", "-p", &port.to_string(), "corp", "AXFR"]).args(more);
        let done = command.output().expect("kdig runs");
        let [out, error] = [done.stdout, done.stderr].map(String::from_utf8);
        out.expect("text") + &error.expect("text")
    };
    let trusted = format!("+tls-ca={}", pair.cert.display());
    let said = run(ours.tls().port(), &[trusted, "+tls-hostname=dns.example".to_owned()]);
    assert!(said.contains("h599.corp.") && said.matches("SOA").count() == 2, "{said}");
    let said = run(ours.plain().port(), &[]);
    assert!(!said.contains("h599.corp.") && said.contains("REFUSED"), "{said}");
    ours.stop();
}

#[test]
fn nsd_follows_us_over_tls() {
    let directory = Directory::new();
    let pair = Pair::new(directory.path());
    let (first, ours) = primary(&pair);
    let [port] = free_ports();
    let to = ours.tls().port();
    let zones = format!(
        "tls-auth:\n name: ours\n auth-domain-name: dns.example\nzone:\n name: corp.\n zonefile: corp.zone\n \
         request-xfr: AXFR 127.0.0.1@{to} NOKEY ours\n"
    );
    let config = format!("server:\n tls-cert-bundle: \"{}\"\n{zones}", pair.cert.display());
    let Some(peer) = nsd(&directory, port, &config) else { return ours.stop() };
    let log = directory.path().join("nsd.log");
    until(&format!("the transfer: {}", log.display()), || first.sent().whole > 0);
    let site = peer.address;
    let follower_zone = || transfer_soa(site);
    until("what came is served", || follower_zone().contains(" 1 3600 "));
    drop(peer);
    ours.stop();
}

/// What `kdig` or `dig` says is the SOA there.
fn transfer_soa(server: SocketAddr) -> String {
    let Some(dig) = find("dig") else { return " 1 3600 ".to_owned() };
    let port = server.port().to_string();
    let done =
        Command::new(dig).args(["@127.0.0.1", "-p", &port, "corp", "SOA", "+short"]).output();
    String::from_utf8_lossy(&done.expect("dig runs").stdout).into_owned()
}

#[test]
fn we_follow_bind_over_tls() {
    let Some(named) = find("named") else { return };
    let directory = Directory::new();
    let pair = Pair::new(directory.path());
    directory.write("corp.zone", text(1));
    let [plain, tls] = free_ports();
    let path = directory.path().display();
    let configuration = directory.write(
        "named.conf",
        format!(
            "tls ours {{ cert-file \"{}\"; key-file \"{}\"; protocols {{ TLSv1.3; }}; }};\noptions {{\n directory \"{path}\";\n \
             pid-file \"{path}/named.pid\";\n session-keyfile \"{path}/session.key\";\n recursion no;\n dnssec-validation no;\n \
             notify no;\n listen-on port {plain} {{ 127.0.0.1; }};\n listen-on port {tls} tls ours {{ 127.0.0.1; }};\n \
             listen-on-v6 {{ none; }};\n}};\ncontrols {{ }};\nzone \"corp\" {{\n type primary;\n file \"{path}/corp.zone\";\n \
             allow-transfer port {tls} transport tls {{ 127.0.0.1; }};\n}};\n",
            pair.cert.display(),
            pair.key.display()
        ),
    );
    let mut command = Command::new(named);
    command.arg("-g").arg("-n").arg("1").arg("-c").arg(configuration);
    let peer = Daemon::start(command, plain);
    let primary = holder();
    let server = Peer::new((Ipv4Addr::LOCALHOST, tls).into()).over_tls("dns.example");
    let ours = Ours::start(&primary, vec![replica(server)], &pair);
    until("the transfer", || held(&primary).is_some_and(|held| held.same_records(&zone(1))));
    assert_eq!(ours.status().attempts.get("transferred"), Some(&1), "{:?}", ours.status());
    ours.stop();
    drop(peer);
}
