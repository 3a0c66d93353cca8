//! unbound and BIND as servers that are asked: over UDP, TCP, TLS and HTTPS, with cookies, truncation, denials.
#![cfg(all(feature = "https", feature = "zones"))]

#[allow(dead_code, reason = "each test uses its part")]
mod programs;
mod tls_pair;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use dns_core::forward::{AskedOutcome, Carrier};
use dns_core::net::{Server, ServerConfig};
use dns_core::{Name, Outcome, RecordType, Resolver, Upstream};
use programs::daemon::{Daemon, free_ports};
use programs::find;
use tls_pair::Pair;

/// For plain DNS, TLS and HTTPS.
fn addresses() -> [SocketAddr; 3] {
    free_ports().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// Text that does not fit a datagram.
fn large() -> String {
    (0..12).map(|i| format!("\"{i:0>200}\"")).collect::<Vec<_>>().join(" ")
}

fn unbound(folder: &Path, pair: &Pair, [plain, tls, https]: [SocketAddr; 3]) -> Option<Daemon> {
    let mut command = Command::new(find("unbound")?);
    let config = format!(
        "server:\n directory: \"{}\"\n chroot: \"\"\n username: \"\"\n pidfile: \"\"\n do-daemonize: no\n \
         use-syslog: no\n num-threads: 1\n module-config: \"iterator\"\n interface: 127.0.0.1@{}\n \
         interface: 127.0.0.1@{}\n interface: 127.0.0.1@{}\n tls-port: {}\n https-port: {}\n \
         tls-service-pem: \"{}\"\n tls-service-key: \"{}\"\n local-zone: \"example.\" static\n \
         local-data: \"example. 300 SOA ns.example. mail.example. 1 3600 600 86400 60\"\n \
         local-data: \"www.example. 60 A 203.0.113.9\"\n local-data: \"www.example. 60 AAAA 2001:db8::9\"\n \
         local-data: 'large.example. 60 TXT {}'\nremote-control:\n control-enable: no\n",
        folder.display(),
        plain.port(),
        tls.port(),
        https.port(),
        tls.port(),
        https.port(),
        pair.cert.display(),
        pair.key.display(),
        large(),
    );
    let path = folder.join("unbound.conf");
    std::fs::write(&path, config).expect("room");
    command.args(["-d", "-c"]).arg(&path);
    Some(Daemon::start(command, plain.port()))
}

fn named(folder: &Path, pair: &Pair, [plain, tls, https]: [SocketAddr; 3]) -> Option<Daemon> {
    let mut command = Command::new(find("named")?);
    let zone = format!(
        "$TTL 60\n@ IN SOA ns mail 1 3600 600 86400 60\n@ IN NS ns\nns IN A 203.0.113.1\n\
         www IN A 203.0.113.9\nwww IN AAAA 2001:db8::9\nlarge IN TXT {}\n",
        large()
    );
    std::fs::write(folder.join("example.zone"), zone).expect("room");
    let config = format!(
        "tls ours {{ cert-file \"{}\"; key-file \"{}\"; }};\n\
         options {{ directory \"{}\"; pid-file none; session-keyfile none; recursion no; \
         listen-on-v6 {{ none; }}; listen-on port {} {{ 127.0.0.1; }}; \
         listen-on port {} tls ours {{ 127.0.0.1; }}; \
         listen-on port {} tls ours http default {{ 127.0.0.1; }}; require-server-cookie yes; }};\n\
         controls {{ }};\nzone \"example\" {{ type primary; file \"example.zone\"; }};\n",
        pair.cert.display(),
        pair.key.display(),
        folder.display(),
        plain.port(),
        tls.port(),
        https.port()
    );
    let path = folder.join("named.conf");
    std::fs::write(&path, config).expect("room");
    command.args(["-f", "-4", "-n", "1", "-c"]).arg(&path);
    Some(Daemon::start(command, https.port()))
}

async fn asks_everything(upstream: &str, pair: &Pair) -> Vec<(Carrier, AskedOutcome)> {
    let upstream: Upstream = upstream.parse().expect("a server");
    let mut config = ServerConfig::default();
    config.upstreams = vec![upstream.clone()];
    config.tls_client = Some(pair.client.clone());
    let server = Server::start(Resolver::builder().forwards().build(), config).expect("started");
    let client = server.client();
    let mut asked = Vec::new();
    for (name, rtype, want, records) in [
        ("www.example", RecordType::A, Outcome::Found, 1),
        ("www.example", RecordType::AAAA, Outcome::Found, 1),
        ("www.example", RecordType::MX, Outcome::NoData, 0),
        ("none.example", RecordType::A, Outcome::NxDomain, 0),
        ("large.example", RecordType::TXT, Outcome::Found, 1),
    ] {
        let name: Name = name.parse().expect("a name");
        let lookup = client.lookup(&name, rtype).await.expect("running");
        assert_eq!(
            (lookup.outcome, lookup.records.len()),
            (want, records),
            "{upstream}: {name} {rtype}"
        );
        let last = server.status().last_asked;
        asked.extend(last.iter().map(|asked| (asked.carrier, asked.outcome)));
    }
    assert!(
        client
            .lookup(&"www.example".parse().expect("a name"), RecordType::A)
            .await
            .expect("running")
            .cached
    );
    server.stop().await;
    asked
}

async fn over_every_transport(
    [plain, tls, https]: [SocketAddr; 3],
    pair: &Pair,
) -> Vec<(Carrier, AskedOutcome)> {
    let asked = asks_everything(&plain.to_string(), pair).await;
    assert!(asked.contains(&(Carrier::Udp, AskedOutcome::Truncated)), "{asked:?}");
    assert!(asked.contains(&(Carrier::Stream, AskedOutcome::Answered)), "{asked:?}");
    for encrypted in
        [format!("tls://{tls}#dns.example"), format!("https://{https}/dns-query#dns.example")]
    {
        let asked = asks_everything(&encrypted, pair).await;
        let answered = (Carrier::Stream, AskedOutcome::Answered);
        assert!(asked.iter().all(|&one| one == answered), "{encrypted}: {asked:?}");
    }
    asked
}

#[tokio::test]
async fn unbound_is_asked_over_every_transport() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pair, addresses) = (Pair::new(folder.path()), addresses());
    let Some(_unbound) = unbound(folder.path(), &pair, addresses) else { return };
    over_every_transport(addresses, &pair).await;
}

#[tokio::test]
async fn bind_is_asked_over_every_transport_and_gets_the_cookie_it_wants() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pair, addresses) = (Pair::new(folder.path()), addresses());
    let Some(_named) = named(folder.path(), &pair, addresses) else { return };
    let asked = over_every_transport(addresses, &pair).await;
    assert_eq!(asked[0], (Carrier::Udp, AskedOutcome::BadCookie), "{asked:?}");
    assert_eq!(asked[1], (Carrier::Udp, AskedOutcome::Answered), "{asked:?}");
    let wanted = asked.iter().filter(|(_, outcome)| *outcome == AskedOutcome::BadCookie).count();
    assert_eq!(wanted, 1, "learnt once: {asked:?}");
}
