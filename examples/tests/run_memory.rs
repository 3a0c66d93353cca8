//! `recorder run` does not grow: a million connections that never end well leave nothing behind.

mod common;

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{RECORDER, is_root, skipped};
use popkit_benches::frames::{TCP_HEADERS_BYTES, Transport, headers};
use popkit_benches::memory::resident_bytes_of;
use popkit_benches::wire::{MOST_AT_ONCE, Wire};

#[test]
fn ever_new_connections_leave_nothing_behind() {
    if !is_root() {
        skipped("a network namespace of the test's own needs root here");
        return;
    }
    // The namespace is that of this thread and of what it starts, and gone when they are.
    thread::spawn(in_a_namespace).join().expect("the thread in the namespace");
}

fn in_a_namespace() {
    // SAFETY: no pointers are passed; only this thread's namespace changes.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        skipped(&format!("no network namespace is permitted: {}", io::Error::last_os_error()));
        return;
    }
    for words in ["link add near type veth peer name far", "link set far up", "link set near up"] {
        let ended = Command::new("ip").args(words.split(' ')).status().expect("ip runs");
        assert!(ended.success(), "ip {words}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut recorder = recorder(folder.path());
    let pid = recorder.id();
    let wire = Wire::open("near").expect("we are root");
    let begin = Instant::now();
    let (mut flows, mut samples) = (0, Vec::new());
    while begin.elapsed() < LASTING {
        connections(&wire, flows);
        flows += MOST_AT_ONCE as u32;
        if begin.elapsed() > WARM_UP + SAMPLE_EVERY * samples.len() as u32 {
            samples.push(resident_bytes_of(pid).expect("it runs") >> 10);
        }
        thread::sleep(PAUSE);
    }
    // SAFETY: a signal to our own child, which has not been waited for.
    unsafe { libc::kill(pid as i32, libc::SIGTERM) };
    assert!(recorder.wait().expect("the recorder ends").success());
    let said = std::fs::read_to_string(folder.path().join("said")).expect("its log");
    let seen = said.split("seen=").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    let seen: u64 = seen.unwrap_or_else(|| panic!("{said}"));
    // The table holds 16,384: by the warm-up's end it has long been full.
    assert!(seen > u64::from(flows), "{flows} connections, {seen} packets seen");
    assert!(flows > 200_000, "{flows} connections");
    assert!(folder.path().join("flights.jsonl").metadata().expect("it is there").len() > 0);
    let middle = |samples: &[u64]| {
        let mut samples = samples.to_vec();
        samples.sort_unstable();
        samples[samples.len() / 2]
    };
    let (first, last) = (middle(&samples[..5]), middle(&samples[samples.len() - 5..]));
    assert!(last <= first + MOST_GROWTH_KIB, "{first} KiB, then {last} KiB: {samples:?}");
}

fn recorder(folder: &Path) -> Child {
    let said = || File::create(folder.join("said")).expect("a file of ours");
    let child = Command::new(RECORDER)
        .args(["run", "--interface", "far", "--filter", "tcp port 443", "--ring", "32MiB"])
        .args(["--quota", "4MiB", "--out"])
        .arg(folder)
        .env("RUST_LOG", "info")
        .env("NO_COLOR", "1")
        .stdout(Stdio::null())
        .stderr(said())
        .spawn()
        .expect("the recorder starts");
    // It is recording once its folder is there: the socket is opened before.
    for _ in 0..100 {
        if folder.join("flights.jsonl").exists() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    child
}

/// A batch of connections never seen before, of one of four fates: a SYN and no more, a hello without
/// an answer, a hello whose beginning never comes, a hello that is answered by a reset.
fn connections(wire: &Wire, first: u32) {
    let hello = client_hello();
    let client = |sequence, flags| (true, Transport::Tcp { sequence, flags });
    send(wire, first, client(0, SYN), &[]);
    match first / MOST_AT_ONCE as u32 % 4 {
        0 => {}
        1 => send(wire, first, client(1, ACK), &hello),
        2 => send(wire, first, client(1000, ACK), &[0x16; 1400]),
        _ => {
            send(wire, first, client(1, ACK), &hello);
            send(wire, first, (false, Transport::Tcp { sequence: 1, flags: RST | ACK }), &[]);
        }
    }
}

/// The same segment in each of the connections.
fn send(wire: &Wire, first: u32, (from_client, transport): (bool, Transport), payload: &[u8]) {
    let len = TCP_HEADERS_BYTES + payload.len();
    let mut frames = vec![0; len * MOST_AT_ONCE];
    for (flow, frame) in (first..).zip(frames.chunks_exact_mut(len)) {
        headers(frame, flow, from_client, transport).copy_from_slice(payload);
    }
    // Whatever the kernel has no room for is as good as lost on the way.
    let _ = wire.send(&frames, len);
}

/// The least that RFC 8446 §4.1.2 knows as one, without extensions.
fn client_hello() -> Vec<u8> {
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
    let length = body.len() as u8;
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat()
}

/// A leak of eight bytes a connection would be more.
const MOST_GROWTH_KIB: u64 = 4 << 10;
const LASTING: Duration = Duration::from_secs(45);
/// On a busy machine the plateau was reached after 17 s; from there on it is flat.
const WARM_UP: Duration = Duration::from_secs(25);
const SAMPLE_EVERY: Duration = Duration::from_millis(500);
/// About twenty thousand connections a second.
const PAUSE: Duration = Duration::from_millis(2);
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
