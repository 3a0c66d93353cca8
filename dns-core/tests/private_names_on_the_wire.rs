//! The invariant with sockets: a server that others are asked by writes down every name that reaches it.

#![cfg(all(feature = "server", feature = "zones"))]

mod upstreams;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use dns_core::net::{Listen, Server, ServerConfig};
use dns_core::{Name, Resolver, Upstream, Zone};
use upstreams::{Upstreams, query};

const ZONE: &str = "@ 60 SOA ns hostmaster 1 3600 600 86400 60\n@ 60 NS ns\nns 60 A 192.0.2.1\n\
                    out 60 CNAME www.public.example.\nin 60 CNAME secret.corp.\n\
                    *.wild 60 CNAME deep.secret.corp.\nsub 60 NS ns.sub\nns.sub 60 A 192.0.2.2\n";

/// Over UDP, then over TCP: the response codes.
fn ask(server: SocketAddr, name: &str) -> [u8; 2] {
    let (query, wait) = (query(name), Some(Duration::from_secs(10)));
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.set_read_timeout(wait).expect("a time-out");
    socket.connect(server).expect("a route");
    socket.send(&query).expect("sent");
    let mut response = [0; 4_096];
    socket.recv(&mut response).expect("a response");
    let over_udp = response[3] & 15;
    let mut stream = TcpStream::connect(server).expect("a connection");
    stream.set_read_timeout(wait).expect("a time-out");
    let framed = [&(query.len() as u16).to_be_bytes(), query.as_slice()].concat();
    stream.write_all(&framed).expect("sent");
    let mut head = [0; 6];
    stream.read_exact(&mut head).expect("a response");
    [over_udp, head[5] & 15]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_public_names_reach_others() {
    let upstream = Upstreams::start();
    let origin: Name = "site.example".parse().expect("a name");
    let corp: Name = "corp".parse().expect("a name");
    let zone = Zone::from_master_file(&origin, "site.zone", ZONE).expect("a zone");
    let resolver = Resolver::builder().forwards().private(corp.clone()).zone(zone).build();
    let mut config = ServerConfig::default();
    config.listen = vec![Listen::Plain((Ipv4Addr::LOCALHOST, 0).into())];
    config.upstreams = vec![Upstream::plain(upstream.address); 2];
    let server = Server::start(resolver, config).expect("a server");
    let address = server.addresses()[0].address();
    let names = [
        "www.public.example.",
        "truncated.public.example.",
        "out.site.example.",
        "in.site.example.",
        "any.wild.site.example.",
        "nobody.site.example.",
        "below.sub.site.example.",
        "corp.",
        "secret.corp.",
        "SECRET.CoRp.",
        "a.b.c.secret.corp.",
        "printer.home.arpa.",
        "localhost.",
        "x.localhost.",
        "hidden.onion.",
        "name.invalid.",
        "4.3.2.10.in-addr.arpa.",
        "1.0.168.192.in-addr.arpa.",
        "corporate.",
        "notcorp.example.",
    ];
    for name in names {
        let codes =
            tokio::task::spawn_blocking(move || ask(address, name)).await.expect("no panic");
        let is_private = name.to_ascii_lowercase().ends_with("corp.") && name != "notcorp.example.";
        assert_eq!(codes, if is_private { [5, 5] } else { [codes[0]; 2] }, "{name}");
    }
    server.stop().await;
    let mut seen: Vec<String> =
        upstream.names.lock().expect("no panic").iter().map(lower).collect();
    seen.sort();
    seen.dedup();
    let public =
        ["corporate.", "notcorp.example.", "truncated.public.example.", "www.public.example."];
    assert_eq!(seen, public);
}

/// The case of what goes out is mixed on purpose.
fn lower(name: &Name) -> String {
    name.to_string().to_ascii_lowercase()
}
