//! What one certificate says (RFC 5280).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sha2::{Digest, Sha256};
use thiserror::Error;
use x509_parser::{
    extensions::{GeneralName, ParsedExtension},
    prelude::{FromDer, X509Certificate},
};

use super::key::{Key, is_weak_signature, signature_name};
use crate::der::Der;

/// Why a certificate could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FactsError {
    /// The bytes are no X.509 certificate.
    #[error("no X.509 certificate")]
    Malformed,
}

impl FactsError {
    /// A word for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
        }
    }
}

/// What one certificate says. Times are in Unix seconds.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whose it is, as `CN=…, O=…`.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The serial number, in hexadecimal without separators.
    pub serial: String,
    /// The SHA-256 of the certificate as it was sent.
    pub sha256: [u8; 32],
    /// From when it holds.
    pub not_before: i64,
    /// Until when.
    pub not_after: i64,
    /// The DNS names and addresses it is for, at most [`Facts::MAX_NAMES`] of them.
    pub names: Vec<String>,
    /// Its key.
    pub key: Key,
    /// The algorithm of the signature on it: its name, or its object identifier.
    pub signature: String,
    /// The signature's hash no longer binds.
    pub weak_signature: bool,
    /// It names itself as its issuer.
    pub self_signed: bool,
    /// It may issue certificates.
    pub authority: bool,
    /// It may be a server's: it says so, or does not say for what it is.
    pub for_servers: bool,
    /// It demands a stapled status (RFC 7633).
    pub must_staple: bool,
    /// It says where its issuer's certificate can be fetched.
    pub names_issuer_location: bool,
}

impl Facts {
    /// Reads a certificate in DER. What stands in an extension that cannot be read counts as not
    /// said.
    ///
    /// # Errors
    /// [`FactsError`] if it is no certificate.
    pub fn parse(der: &[u8]) -> Result<Self, FactsError> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| FactsError::Malformed)?;
        let validity = certificate.validity();
        let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
        let mut facts = Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: hex(certificate.raw_serial()),
            sha256: Sha256::digest(der).into(),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            names: Vec::new(),
            key: Key::of(certificate.public_key()),
            weak_signature: is_weak_signature(&algorithm),
            signature: signature_name(&algorithm).map_or(algorithm, str::to_owned),
            self_signed: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            authority: false,
            for_servers: true,
            must_staple: false,
            names_issuer_location: false,
        };
        for extension in certificate.extensions() {
            if extension.oid.to_id_string() == TLS_FEATURE {
                facts.must_staple = demands_status(extension.value);
                continue;
            }
            facts.extension(extension.parsed_extension());
        }
        Ok(facts)
    }

    fn extension(&mut self, extension: &ParsedExtension<'_>) {
        match extension {
            ParsedExtension::SubjectAlternativeName(names) => {
                let names = names.general_names.iter().filter_map(identifier);
                self.names = names.take(Self::MAX_NAMES).collect();
            }
            ParsedExtension::BasicConstraints(constraints) => self.authority = constraints.ca,
            ParsedExtension::ExtendedKeyUsage(usage) => {
                self.for_servers = usage.any || usage.server_auth;
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                let issuers = |one: &x509_parser::extensions::AccessDescription<'_>| {
                    one.access_method.to_id_string() == CA_ISSUERS
                };
                self.names_issuer_location = access.accessdescs.iter().any(issuers);
            }
            _ => {}
        }
    }

    /// The days left at `now`, in Unix seconds; negative once it has expired.
    pub fn days_left(&self, now: i64) -> f64 {
        self.not_after.saturating_sub(now) as f64 / 86_400.0
    }

    /// The SHA-256 in hexadecimal without separators.
    pub fn fingerprint(&self) -> String {
        hex(&self.sha256)
    }

    /// The most names kept: large hosters put a hundred on a certificate.
    pub const MAX_NAMES: usize = 1_000;
}

fn identifier(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => {
            let v4 =
                <[u8; 4]>::try_from(*octets).map(|octets| IpAddr::from(Ipv4Addr::from(octets)));
            let v6 = || <[u8; 16]>::try_from(*octets).map(|o| IpAddr::from(Ipv6Addr::from(o)));
            v4.or_else(|_| v6()).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// `Features ::= SEQUENCE OF INTEGER`, with 5 for status_request (RFC 7633 §4).
fn demands_status(value: &[u8]) -> bool {
    let mut features = Der::new(Der::new(value).expect(0x30).unwrap_or_default());
    std::iter::from_fn(|| features.next()).any(|feature| feature == (2, &[5]))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";
const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_list_is_searched_for_status_request() {
        assert!(demands_status(&[0x30, 3, 2, 1, 5]));
        assert!(demands_status(&[0x30, 6, 2, 1, 17, 2, 1, 5]));
        assert!(!demands_status(&[0x30, 3, 2, 1, 17]));
        assert!(!demands_status(&[0x30, 3, 2]));
        assert_eq!(hex(&[0, 0xab]), "00ab");
    }
}
