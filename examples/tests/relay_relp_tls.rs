//! RELP over TLS with rsyslog at the other end, either way.

mod common;
mod relay_common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::peer;
use relay_common::{Relay, all_there, free_port, numbers, rsyslogd, send_lines, until};

const COUNT: u64 = 500;

/// An authority and a certificate of `localhost`, for servers and clients alike.
struct Identity {
    ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
}

fn openssl(folder: &Path, args: &[&str]) {
    let mut command = Command::new("openssl");
    command.args(args).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().expect("openssl runs").success(), "openssl {args:?}");
}

fn identity(folder: &Path) -> Identity {
    let new = ["req", "-newkey", "rsa:2048", "-nodes"];
    let ca = ["-x509", "-days", "2", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(folder, &[&new[..], &ca].concat());
    let request = ["-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request.pem"];
    openssl(folder, &[&new[..], &request].concat());
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").expect("room");
    let sign = ["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key"];
    let into = ["-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "cert.pem"];
    openssl(folder, &[&sign[..], &into].concat());
    let [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| folder.join(name));
    Identity { ca, cert, key }
}

/// What librelp wants to hear.
fn options(identity: &Identity) -> String {
    format!(
        "tls=\"on\" tls.caCert=\"{}\" tls.myCert=\"{}\" tls.myPrivKey=\"{}\" \
         tls.authMode=\"name\" tls.permittedPeer=[\"localhost\"]",
        identity.ca.display(),
        identity.cert.display(),
        identity.key.display()
    )
}

#[test]
fn rsyslog_sends_relp_over_tls() {
    let (Some(mut program), Some(_)) = (peer("rsyslogd"), peer("openssl")) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let identity = identity(folder.path());
    let file = folder.path().join("all.jsonl");
    let to = format!("all=file:{}", file.display());
    let text = |path: &Path| path.display().to_string();
    let (ca, cert, key) = (text(&identity.ca), text(&identity.cert), text(&identity.key));
    let args = [
        "--relp-tls",
        "127.0.0.1:0",
        "--cert",
        &cert,
        "--key",
        &key,
        "--client-ca",
        &ca,
        "--to",
        &to,
    ];
    let relay = Relay::start(folder.path(), &args);
    let (port, into) = (free_port(), relay.address("relp").port());
    let conf = format!(
        "module(load=\"imptcp\")\nmodule(load=\"omrelp\")\n\
         input(type=\"imptcp\" port=\"{port}\" address=\"127.0.0.1\")\n\
         action(type=\"omrelp\" target=\"localhost\" port=\"{into}\" {} \
         template=\"RSYSLOG_SyslogProtocol23Format\" action.resumeRetryCount=\"-1\")\n",
        options(&identity)
    );
    let _sender = rsyslogd(&mut program, &folder.path().join("sender"), &conf, port);
    send_lines(port, 0..COUNT);
    until("all of them", || all_there(&file, COUNT));
    relay.stop();
    assert_eq!(numbers(&file).len() as u64, COUNT, "each once");
}

#[test]
fn rsyslog_takes_our_relp_over_tls() {
    let (Some(mut program), Some(_)) = (peer("rsyslogd"), peer("openssl")) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let identity = identity(folder.path());
    let (port, file) = (free_port(), folder.path().join("upstream.log"));
    let conf = format!(
        "module(load=\"imrelp\")\ninput(type=\"imrelp\" port=\"{port}\" address=\"127.0.0.1\" {})\n\
         action(type=\"omfile\" file=\"{}\" template=\"RSYSLOG_SyslogProtocol23Format\")\n",
        options(&identity),
        file.display()
    );
    let _upstream = rsyslogd(&mut program, &folder.path().join("upstream"), &conf, port);
    let to = format!(
        "up=relp+tls://127.0.0.1:{port}?name=localhost&ca={}&cert={}&key={}",
        identity.ca.display(),
        identity.cert.display(),
        identity.key.display()
    );
    let relay = Relay::start(folder.path(), &["--tcp", "127.0.0.1:0", "--to", &to]);
    send_lines(relay.address("tcp").port(), 0..COUNT);
    relay.stop();
    until("all of them", || all_there(&file, COUNT));
    assert_eq!(numbers(&file).len() as u64, COUNT, "each once");
}
