//! An outage with real sockets and a real cable: two name servers on another host (a network namespace),
//! one that falls silent, then the cable cut. Takes network namespaces, that is root; the bounds to the
//! millisecond are held on a virtual clock, in `outages.rs`.

#![cfg(all(target_os = "linux", feature = "server"))]

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dns_core::net::{Listen, Server, ServerConfig};
use dns_core::{Resolver, Upstream};
use nix::sched::{CloneFlags, unshare};
use tokio::net::UdpSocket;

const NEAR: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 1);
const FAR: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 8, 0, 2), Ipv4Addr::new(10, 8, 0, 3)];
const CLIENT_TIMER: Duration = Duration::from_millis(300);
/// What a debug build on a busy machine may take besides.
const SLACK: Duration = Duration::from_millis(400);
const NAMES: usize = 1_000;

#[test]
fn clients_hardly_notice() {
    let output = Command::new("unshare")
        .args(["-n", "sh", "-c", "ip link set lo up && exec \"$0\" --exact inside --ignored"])
        .arg(std::env::current_exe().expect("this test"))
        .output();
    let said = output.as_ref().map_or_else(ToString::to_string, |output| {
        String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr)
    });
    if output.is_err() || said.contains("unshare failed") || said.contains("not permitted") {
        let required = std::env::var("POPKIT_PEERS").is_ok_and(|value| value == "require");
        assert!(!required, "no network namespace, and POPKIT_PEERS=require: {said}");
        writeln!(std::io::stderr(), "skipped: no network namespaces here").expect("standard error");
        return;
    }
    assert!(output.is_ok_and(|output| output.status.success()), "{said}");
}

fn run(line: &str) {
    let mut words = line.split(' ');
    let status = Command::new(words.next().expect("a program")).args(words).status();
    assert!(status.is_ok_and(|status| status.success()), "{line}");
}

/// The host that the name servers are on.
struct Far {
    /// Which of them are silent.
    silent: [AtomicBool; 2],
    asked: AtomicU64,
}

/// A thread in a namespace of its own, at the other end of a cable.
fn far_host() -> Arc<Far> {
    let far = Arc::new(Far { silent: Default::default(), asked: AtomicU64::new(0) });
    let (tell, told) = std::sync::mpsc::channel();
    let (laid, is_laid) = std::sync::mpsc::channel::<()>();
    let there = Arc::clone(&far);
    std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
        tell.send(nix::unistd::gettid()).expect("somebody waits");
        is_laid.recv().expect("a cable");
        for (address, length) in FAR.iter().zip([24, 32]) {
            run(&format!("ip addr add {address}/{length} dev far"));
        }
        run("ip link set far up");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            tell.send(nix::unistd::gettid()).expect("somebody waits");
            tokio::join!(name_server(&there, 0), name_server(&there, 1));
        });
    });
    let thread = told.recv().expect("it has begun");
    run(&format!("ip link add near type veth peer name far netns {thread}"));
    run(&format!("ip addr add {NEAR}/24 dev near"));
    run("ip link set near up");
    laid.send(()).expect("it waits");
    told.recv().expect("it serves");
    far
}

/// Answers every question with one address that holds for a second.
async fn name_server(far: &Far, index: usize) {
    let socket = UdpSocket::bind((FAR[index], 53)).await.expect("a socket");
    let mut query = [0; 512];
    while let Ok((len, client)) = socket.recv_from(&mut query).await {
        far.asked.fetch_add(1, Ordering::Relaxed);
        if far.silent[index].load(Ordering::Relaxed) {
            continue;
        }
        let name = query[12..len].iter().position(|&octet| octet == 0).expect("a root");
        let mut answer = query[..12 + name + 5].to_vec();
        answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 203, 0, 113, 9]);
        let _ = socket.send_to(&answer, client).await;
    }
}

fn query(name: &str) -> Vec<u8> {
    let mut wire = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        wire.push(label.len() as u8);
        wire.extend(label.as_bytes());
    }
    wire.extend([0, 0, 1, 0, 1]);
    wire
}

/// How long each of these names took to be answered with an address; `None` where it was not.
async fn ask_all(server: SocketAddr, names: impl Iterator<Item = String>) -> Vec<Option<Duration>> {
    let asking: Vec<_> = names
        .map(|name| {
            tokio::spawn(async move {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
                let began = Instant::now();
                socket.send_to(&query(&name), server).await.expect("sent");
                let mut answer = [0; 512];
                let heard = tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut answer));
                let len = heard.await.ok()?.ok()?;
                answer[..len].ends_with(&[203, 0, 113, 9]).then(|| began.elapsed())
            })
        })
        .collect();
    let mut took = Vec::new();
    for one in asking {
        took.push(one.await.expect("no panic"));
    }
    took
}

/// The slowest but one of a hundred, after so many were answered as must be.
fn slowest(took: &[Option<Duration>], least_answered: usize, what: &str) -> Duration {
    let mut answered: Vec<Duration> = took.iter().flatten().copied().collect();
    assert!(answered.len() >= least_answered, "{what}: {} of {}", answered.len(), took.len());
    answered.sort_unstable();
    answered[answered.len() * 99 / 100 - 1]
}

#[ignore = "runs in a namespace that the other test makes"]
#[test]
fn inside() {
    let far = far_host();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async move {
        let mut config = ServerConfig::default();
        config.listen = vec![Listen::Plain((Ipv4Addr::LOCALHOST, 0).into())];
        config.upstreams = FAR.map(|address| Upstream::plain((address, 53).into())).to_vec();
        config.miss.client_timer = CLIENT_TIMER;
        let server =
            Server::start(Resolver::builder().forwards().build(), config).expect("a server");
        let address = server.addresses()[0].address();
        let names = |prefix: &'static str| (0..NAMES).map(move |i| format!("{prefix}{i}.example"));
        // What is to stand in later, in portions that no buffer is too small for.
        for portion in names("kept").collect::<Vec<_>>().chunks(100) {
            slowest(&ask_all(address, portion.iter().cloned()).await, 100, "healthy");
        }

        // One of two is silent: others are asked, nobody waits for it for long.
        far.silent[0].store(true, Ordering::Relaxed);
        let mut took = Vec::new();
        for portion in names("fresh").collect::<Vec<_>>().chunks(100) {
            took.extend(ask_all(address, portion.iter().cloned()).await);
        }
        let slow = slowest(&took, NAMES, "one of two silent");
        assert!(slow < Duration::from_secs(1), "{slow:?}");

        // The cable is cut, and what is kept has expired.
        run("ip link set near down");
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let mut took = Vec::new();
        for portion in names("kept").collect::<Vec<_>>().chunks(100) {
            took.extend(ask_all(address, portion.iter().cloned()).await);
        }
        let slow = slowest(&took, NAMES - 1, "the cable cut");
        assert!(slow < CLIENT_TIMER + SLACK, "{slow:?}");

        // A server that is there and silent is a different death.
        run("ip link set near up");
        far.silent[1].store(true, Ordering::Relaxed);
        let before = far.asked.load(Ordering::Relaxed);
        let mut took = Vec::new();
        for portion in names("kept").collect::<Vec<_>>().chunks(100) {
            took.extend(ask_all(address, portion.iter().cloned()).await);
        }
        let slow = slowest(&took, NAMES - 1, "all silent");
        assert!(slow < CLIENT_TIMER + SLACK, "{slow:?}");
        let asked = far.asked.load(Ordering::Relaxed) - before;
        assert!(asked < 8 * NAMES as u64, "{asked} questions to the dead for {NAMES} of clients");

        // And back.
        far.silent.iter().for_each(|silent| silent.store(false, Ordering::Relaxed));
        let mut back = false;
        for attempt in 0..60 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let name = format!("back{attempt}.example");
            back |= ask_all(address, std::iter::once(name)).await[0].is_some();
            if back {
                break;
            }
        }
        assert!(back, "fresh names are answered again");
        server.stop().await;
    });
}
