//! Handshakes with programs that are not ours, through a proxy that thinks for one side: the
//! verdict names that side, and the idle time is what was put in.

#![cfg(feature = "active")]

mod live;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use live::{
    pki::{Identity, Wish, authority},
    programs::{client_of, free_port, listening, nginx, s_server, there},
    proxy::{Stall, stalling},
    server::{config, probe, timed},
};
use rustls::version::{TLS12, TLS13};
use tls_probe::{Config, Outcome, Report, Verdict};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

const STALL: Duration = Duration::from_millis(300);

/// A debug build on a busy machine computes for some milliseconds, and is not always run at once.
const TOLERANCE: Duration = Duration::from_millis(150);

fn site() -> (Identity, Identity) {
    let ca = authority("TestRoot");
    let leaf = Wish::of("edge.test").signed_by(&ca);
    (ca, leaf)
}

fn judged(report: &Report, want: Verdict, what: &str) {
    assert_eq!(report.outcome, Outcome::Established, "{what}");
    assert_eq!(report.verdict, want, "{what}: {report:#?}");
    let idle = match want {
        Verdict::Client => report.idle.client,
        Verdict::Server => report.idle.server,
        Verdict::Network => report.idle.network,
        Verdict::None => return,
    };
    assert!(
        idle + Duration::from_millis(5) >= STALL && idle <= STALL + TOLERANCE,
        "{what}: {idle:?}"
    );
    assert_eq!(report.idle.total(), report.phases.total, "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_wait_before_a_flight() {
    let (_, leaf) = site();
    for (program, version) in [("openssl", "version"), ("curl", "--version")] {
        if !there(program, version) {
            continue;
        }
        for (protocol, versions) in [("1.2", [&TLS12]), ("1.3", [&TLS13])] {
            let (server, mut reports) =
                timed(LOOPBACK, config(&versions, &[&leaf]), Config::default()).await;
            // The ClientHello, then what answers the server's flight.
            for piece in [1, 2] {
                let stall = Stall { from_client: true, piece, lasts: STALL };
                let proxy = stalling(server, stall).await;
                let _running = client_of(program, proxy);
                let wait = tokio::time::timeout(Duration::from_secs(5), reports.recv());
                let report = wait.await.unwrap().unwrap();
                let what = format!("{program}, TLS {protocol}, before flight {piece}");
                judged(&report, Verdict::Client, &what);
                assert_eq!(report.server_name.as_deref(), Some("edge.test"), "{what}");
                assert!(report.rtt.is_some_and(|rtt| rtt < Duration::from_millis(50)), "{what}");
                let phase = if piece == 1 {
                    report.phases.client_hello
                } else {
                    report.phases.client_flight
                };
                assert!(phase.unwrap() + Duration::from_millis(5) >= STALL, "{what}: {phase:?}");
            }
        }
    }
}

/// Probes a server of somebody else's at ease, then with each side's thinking put in.
async fn probe_stalled(ca: &Identity, server: SocketAddr, what: &str) {
    listening(server).await;
    let never = Stall { from_client: false, piece: 0, lasts: STALL };
    let report = probe(ca, stalling(server, never).await).await;
    judged(&report, Verdict::None, what);
    let think = Stall { from_client: false, piece: 1, lasts: STALL };
    let report = probe(ca, stalling(server, think).await).await;
    judged(&report, Verdict::Server, what);
    let flight = report.phases.server_flight.unwrap();
    assert!(flight + Duration::from_millis(5) >= STALL, "{what}: {flight:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssl_s_server_that_thinks() {
    if !there("openssl", "version") {
        return;
    }
    let (ca, leaf) = site();
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = leaf.written(folder.path());
    for protocol in ["-tls1_3", "-tls1_2"] {
        let server: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        let _running = s_server(server, protocol, (&cert, &key));
        probe_stalled(&ca, server, &format!("s_server {protocol}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_that_thinks() {
    if !there("nginx", "-v") {
        return;
    }
    let (ca, leaf) = site();
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = leaf.written(folder.path());
    let server: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let servers = [(server, "TLSv1.2 TLSv1.3")];
    let _running = nginx(folder.path(), &servers, (&cert, &key));
    probe_stalled(&ca, server, "nginx").await;
}
