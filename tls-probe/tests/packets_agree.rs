//! What the prober measures from inside agrees with the packets of the same handshakes, captured
//! by tcpdump on the loopback of a network namespace.

#![cfg(all(feature = "active", feature = "passive"))]

#[path = "common/capture.rs"]
mod capture;
mod live;

use std::{
    io::Write,
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};

use live::{
    pki::{Wish, authority, trusting},
    programs::{Running, listening, there},
    proxy::{Stall, stalling},
    server::{client, config, serve},
};
use rustls::version::{TLS12, TLS13};
use tls_probe::{
    Config, LinkType, Outcome, Phases, Report, Table, Vantage, Verdict,
    net::{Prober, Settings, Target},
};

/// From a system call to the packet and back, in a debug build on a machine that does other things
/// too: the client reads a packet after it came and asks for the time after that.
const TOLERANCE: Duration = Duration::from_millis(5);

const STALL: Duration = Duration::from_millis(200);

#[test]
fn phases_agree_with_the_packets() {
    if !there("tcpdump", "--version") || !there("unshare", "--version") {
        return;
    }
    let this = std::env::current_exe().unwrap();
    let output = Command::new("unshare")
        .args(["-n", "sh", "-c", "ip link set lo up && exec \"$0\" --exact inside --ignored"])
        .arg(this)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    if said.contains("unshare failed") || said.contains("Operation not permitted") {
        let required = std::env::var("POPKIT_PEERS").is_ok_and(|value| value == "require");
        assert!(!required, "no network namespace, and POPKIT_PEERS=require: {said}");
        writeln!(std::io::stderr(), "skipped: no network namespace of our own here").unwrap();
        return;
    }
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[ignore = "runs in a namespace that the other test makes"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside() {
    let ca = authority("TestRoot");
    let leaf = Wish::of("edge.test").signed_by(&ca);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("capture.pcap");
    let mut tcpdump = Command::new("tcpdump");
    // Immediate, because a packet is in the file before it is looked for; in nanoseconds.
    tcpdump.args(["-i", "lo", "-U", "--immediate-mode", "-j", "host"]);
    // In immediate mode each packet takes a slot of the whole snapshot length: by default there are eight.
    tcpdump.args(["-s", "65535", "-B", "65536"]);
    tcpdump.args(["--time-stamp-precision=nano", "-w"]).arg(&file).arg("tcp");
    let tcpdump = tcpdump.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let tcpdump = Running(tcpdump);
    while !std::fs::metadata(&file).is_ok_and(|file| file.len() > 0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let prober =
        Prober::new(client(&[&TLS13, &TLS12], trusting(&ca)), trusting(&ca), Settings::default());
    let mut ours = Vec::new();
    for version in [&TLS13, &TLS12] {
        let server = serve(config(&[version], &[&leaf])).await;
        for piece in [0, 1] {
            let stall = Stall { from_client: false, piece, lasts: STALL };
            let proxy = stalling(server, stall).await;
            listening(proxy).await;
            let target: Target = proxy.to_string().parse().unwrap();
            let target = Target { server_name: Some("edge.test".to_owned()), ..target };
            let probed = prober.probe(&target).await.remove(0);
            assert!(probed.success(), "{probed:#?}");
            ours.push((piece, proxy, probed.report));
        }
    }
    // On a busy machine tcpdump is behind: until it has written every handshake to its end.
    for _ in 0..100 {
        let file = std::fs::read(&file).unwrap();
        let all = ours.iter().all(|(_, proxy, ours)| {
            let theirs = from_packets(&file, *proxy, ours.client.unwrap());
            theirs.is_some_and(|theirs| theirs.outcome == Outcome::Established)
        });
        if all {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(tcpdump);
    for (piece, proxy, ours) in &ours {
        let theirs = from_packets(&std::fs::read(&file).unwrap(), *proxy, ours.client.unwrap());
        let theirs = theirs.expect("the handshake is in the capture");
        let want = if *piece == 0 { Verdict::None } else { Verdict::Server };
        assert_eq!((ours.verdict, theirs.verdict), (want, want), "{ours:#?} {theirs:#?}");
        let all = named(&ours.phases).into_iter().zip(named(&theirs.phases));
        for ((name, ours), (_, theirs)) in all {
            let off = ours.unwrap().abs_diff(theirs.unwrap());
            assert!(off <= TOLERANCE, "{name}: ours {ours:?}, the packets' {theirs:?}");
            writeln!(std::io::stderr(), "{name}: off by {off:?}").unwrap();
        }
        assert!(ours.start_ns.abs_diff(theirs.start_ns) <= TOLERANCE.as_nanos() as u64);
        assert_eq!(ours.cipher, theirs.cipher);
    }
}

fn named(phases: &Phases) -> [(&'static str, Option<Duration>); 5] {
    [
        ("tcp", phases.tcp),
        ("client_hello", phases.client_hello),
        ("server_flight", phases.server_flight),
        ("client_flight", phases.client_flight),
        ("total", Some(phases.total)),
    ]
}

/// The same handshake as the packets show it, seen from the client's side.
fn from_packets(file: &[u8], server: SocketAddr, client: SocketAddr) -> Option<Report> {
    let config = Config::default().server_ports([server.port()]).vantage(Vantage::Client);
    let mut table = Table::new(config);
    for packet in capture::packets(file) {
        let link = LinkType::of(packet.link).unwrap();
        table.packet(packet.at_ns, link, &packet.bytes, packet.original_len);
    }
    table.finish();
    std::iter::from_fn(|| table.poll_report()).find(|report| report.client == Some(client))
}
