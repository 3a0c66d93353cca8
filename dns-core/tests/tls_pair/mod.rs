//! A certificate to speak TLS with.

#![allow(dead_code, reason = "each test uses its part")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

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
