//! Handshakes over a path that takes 15 to 18 ms each way: programs that are not ours on either side, a
//! proxy beside one of them that thinks for it, packets lost on the way. Everybody who watches names the
//! same side: our server, our client, the packets captured at either end; and tshark agrees with our
//! phases to a microsecond on both captures. Takes network namespaces and TUN devices, that is root.

#![cfg(all(target_os = "linux", feature = "active", feature = "passive"))]

#[path = "../common/mod.rs"]
mod common;
#[path = "../live/mod.rs"]
mod live;
mod path;

use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use common::tshark::{compare, reports};
use live::{
    pki::{Identity, Wish, authority, trusting},
    programs::{Running, listening, there},
    proxy::{Stall, stalling, stalling_at},
    server::{client, config},
};
use path::{FAR, JITTER, ONE_WAY};
use rustls::version::{TLS12, TLS13};
use tls_probe::{
    Config, Endpoints, Outcome, Report, TimedAcceptor, Vantage, Verdict,
    net::{Prober, Settings, Target, TcpInfoSource},
};
use tokio::{io::AsyncReadExt, net::TcpListener, sync::mpsc};
use tokio_rustls::TlsAcceptor;

const STALL: Duration = Duration::from_millis(200);

/// What a debug build on a busy machine computes, and waits to be run, besides.
const TOLERANCE: Duration = Duration::from_millis(100);

/// Programs start and compute for some milliseconds; what they are idle besides is what we put in.
fn settings() -> Config {
    Config::default().notable(STALL / 4)
}

/// Thinks of nothing.
const NEVER: Stall = Stall { from_client: true, piece: 0, lasts: STALL };

#[test]
fn everybody_names_the_same_side() {
    let programs = [
        ("unshare", "--version"),
        ("tcpdump", "--version"),
        ("tshark", "--version"),
        ("openssl", "version"),
        ("curl", "--version"),
        ("nginx", "-v"),
    ];
    if !programs.into_iter().all(|(program, version)| there(program, version)) {
        return;
    }
    let output = Command::new("unshare")
        .args(["-n", "sh", "-c", "ip link set lo up && exec \"$0\" --exact inside --ignored"])
        .arg(std::env::current_exe().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    if said.contains("unshare failed") || said.contains("Operation not permitted") {
        let required = std::env::var("POPKIT_PEERS").is_ok_and(|value| value == "require");
        assert!(!required, "no network namespace, and POPKIT_PEERS=require: {said}");
        writeln!(std::io::stderr(), "skipped: no network namespaces of our own here").unwrap();
        return;
    }
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// What a handshake was meant to show, and what our own end made of it.
struct Played {
    what: String,
    want: Verdict,
    ours: Option<Report>,
    client: SocketAddr,
    /// The host that cannot know.
    unseen_at: Option<&'static str>,
}

/// What runs on the far host.
struct Far {
    tls12: SocketAddr,
    tls13: SocketAddr,
    reports: mpsc::UnboundedReceiver<Report>,
    /// Programs that serve, and the proxies before them: at ease, and thinking.
    servers: Vec<(String, SocketAddr, SocketAddr)>,
}

#[ignore = "runs in a namespace that the other test makes"]
#[test]
fn inside() {
    let folder = tempfile::tempdir().unwrap();
    let ca = authority("TestRoot");
    let leaf = Wish::of("edge.test").signed_by(&ca);
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, &leaf.pem).unwrap();
    std::fs::write(&key, leaf.key.serialize_pem()).unwrap();
    let place = folder.path().to_owned();
    let (tell, told) = std::sync::mpsc::channel();
    let (out, back) = path::lay(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let _capture = captured("far", &place.join("far.pcap")).await;
            let (far, _programs) = far_host(&place, &leaf).await;
            tell.send(far).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let mut far = told.recv().unwrap();
    // One thread: its children and sockets belong to its namespace.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let near_file = folder.path().join("near.pcap");
    let played = runtime.block_on(async {
        let _capture = captured("near", &near_file).await;
        let mut played = clients(&mut far).await;
        played.extend(servers(&far, &ca).await);
        let losses = [(&out, "ClientHello", "far"), (&back, "server's flight", "near")];
        for (way, what, unseen_at) in losses {
            // What the connection before had still to say has been said.
            tokio::time::sleep(STALL).await;
            way.lose(1);
            let report = probe(&ca, far.servers[0].1).await;
            let client = report.client.unwrap();
            let (what, want) = (format!("the {what} lost"), Verdict::Network);
            played.push(Played { what, want, ours: None, client, unseen_at: Some(unseen_at) });
        }
        let (near, far) = (&near_file, folder.path().join("far.pcap"));
        all_written(&played, &[near, &far]).await;
        played
    });
    for played in &played {
        if let Some(report) = &played.ours {
            judged(report, played.want, &played.what);
        }
    }
    for (file, vantage) in [("near", Vantage::Client), ("far", Vantage::Server)] {
        let file_path = folder.path().join(file).with_extension("pcap");
        for vantage in [vantage, Vantage::Auto] {
            let seen = reports(&file_path, &settings().vantage(vantage));
            for played in &played {
                let report = seen.iter().find(|report| report.client == Some(played.client));
                let report = report.unwrap_or_else(|| panic!("{} is captured", played.what));
                // A packet lost before it came to the capture is not seen to be lost.
                if played.unseen_at == Some(file) {
                    continue;
                }
                judged(report, played.want, &format!("{}, {file}, {vantage:?}", played.what));
            }
        }
        let compared = compare(&file_path, &settings());
        assert!(compared >= played.len(), "{compared} of {} handshakes", played.len());
    }
}

/// Who was idle, for how long, and that nothing is left over.
fn judged(report: &Report, want: Verdict, what: &str) {
    assert_eq!(report.outcome, Outcome::Established, "{what}");
    assert_eq!(report.verdict, want, "{what}: {report:#?}");
    assert_eq!(report.idle.total(), report.phases.total, "{what}");
    let idle = match want {
        Verdict::Client => report.idle.client,
        Verdict::Server => report.idle.server,
        Verdict::Network | Verdict::None => return,
    };
    // What belongs to the path is taken off by the first round trip: jitter may be in it, or not.
    let slack = 2 * JITTER + Duration::from_millis(5);
    assert!(idle + slack >= STALL && idle <= STALL + TOLERANCE, "{what}: {idle:?}");
    assert!(report.rtt.is_none_or(|rtt| rtt + slack >= 2 * ONE_WAY), "{what}: {:?}", report.rtt);
}

/// openssl and curl against our server, at ease and with either of their flights late.
async fn clients(far: &mut Far) -> Vec<Played> {
    let mut played = Vec::new();
    for program in ["openssl", "curl"] {
        for (version, server) in [("1.2", far.tls12), ("1.3", far.tls13)] {
            for piece in [0, 1, 2] {
                let proxy = stalling(server, Stall { piece, ..NEVER }).await;
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
                let wait = tokio::time::timeout(Duration::from_secs(5), far.reports.recv());
                let report = wait.await.unwrap().unwrap();
                // The server's last flight is still on its way to the client.
                tokio::time::sleep(4 * ONE_WAY).await;
                played.push(Played {
                    what: format!("{program}, TLS {version}, flight {piece}"),
                    want: if piece == 0 { Verdict::None } else { Verdict::Client },
                    client: report.client.unwrap(),
                    ours: Some(report),
                    unseen_at: None,
                });
            }
        }
    }
    played
}

/// Our client against s_server and nginx, at ease and late.
async fn servers(far: &Far, ca: &Identity) -> Vec<Played> {
    let mut played = Vec::new();
    for (name, at_ease, thinking) in &far.servers {
        for (address, want) in [(at_ease, Verdict::None), (thinking, Verdict::Server)] {
            let report = probe(ca, *address).await;
            let what = format!("{name}, {want:?}");
            let client = report.client.unwrap();
            played.push(Played { what, want, client, ours: Some(report), unseen_at: None });
        }
    }
    played
}

async fn probe(ca: &Identity, server: SocketAddr) -> Report {
    let tls = client(&[&TLS13, &TLS12], trusting(ca));
    let prober = Prober::new(tls, trusting(ca), Settings::default());
    let target: Target = server.to_string().parse().unwrap();
    let target = Target { server_name: Some("edge.test".to_owned()), ..target };
    let probed = prober.probe(&target).await.remove(0);
    assert!(probed.success(), "{probed:#?}");
    probed.report
}

async fn far_host(place: &Path, leaf: &Identity) -> (Far, Vec<Running>) {
    let (to, reports) = mpsc::unbounded_channel();
    let mut ours = Vec::new();
    for version in [&TLS12, &TLS13] {
        let acceptor = TlsAcceptor::from(Arc::new(config(&[version], &[leaf])));
        let acceptor =
            TimedAcceptor::new(acceptor, settings()).with_tcp_info(TcpInfoSource::open().unwrap());
        let listener = TcpListener::bind((FAR, 0)).await.unwrap();
        ours.push(listener.local_addr().unwrap());
        let to = to.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let endpoints = Endpoints::of(&stream);
                let (acceptor, to) = (acceptor.clone(), to.clone());
                tokio::spawn(async move {
                    if let Ok((mut tls, report)) = acceptor.accept_from(stream, endpoints).await {
                        to.send(report).unwrap();
                        let _ = tls.read(&mut [0; 256]).await;
                    }
                });
            }
        });
    }
    let (cert, key) = (place.join("cert.pem"), place.join("key.pem"));
    let mut programs = Vec::new();
    let mut servers = Vec::new();
    let think = Stall { from_client: false, piece: 1, lasts: STALL };
    for (port, version) in [(8442, "-tls1_2"), (8443, "-tls1_3")] {
        let server: SocketAddr = ([127, 0, 0, 1], port).into();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", version, "-accept", &server.to_string()]);
        command.args([Path::new("-cert"), &cert, Path::new("-key"), &key]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        programs.push(Running(command.spawn().unwrap()));
        servers.push((format!("s_server {version}"), server));
    }
    programs.push(nginx(place, &cert, &key));
    servers.push(("nginx, TLS 1.2".to_owned(), ([127, 0, 0, 1], 8444).into()));
    servers.push(("nginx, TLS 1.3".to_owned(), ([127, 0, 0, 1], 8445).into()));
    let mut proxied = Vec::new();
    for (name, server) in servers {
        listening(server).await;
        let at = IpAddr::V4(FAR);
        let at_ease = stalling_at(at, server, NEVER).await;
        proxied.push((name, at_ease, stalling_at(at, server, think).await));
    }
    (Far { tls12: ours[0], tls13: ours[1], reports, servers: proxied }, programs)
}

fn nginx(place: &Path, cert: &Path, key: &Path) -> Running {
    let folder = place.display();
    let server = |port: u16, version: &str| {
        format!(
            "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
             ssl_protocols {version}; return 204; }}\n",
            cert.display(),
            key.display()
        )
    };
    let settings = format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n\
         events {{}}\n\
         http {{ access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;\n\
         fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;\n\
         {}{} }}\n",
        server(8444, "TLSv1.2"),
        server(8445, "TLSv1.3"),
    );
    let file = place.join("nginx.conf");
    std::fs::write(&file, settings).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&file).arg("-p").arg(place);
    Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

async fn captured(device: &str, file: &Path) -> Running {
    let mut tcpdump = Command::new("tcpdump");
    // Immediate, because a packet is in the file before it is looked for; in nanoseconds.
    tcpdump.args(["-i", device, "-U", "--immediate-mode", "-j", "host"]);
    // In immediate mode each packet takes a slot of the whole snapshot length: by default there are eight.
    tcpdump.args(["-s", "65535", "-B", "65536"]);
    tcpdump.args(["--time-stamp-precision=nano", "-Z", "root", "-w"]).arg(file).arg("tcp");
    let tcpdump = Running(tcpdump.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    while !std::fs::metadata(file).is_ok_and(|file| file.len() > 0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tcpdump
}

/// On a busy machine tcpdump is behind: until it has written every handshake to its end.
async fn all_written(played: &[Played], files: &[&PathBuf]) {
    for _ in 0..100 {
        let whole = files.iter().all(|file| {
            let seen = reports(file, &settings());
            played.iter().all(|played| {
                let report = seen.iter().find(|report| report.client == Some(played.client));
                report.is_some_and(|report| report.outcome == Outcome::Established)
            })
        });
        if whole {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
