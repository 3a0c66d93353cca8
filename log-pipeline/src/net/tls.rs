//! TLS for syslog (RFC 5425): certificates out of PEM files.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore, ServerConfig};

/// Why certificates or keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A certificate is no PEM.
    #[error("no certificate in PEM form")]
    Certificate(#[source] PemError),
    /// There is no certificate at all.
    #[error("no certificate")]
    NoCertificate,
    /// The key is no PEM.
    #[error("no private key in PEM form")]
    Key(#[source] PemError),
    /// The authorities cannot verify clients.
    #[error("the authorities for clients cannot be used")]
    Authorities(#[from] VerifierBuilderError),
    /// Certificate and key do not go together, or something else is wrong with them.
    #[error("certificate and key cannot be used")]
    Unusable(#[from] Error),
}

impl TlsError {
    /// A name for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Certificate(_) => "certificate",
            Self::NoCertificate => "no_certificate",
            Self::Key(_) => "key",
            Self::Authorities(_) => "authorities",
            Self::Unusable(_) => "unusable",
        }
    }
}

/// A server's side: its chain and key, and the authorities whose clients it takes. Without
/// `client_authorities` clients need no certificate; with them they must have one (RFC 5425 §4.2).
///
/// # Errors
/// [`TlsError`].
pub fn tls_server(
    chain: &[u8],
    key: &[u8],
    client_authorities: Option<&[u8]>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = provider();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match client_authorities {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let roots = Arc::new(authorities(pem)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build()?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    Ok(Arc::new(builder.with_single_cert(certificates(chain)?, private_key(key)?)?))
}

/// A client's side: it trusts servers certified by `server_authorities`, and has a chain and key of
/// its own where servers ask for one. All are PEM.
///
/// # Errors
/// [`TlsError`].
pub fn tls_client(
    server_authorities: &[u8],
    identity: Option<(&[u8], &[u8])>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities(server_authorities)?);
    Ok(Arc::new(match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            builder.with_client_auth_cert(certificates(chain)?, private_key(key)?)?
        }
    }))
}

/// The one the process chose, or ring.
fn provider() -> Arc<CryptoProvider> {
    let chosen = CryptoProvider::get_default().cloned();
    chosen.unwrap_or_else(|| Arc::new(ring::default_provider()))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(TlsError::Certificate)?;
    if chain.is_empty() { Err(TlsError::NoCertificate) } else { Ok(chain) }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(TlsError::Key)
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    // Bundles of whole systems hold some that nobody can read.
    let (added, _) = roots.add_parsable_certificates(certificates(pem)?);
    if added == 0 { Err(TlsError::NoCertificate) } else { Ok(roots) }
}
