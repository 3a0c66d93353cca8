//! dig and kdig as clients: over UDP, TCP, TLS and HTTPS, with cookies, padding, EDNS and NSID.
#![cfg(all(feature = "https", feature = "zones"))]

#[allow(dead_code, reason = "each test uses its part")]
mod programs;
mod tls_pair;

use std::net::SocketAddr;
use std::process::Command;

use dns_core::net::{Listen, Server, ServerConfig};
use dns_core::{CookieSecret, Resolver, Zone};
use programs::find;
use tls_pair::Pair;

const ZONE: &str =
    "@ 300 SOA ns mail 1 1d 2h 4w 60\n@ 300 NS ns\nns 300 A 10.0.0.1\nwww 300 A 10.0.0.2\n";

fn site(pair: &Pair) -> (Server, [SocketAddr; 3]) {
    let large = (0..9).map(|i| format!("large 300 TXT {i:0>200}\n")).collect::<Vec<_>>().concat();
    let zone = Zone::from_master_file(
        &"corp".parse().expect("a name"),
        "corp.zone",
        &format!("{ZONE}{large}"),
    );
    let resolver = Resolver::builder()
        .zone(zone.expect("a zone"))
        .cookies(CookieSecret([7; 16]))
        .nsid("munich-1")
        .build();
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let mut config = ServerConfig::default();
    config.listen = vec![Listen::Plain(any), Listen::Tls(any), Listen::Https(any)];
    config.tls_server = Some(pair.server.clone());
    let server = Server::start(resolver, config).expect("a server");
    let addresses = server.addresses().iter().map(Listen::address).collect::<Vec<_>>();
    (server, addresses.try_into().expect("three"))
}

async fn said(mut command: Command, at: SocketAddr, args: Vec<String>) -> String {
    let port = at.port().to_string();
    command.args(["@127.0.0.1", "-p", &port]).args(&args);
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let output = output.expect("no panic").expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dig_is_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, [plain, _, https]) = site(&Pair::new(folder.path()));
    for (at, args, wanted) in [
        (plain, "www.corp A +nsid", &["10.0.0.2", "munich-1", "COOKIE", "(good)", "NOERROR"][..]),
        (plain, "wWw.cOrP A +tcp +cookie", &["wWw.cOrP.", "10.0.0.2", "(good)"]),
        (plain, "none.corp A", &["NXDOMAIN", "SOA"]),
        (plain, "www.corp A +noedns", &["10.0.0.2"]),
        (plain, "www.corp A +edns=1 +noednsnegotiation", &["BADVERS"]),
        (plain, "large.corp TXT +notcp +ignore", &[" tc"]),
        (plain, "large.corp TXT", &["Truncated, retrying in TCP mode", "ANSWER: 9"]),
        (plain, "www.elsewhere A", &["REFUSED", "EDE: 20"]),
        (https, "www.corp A +https", &["10.0.0.2", "(HTTPS)"]),
        (https, "www.corp A +https-get", &["10.0.0.2", "(HTTPS-GET)"]),
    ] {
        let Some(dig) = find("dig").map(Command::new) else { return };
        let text = said(dig, at, words(args)).await;
        for word in wanted {
            assert!(text.contains(word), "dig {args} does not say {word}:\n{text}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kdig_is_content_and_checks_the_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = Pair::new(folder.path());
    let (server, [plain, tls, https]) = site(&pair);
    let ca = format!("+tls-ca={} +tls-hostname=dns.example", pair.cert.display());
    for (at, args, wanted) in [
        (plain, "www.corp A +cookie +nsid".to_owned(), &["10.0.0.2", "munich-1", "COOKIE"][..]),
        (plain, "www.corp A +tcp +edns +bufsize=4096".to_owned(), &["10.0.0.2"]),
        (tls, format!("www.corp A +tls {ca} +padding"), &["10.0.0.2", "PADDING", "468 B"]),
        (https, format!("www.corp A +https {ca}"), &["10.0.0.2", "HTTP/2-POST"]),
        (https, format!("www.corp A +https-get {ca}"), &["10.0.0.2", "HTTP/2-GET"]),
    ] {
        let Some(kdig) = find("kdig").map(Command::new) else { return };
        let text = said(kdig, at, words(&args)).await;
        for word in wanted {
            assert!(text.contains(word), "kdig {args} does not say {word}:\n{text}");
        }
    }
    server.stop().await;
}
