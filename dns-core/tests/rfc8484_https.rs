//! RFC 8484: DNS over HTTPS, spoken to clients and to servers.
#![cfg(all(feature = "https", feature = "zones"))]

mod tls_pair;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use dns_core::net::{Listen, Server, ServerConfig};
use dns_core::{Name, Outcome, RecordType, Resolver, Zone};
use http::{Method, Request, StatusCode};
use tls_pair::Pair;

const ZONE: &str =
    "@ 300 SOA ns mail 1 1d 2h 4w 77\n@ 300 NS ns\nns 300 A 10.0.0.1\nwww 42 A 10.0.0.2\n";
/// The query of RFC 8484 §4.1.1, for another name: www.corp, type A, id 0.
const GET: &str = "AAABAAABAAAAAAAAA3d3dwRjb3JwAAABAAE";

fn site(tls: Arc<rustls::ServerConfig>) -> (Server, SocketAddr) {
    let zone = Zone::from_master_file(&"corp".parse().expect("a name"), "corp.zone", ZONE);
    let mut config = ServerConfig::default();
    config.listen = vec![Listen::Https((Ipv4Addr::LOCALHOST, 0).into())];
    config.tls_server = Some(tls);
    let resolver = Resolver::builder().zone(zone.expect("a zone")).build();
    let server = Server::start(resolver, config).expect("a server");
    let address = server.addresses()[0].address();
    (server, address)
}

type Requests = h2::client::SendRequest<Bytes>;

async fn connect(client: &rustls::ClientConfig, address: SocketAddr) -> Requests {
    let mut tls = client.clone();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let name = rustls::pki_types::ServerName::try_from("dns.example").expect("a name");
    let stream = tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, stream).await;
    let (requests, connection) = h2::client::handshake(stream.expect("TLS")).await.expect("HTTP/2");
    tokio::spawn(connection);
    requests
}

/// Status, cache control and body.
async fn send(
    requests: &Requests,
    method: Method,
    path: &str,
    kind: &str,
    body: &[u8],
) -> (StatusCode, String, Vec<u8>) {
    let request = Request::builder()
        .method(method)
        .uri(format!("https://dns.example{path}"))
        .header("content-type", kind)
        .body(())
        .expect("a request");
    let mut requests = requests.clone().ready().await.expect("ready");
    let (response, mut stream) = requests.send_request(request, body.is_empty()).expect("sent");
    if !body.is_empty() {
        stream.send_data(Bytes::copy_from_slice(body), true).expect("sent");
    }
    let (head, mut body) = response.await.expect("a response").into_parts();
    let mut whole = Vec::new();
    while let Some(piece) = body.data().await {
        whole.extend_from_slice(&piece.expect("a piece"));
    }
    let age = head.headers.get("cache-control");
    (head.status, age.map_or("", |age| age.to_str().expect("text")).to_owned(), whole)
}

#[tokio::test]
async fn get_and_post_are_answered_with_how_long_to_keep_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = Pair::new(folder.path());
    let (server, address) = site(pair.server);
    let requests = connect(&pair.client, address).await;
    let message = "application/dns-message";
    let path = format!("/dns-query?dns={GET}");
    let (status, age, body) = send(&requests, Method::GET, &path, message, b"").await;
    assert_eq!((status, age.as_str()), (StatusCode::OK, "max-age=42"));
    assert!(body.ends_with(&[10, 0, 0, 2]) && body[..2] == [0, 0]);

    let mut query = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x04none\x04corp\0\0\x01\0\x01".to_vec();
    let (status, age, body) = send(&requests, Method::POST, "/dns-query", message, &query).await;
    assert_eq!((status, age.as_str()), (StatusCode::OK, "max-age=77"));
    assert_eq!(body[3] & 15, 3, "a denial is a response like any other");

    let all = (0..50).map(|_| send(&requests, Method::GET, &path, message, b""));
    for answered in all.map(Box::pin) {
        assert_eq!(answered.await.0, StatusCode::OK);
    }
    query.resize(9_000, 0);
    for (method, path, kind, body, want) in [
        (Method::GET, "/", message, &b""[..], StatusCode::NOT_FOUND),
        (Method::GET, "/dns-query", message, b"", StatusCode::BAD_REQUEST),
        (Method::GET, "/dns-query?dns=A", message, b"", StatusCode::BAD_REQUEST),
        (Method::PUT, "/dns-query", message, b"x", StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, "/dns-query", "text/plain", b"x", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Method::POST, "/dns-query", message, b"x", StatusCode::BAD_REQUEST),
        (Method::POST, "/dns-query", message, &query, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (status, ..) = send(&requests, method, path, kind, body).await;
        assert_eq!(status, want, "{path} {kind}");
    }
    drop(requests);
    server.stop().await;
}

#[tokio::test]
async fn servers_are_asked_over_https_and_their_names_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = Pair::new(folder.path());
    let (back, address) = site(pair.server);
    for (name, outcome) in [("dns.example", Outcome::Found), ("other.example", Outcome::Failed)] {
        let mut config = ServerConfig::default();
        let upstream = format!("https://{address}/dns-query#{name}");
        config.upstreams = vec![upstream.parse().expect("a server")];
        config.tls_client = Some(Arc::clone(&pair.client));
        let front = Server::start(Resolver::builder().forwards().build(), config).expect("started");
        let (asked, www): (_, Name) = (front.client(), "www.corp".parse().expect("a name"));
        let lookup = asked.lookup(&www, RecordType::A).await.expect("running");
        assert_eq!(lookup.outcome, outcome, "certificates are checked strictly: {name}");
        if outcome == Outcome::Found {
            let gone = asked.lookup(&"x.corp".parse().expect("a name"), RecordType::A).await;
            assert_eq!(gone.expect("running").outcome, Outcome::NxDomain);
        }
        front.stop().await;
    }
    back.stop().await;
}
