//! Zones go to NSD and Knot and come from them: AXFR, IXFR, NOTIFY, with TSIG.
#![cfg(all(feature = "zones", feature = "server"))]

#[allow(dead_code, reason = "each test uses its part")]
mod programs;

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use dns_core::net::{Listen, Replica, Replication, Server, ServerConfig};
use dns_core::notify::Peer;
use dns_core::primary::{Primary, ZoneOptions};
use dns_core::secondary::SecondaryConfig;
use dns_core::tsig::Keyring;
use dns_core::{Name, RecordType, Resolver, Zone};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name as HickoryName, RData, RecordType as HickoryType};
use programs::Directory;
use programs::daemon::{Daemon, free_port};
use programs::knot::knot;
use programs::nsd::nsd;

const SECRET: &str = "K2tf3TRrmE7TJd+m2NPBuw==";
const PATIENCE: Duration = Duration::from_secs(20);

fn origin() -> Name {
    "corp.".parse().expect("a name")
}

/// Enough records for several messages, and what changes from version to version.
fn text(serial: u32) -> String {
    let mut text =
        format!("$TTL 60\n@ SOA ns mail {serial} 1h 10m 1d 60\n@ NS ns\nns A 10.0.0.1\n");
    for host in 0..1_000 {
        let _ = writeln!(
            text,
            "h{host} A 10.0.{}.{}\n TXT \"host number {host}\"",
            host / 256,
            host % 256
        );
    }
    let _ =
        writeln!(text, "version TXT \"{serial}\"\n*.w MX 10 h1\nsub NS ns.sub\nns.sub A 10.1.0.1");
    let _ = writeln!(
        text,
        "s HTTPS 1 . alpn=h2 port=443\ns CAA 0 issue \"ca.example\"\ns LOC 1 N 1 E 0m"
    );
    text
}

fn zone(serial: u32) -> Zone {
    Zone::from_master_file(&origin(), "corp", &text(serial)).expect("a zone")
}

/// What `server` says is its serial; `None` while it says nothing.
fn serial(server: SocketAddr) -> Option<u32> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    let name = HickoryName::from_ascii("corp.").expect("a name");
    let mut query = Message::new(9, MessageType::Query, OpCode::Query);
    query.add_query(Query::query(name, HickoryType::SOA));
    socket.send_to(&query.to_vec().expect("a query"), server).ok()?;
    let mut buffer = [0; 1_500];
    let len = socket.recv(&mut buffer).ok()?;
    match &Message::from_vec(&buffer[..len]).ok()?.answers.first()?.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    }
}

fn wait_for(what: &str, log: &Path, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        let said = || std::fs::read_to_string(log).unwrap_or_default();
        assert!(Instant::now() < end, "{what}\n{}", said());
        std::thread::sleep(Duration::from_millis(25));
    }
}

fn keyring(algorithm: &str) -> Keyring {
    let mut keys = Keyring::default();
    keys.add(format!("k:{algorithm}:{SECRET}").parse().expect("a key"));
    keys
}

/// A running server of ours.
struct Ours {
    runtime: tokio::runtime::Runtime,
    server: Server,
    replication: Replication,
    address: SocketAddr,
}

impl Ours {
    fn start(primary: &Primary, replicas: Vec<Replica>, directory: Option<&Path>) -> Ours {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let entered = runtime.enter();
        let directory = directory.map(Path::to_owned);
        let replication =
            Replication::start(primary.clone(), replicas, directory).expect("a thread");
        let mut config = ServerConfig::default();
        config.listen = vec![Listen::Plain((Ipv4Addr::LOCALHOST, 0).into())];
        config.authority = Some(replication.authority());
        let server = Server::start(primary.resolver().clone(), config).expect("it listens");
        let address = server.addresses()[0].address();
        drop(entered);
        Ours { runtime, server, replication, address }
    }

    fn publish(&self, primary: &Primary, zone: Zone) {
        let zone = std::sync::Arc::new(zone);
        primary.install(std::sync::Arc::clone(&zone), Vec::new()).expect("no journal on disk");
        self.runtime.block_on(self.replication.authority().tell(zone));
    }

    fn stop(self) {
        let Ours { runtime, server, replication, .. } = self;
        runtime.block_on(async {
            server.stop().await;
            replication.stop().await;
        });
    }
}

/// Ours is the primary; the peer that `start` gives, told our address and its own port, follows.
fn primary_for(
    algorithm: &str,
    log: &str,
    said: &str,
    start: impl Fn(&Directory, u16, u16) -> Option<Daemon>,
) {
    let directory = Directory::new();
    let peer_port = free_port();
    let primary = Primary::new(Resolver::builder().build(), keyring(algorithm), None);
    let key = primary.keys().find(&"k.".parse().expect("a name")).expect("there").clone();
    let mut options = ZoneOptions::default();
    options.transfer = vec!["#k".parse().expect("a grant")];
    options.notify = vec![Peer::new((Ipv4Addr::LOCALHOST, peer_port).into()).with_key(key)];
    primary.configure(&origin(), options);
    primary.install(zone(1), Vec::new()).expect("no journal on disk");
    let ours = Ours::start(&primary, Vec::new(), None);
    let Some(peer) = start(&directory, peer_port, ours.address.port()) else { return ours.stop() };
    let log = directory.path().join(log);
    wait_for("the first transfer", &log, || serial(peer.address) == Some(1));
    for version in 2..5 {
        ours.publish(&primary, zone(version));
        wait_for("a notice and a transfer", &log, || serial(peer.address) == Some(version));
    }
    says(&log, said);
    // Every record arrived: we transfer it back.
    let back = transfer_back(peer.address, &primary);
    assert!(back.same_records(&zone(4)), "{}", back.to_master_file());
    drop(peer);
    ours.stop();
}

/// All of the zone at `server`, asked for with our key.
fn transfer_back(server: SocketAddr, keys: &Primary) -> Zone {
    let key = keys.keys().find(&"k.".parse().expect("a name")).expect("there").clone();
    let config = SecondaryConfig::new(origin(), vec![Peer::new(server).with_key(key)]);
    let options = ZoneOptions::default();
    let replica = Replica { options, ..Replica::new(config) };
    let other = Primary::new(Resolver::builder().build(), Keyring::default(), None);
    let ours = Ours::start(&other, vec![replica], None);
    let held = || other.resolver().zone(&origin()).filter(|zone| !zone.is_void());
    wait_for("the transfer back", Path::new("/nowhere"), || held().is_some());
    let zone = held().expect("there");
    ours.stop();
    Zone::clone(&zone)
}

/// The peer is the primary; ours follows. `edit` has it take the zone file anew.
fn secondary_of(
    algorithm: &str,
    log: &str,
    said: &str,
    start: impl Fn(&Directory, u16, u16) -> Option<Daemon>,
    edit: impl Fn(&Daemon),
) {
    let (directory, saved) = (Directory::new(), Directory::new());
    directory.write("corp.zone", text(1));
    let (peer_port, our_keys) = (free_port(), keyring(algorithm));
    let primary = Primary::new(Resolver::builder().build(), our_keys, None);
    let key = primary.keys().find(&"k.".parse().expect("a name")).expect("there").clone();
    let peer = Peer::new((Ipv4Addr::LOCALHOST, peer_port).into()).with_key(key);
    let replica = Replica::new(SecondaryConfig::new(origin(), vec![peer]));
    let ours = Ours::start(&primary, vec![replica.clone()], Some(saved.path()));
    let Some(peer) = start(&directory, peer_port, ours.address.port()) else { return ours.stop() };
    let log = directory.path().join(log);
    let held = || primary.resolver().zone(&origin()).filter(|zone| !zone.is_void());
    wait_for("the first transfer", &log, || held().is_some_and(|zone| zone.soa().serial == 1));
    for version in 2..4 {
        directory.write("corp.zone", text(version));
        edit(&peer);
        wait_for("a notice and a transfer", &log, || {
            held().is_some_and(|zone| zone.soa().serial == version)
        });
    }
    says(&log, said);
    assert_eq!(serial(ours.address), Some(3), "what came is served");
    assert!(held().expect("there").same_records(&zone(3)));
    ours.stop();
    drop(peer);
    // After a restart, with the primary gone, it is served from disk.
    let again = Primary::new(Resolver::builder().build(), keyring(algorithm), None);
    let ours = Ours::start(&again, vec![replica], Some(saved.path()));
    assert_eq!(serial(ours.address), Some(3));
    let lookup = again.resolver().lookup(Duration::from_secs(1), "version.corp", RecordType::TXT);
    assert_eq!(lookup.expect("a name").records[0].data.to_string(), "\"3\"");
    ours.stop();
}

/// The peer noted that differences went over, not the whole zone each time.
fn says(log: &Path, said: &str) {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    assert!(text.contains(said), "{text}");
}

fn hang_up(peer: &Daemon) {
    let done = std::process::Command::new("kill").arg("-HUP").arg(peer.pid().to_string()).status();
    assert!(done.expect("kill runs").success());
}

fn nsd_key(algorithm: &str) -> String {
    format!("key:\n name: k\n algorithm: {algorithm}\n secret: \"{SECRET}\"\n")
}

fn knot_head(algorithm: &str, ours: u16) -> String {
    format!(
        "key:\n  - id: k\n    algorithm: {algorithm}\n    secret: {SECRET}\nremote:\n  - id: ours\n    \
         address: 127.0.0.1@{ours}\n    key: k\nacl:\n  - id: all\n    key: k\n    \
         action: [transfer, notify]\n"
    )
}

#[test]
fn nsd_follows_us() {
    primary_for("hmac-sha256", "nsd.log", "TSIG verified with key k", |directory, port, ours| {
        let zone = format!(
            "{}zone:\n name: corp.\n zonefile: corp.zone\n request-xfr: 127.0.0.1@{ours} k\n \
             allow-notify: 127.0.0.1 k\n provide-xfr: 127.0.0.1 k\n",
            nsd_key("hmac-sha256")
        );
        nsd(directory, port, &zone)
    });
}

#[test]
fn we_follow_nsd() {
    let start = |directory: &Directory, port, ours| {
        let zone = format!(
            "{}zone:\n name: corp.\n zonefile: corp.zone\n provide-xfr: 127.0.0.1 k\n \
             notify: 127.0.0.1@{ours} k\n store-ixfr: yes\n create-ixfr: yes\n",
            nsd_key("hmac-sha512")
        );
        nsd(directory, port, &zone)
    };
    secondary_of("hmac-sha512", "nsd.log", "ixfr for corp.", start, hang_up);
}

#[test]
fn knot_follows_us() {
    primary_for("hmac-sha512", "knot.log", "IXFR, incoming", |directory, port, ours| {
        let (head, path) = (knot_head("hmac-sha512", ours), directory.path().display());
        let zone = format!(
            "{head}zone:\n  - domain: corp.\n    storage: \"{path}\"\n    master: ours\n    acl: all\n"
        );
        knot(directory, port, &zone)
    });
}

#[test]
fn we_follow_knot() {
    let start = |directory: &Directory, port, ours| {
        let head = knot_head("hmac-sha256", ours);
        let path = directory.path().display();
        let zone = format!(
            "{head}zone:\n  - domain: corp.\n    storage: \"{path}\"\n    file: corp.zone\n    notify: ours\n    \
             acl: all\n    zonefile-load: difference\n    journal-content: changes\n"
        );
        knot(directory, port, &zone)
    };
    secondary_of("hmac-sha256", "knot.log", "IXFR, outgoing", start, hang_up);
}

fn catalog_zone(serial: u32, members: &[&str]) -> Zone {
    let members: Vec<(Name, Vec<String>)> =
        members.iter().map(|member| (member.parse().expect("a name"), Vec::new())).collect();
    dns_core::catalog::build(&"cat.".parse().expect("a name"), serial, &members)
}

#[test]
fn knot_serves_what_our_catalog_lists() {
    let (directory, peer_port) = (Directory::new(), free_port());
    let primary = Primary::new(Resolver::builder().build(), keyring("hmac-sha256"), None);
    let key = primary.keys().find(&"k.".parse().expect("a name")).expect("there").clone();
    let mut options = ZoneOptions::default();
    options.transfer = vec!["#k".parse().expect("a grant")];
    options.notify = vec![Peer::new((Ipv4Addr::LOCALHOST, peer_port).into()).with_key(key)];
    primary.configure(&origin(), options.clone());
    primary.configure(&"cat.".parse().expect("a name"), options);
    primary.install(zone(7), Vec::new()).expect("no journal on disk");
    primary.install(catalog_zone(1, &[]), Vec::new()).expect("no journal on disk");
    let ours = Ours::start(&primary, Vec::new(), None);
    let (head, path) = (knot_head("hmac-sha256", ours.address.port()), directory.path().display());
    let sections = format!(
        "{head}template:\n  - id: member\n    storage: \"{path}\"\n    master: ours\n    acl: all\nzone:\n  \
         - domain: cat.\n    storage: \"{path}\"\n    master: ours\n    acl: all\n    \
         catalog-role: interpret\n    catalog-template: member\n"
    );
    let Some(peer) = knot(&directory, peer_port, &sections) else { return ours.stop() };
    let log = directory.path().join("knot.log");
    let said = |part: &str| std::fs::read_to_string(&log).unwrap_or_default().contains(part);
    wait_for("the catalog", &log, || said("[cat.] loaded") || said("[cat.] AXFR, incoming"));
    assert_eq!(serial(peer.address), None);
    ours.publish(&primary, catalog_zone(2, &["corp."]));
    wait_for("the member", &log, || serial(peer.address) == Some(7));
    ours.publish(&primary, catalog_zone(3, &[]));
    wait_for("the member's end", &log, || serial(peer.address).is_none());
    drop(peer);
    ours.stop();
}

#[test]
fn we_serve_what_knots_catalog_lists() {
    let (directory, saved, peer_port) = (Directory::new(), Directory::new(), free_port());
    directory.write("corp.zone", text(7));
    let primary = Primary::new(Resolver::builder().build(), keyring("hmac-sha256"), None);
    let key = primary.keys().find(&"k.".parse().expect("a name")).expect("there").clone();
    let peer = Peer::new((Ipv4Addr::LOCALHOST, peer_port).into()).with_key(key);
    let config = SecondaryConfig::new("cat.".parse().expect("a name"), vec![peer]);
    let replica = Replica { catalog: true, ..Replica::new(config) };
    let ours = Ours::start(&primary, vec![replica.clone()], Some(saved.path()));
    let (head, path) = (knot_head("hmac-sha256", ours.address.port()), directory.path().display());
    let sections = |member: &str| {
        format!(
            "{head}zone:\n  - domain: cat.\n    storage: \"{path}\"\n    catalog-role: generate\n    notify: ours\n    \
             acl: all\n{member}"
        )
    };
    let member = format!(
        "  - domain: corp.\n    storage: \"{path}\"\n    file: corp.zone\n    acl: all\n    catalog-role: member\n    \
         catalog-zone: cat.\n"
    );
    let Some(peer) = knot(&directory, peer_port, &sections(&member)) else { return ours.stop() };
    let log = directory.path().join("knot.log");
    wait_for("the member", &log, || serial(ours.address) == Some(7));
    let held = primary.resolver().zone(&origin()).expect("served");
    assert!(held.same_records(&zone(7)));
    ours.stop();
    // After a restart catalog and member come from disk.
    drop(peer);
    let again = Primary::new(Resolver::builder().build(), keyring("hmac-sha256"), None);
    let ours = Ours::start(&again, vec![replica], Some(saved.path()));
    assert_eq!(serial(ours.address), Some(7));
    ours.stop();
}
