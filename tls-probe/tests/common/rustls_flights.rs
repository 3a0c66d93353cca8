//! Handshakes that rustls makes in memory, flight by flight.

use std::{io::Read as _, sync::Arc};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

/// What happens in a handshake.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Full,
    /// The client shows a certificate.
    ClientCertificate,
    /// An earlier session is resumed.
    Resumed,
    /// The server asks for another key share.
    Retried,
}

/// What each side of a handshake sends, flight by flight, the client's first.
pub(crate) fn flights(version: &'static SupportedProtocolVersion, kind: Kind) -> Vec<Vec<u8>> {
    let issued = rcgen::generate_simple_self_signed(["edge.test".to_owned()]).expect("a pair");
    let certificate = issued.cert.der().clone();
    let key = || PrivateKeyDer::from(PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a root");
    let roots = Arc::new(roots);
    let server = server(version, kind, &roots, &certificate, key());
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots);
    let client = match kind {
        Kind::ClientCertificate => {
            client.with_client_auth_cert(vec![certificate], key()).expect("a pair that fits")
        }
        _ => client.with_no_client_auth(),
    };
    let (client, server) = (Arc::new(client), Arc::new(server));
    if kind == Kind::Resumed {
        handshake(&client, &server);
    }
    handshake(&client, &server)
}

fn server(
    version: &'static SupportedProtocolVersion,
    kind: Kind,
    roots: &Arc<RootCertStore>,
    certificate: &CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> ServerConfig {
    let mut provider = ring::default_provider();
    if kind == Kind::Retried {
        // Not the group of which the client sends a share unasked.
        provider = CryptoProvider { kx_groups: vec![ring::kx_group::SECP384R1], ..provider };
    }
    let provider = Arc::new(provider);
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider));
    let server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("a version");
    let server = match kind {
        Kind::ClientCertificate => {
            server.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
        _ => server.with_no_client_auth(),
    };
    server.with_single_cert(vec![certificate.clone()], key).expect("a pair that fits")
}

fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Vec<Vec<u8>> {
    let name = "edge.test".try_into().expect("a name");
    let mut client = ClientConnection::new(Arc::clone(client), name).expect("a client");
    let mut server = ServerConnection::new(Arc::clone(server)).expect("a server");
    let mut flights = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        let mut said = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut said).expect("a buffer");
        }
        let mut rest = said.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest.by_ref()).expect("a buffer");
            server.process_new_packets().expect("a handshake");
        }
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
