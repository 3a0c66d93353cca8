//! The fuzz targets on their seeds, without a fuzzer: what one found once is not found again. The seeds are
//! handshakes that rustls makes here and now.

#![cfg(all(feature = "passive", feature = "fingerprint", feature = "tokio"))]

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "where it is a crate of its own, it is reached")]
mod entry;

use std::io::Read as _;
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

/// What each side of a handshake sends, flight by flight, the client's first.
fn flights(version: &'static rustls::SupportedProtocolVersion) -> Vec<Vec<u8>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let issued = rcgen::generate_simple_self_signed(["edge.test".to_owned()]).expect("a pair");
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
    let mut roots = RootCertStore::empty();
    roots.add(issued.cert.der().clone()).expect("a root");
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key.into())
        .expect("a pair that fits");
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "edge.test".try_into().expect("a name");
    let mut client = ClientConnection::new(Arc::new(client), name).expect("a client");
    let mut server = ServerConnection::new(Arc::new(server)).expect("a server");
    let mut flights = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        let mut said = Vec::new();
        client.write_tls(&mut said).expect("a buffer");
        server.read_tls(&mut said.as_slice()).expect("a buffer");
        server.process_new_packets().expect("a handshake");
        flights.push(said);
        let mut said = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut said).expect("a buffer");
        }
        let mut rest = said.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest.by_ref()).expect("a buffer");
            client.process_new_packets().expect("a handshake");
        }
        flights.push(said);
    }
    flights
}

fn with_damage(seed: &[u8], entry: fn(&[u8])) {
    entry(seed);
    for cut in (0..seed.len()).step_by(7) {
        entry(&seed[..cut]);
    }
    for at in 0..seed.len().min(400) {
        let mut damaged = seed.to_vec();
        damaged[at] ^= 0xff;
        entry(&damaged);
    }
}

#[test]
fn hellos() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let flights = flights(version);
        with_damage(&flights[0], entry::hello);
        // Behind the record's and the message's header lies the bare hello.
        with_damage(&flights[0][9..], entry::hello);
    }
}

#[test]
fn orders() {
    let seed: Vec<u8> =
        (0..=255_u8).flat_map(|n| [n.wrapping_mul(37), n, n.wrapping_mul(11), n]).collect();
    with_damage(&seed, entry::order);
}

#[test]
fn handshakes() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut seed = vec![4, 1, 0, 0, 7, 9, 1, 0, 2, 9, 1, 0];
        for (number, flight) in flights(version).iter().enumerate() {
            for part in flight.chunks(200) {
                seed.extend([(number % 2) as u8 | 0x42, 20, 0, part.len() as u8]);
                seed.extend(part);
            }
        }
        with_damage(&seed, entry::handshake);
    }
}
