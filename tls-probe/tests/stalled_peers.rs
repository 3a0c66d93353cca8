//! Handshakes with programs that are not ours, through a proxy that thinks for one side: the
//! verdict names that side, and the idle time is what was put in.

#![cfg(feature = "active")]

mod live;

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use live::{
    pki::{Identity, Wish, authority, trusting},
    programs::{Running, free_port, listening, there},
    proxy::{Stall, stalling},
    server::{client, config},
};
use rustls::{
    SupportedProtocolVersion,
    version::{TLS12, TLS13},
};
use tls_probe::{
    Config, Endpoints, Outcome, Report, TimedAcceptor, Verdict,
    net::{Prober, Settings, Target, TcpInfoSource},
};
use tokio::{io::AsyncReadExt, net::TcpListener, sync::mpsc};
use tokio_rustls::TlsAcceptor;

const STALL: Duration = Duration::from_millis(300);

/// A debug build on a busy machine computes for some milliseconds, and is not always run at once.
const TOLERANCE: Duration = Duration::from_millis(150);

fn site() -> (Identity, Identity) {
    let ca = authority("TestRoot");
    let leaf = Wish::of("edge.test").signed_by(&ca);
    (ca, leaf)
}

/// A server of ours that sends its reports.
async fn our_server(
    versions: &[&'static SupportedProtocolVersion],
    leaf: &Identity,
) -> (SocketAddr, mpsc::Receiver<Report>) {
    let acceptor = TlsAcceptor::from(Arc::new(config(versions, &[leaf])));
    let acceptor = TimedAcceptor::new(acceptor, Config::default())
        .with_tcp_info(TcpInfoSource::open().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (to, from) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let endpoints = Endpoints::of(&stream);
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                if let Ok((mut tls, report)) = acceptor.accept_from(stream, endpoints).await {
                    to.send(report).await.unwrap();
                    let _ = tls.read(&mut [0; 256]).await;
                }
            });
        }
    });
    (address, from)
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
            let (server, mut reports) = our_server(&versions, &leaf).await;
            // The ClientHello, then what answers the server's flight.
            for piece in [1, 2] {
                let stall = Stall { from_client: true, piece, lasts: STALL };
                let proxy = stalling(server, stall).await;
                let mut command = Command::new(program);
                if program == "openssl" {
                    command.args(["s_client", "-servername", "edge.test", "-connect"]);
                    command.arg(proxy.to_string());
                } else {
                    let to = format!("edge.test:{}:127.0.0.1", proxy.port());
                    let url = format!("https://edge.test:{}/", proxy.port());
                    command.args(["-sk", "--max-time", "5", "--resolve", &to, &url]);
                }
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
                let _running = Running(command.spawn().unwrap());
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

async fn probe(ca: &Identity, proxy: SocketAddr) -> Report {
    let tls = client(&[&TLS13, &TLS12], trusting(ca));
    let prober = Prober::new(tls, trusting(ca), Settings::default());
    let target: Target = proxy.to_string().parse().unwrap();
    let target = Target { server_name: Some("edge.test".to_owned()), ..target };
    let probed = prober.probe(&target).await.remove(0);
    assert!(probed.success(), "{probed:#?}");
    probed.report
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
    let (cert, key) = written(folder.path(), &leaf);
    for protocol in ["-tls1_3", "-tls1_2"] {
        let server: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", protocol, "-accept", &server.to_string()]);
        command.args([Path::new("-cert"), &cert, Path::new("-key"), &key]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let _running = Running(command.spawn().unwrap());
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
    let (cert, key) = written(folder.path(), &leaf);
    let server: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let place = folder.path().display();
    let settings = format!(
        "daemon off; master_process off; pid {place}/pid; error_log {place}/error.log;\n\
         events {{}}\n\
         http {{ access_log off; client_body_temp_path {place}/a; proxy_temp_path {place}/b;\n\
         fastcgi_temp_path {place}/c; uwsgi_temp_path {place}/d; scgi_temp_path {place}/e;\n\
         server {{ listen {server} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
         ssl_protocols TLSv1.2 TLSv1.3; return 204; }} }}\n",
        cert.display(),
        key.display(),
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, settings).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&file).arg("-p").arg(folder.path());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let _running = Running(command.spawn().unwrap());
    probe_stalled(&ca, server, "nginx").await;
}

fn written(folder: &Path, leaf: &Identity) -> (std::path::PathBuf, std::path::PathBuf) {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, &leaf.pem).unwrap();
    std::fs::write(&key, leaf.key.serialize_pem()).unwrap();
    (cert, key)
}
