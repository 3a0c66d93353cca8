//! What the prober needs of rustls: provider, versions, roots, client certificate, key log.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, KeyLog, RootCertStore};
use tls_probe::net::Prober;

use super::{Args, Version};

/// A prober as the command line wants it.
pub(super) fn prober(args: &Args) -> Result<Prober> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verifier(args.ca.as_deref(), &provider)?;
    ensure!(args.min_version <= args.max_version, "--min-version is above --max-version");
    let versions: Vec<_> = [(Version::Tls12, &TLS12), (Version::Tls13, &TLS13)]
        .into_iter()
        .filter(|(version, _)| (args.min_version..=args.max_version).contains(version))
        .map(|(_, supported)| supported)
        .collect();
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .context("--min-version, --max-version")?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone());
    let mut config = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => {
            let private = PrivateKeyDer::from_pem_file(key);
            let private = private.with_context(|| format!("cannot read {}", key.display()))?;
            config.with_client_auth_cert(certificates(cert)?, private).context("--cert, --key")?
        }
        _ => config.with_no_client_auth(),
    };
    config.alpn_protocols = args.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    if let Some(path) = &args.keylog {
        config.key_log = Arc::new(KeyLogFile::open(path)?);
    }
    Ok(Prober::new(config, verifier, args.settings()))
}

fn verifier(
    ca: Option<&Path>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>> {
    let Some(ca) = ca else {
        let system = rustls_platform_verifier::Verifier::new(provider.clone());
        let system =
            system.context("no trusted roots; give --ca FILE, or install ca-certificates")?;
        return Ok(Arc::new(system));
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).with_context(|| format!("a certificate in {}", ca.display()))?;
    }
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    Ok(verifier.context("--ca")?)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = || format!("cannot read {}", path.display());
    let all = CertificateDer::pem_file_iter(path).with_context(read)?;
    let all = all.collect::<Result<Vec<_>, _>>().with_context(read)?;
    ensure!(!all.is_empty(), "{} holds no certificate in PEM", path.display());
    Ok(all)
}

/// Session secrets in the format of SSLKEYLOGFILE, in a file that its owner alone may read.
#[derive(Debug)]
struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(path);
        Ok(Self(Mutex::new(file.with_context(|| format!("cannot write {}", path.display()))?)))
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = format!("{label} ");
        hex(&mut line, client_random);
        line.push(' ');
        hex(&mut line, secret);
        line.push('\n');
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::error!(%error, "writing the key log");
        }
    }
}

fn hex(text: &mut String, bytes: &[u8]) {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    text.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
}
