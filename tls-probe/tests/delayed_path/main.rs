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
    time::Duration,
};

use common::tshark::{compare, reports};
use live::{
    pki::{Identity, Wish, authority},
    programs::{Running, client_of, listening, nginx, s_server, there},
    proxy::{Stall, stalling, stalling_at},
    server::{config, probe, timed},
};
use path::{FAR, JITTER, ONE_WAY};
use rustls::version::{TLS12, TLS13};
use tls_probe::{Config, Outcome, Report, Vantage, Verdict};
use tokio::sync::mpsc::UnboundedReceiver;

const STALL: Duration = Duration::from_millis(200);

/// What a debug build on a busy machine computes, and waits to be run, besides.
const TOLERANCE: Duration = Duration::from_millis(100);

/// Programs start and compute for some milliseconds; what they are idle besides is what we put in.
fn settings() -> Config {
    Config::default().notable(STALL / 4)
}

const TRIES: u32 = 3;

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
    // Whoever is kept from running for as long as a stall is idle in earnest: a busy machine is asked again.
    let mut said = String::new();
    for _ in 0..TRIES {
        let output = Command::new("unshare")
            .args(["-n", "sh", "-c", "ip link set lo up && exec \"$0\" --exact inside --ignored"])
            .arg(std::env::current_exe().unwrap())
            .output()
            .unwrap();
        said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        if said.contains("unshare failed") || said.contains("Operation not permitted") {
            let required = std::env::var("POPKIT_PEERS").is_ok_and(|value| value == "require");
            assert!(!required, "no network namespace, and POPKIT_PEERS=require: {said}");
            writeln!(std::io::stderr(), "skipped: no network namespaces of our own here").unwrap();
            return;
        }
        if output.status.success() && said.contains("1 passed") {
            return;
        }
    }
    panic!("{said}");
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
    /// Our servers, one for each version, and their reports.
    ours: [(&'static str, (SocketAddr, UnboundedReceiver<Report>)); 2],
    /// Programs that serve, and the proxies before them: at ease, and thinking.
    servers: Vec<(String, SocketAddr, SocketAddr)>,
}

#[ignore = "runs in a namespace that the other test makes"]
#[test]
fn inside() {
    let folder = tempfile::tempdir().unwrap();
    let ca = authority("TestRoot");
    let leaf = Wish::of("edge.test").signed_by(&ca);
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
    // What belongs to the path is taken off by the first round trip: jitter may be in it, or not, and what a
    // busy machine added to it.
    let slack = 2 * JITTER + Duration::from_millis(5);
    let late = report.rtt.map_or(Duration::ZERO, |rtt| rtt.saturating_sub(2 * ONE_WAY));
    assert!(idle + late + slack >= STALL && idle <= STALL + TOLERANCE, "{what}: {report:#?}");
    assert!(report.rtt.is_none_or(|rtt| rtt + slack >= 2 * ONE_WAY), "{what}: {:?}", report.rtt);
}

/// openssl and curl against our server, at ease and with either of their flights late.
async fn clients(far: &mut Far) -> Vec<Played> {
    let mut played = Vec::new();
    for program in ["openssl", "curl"] {
        for (version, (server, reports)) in &mut far.ours {
            for piece in [0, 1, 2] {
                let proxy = stalling(*server, Stall { piece, ..NEVER }).await;
                let _running = client_of(program, proxy);
                let wait = tokio::time::timeout(Duration::from_secs(5), reports.recv());
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

async fn far_host(place: &Path, leaf: &Identity) -> (Far, Vec<Running>) {
    let at = IpAddr::V4(FAR);
    let tls12 = timed(at, config(&[&TLS12], &[leaf]), settings()).await;
    let tls13 = timed(at, config(&[&TLS13], &[leaf]), settings()).await;
    let (cert, key) = leaf.written(place);
    let pair = (&*cert, &*key);
    let mut programs = Vec::new();
    let mut servers = Vec::new();
    let think = Stall { from_client: false, piece: 1, lasts: STALL };
    for (port, version) in [(8442, "-tls1_2"), (8443, "-tls1_3")] {
        let server: SocketAddr = ([127, 0, 0, 1], port).into();
        programs.push(s_server(server, version, pair));
        servers.push((format!("s_server {version}"), server));
    }
    let [old, new] = [8444, 8445].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    programs.push(nginx(place, &[(old, "TLSv1.2"), (new, "TLSv1.3")], pair));
    servers.push(("nginx, TLS 1.2".to_owned(), old));
    servers.push(("nginx, TLS 1.3".to_owned(), new));
    let mut proxied = Vec::new();
    for (name, server) in servers {
        listening(server).await;
        let at_ease = stalling_at(at, server, NEVER).await;
        proxied.push((name, at_ease, stalling_at(at, server, think).await));
    }
    (Far { ours: [("1.2", tls12), ("1.3", tls13)], servers: proxied }, programs)
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
