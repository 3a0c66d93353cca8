//! Programs that are not ours, run on loopback, and a certificate to speak TLS to them with.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The program, if it is here. Says that it is not, or fails when it must be.
pub(crate) fn peer(program: &str) -> Option<Command> {
    let known = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let path =
        known.iter().map(|folder| Path::new(folder).join(program)).find(|path| path.exists());
    if path.is_none() {
        let required = std::env::var("POPKIT_PEERS").is_ok_and(|value| value == "require");
        assert!(!required, "{program} is not installed, and POPKIT_PEERS=require");
        writeln!(std::io::stderr(), "skipped: {program} is not installed").expect("standard error");
    }
    path.map(Command::new)
}

/// A program that runs until it is dropped.
pub(crate) struct Running(Child);

impl Running {
    /// Starts it and waits until it takes connections at `address`.
    pub(crate) fn start(mut command: Command, address: SocketAddr) -> Running {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut running = Running(child.expect("it starts"));
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = running.0.try_wait().expect("our child");
            assert!(ended.is_none(), "{command:?} ended: {ended:?}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Addresses on loopback that nobody listened on a moment ago.
pub(crate) fn free<const N: usize>() -> [SocketAddr; N] {
    let listeners: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address"))
}

/// A certificate for `dns.example`, in files and as both sides of rustls take it.
pub(crate) struct Pair {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) server: Arc<rustls::ServerConfig>,
    pub(crate) client: Arc<rustls::ClientConfig>,
}

impl Pair {
    pub(crate) fn new(folder: &Path) -> Pair {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let issued =
            rcgen::generate_simple_self_signed(["dns.example".to_owned()]).expect("a pair");
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert, issued.cert.pem()).expect("room");
        std::fs::write(&key, issued.signing_key.serialize_pem()).expect("room");
        let der = rustls::pki_types::PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(issued.cert.der().clone()).expect("a root");
        let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], der.into())
            .expect("a pair that fits");
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Pair { cert, key, server: Arc::new(server), client: Arc::new(client) }
    }
}
