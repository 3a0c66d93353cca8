//! Probes of servers that answer, refuse, are silent, or speak something else.

#![cfg(feature = "active")]

mod live;

use std::{net::SocketAddr, time::Duration};

use live::{
    pki::{Identity, Wish, authority, provider, trusting},
    server::{client, config, serve},
};
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};
use tls_probe::{
    Outcome, Verdict,
    net::{Failure, Family, Limits, Probed, Prober, Resumed, Settings, Target},
};
use tokio::{io::AsyncWriteExt, net::TcpListener};

const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

struct Site {
    ca: Identity,
    leaf: Identity,
}

impl Site {
    fn new() -> Self {
        let ca = authority("TestRoot");
        let leaf = Wish::of("edge.test").signed_by(&ca);
        Self { ca, leaf }
    }

    fn server(&self, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
        config(versions, &[&self.leaf])
    }

    fn prober(&self, versions: &[&'static SupportedProtocolVersion], settings: Settings) -> Prober {
        let mut tls = client(versions, trusting(&self.ca));
        tls.alpn_protocols = vec![b"h2".to_vec()];
        Prober::new(tls, trusting(&self.ca), settings)
    }
}

fn target(server: SocketAddr) -> Target {
    let target: Target = server.to_string().parse().unwrap();
    Target { server_name: Some("edge.test".to_owned()), ..target }
}

/// Short, for servers that do not answer.
fn hasty() -> Settings {
    let limit = Duration::from_millis(150);
    let limits = Limits { dns: limit, tcp: limit, starttls: limit, tls: limit };
    Settings { limits, ..Settings::default() }
}

async fn once(prober: &Prober, server: SocketAddr) -> Probed {
    prober.probe(&target(server)).await.remove(0)
}

#[tokio::test]
async fn sessions_are_resumed_where_the_server_does() {
    let site = Site::new();
    let settings = Settings { resume: true, ..Settings::default() };
    for version in [&TLS13, &TLS12] {
        let server = serve(site.server(&[version])).await;
        let probed = site.prober(BOTH, settings.clone()).probe(&target(server)).await;
        let [first, second] = &probed[..] else { panic!("two handshakes: {probed:#?}") };
        assert!(first.success() && !first.report.resumed && first.resumption.is_none());
        assert!(second.success() && second.report.resumed, "{second:#?}");
        assert_eq!(second.resumption, Some(Resumed::Accepted));
        let chain = second.certificate.as_ref().expect("the session remembers it");
        assert_eq!((chain.valid, chain.class()), (None, None));
        let mut without = site.server(&[version]);
        without.session_storage = std::sync::Arc::new(rustls::server::NoServerSessionStorage {});
        without.send_tls13_tickets = 0;
        let server = serve(without).await;
        let hasty = Settings { resume: true, ..Settings::default() };
        let probed = site.prober(BOTH, hasty).probe(&target(server)).await;
        assert_eq!(probed[1].resumption, Some(Resumed::Refused), "{:#?}", probed[1]);
    }
}

#[tokio::test]
async fn nobody_listens() {
    let site = Site::new();
    let port = live::programs::free_port();
    let probed = once(&site.prober(BOTH, hasty()), ([127, 0, 0, 1], port).into()).await;
    assert_eq!(probed.failure, Some(Failure::TcpRefused));
    assert_eq!(probed.report.outcome, Outcome::Reset);
    assert!(probed.report.server.is_some() && probed.report.start_ns > 0);
}

#[tokio::test]
async fn a_server_that_never_answers_is_idle() {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let probed = once(&site.prober(BOTH, hasty()), listener.local_addr().unwrap()).await;
    assert_eq!(probed.failure, Some(Failure::TlsTimeout));
    assert_eq!(probed.report.outcome, Outcome::Timeout);
    assert_eq!(probed.report.verdict, Verdict::Server, "{probed:#?}");
    assert!(probed.report.idle.server >= Duration::from_millis(100));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls() {
    let site = Site::new();
    for (answer, failure) in
        [(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], Failure::NotTls), (b"", Failure::TlsClosed)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = [0; 2048];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut hello).await;
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let probed = once(&site.prober(BOTH, hasty()), server).await;
        assert_eq!(probed.failure, Some(failure), "{probed:#?}");
    }
}

#[tokio::test]
async fn no_common_ground() {
    let site = Site::new();
    let old = serve(site.server(&[&TLS12])).await;
    let probed = once(&site.prober(&[&TLS13], hasty()), old).await;
    assert_eq!(probed.failure, Some(Failure::TlsVersion), "{probed:#?}");
    assert_eq!(probed.report.outcome, Outcome::Alert);
    let mut other = site.server(BOTH);
    other.alpn_protocols = vec![b"imap".to_vec()];
    let probed = once(&site.prober(BOTH, hasty()), serve(other).await).await;
    assert_eq!(probed.failure, Some(Failure::TlsAlpn), "{probed:#?}");
}

#[tokio::test]
async fn a_server_that_wants_a_certificate() {
    let site = Site::new();
    let mut roots = RootCertStore::empty();
    roots.add(site.ca.der.clone()).unwrap();
    let wants = WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build();
    let chain = vec![site.leaf.der.clone()];
    let server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_client_cert_verifier(wants.unwrap())
        .with_single_cert(chain, site.leaf.private())
        .unwrap();
    let server = serve(server).await;
    let probed = once(&site.prober(BOTH, hasty()), server).await;
    assert_eq!(probed.failure, Some(Failure::TlsClientCertificate), "{probed:#?}");
    let me = Wish::of("client.test").signed_by(&site.ca);
    let tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(BOTH)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(trusting(&site.ca))
        .with_client_auth_cert(vec![me.der.clone()], me.private())
        .unwrap();
    let prober = Prober::new(tls, trusting(&site.ca), hasty());
    assert!(once(&prober, server).await.success());
}

#[tokio::test]
async fn names_and_families() {
    let site = Site::new();
    let server = serve(site.server(BOTH)).await;
    let localhost: Target = format!("localhost:{}", server.port()).parse().unwrap();
    let localhost = Target { server_name: Some("edge.test".to_owned()), ..localhost };
    let v4 = Settings { family: Family::V4, ..Settings::default() };
    let probed = site.prober(BOTH, v4).probe(&localhost).await.remove(0);
    assert!(probed.success(), "{probed:#?}");
    assert!(probed.report.phases.dns.is_some());
    let v6 = Settings { family: Family::V6, ..hasty() };
    let probed = site.prober(BOTH, v6).probe(&target(server)).await.remove(0);
    assert_eq!(probed.failure, Some(Failure::DnsNotFound), "127.0.0.1 is no address of IPv6");
    let both = Settings { family: Family::Both, ..hasty() };
    let probed = site.prober(BOTH, both).probe(&localhost).await;
    assert!((1..=2).contains(&probed.len()) && probed[0].success(), "{probed:#?}");
}

#[cfg(feature = "serde")]
#[tokio::test]
async fn the_object_of_the_contract() {
    let site = Site::new();
    let server = serve(site.server(&[&TLS13])).await;
    let probed = once(&site.prober(BOTH, Settings::default()), server).await;
    let object = serde_json::to_value(&probed).unwrap();
    for name in [
        "client",
        "server",
        "server_name",
        "version",
        "cipher",
        "alpn",
        "ja3",
        "ja4",
        "resumed",
        "outcome",
        "start_ns",
        "phases",
        "idle",
        "rtt",
        "retransmissions",
        "verdict",
        "because",
        "certificate",
        "target",
        "failure",
        "took",
    ] {
        assert!(object.get(name).is_some(), "{name} in {object:#}");
    }
    assert_eq!(object["outcome"], "established");
    assert_eq!(object["server_name"], "edge.test");
    assert_eq!(object["version"], "TLSv1.3");
    for phase in ["tcp", "client_hello", "server_flight", "client_flight", "total"] {
        assert!(object["phases"][phase].as_f64().is_some(), "{phase} in {object:#}");
    }
    let certificate = &object["certificate"];
    assert_eq!(certificate["class"], "ok");
    assert_eq!(certificate["valid"], true);
    let days = certificate["days_left"].as_f64().unwrap();
    assert!((89.9..90.1).contains(&days));
    let leaf = &certificate["chain"][0];
    assert_eq!(leaf["names"], serde_json::json!(["edge.test"]));
    assert_eq!((&leaf["key"], &leaf["key_bits"]), (&"ec".into(), &256.into()));
    assert_eq!(leaf["sha256"].as_str().unwrap().len(), 64);
    assert!(leaf["not_after_ns"].as_i64().unwrap() > 1_700_000_000_000_000_000);
}
