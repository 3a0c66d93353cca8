//! Explaining has others asked where the answer takes that, and says whom, how, and how long each took.
#![cfg(all(feature = "server", feature = "zones"))]

mod upstreams;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dns_core::forward::{AskedOutcome, Carrier};
use dns_core::net::{Server, ServerConfig};
use dns_core::resolve::{CacheState, Layer};
use dns_core::{Name, Outcome, Overlay, RecordType, Resolver, Upstream, Zone};
use upstreams::Upstreams;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

#[tokio::test]
async fn every_server_asked_is_named_and_what_is_cached_asks_nobody() {
    let upstream = Upstreams::start();
    let text = "@ 300 SOA ns mail 1 1d 2h 4w 5m\n@ 300 NS ns\nns 300 A 10.0.0.1\nout 300 CNAME far.example.\n";
    let zone = Zone::from_master_file(&name("corp."), "corp", text).expect("a zone");
    let overlay = Overlay::parse("site far 10.1.0.0/16\napp.example @far A 10.1.0.1\n");
    let site = Resolver::builder().forwards().zone(zone).overlay(overlay.expect("an overlay"));
    let mut config = ServerConfig::default();
    config.upstreams = vec![Upstream::plain(upstream.address)];
    let server = Server::start(site.build(), config).expect("a server");
    let client = server.client();
    let why = |text| {
        let (client, name) = (client.clone(), name(text));
        async move { client.explain(&name, RecordType::A, CLIENT).await.expect("running") }
    };

    let first = why("truncated.example").await;
    assert_eq!(
        (&first.layer, first.cache, first.outcome),
        (&Layer::Upstream, CacheState::Absent, Outcome::Found)
    );
    let asked: Vec<_> = first.asked.iter().map(|a| (a.carrier, a.outcome)).collect();
    let want = [(Carrier::Udp, AskedOutcome::Truncated), (Carrier::Stream, AskedOutcome::Answered)];
    assert_eq!(asked, want);
    assert!(first.asked.iter().all(|a| a.took < Duration::from_secs(3)), "{:?}", first.asked);
    assert_eq!(first.records[0].data.to_string(), "203.0.113.9");
    let shown = first.to_string();
    assert!(shown.contains(&format!("{} over TCP: answered after", upstream.address)), "{shown}");

    let again = why("truncated.example").await;
    assert!(again.asked.is_empty() && matches!(again.cache, CacheState::Fresh { .. }), "{again}");

    let out = why("out.corp").await;
    assert_eq!((out.layer, out.asked.len(), out.records.len()), (Layer::Zone(name("corp.")), 1, 2));
    let seen = client.explain(&name("app.example"), RecordType::A, [10, 1, 2, 3].into()).await;
    let seen = seen.expect("running");
    assert!(
        seen.asked.is_empty() && seen.layer == Layer::Overlay(Some("far".to_owned())),
        "{seen}"
    );
    server.stop().await;
    assert!(client.explain(&name("late.example"), RecordType::A, CLIENT).await.is_err());
}
