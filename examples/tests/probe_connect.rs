//! `probe connect` as a script sees it: lines, exit codes, signals, pages of metrics.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use common::{run, said};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

const PROBE: &str = env!("CARGO_BIN_EXE_probe");

/// A server of TLS on loopback whose certificate holds until this year, and the authority's file.
struct Site {
    address: SocketAddr,
    ca: PathBuf,
    _folder: tempfile::TempDir,
}

impl Site {
    fn until(year: i32) -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::new(vec![]).expect("no names");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_made = ca.self_signed(&ca_key).expect("a root");
        let key = KeyPair::generate().expect("a key");
        let mut leaf = CertificateParams::new(vec!["edge.test".to_owned()]).expect("a name");
        leaf.not_before = rcgen::date_time_ymd(2019, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(year, 1, 1);
        let leaf = leaf.signed_by(&key, &Issuer::from_params(&ca, &ca_key)).expect("signed");
        let folder = tempfile::tempdir().expect("a folder");
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, ca_made.pem()).expect("written");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows them")
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .expect("a pair");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = config.clone();
                std::thread::spawn(move || {
                    let session = ServerConnection::new(config).expect("a session");
                    let mut tls = StreamOwned::new(session, stream);
                    let _ = tls.read(&mut [0; 64]);
                });
            }
        });
        Self { address, ca: ca_file, _folder: folder }
    }

    fn probe(&self) -> Command {
        let mut command = Command::new(PROBE);
        command.args(["connect", "--server-name", "edge.test", "--ca"]).arg(&self.ca);
        command
    }

    fn target(&self) -> String {
        self.address.to_string()
    }
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect()
}

fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "{}", said(output));
    text
}

#[test]
fn a_good_server_is_one_line_and_exit_0() {
    let site = Site::until(2099);
    let output = run(site.probe().arg(site.target()));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let [object] = &lines(&output)[..] else { panic!("{}", said(&output)) };
    assert_eq!(object["outcome"], "established");
    assert_eq!(object["certificate"]["class"], "ok");
    assert_eq!(object["failure"], Value::Null);
    let drawn = run(site.probe().arg(site.target()).arg("--human"));
    let text = String::from_utf8_lossy(&drawn.stdout).into_owned();
    for part in ["ClientHello", "ServerHello", "verdict none", "certificate ok", "days left"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn an_expired_certificate_is_exit_1_with_its_facts() {
    let site = Site::until(2020);
    for (insecure, outcome) in [(false, "alert"), (true, "established")] {
        let mut command = site.probe();
        command.arg(site.target()).args(insecure.then_some("--insecure"));
        let output = run(&mut command);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(complaint(&output).contains("expired"), "{}", said(&output));
        let object = lines(&output).remove(0);
        assert_eq!(object["outcome"], outcome);
        assert_eq!(object["failure"], "expired");
        assert_eq!(object["certificate"]["trusted"], true);
        assert_eq!(object["certificate"]["earliest_not_after_ns"], 1_577_836_800_000_000_000_i64);
        assert!(object["certificate"]["days_left"].as_f64().expect("a number") < -365.0);
    }
}

#[test]
fn wrong_command_lines_are_exit_2_and_wrong_files_exit_1() {
    for args in [
        &["connect", "edge.test:port"][..],
        &["connect", "nntp://edge.test"],
        &["connect", "--min-version", "1.1", "edge.test"],
        &["connect", "--family", "5", "edge.test"],
        &["connect", "--cert", "x", "edge.test"],
        &["connects"],
    ] {
        let output = run(Command::new(PROBE).args(args));
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", said(&output));
    }
    for (args, word) in [
        (&["connect", "--ca", "/nowhere/ca.pem", "edge.test"][..], "/nowhere/ca.pem"),
        (&["connect", "--ca", "/dev/null", "edge.test"], "no certificate"),
        (&["connect", "--targets", "/nowhere/targets"], "/nowhere/targets"),
        (&["connect"], "nothing to probe"),
    ] {
        let output = run(Command::new(PROBE).args(args));
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", said(&output));
        assert!(complaint(&output).contains(word), "{args:?}: {}", said(&output));
    }
}

#[test]
fn many_targets_from_a_file_each_so_often() {
    let (good, bad) = (Site::until(2099), Site::until(2020));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("targets");
    let text = format!("# two\n{} edge.test\ntls://{} edge.test\n", good.target(), bad.target());
    std::fs::write(&file, text).expect("written");
    let keys = folder.path().join("keys");
    let output = run(Command::new(PROBE)
        .args(["connect", "--count", "2", "--resume", "--ca"])
        .arg(&good.ca)
        .args([Path::new("--targets"), &file, Path::new("--keylog"), &keys]));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let all = lines(&output);
    // The good one twice, each time with a second handshake that resumes.
    let of = |site: &Site| all.iter().filter(|l| l["target"] == site.target()).count();
    assert_eq!((of(&good), of(&bad)), (4, 2), "{}", said(&output));
    assert_eq!(all.iter().filter(|line| line["resumption"] == "accepted").count(), 2);
    let keys = std::fs::read_to_string(&keys).expect("asked for");
    assert!(keys.lines().any(|line| line.starts_with("CLIENT_HANDSHAKE_TRAFFIC_SECRET ")));
}

#[test]
fn stopped_by_a_signal_it_ends_whole_and_with_0() {
    let site = Site::until(2020);
    let mut child = site
        .probe()
        .args([&site.target(), "--every", "20ms"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut reader = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    for _ in 0..3 {
        line.clear();
        reader.read_line(&mut line).expect("a line");
    }
    // SAFETY: a signal to our own child, which has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("the rest");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(rest.is_empty() || rest.ends_with('\n'));
    for line in rest.lines() {
        serde_json::from_str::<Value>(line).expect("whole");
    }
}

fn fetch(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nConnection: close\r\nHost: probe\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer
}

#[test]
fn pages_for_prometheus() {
    let site = Site::until(2020);
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let mut child = site
        .probe()
        .args([&site.target(), "--every", "20ms", "--metrics", &free.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut reader = BufReader::new(child.stdout.take().expect("piped"));
    // The page is there before the first probe is over, and the second is told after the first
    // is on the page.
    for _ in 0..2 {
        reader.read_line(&mut String::new()).expect("a line");
    }
    let page = fetch(free, "/metrics");
    let on_demand = fetch(free, &format!("/probe?module=x&target={}", site.target()));
    let unknown = fetch(free, "/probe?target=nntp%3A%2F%2Fx");
    // SAFETY: a signal to our own child, which has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
    drop(reader);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    // The certificate has expired, and its expiry is there all the same.
    for line in [
        "probe_success 0",
        "probe_ssl_earliest_cert_expiry 1577836800",
        "probe_ssl_last_chain_expiry_timestamp_seconds 1577836800",
        "probe_tls_version_info{version=\"TLS 1.3\"} 1",
        "probe_dns_lookup_time_seconds 0",
        "probe_ip_protocol 4",
        "tls_probe_failure_info{class=\"expired\"} 1",
    ] {
        assert!(on_demand.lines().any(|have| have == line), "{line} in {on_demand}");
    }
    let labelled = format!("probe_success{{target=\"{}\",address=\"127.0.0.1\",", site.target());
    assert!(page.contains(&labelled), "{page}");
    assert!(page.contains("tls_probe_probes_total{outcome=\"expired\"}"), "{page}");
    let histogram = "tls_probe_phase_duration_seconds_bucket{phase=\"total\",le=\"10\"}";
    assert!(page.contains(histogram), "{page}");
    assert!(unknown.starts_with("HTTP/1.1 400 "), "{unknown}");
}
