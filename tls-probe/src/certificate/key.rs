//! Keys and signatures: what they are called and whether they still serve.

use std::fmt;

use x509_parser::{der_parser::oid::Oid, public_key::PublicKey, x509::SubjectPublicKeyInfo};

/// The family of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA.
    Rsa,
    /// On a named curve, or one of its own.
    Ec,
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// Ed448 (RFC 8410).
    Ed448,
    /// DSA.
    Dsa,
    /// ML-DSA (FIPS 204), post-quantum.
    MlDsa,
    /// Something else.
    Other,
}

impl KeyKind {
    /// `rsa`, `ec`, `ed25519`, `ed448`, `dsa`, `ml-dsa` or `other`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ec => "ec",
            Self::Ed25519 => "ed25519",
            Self::Ed448 => "ed448",
            Self::Dsa => "dsa",
            Self::MlDsa => "ml-dsa",
            Self::Other => "other",
        }
    }
}

/// A public key's family and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its family.
    pub kind: KeyKind,
    /// Its size in bits, as people give it: of the modulus, of the field. 0 if not known.
    pub bits: u32,
}

impl Key {
    pub(super) fn of(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let parsed = info.parsed();
        let (kind, bits) = match info.algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => {
                let modulus = match parsed {
                    Ok(PublicKey::RSA(rsa)) => rsa.modulus,
                    _ => &[],
                };
                (KeyKind::Rsa, significant_bits(modulus))
            }
            "1.2.840.10045.2.1" => {
                let curve = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
                let named = curve.and_then(|oid| curve_bits(&oid));
                let point = match parsed {
                    Ok(PublicKey::EC(point)) => point.key_size() as u32,
                    _ => 0,
                };
                (KeyKind::Ec, named.unwrap_or(point))
            }
            "1.3.101.112" => (KeyKind::Ed25519, 256),
            "1.3.101.113" => (KeyKind::Ed448, 456),
            "1.2.840.10040.4.1" => {
                let y = info.subject_public_key.data.len() as u32;
                (KeyKind::Dsa, y.saturating_sub(4) * 8)
            }
            "2.16.840.1.101.3.4.3.17" => (KeyKind::MlDsa, 44),
            "2.16.840.1.101.3.4.3.18" => (KeyKind::MlDsa, 65),
            "2.16.840.1.101.3.4.3.19" => (KeyKind::MlDsa, 87),
            _ => (KeyKind::Other, 0),
        };
        Self { kind, bits }
    }

    /// Too short to be relied on (NIST SP 800-131A: 112 bits of strength).
    pub fn is_weak(self) -> bool {
        match self.kind {
            KeyKind::Rsa => (1..2_048).contains(&self.bits),
            KeyKind::Ec => (1..224).contains(&self.bits),
            KeyKind::Dsa => true,
            KeyKind::Ed25519 | KeyKind::Ed448 | KeyKind::MlDsa | KeyKind::Other => false,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            KeyKind::Rsa | KeyKind::Ec | KeyKind::Dsa | KeyKind::MlDsa => {
                write!(f, "{}-{}", self.kind.label(), self.bits)
            }
            kind => f.write_str(kind.label()),
        }
    }
}

fn significant_bits(number: &[u8]) -> u32 {
    let significant = number.iter().skip_while(|byte| **byte == 0);
    let (count, first) = significant
        .fold((0, 0), |(count, first), byte| (count + 1, if count == 0 { *byte } else { first }));
    (count as u32 * 8).saturating_sub(first.leading_zeros() * u32::from(count > 0))
}

fn curve_bits(oid: &Oid<'_>) -> Option<u32> {
    Some(match oid.to_id_string().as_str() {
        "1.2.840.10045.3.1.1" => 192,
        "1.3.132.0.33" => 224,
        "1.2.840.10045.3.1.7" | "1.3.132.0.10" | "1.3.36.3.3.2.8.1.1.7" => 256,
        "1.3.132.0.34" | "1.3.36.3.3.2.8.1.1.11" => 384,
        "1.3.36.3.3.2.8.1.1.13" => 512,
        "1.3.132.0.35" => 521,
        _ => return None,
    })
}

/// The name of a signature algorithm by its object identifier, as RFCs 3279, 4055, 5758 and 8410
/// write it; `None` if it is not a common one.
pub fn signature_name(oid: &str) -> Option<&'static str> {
    SIGNATURES.iter().find(|(number, ..)| *number == oid).map(|(_, name, _)| *name)
}

/// Whether the algorithm's hash no longer binds.
pub(super) fn is_weak_signature(oid: &str) -> bool {
    SIGNATURES.iter().any(|(number, _, weak)| *number == oid && *weak)
}

const SIGNATURES: &[(&str, &str, bool)] = &[
    ("1.2.840.113549.1.1.2", "md2WithRSAEncryption", true),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption", true),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption", true),
    ("1.3.14.3.2.29", "sha1WithRSASignature", true),
    ("1.2.840.113549.1.1.10", "rsassaPss", false),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption", false),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption", false),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption", false),
    ("1.2.840.113549.1.1.14", "sha224WithRSAEncryption", false),
    ("1.2.840.10040.4.3", "dsa-with-sha1", true),
    ("2.16.840.1.101.3.4.3.2", "dsa-with-sha256", false),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1", true),
    ("1.2.840.10045.4.3.1", "ecdsa-with-SHA224", false),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256", false),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384", false),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512", false),
    ("1.3.101.112", "Ed25519", false),
    ("1.3.101.113", "Ed448", false),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44", false),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65", false),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87", false),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_from_the_first_that_is_set() {
        assert_eq!(significant_bits(&[]), 0);
        assert_eq!(significant_bits(&[0, 0x80, 0]), 16);
        assert_eq!(significant_bits(&[0, 1, 0xff]), 9);
    }

    #[test]
    fn what_is_weak() {
        let key = |kind, bits| Key { kind, bits };
        assert!(key(KeyKind::Rsa, 1_024).is_weak() && !key(KeyKind::Rsa, 2_048).is_weak());
        assert!(key(KeyKind::Ec, 192).is_weak() && !key(KeyKind::Ec, 256).is_weak());
        assert!(is_weak_signature("1.2.840.113549.1.1.5"));
        assert!(!is_weak_signature("1.2.840.10045.4.3.2"));
        assert_eq!(signature_name("1.3.101.112"), Some("Ed25519"));
        assert_eq!(key(KeyKind::Rsa, 2_048).to_string(), "rsa-2048");
    }
}
