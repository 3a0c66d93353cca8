//! A real server on loopback, a scripted one behind it: UDP, TCP and TLS, hits and misses, and the stop.

#![cfg(all(feature = "server", feature = "tls"))]

mod tls_pair;
mod upstreams;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dns_core::net::{Listen, Server, ServerConfig};
use dns_core::{Name, Outcome, RecordType, Resolver, Upstream};
use tls_pair::Pair;
use upstreams::{Upstreams, query};

fn start(upstream: &Upstreams, listen: &[Listen]) -> Server {
    let mut config = ServerConfig::default();
    config.listen = listen.to_vec();
    config.upstreams = vec![Upstream::plain(upstream.address)];
    Server::start(Resolver::builder().forwards().build(), config).expect("a server")
}

fn loopback() -> Listen {
    Listen::Plain((Ipv4Addr::LOCALHOST, 0).into())
}

async fn ask(server: SocketAddr, name: &str) -> Vec<u8> {
    let query = query(name);
    tokio::task::spawn_blocking(move || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        socket.connect(server).expect("a route");
        socket.send(&query).expect("sent");
        let mut response = vec![0; 4096];
        let len = socket.recv(&mut response).expect("a response");
        response.truncate(len);
        response
    })
    .await
    .expect("no panic")
}

#[tokio::test]
async fn a_miss_is_asked_for_once_and_then_it_is_a_hit() {
    let upstream = Upstreams::start();
    let server = start(&upstream, &[loopback()]);
    let address = server.addresses()[0].address();
    for _ in 0..5 {
        let response = ask(address, "WWW.example.com.").await;
        assert_eq!(response[..4], [0x12, 0x34, 0x81, 0x80]);
        assert!(response.ends_with(&[203, 0, 113, 9]));
        assert_eq!(response[13..16], *b"WWW", "in the asker's spelling");
    }
    assert_eq!(upstream.over_udp.load(Ordering::Relaxed), 1);
    assert_eq!(server.status().misses.answered, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_truncated_answer_is_had_over_tcp() {
    let upstream = Upstreams::start();
    let server = start(&upstream, &[loopback()]);
    let response = ask(server.addresses()[0].address(), "text.example.com.").await;
    assert!(response.ends_with(&[203, 0, 113, 9]));
    assert_eq!(upstream.over_tcp.load(Ordering::Relaxed), 1);
    server.stop().await;
}

#[tokio::test]
async fn queries_on_one_connection_are_answered_as_they_come_whole_or_in_pieces() {
    let upstream = Upstreams::start();
    let server = start(&upstream, &[loopback()]);
    let address = server.addresses()[0].address();
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        let mut sent = Vec::new();
        for number in 0..50_u8 {
            let mut query = query(&format!("host-{number}.example.com."));
            query[1] = number;
            sent.extend((query.len() as u16).to_be_bytes());
            sent.extend(query);
        }
        for piece in sent.chunks(7) {
            stream.write_all(piece).expect("sent");
        }
        let mut ids: Vec<u8> = (0..50)
            .map(|_| {
                let mut prefix = [0; 2];
                stream.read_exact(&mut prefix).expect("a length");
                let mut response = vec![0; usize::from(u16::from_be_bytes(prefix))];
                stream.read_exact(&mut response).expect("a response");
                assert!(response.ends_with(&[203, 0, 113, 9]));
                response[1]
            })
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..50).collect::<Vec<_>>());
    })
    .await
    .expect("no panic");
    server.stop().await;
}

#[tokio::test]
async fn a_socket_on_all_addresses_answers_from_the_one_that_was_asked() {
    let upstream = Upstreams::start();
    let server = start(&upstream, &[Listen::Plain((Ipv4Addr::UNSPECIFIED, 0).into())]);
    let port = server.addresses()[0].address().port();
    // A connected socket takes no answer from elsewhere. 127.0.0.2 is not the address the route prefers.
    for _ in 0..2 {
        let response = ask((Ipv4Addr::new(127, 0, 0, 2), port).into(), "a.example.com.").await;
        assert!(response.ends_with(&[203, 0, 113, 9]));
    }
    server.stop().await;
}

#[tokio::test]
async fn in_process_lookups_use_the_same_cache() {
    let upstream = Upstreams::start();
    let server = start(&upstream, &[]);
    let client = server.client();
    let name: Name = "www.example.com".parse().expect("a name");
    for cached in [false, true] {
        let lookup = client.lookup(&name, RecordType::A).await.expect("running");
        assert_eq!((lookup.outcome, lookup.cached), (Outcome::Found, cached));
        assert_eq!(lookup.addresses().next(), Some(Ipv4Addr::new(203, 0, 113, 9).into()));
    }
    server.stop().await;
    assert!(client.lookup(&"b.example.com".parse().expect("a name"), RecordType::A).await.is_err());
}

#[tokio::test]
async fn what_waits_when_the_server_stops_is_answered_still() {
    // Nobody answers there.
    let deaf = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let mut config = ServerConfig::default();
    config.listen = vec![loopback()];
    config.upstreams = vec![Upstream::plain(deaf.local_addr().expect("an address"))];
    config.forward.deadline = Duration::from_millis(700);
    let server = Server::start(Resolver::builder().forwards().build(), config).expect("a server");
    let address = server.addresses()[0].address();
    let asked = tokio::spawn(async move { ask(address, "www.example.com.").await });
    let waits = async {
        while server.status().waiting == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), waits).await.expect("somebody waits");
    server.stop().await;
    assert_eq!(asked.await.expect("no panic")[3] & 15, 2, "SERVFAIL");
}

#[tokio::test]
async fn tls_is_spoken_to_clients_and_to_servers() {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = Pair::new(folder.path());
    let upstream = Upstreams::start();
    let mut config = ServerConfig::default();
    config.listen = vec![Listen::Tls((Ipv4Addr::LOCALHOST, 0).into())];
    config.upstreams = vec![Upstream::plain(upstream.address)];
    config.tls_server = Some(pair.server);
    let back = Server::start(Resolver::builder().forwards().build(), config).expect("a server");
    let address = back.addresses()[0].address();

    for (name, outcome) in [("dns.example", Outcome::Found), ("other.example", Outcome::Failed)] {
        let mut config = ServerConfig::default();
        config.upstreams = vec![format!("tls://{address}#{name}").parse().expect("a server")];
        config.tls_client = Some(Arc::clone(&pair.client));
        let front = Server::start(Resolver::builder().forwards().build(), config).expect("started");
        let asked = front.client();
        let www: Name = "www.example.com".parse().expect("a name");
        let lookup = asked.lookup(&www, RecordType::A).await.expect("running");
        assert_eq!(lookup.outcome, outcome, "certificates are checked strictly: {name}");
        front.stop().await;
    }
    back.stop().await;
}
