//! Keys that two servers share (RFC 8945 §6).

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384, Sha512};
use thiserror::Error;

use crate::name::{Name, NameError};

/// How messages are signed. SHA-1 and MD5 are not spoken (RFC 8945 §10 wants neither used any more).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256, what every server speaks.
    HmacSha256,
    /// HMAC with SHA-384.
    HmacSha384,
    /// HMAC with SHA-512.
    HmacSha512,
}

impl Algorithm {
    /// The name, in lower case and without the final dot.
    pub const fn label(self) -> &'static str {
        match self {
            Algorithm::HmacSha256 => "hmac-sha256",
            Algorithm::HmacSha384 => "hmac-sha384",
            Algorithm::HmacSha512 => "hmac-sha512",
        }
    }

    /// The name as it stands in messages, plain wire form.
    pub(super) const fn wire(self) -> &'static [u8] {
        match self {
            Algorithm::HmacSha256 => b"\x0bhmac-sha256\x00",
            Algorithm::HmacSha384 => b"\x0bhmac-sha384\x00",
            Algorithm::HmacSha512 => b"\x0bhmac-sha512\x00",
        }
    }
}

/// A key two servers share. Its secret is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    name: Name,
    algorithm: Algorithm,
    secret: Box<[u8]>,
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not three parts.
    #[error("write a key as NAME:hmac-sha256:SECRET, with the secret in base 64")]
    Form,
    /// The name.
    #[error("bad key name")]
    Name(#[source] NameError),
    /// Another algorithm.
    #[error("unknown algorithm: hmac-sha256, hmac-sha384 and hmac-sha512 are spoken")]
    Algorithm,
    /// The secret is no base 64, or empty.
    #[error("the secret is not base 64")]
    Secret,
}

impl KeyError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            KeyError::Form => "form",
            KeyError::Name(_) => "name",
            KeyError::Algorithm => "algorithm",
            KeyError::Secret => "secret",
        }
    }
}

impl Key {
    /// A key from its parts.
    pub fn new(name: &Name, algorithm: Algorithm, secret: &[u8]) -> Key {
        Key { name: name.folded(), algorithm, secret: secret.into() }
    }

    /// Its name, in lower case.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The authentication code of all `parts` in a row.
    pub(super) fn sign(&self, parts: &[&[u8]]) -> Vec<u8> {
        macro_rules! sign {
            ($hash:ty) => {{
                let mut mac = self.mac::<Hmac<$hash>>();
                for part in parts {
                    mac.update(part);
                }
                mac.finalize().into_bytes().to_vec()
            }};
        }
        match self.algorithm {
            Algorithm::HmacSha256 => sign!(Sha256),
            Algorithm::HmacSha384 => sign!(Sha384),
            Algorithm::HmacSha512 => sign!(Sha512),
        }
    }

    /// Whether `code` is that of all `parts`; takes as long whatever the octets are.
    pub(super) fn verify(&self, parts: &[&[u8]], code: &[u8]) -> bool {
        macro_rules! verify {
            ($hash:ty) => {{
                let mut mac = self.mac::<Hmac<$hash>>();
                for part in parts {
                    mac.update(part);
                }
                mac.verify_slice(code).is_ok()
            }};
        }
        match self.algorithm {
            Algorithm::HmacSha256 => verify!(Sha256),
            Algorithm::HmacSha384 => verify!(Sha384),
            Algorithm::HmacSha512 => verify!(Sha512),
        }
    }

    /// Octets of a code.
    pub(super) const fn code_len(&self) -> usize {
        match self.algorithm {
            Algorithm::HmacSha256 => 32,
            Algorithm::HmacSha384 => 48,
            Algorithm::HmacSha512 => 64,
        }
    }

    fn mac<M: Mac + KeyInit>(&self) -> M {
        <M as KeyInit>::new_from_slice(&self.secret).expect("HMAC takes keys of any length")
    }
}

impl FromStr for Key {
    type Err = KeyError;

    /// `NAME:ALGORITHM:SECRET`; as `kdig -y` has it, the algorithm may stand first.
    fn from_str(text: &str) -> Result<Key, KeyError> {
        let parts: Vec<&str> = text.split(':').collect();
        let [first, second, secret] = parts[..] else { return Err(KeyError::Form) };
        let (name, algorithm) = match (algorithm(first), algorithm(second)) {
            (_, Some(algorithm)) => (first, algorithm),
            (Some(algorithm), None) => (second, algorithm),
            (None, None) => return Err(KeyError::Algorithm),
        };
        let name: Name = name.parse().map_err(KeyError::Name)?;
        let secret = BASE64.decode(secret.as_bytes()).map_err(|_| KeyError::Secret)?;
        if secret.is_empty() {
            Err(KeyError::Secret)
        } else {
            Ok(Key::new(&name, algorithm, &secret))
        }
    }
}

fn algorithm(text: &str) -> Option<Algorithm> {
    let text = text.strip_suffix('.').unwrap_or(text);
    [Algorithm::HmacSha256, Algorithm::HmacSha384, Algorithm::HmacSha512]
        .into_iter()
        .find(|algorithm| algorithm.label().eq_ignore_ascii_case(text))
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {}, …)", self.name, self.algorithm.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_secrets_not_shown() {
        let key: Key = "Site.Key:hmac-sha256:c2VjcmV0".parse().expect("a key");
        assert_eq!(key, "hmac-sha256:site.key.:c2VjcmV0".parse().expect("a key"));
        assert_eq!((&*key.secret, key.name.to_string().as_str()), (&b"secret"[..], "site.key."));
        assert_eq!(format!("{key:?}"), "Key(site.key., hmac-sha256, …)");
        for (text, why) in [
            ("a:b", KeyError::Form),
            ("a:hmac-md5:c2VjcmV0", KeyError::Algorithm),
            ("a:hmac-sha256:?", KeyError::Secret),
            ("a:hmac-sha256:", KeyError::Secret),
            ("..:hmac-sha256:c2VjcmV0", KeyError::Name(NameError::EmptyLabel)),
        ] {
            assert_eq!(text.parse::<Key>(), Err(why), "{text}");
        }
    }

    #[test]
    fn codes_of_rfc_4231() {
        // Test case 2.
        let key = |algorithm| Key::new(&Name::root(), algorithm, b"Jefe");
        let code = key(Algorithm::HmacSha256).sign(&[b"what do ya want ", b"for nothing?"]);
        assert!(code.starts_with(&[0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e]));
        let code = key(Algorithm::HmacSha512).sign(&[b"what do ya want for nothing?"]);
        assert!(code.starts_with(&[0x16, 0x4b, 0x7a, 0x7b, 0xfc, 0xf8, 0x19, 0xe2]));
        assert!(key(Algorithm::HmacSha512).verify(&[b"what do ya want for nothing?"], &code));
        assert!(!key(Algorithm::HmacSha512).verify(&[b"what do ya want for nothing!"], &code));
    }
}
