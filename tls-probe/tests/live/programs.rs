//! Programs that are not ours.

use std::{
    fmt::Write as _,
    io::Write,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Whether a program is here. Says that it is not, or fails where it must be.
pub fn there(program: &str, version: &str) -> bool {
    if Command::new(program).arg(version).output().is_ok() {
        return true;
    }
    let required = std::env::var("POPKIT_PEERS").is_ok_and(|value| value == "require");
    assert!(!required, "{program} is not installed, and POPKIT_PEERS=require");
    writeln!(std::io::stderr(), "skipped: {program} is not installed").expect("standard error");
    false
}

/// A port of loopback that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program that runs until it is dropped.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until somebody listens there.
pub async fn listening(address: SocketAddr) {
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nobody listens on {address}");
}

fn start(command: &mut Command, input: Stdio) -> Running {
    Running(command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// `openssl` or `curl` as a client of edge.test, who is at this address of loopback.
pub fn client_of(program: &str, server: SocketAddr) -> Running {
    let mut command = Command::new(program);
    if program == "openssl" {
        command.args(["s_client", "-servername", "edge.test", "-connect", &server.to_string()]);
    } else {
        let to = format!("edge.test:{}:{}", server.port(), server.ip());
        let url = format!("https://edge.test:{}/", server.port());
        command.args(["-sk", "--max-time", "5", "--resolve", &to, &url]);
    }
    start(&mut command, Stdio::null())
}

/// `openssl s_server` for one version (`-tls1_3`); `pair` is a certificate and its key.
pub fn s_server(at: SocketAddr, version: &str, pair: (&Path, &Path)) -> Running {
    let mut command = Command::new("openssl");
    command.args(["s_server", "-quiet", version, "-accept", &at.to_string()]);
    command.args([Path::new("-cert"), pair.0, Path::new("-key"), pair.1]);
    start(&mut command, Stdio::piped())
}

/// nginx at each of these addresses, with the versions of TLS it speaks there.
pub fn nginx(folder: &Path, servers: &[(SocketAddr, &str)], pair: (&Path, &Path)) -> Running {
    let (place, cert, key) = (folder.display(), pair.0.display(), pair.1.display());
    let mut settings = format!(
        "daemon off; master_process off; pid {place}/pid; error_log {place}/error.log;\n\
         events {{}}\n\
         http {{ access_log off; client_body_temp_path {place}/a; proxy_temp_path {place}/b;\n\
         fastcgi_temp_path {place}/c; uwsgi_temp_path {place}/d; scgi_temp_path {place}/e;\n"
    );
    for (at, versions) in servers {
        writeln!(
            settings,
            "server {{ listen {at} ssl; ssl_certificate {cert}; ssl_certificate_key {key};\n\
             ssl_protocols {versions}; return 204; }}"
        )
        .unwrap();
    }
    settings.push('}');
    let file = folder.join("nginx.conf");
    std::fs::write(&file, settings).unwrap();
    start(Command::new("nginx").arg("-c").arg(&file).arg("-p").arg(folder), Stdio::null())
}
