//! A verifier that notes what was presented and what another verifier said of it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::certificate::{Chain, Facts, Fault, Presented};

/// What to do with a server whose certificate does not validate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unvalidated {
    /// Refuse it with an alert, as a browser would.
    #[default]
    Refuse,
    /// Go on, as no client should that sends or believes anything.
    GoOn,
}

/// Asks another verifier, and notes question and answer: of a certificate that is refused, too,
/// everything is known. One is made for each handshake.
pub struct RecordingVerifier {
    inner: Arc<dyn ServerCertVerifier>,
    unvalidated: Unvalidated,
    seen: Mutex<Option<Seen>>,
}

/// What was presented, and the verdict.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The certificates in DER, the server's own first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The stapled OCSP response; empty if none came.
    pub staple: Vec<u8>,
    /// The name that was asked for.
    pub name: ServerName<'static>,
    /// When, in Unix seconds.
    pub now: i64,
    /// What the verifier said.
    pub verdict: Result<(), Fault>,
    /// What it says of the path at a time when all of it holds; `None` if that is not known.
    pub trusted: Option<bool>,
}

impl Seen {
    /// All that is wrong.
    pub fn judge(&self) -> Chain {
        Chain::judge(&Presented {
            chain: &self.chain,
            staple: &self.staple,
            name: &self.name.to_str(),
            now: self.now,
            verdict: Some(self.verdict),
            trusted: self.trusted,
        })
    }
}

impl fmt::Debug for RecordingVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingVerifier").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl RecordingVerifier {
    /// Records what `inner` is asked.
    pub fn new(inner: Arc<dyn ServerCertVerifier>, unvalidated: Unvalidated) -> Self {
        Self { inner, unvalidated, seen: Mutex::new(None) }
    }

    /// What was seen since it was last taken. Nothing, if a session was resumed.
    pub fn take(&self) -> Option<Seen> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Seen>> {
        // A panic elsewhere leaves what was seen whole.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A verifier names the calendar first. Asked again at a time when every certificate holds,
    /// it says whether the path is trusted.
    fn but_for_the_calendar(
        &self,
        question: (&CertificateDer<'_>, &[CertificateDer<'_>], &ServerName<'_>),
    ) -> Option<bool> {
        let (leaf, rest, name) = question;
        let all = std::iter::once(leaf).chain(rest).map(|der| Facts::parse(der));
        let (mut from, mut until) = (0, i64::MAX);
        for facts in all {
            let facts = facts.ok()?;
            (from, until) = (from.max(facts.not_before), until.min(facts.not_after));
        }
        let middle = (from <= until).then(|| from + (until - from) / 2)?;
        let then = UnixTime::since_unix_epoch(Duration::from_secs(middle.try_into().ok()?));
        trust(&self.inner.verify_server_cert(leaf, rest, name, &[], then).map(|_| ()))
    }

    /// A signature over the handshake that does not verify.
    fn signature(
        &self,
        verified: Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Err(error) = verified else { return verified };
        if let Some(seen) = &mut *self.lock() {
            seen.verdict = seen.verdict.and(Err(Fault::BadSignature));
        }
        match self.unvalidated {
            Unvalidated::Refuse => Err(error),
            Unvalidated::GoOn => Ok(HandshakeSignatureValid::assertion()),
        }
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let inner = &self.inner;
        let verified =
            inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let verdict = verified.as_ref().map(|_| ()).map_err(fault);
        let trusted = match verdict {
            Err(Fault::Expired | Fault::NotYetValid) => {
                self.but_for_the_calendar((end_entity, intermediates, server_name))
            }
            _ => trust(&verified.as_ref().map(|_| ()).map_err(Clone::clone)),
        };
        let chain = std::iter::once(end_entity).chain(intermediates);
        *self.lock() = Some(Seen {
            chain: chain.map(|der| der.clone().into_owned()).collect(),
            staple: ocsp_response.to_vec(),
            name: server_name.to_owned(),
            now: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
            verdict,
            trusted,
        });
        match self.unvalidated {
            Unvalidated::Refuse => verified,
            Unvalidated::GoOn => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(self.inner.verify_tls12_signature(message, cert, dss))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(self.inner.verify_tls13_signature(message, cert, dss))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// What an answer says of the path. A name is compared once the path is found; a purpose while
/// it is sought.
fn trust(verified: &Result<(), Error>) -> Option<bool> {
    match verified.as_ref().map_err(fault) {
        Ok(()) | Err(Fault::NameMismatch) => Some(true),
        Err(Fault::UnknownIssuer | Fault::BadSignature) => Some(false),
        Err(_) => None,
    }
}

/// A verifier's refusal among the faults.
pub(super) fn fault(error: &Error) -> Fault {
    let Error::InvalidCertificate(why) = error else { return Fault::Refused };
    match why {
        CertificateError::BadEncoding | CertificateError::UnhandledCriticalExtension => {
            Fault::Unreadable
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Fault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Fault::NotYetValid
        }
        CertificateError::Revoked => Fault::Revoked,
        CertificateError::UnknownIssuer => Fault::UnknownIssuer,
        CertificateError::BadSignature => Fault::BadSignature,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Fault::NameMismatch
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            Fault::WrongPurpose
        }
        // The webpki behind most verifiers is not in this crate's reach; its word is.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            Fault::AuthorityAsServer
        }
        _ => Fault::Refused,
    }
}
