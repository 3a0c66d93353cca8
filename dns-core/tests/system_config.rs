//! The system's own configuration is followed: servers, search list, and every change of them.
#![cfg(feature = "server")]

mod upstreams;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;
use std::time::Duration;

use dns_core::Resolver;
use dns_core::net::{Server, ServerConfig};
use upstreams::{Upstreams, query};

const FOUND: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

#[tokio::test]
async fn a_changed_file_changes_whom_is_asked() {
    let (old, new) = (Upstreams::start(), Upstreams::start());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("resolv.conf");
    let write = |server: &Upstreams, suffix: &str| {
        let text = format!("nameserver {}\nsearch {suffix}\n", server.address);
        let next = folder.path().join("next");
        std::fs::write(&next, text).expect("room");
        std::fs::rename(&next, &path).expect("renamed");
    };
    write(&old, "corp.example");

    let mut config = ServerConfig::default();
    config.system = Some(path.clone());
    let server = Server::start(Resolver::builder().forwards().build(), config).expect("a server");
    let client = server.client();
    assert!(client.lookup_host("db").await.expect("running").contains(&FOUND));
    assert!(old.over_udp.load(Ordering::Relaxed) > 0);
    assert_eq!(
        client.lookup_host("[::1]").await.expect("running"),
        ["::1".parse::<IpAddr>().expect("one")]
    );
    assert_eq!(query("a.")[..2], [0x12, 0x34]);

    write(&new, "elsewhere.example.net");
    let moved = async {
        for number in 0.. {
            let _ = client.lookup_host(&format!("host-{number}")).await;
            if new.over_udp.load(Ordering::Relaxed) > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(8), moved).await.expect("the new server is asked");
    let upstreams = server.status().upstreams;
    assert_eq!(upstreams.len(), 1);
    assert_eq!(upstreams[0].0.address, new.address);
    server.stop().await;
}

#[tokio::test]
async fn changed_options_bound_the_next_question_and_fixed_servers_stay() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let fixed = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let [silent_at, fixed_at] = [&silent, &fixed].map(|s| s.local_addr().expect("an address"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("resolv.conf");
    let write = |options: &str| {
        let next = folder.path().join("next");
        std::fs::write(&next, format!("nameserver {silent_at}\noptions {options}\n"))
            .expect("room");
        std::fs::rename(&next, &path).expect("renamed");
    };
    write("timeout:30 attempts:5");
    let mut config = ServerConfig::default();
    config.system = Some(path.clone());
    config.upstreams = vec![dns_core::Upstream::plain(fixed_at)];
    let server = Server::start(Resolver::builder().forwards().build(), config).expect("a server");
    write("timeout:1 attempts:1 rotate");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let begin = std::time::Instant::now();
    let name = "nobody.example".parse().expect("a name");
    let lookup = server.client().lookup(&name, dns_core::RecordType::A).await.expect("running");
    assert_eq!(lookup.outcome, dns_core::Outcome::Failed);
    let heard = |socket: &std::net::UdpSocket| {
        socket.set_nonblocking(true).expect("ours");
        std::iter::from_fn(|| socket.recv(&mut [0; 512]).ok()).count()
    };
    // One attempt, and two for a truncated answer and a hedge.
    let asked = heard(&silent) + heard(&fixed);
    assert!(asked > 0 && asked <= 3, "{asked} queries in {:?}", begin.elapsed());
    let mut asked: Vec<_> =
        server.status().upstreams.iter().map(|(upstream, ..)| upstream.address).collect();
    asked.sort_unstable();
    let mut both = vec![silent_at, fixed_at];
    both.sort_unstable();
    assert_eq!(asked, both);
    server.stop().await;
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let mut config = ServerConfig::default();
    config.system = Some("/nowhere/resolv.conf".into());
    let error = Server::start(Resolver::builder().build(), config).expect_err("no file");
    assert_eq!(
        (error.label(), error.to_string().as_str()),
        ("system", "cannot read /nowhere/resolv.conf")
    );
}
