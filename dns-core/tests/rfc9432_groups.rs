//! RFC 9432 §4.3: members are served as their groups say, and change hands without a gap, on a secondary that follows
//! catalogs of ours.
#![cfg(all(feature = "zones", feature = "server"))]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dns_core::net::{Group, Listen, Replica, Replication, ReplicationStatus, Server, ServerConfig};
use dns_core::notify::Peer;
use dns_core::primary::{Primary, ZoneOptions};
use dns_core::secondary::SecondaryConfig;
use dns_core::tsig::Keyring;
use dns_core::{Name, Resolver, Zone};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn loopback() -> ZoneOptions {
    let mut options = ZoneOptions::default();
    options.transfer = vec!["127.0.0.0/8".parse().expect("a grant")];
    options
}

fn corp(serial: u32) -> Zone {
    let text = format!("$TTL 60\n@ SOA ns mail {serial} 1h 10m 1d 60\n@ NS ns\nns A 10.0.0.1\n");
    Zone::from_master_file(&name("corp."), "corp", &text).expect("a zone")
}

fn catalog(origin: &str, serial: u32, lines: &str) -> Zone {
    let text = format!(
        "@ 0 SOA invalid. invalid. {serial} 3600 600 2147483646 0\n@ 0 NS invalid.\nversion 0 TXT 2\n{lines}"
    );
    Zone::from_master_file(&name(origin), origin, &text).expect("a catalog")
}

/// A server, its zones and its replicas.
struct Site {
    runtime: tokio::runtime::Runtime,
    primary: Primary,
    server: Server,
    replication: Replication,
}

impl Site {
    fn start(replicas: Vec<Replica>) -> Site {
        let primary = Primary::new(Resolver::builder().build(), Keyring::default(), None);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let entered = runtime.enter();
        let replication = Replication::start(primary.clone(), replicas, None).expect("a thread");
        let mut config = ServerConfig::default();
        config.listen = vec![Listen::Plain((Ipv4Addr::LOCALHOST, 0).into())];
        config.authority = Some(replication.authority());
        let server = Server::start(primary.resolver().clone(), config).expect("it listens");
        drop(entered);
        Site { runtime, primary, server, replication }
    }

    fn address(&self) -> SocketAddr {
        self.server.addresses()[0].address()
    }

    /// Puts a zone in and tells `follower`.
    fn publish(&self, zone: Zone, follower: Option<&Site>) {
        let zone = Arc::new(zone);
        let mut options = loopback();
        options.notify = follower.iter().map(|site| Peer::new(site.address())).collect();
        self.primary.configure(zone.origin(), options);
        self.primary.install(Arc::clone(&zone), Vec::new()).expect("no journal on disk");
        self.runtime.block_on(self.replication.authority().tell(zone));
    }

    fn serial(&self) -> Option<u32> {
        let zone = self.primary.resolver().zone(&name("corp.")).filter(|zone| !zone.is_void());
        zone.map(|zone| zone.soa().serial)
    }

    fn status(&self) -> ReplicationStatus {
        self.runtime.block_on(self.replication.status())
    }

    /// The version of a catalog that has come.
    fn has(&self, catalog: &str, serial: u32) -> bool {
        self.status().replicas.iter().any(|r| r.origin == name(catalog) && r.serial == Some(serial))
    }

    /// The response code to a request for all of the zone.
    fn transfer(&self) -> u8 {
        let mut stream = TcpStream::connect(self.address()).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        stream
            .write_all(b"\0\x16\0\x07\0\0\0\x01\0\0\0\0\0\0\x04corp\0\0\xfc\0\x01")
            .expect("sent");
        let mut head = [0; 6];
        stream.read_exact(&mut head).expect("an answer");
        head[5] & 15
    }

    fn stop(self) {
        let Site { runtime, server, replication, .. } = self;
        runtime.block_on(async {
            server.stop().await;
            replication.stop().await;
        });
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(15);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn following(catalogs: &[&str], primary: &Site, groups: &[Group]) -> Site {
    let replica = |catalog: &&str| {
        let peer = Peer::new(primary.address());
        let config = SecondaryConfig::new(name(catalog), vec![peer]);
        Replica { catalog: true, groups: groups.to_vec(), ..Replica::new(config) }
    };
    Site::start(catalogs.iter().map(replica).collect())
}

#[test]
fn a_group_has_primaries_and_grants_of_its_own() {
    let (west, east) = (Site::start(Vec::new()), Site::start(Vec::new()));
    west.publish(corp(1), None);
    east.publish(corp(9), None);
    west.publish(
        catalog("cat.", 1, "u1.zones 0 PTR corp.\ngroup.u1.zones 0 TXT unheard-of\n"),
        None,
    );
    let group = Group {
        name: "east".to_owned(),
        primaries: Some(vec![Peer::new(east.address())]),
        options: Some(loopback()),
    };
    let follower = following(&["cat."], &west, &[group]);
    until("the member", || follower.serial() == Some(1));
    assert_eq!(follower.transfer(), 5, "REFUSED: nobody may have it");
    let grouped = "u1.zones 0 PTR corp.\ngroup.u1.zones 0 TXT east\n";
    west.publish(catalog("cat.", 2, grouped), Some(&follower));
    until("the group's primary", || {
        assert!(follower.serial().is_some(), "served all the time");
        follower.serial() == Some(9)
    });
    assert_eq!(follower.transfer(), 0, "whoever the group's options let");
    for site in [follower, west, east] {
        site.stop();
    }
}

#[test]
fn a_member_changes_hands_without_a_gap_unless_its_label_is_another() {
    let first = Site::start(Vec::new());
    first.publish(corp(1), None);
    let plain = "u1.zones 0 PTR corp.\n";
    let given = "u1.zones 0 PTR corp.\ncoo.u1.zones 0 PTR two.\n";
    first.publish(catalog("one.", 1, plain), None);
    first.publish(catalog("two.", 1, ""), None);
    let follower = following(&["one.", "two."], &first, &[]);
    until("the member", || follower.serial() == Some(1));
    until("both catalogs", || follower.has("one.", 1) && follower.has("two.", 1));
    let transfers = || follower.status().attempts["transferred"];
    let before = transfers();
    // Listed without being given: nothing changes.
    first.publish(catalog("two.", 2, plain), Some(&follower));
    until("the second catalog", || follower.has("two.", 2));
    first.publish(catalog("one.", 2, given), Some(&follower));
    until("the gift", || follower.has("one.", 2));
    first.publish(catalog("one.", 3, ""), Some(&follower));
    until("the first catalog's end of it", || follower.has("one.", 3));
    assert_eq!(follower.serial(), Some(1), "the second catalog's now");
    let whole = transfers() - before;
    // Back again, under another label: all of it is forgotten and transferred anew.
    let back = "u1.zones 0 PTR corp.\ncoo.u1.zones 0 PTR one.\n";
    first.publish(catalog("two.", 3, back), Some(&follower));
    until("the second gift", || follower.has("two.", 3));
    first.publish(catalog("one.", 4, "u2.zones 0 PTR corp.\n"), Some(&follower));
    until("the first catalog", || follower.has("one.", 4));
    until("a transfer anew", || follower.serial() == Some(1) && transfers() - before > whole);
    // And the end, for good.
    first.publish(catalog("two.", 4, ""), Some(&follower));
    until("the second catalog's end of it", || follower.has("two.", 4));
    assert_eq!(follower.serial(), Some(1));
    first.publish(catalog("one.", 5, ""), Some(&follower));
    until("the end", || follower.serial().is_none());
    for site in [follower, first] {
        site.stop();
    }
}
