//! Two resolvers: one has a zone from a file, the other follows it, with a key, and goes on alone.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const RESOLVER: &str = env!("CARGO_BIN_EXE_resolver");

struct Running(Child);

impl Running {
    fn start(port: u16, args: &[&str]) -> Running {
        let listen = format!("127.0.0.1:{port}");
        let mut command = Command::new(RESOLVER);
        command.args(["--listen", &listen]).args(args).env("NO_COLOR", "1");
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the resolver starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let ready =
            |line: Result<String, _>| line.is_ok_and(|line: String| line.contains("listen="));
        assert!(lines.any(ready), "it says where it listens");
        std::thread::spawn(move || lines.for_each(drop));
        Running(child)
    }

    fn signal(&self, signal: i32) {
        // SAFETY: a signal to our own child, which has not been waited for.
        unsafe { libc::kill(self.0.id() as i32, signal) };
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("bound").port()
}

/// The response code and the last four octets of the answer for www.corp.
fn ask(port: u16) -> Option<(u8, [u8; 4])> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a time-out");
    let query = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x03www\x04corp\0\0\x01\0\x01";
    socket.send_to(query, ("127.0.0.1", port)).ok()?;
    let mut response = [0; 512];
    let len = socket.recv(&mut response).ok()?;
    Some((response[3] & 15, *response[..len].last_chunk()?))
}

fn wait_for(port: u16, expected: [u8; 4]) {
    let end = Instant::now() + Duration::from_secs(10);
    let mut last = None;
    while last != Some((0, expected)) {
        assert!(Instant::now() < end, "{last:?} instead of {expected:?}");
        std::thread::sleep(Duration::from_millis(20));
        last = ask(port);
    }
}

fn write(file: &Path, serial: u8) {
    let text = format!(
        "$TTL 60\n@ SOA ns mail {serial} 1h 10m 1d 60\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.{serial}\n"
    );
    std::fs::write(file, text).expect("room");
}

#[test]
fn a_zone_goes_over_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (file, keys, state) = (path("corp.zone"), path("keys"), path("state"));
    std::fs::write(&keys, "# shared\nk:hmac-sha256:c2hhcmVkIHNlY3JldA==\n").expect("room");
    let (primary_port, secondary_port) = (free_port(), free_port());
    let secondary = format!("corp=127.0.0.1:{primary_port}#k");
    let follow = ["--secondary", &secondary, "--keys", &keys, "--state", &state];
    let second = Running::start(secondary_port, &follow);
    assert_eq!(ask(secondary_port).map(|(rcode, _)| rcode), Some(2), "SERVFAIL until it is here");

    write(Path::new(&file), 1);
    let zone = format!("corp={file}");
    let notify = format!("corp=127.0.0.1:{secondary_port}#k");
    let serve =
        ["--zone", &zone, "--allow-transfer", "corp=#k", "--notify", &notify, "--keys", &keys];
    let first = Running::start(primary_port, &serve);
    wait_for(secondary_port, [192, 0, 2, 1]);
    write(Path::new(&file), 2);
    first.signal(libc::SIGHUP);
    wait_for(secondary_port, [192, 0, 2, 2]);
    // A bad zone replaces nothing, here or there.
    std::fs::write(&file, "@ SOA").expect("room");
    first.signal(libc::SIGHUP);
    wait_for(primary_port, [192, 0, 2, 2]);

    drop(first);
    drop(second);
    let _again = Running::start(secondary_port, &follow);
    wait_for(secondary_port, [192, 0, 2, 2]);
}

#[test]
fn what_names_no_key_is_refused_without_showing_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "k:hmac-sha1:aGlkZGVu\n").expect("room");
    let said = |args: &[&str]| {
        let done = Command::new(RESOLVER).args(["--listen", "127.0.0.1:0"]).args(args).output();
        let done = done.expect("the resolver runs");
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, text) = said(&["--keys", keys.to_str().expect("text")]);
    assert!(code == Some(1) && text.contains("keys:1: unknown algorithm"), "{text}");
    assert!(!text.contains("aGlkZGVu"), "{text}");
    let (code, text) = said(&["--secondary", "corp=127.0.0.1:1#gone"]);
    assert!(code == Some(1) && text.contains("no key gone."), "{text}");
    assert_eq!(said(&["--secondary", "corp"]).0, Some(2), "a bad command line");
}

#[test]
fn a_zone_goes_over_tls_alone_and_the_numbers_say_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (file, cert, key) = (path("corp.zone"), path("cert.pem"), path("key.pem"));
    let issued = rcgen::generate_simple_self_signed(["dns.example".to_owned()]).expect("a pair");
    std::fs::write(&cert, issued.cert.pem()).expect("room");
    std::fs::write(&key, issued.signing_key.serialize_pem()).expect("room");
    write(Path::new(&file), 1);
    let (primary_port, tls_port, metrics_port) = (free_port(), free_port(), free_port());
    let (zone, tls) = (format!("corp={file}"), format!("tls://127.0.0.1:{tls_port}"));
    let first = Running::start(
        primary_port,
        &[
            "--listen",
            &tls,
            "--cert",
            &cert,
            "--key",
            &key,
            "--zone",
            &zone,
            "--allow-transfer",
            "corp=127.0.0.0/8",
            "--transfer-over-tls",
            "corp",
        ],
    );
    let open = format!("corp=127.0.0.1:{primary_port}");
    let port = free_port();
    let in_the_open = Running::start(port, &["--secondary", &open]);
    let over_tls = format!("corp=tls://127.0.0.1:{tls_port}@dns.example");
    let (second_port, metrics) = (free_port(), format!("127.0.0.1:{metrics_port}"));
    let socket = path("control");
    let follow =
        ["--secondary", &over_tls, "--ca", &cert, "--metrics", &metrics, "--control", &socket];
    let _second = Running::start(second_port, &follow);
    wait_for(second_port, [192, 0, 2, 1]);
    assert_eq!(ask(port).map(|(rcode, _)| rcode), Some(2), "never in the open");
    drop(in_the_open);
    let end = Instant::now() + Duration::from_secs(10);
    let mut page = String::new();
    while !page.contains("dns_core_zone_serial{zone=\"corp.\"} 1") {
        assert!(Instant::now() < end, "{page}");
        std::thread::sleep(Duration::from_millis(50));
        let got = ureq::get(format!("http://{metrics}/metrics")).call();
        page = got.and_then(|mut page| page.body_mut().read_to_string()).unwrap_or_default();
    }
    let control = |words: &[&str]| {
        let mut command = Command::new(RESOLVER);
        let done = command.arg("control").arg(path("control")).args(words).output();
        let done = done.expect("it runs");
        String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()
    };
    let stats = control(&["stats"]);
    assert!(stats.contains("\"serial\":1,\"zone\":\"corp.\""), "{stats}");
    write(Path::new(&file), 2);
    first.signal(libc::SIGHUP);
    wait_for(primary_port, [192, 0, 2, 2]);
    assert!(control(&["refresh", "elsewhere"]).contains("no zone that other servers send"));
    assert_eq!(control(&["refresh", "corp"]), "{\"asked\":\"corp.\"}\n");
    wait_for(second_port, [192, 0, 2, 2]);
    assert!(page.contains("dns_core_transfers_in_total{outcome=\"transferred\"} 1"), "{page}");
    assert!(page.contains("dns_core_transfer_duration_seconds_count 1"), "{page}");
    let nameless = Command::new(RESOLVER).args(["--secondary", "corp=tls://127.0.0.1"]).output();
    assert_eq!(nameless.expect("it runs").status.code(), Some(2), "whose certificate?");
}
