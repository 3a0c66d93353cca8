//! The resolver as a site runs it: names by site, the cache across a restart, no privileges, and a service manager.

mod common;
mod resolver_common;

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::{is_root, peer, run, said, skipped};
use resolver_common::{RESOLVER, Running};

const ZONE: &str =
    "$TTL 5m\n@ SOA ns mail 1 1d 2h 4w 5m\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.80\n";

fn until(mut done: impl FnMut() -> bool) -> bool {
    (0..120).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        done()
    })
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn a_changed_overlay_is_read_again_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("overlay");
    let write = |address: &str| {
        let next = folder.path().join("next");
        let lines =
            format!("site here 127.0.0.0/8\ntill.corp @here A {address}\n*.shop.corp A 10.9.9.9\n");
        std::fs::write(&next, lines).expect("room");
        std::fs::rename(&next, &file).expect("renamed");
    };
    write("10.2.0.1");
    let resolver = Running::start(&["--overlay", text(&file)]);
    assert_eq!(resolver.ask("till.corp"), (0, [10, 2, 0, 1]));
    assert_eq!(resolver.ask("a.b.shop.corp"), (0, [10, 9, 9, 9]));
    write("10.2.0.200");
    assert!(until(|| resolver.ask("till.corp") == (0, [10, 2, 0, 200])));
    write("nonsense");
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(resolver.ask("till.corp"), (0, [10, 2, 0, 200]));
}

#[test]
fn what_was_learnt_outlives_a_restart_and_its_servers() {
    let folder = tempfile::tempdir().expect("a folder");
    let (zone, cache) = (folder.path().join("zone"), folder.path().join("cache"));
    std::fs::write(&zone, ZONE).expect("room");
    let zone = format!("site.example={}", zone.display());
    let back = Running::start(&["--zone", &zone]);
    let to = back.address.to_string();
    let args = ["--forward", &to, "--cache-file", text(&cache)];
    let mut front = Running::start(&args);
    assert_eq!(front.ask("www.site.example"), (0, [192, 0, 2, 80]));
    front.signal(libc::SIGTERM);
    assert!(front.child.wait().expect("it ends").success());
    drop(back);
    let front = Running::start(&args);
    assert_eq!(front.ask("www.site.example"), (0, [192, 0, 2, 80]));
    drop(front);
    std::fs::write(&cache, b"not a cache").expect("room");
    let front = Running::start(&args);
    assert_eq!(front.ask("nothing.site.example").0, 2, "it begins empty, and all the same");
}

#[test]
fn expired_answers_are_given_as_far_as_the_site_wants_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let zone = folder.path().join("zone");
    let short = ZONE.replace("$TTL 5m", "$TTL 1").replace("4w 5m", "4w 1");
    std::fs::write(&zone, short).expect("room");
    let back = Running::start(&["--zone", &format!("site.example={}", zone.display())]);
    let to = back.address.to_string();
    let fronts = [&[][..], &["--no-stale", "denials"], &["--max-stale", "0s"]]
        .map(|more| Running::start(&[&["--forward", &to][..], more].concat()));
    for front in &fronts {
        assert_eq!(front.ask("www.site.example").0, 0);
        assert_eq!(front.ask("gone.site.example").0, 3);
    }
    drop(back);
    std::thread::sleep(Duration::from_millis(1_300));
    let codes =
        fronts.map(|front| ["www.site.example", "gone.site.example"].map(|name| front.ask(name).0));
    assert_eq!(codes, [[0, 3], [0, 2], [2, 2]]);
}

#[test]
fn top_shows_rates_and_servers() {
    let metrics =
        UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("one").to_string();
    let resolver = Running::start(&["--metrics", &metrics, "--forward", "127.0.0.1:1"]);
    resolver.ask("localhost");
    let top =
        || run(Command::new(RESOLVER).args(["top", &metrics, "--every", "100ms", "--count", "2"]));
    assert!(until(|| {
        let output = top();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success() && shown.contains("queries") && shown.contains("127.0.0.1:1")
    }));
    let nobody = run(Command::new(RESOLVER).args(["top", "127.0.0.1:1"]));
    assert_eq!(nobody.status.code(), Some(1), "{}", said(&nobody));
}

#[test]
fn the_service_manager_hands_over_sockets_and_is_told() {
    let Some(mut command) = peer("python3") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let told = folder.path().join("notify");
    let manager = UnixDatagram::bind(&told).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(8))).expect("a time-out");
    let script = "import os, socket, sys
tcp = socket.socket(); tcp.bind(('127.0.0.1', 0)); tcp.listen()
udp = socket.socket(type=socket.SOCK_DGRAM); udp.bind(tcp.getsockname())
os.dup2(tcp.fileno(), 30); os.dup2(udp.fileno(), 31); os.dup2(30, 3); os.dup2(31, 4)
os.environ.update(LISTEN_FDS='2', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])";
    command.args(["-c", script, RESOLVER, "--in-order"]).env("NOTIFY_SOCKET", &told);
    let mut resolver = Running::spawn(command);
    assert_eq!(resolver.ask("localhost"), (0, [127, 0, 0, 1]));
    let hear = || {
        let mut state = [0; 64];
        let len = manager.recv(&mut state).expect("it says something");
        String::from_utf8_lossy(&state[..len]).into_owned()
    };
    assert_eq!(hear(), "READY=1");
    resolver.signal(libc::SIGTERM);
    assert_eq!(hear(), "STOPPING=1");
    assert!(resolver.child.wait().expect("it ends").success());
}

#[test]
fn privileges_are_given_up_once_the_sockets_are_open() {
    if !is_root() {
        return skipped("only root has privileges to give up");
    }
    let resolver = Running::start(&["--user", "nobody"]);
    assert_eq!(resolver.ask("localhost"), (0, [127, 0, 0, 1]));
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", resolver.child.id())).expect("/proc");
    let line =
        |name: &str| status.lines().find(|line| line.starts_with(name)).expect("a line").to_owned();
    assert!(!line("Uid:").split_whitespace().any(|word| word == "0"), "{status}");
    assert!(line("CapEff:").ends_with("0000000000000000"), "{status}");
    assert!(line("NoNewPrivs:").ends_with('1'), "{status}");
    let unknown =
        run(Command::new(RESOLVER).args(["--listen", "127.0.0.1:0", "--user", "nobody-at-all"]));
    assert!(said(&unknown).contains("no user is called"), "{}", said(&unknown));
}
