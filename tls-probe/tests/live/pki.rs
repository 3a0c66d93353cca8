//! Authorities and certificates.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SigningKey,
};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer},
};

/// Now, in Unix seconds.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    since.as_secs() as i64
}

pub const DAY: i64 = 86_400;

/// The provider the tests choose.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A certificate with its key.
pub struct Identity {
    pub params: CertificateParams,
    pub key: KeyPair,
    pub der: CertificateDer<'static>,
    pub pem: String,
}

impl Identity {
    pub fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.serialize_der().into())
    }

    /// Certificate and key as files in this folder.
    pub fn written(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert, &self.pem).unwrap();
        std::fs::write(&key, self.key.serialize_pem()).unwrap();
        (cert, key)
    }
}

/// What a leaf shall be like: days from now that it begins and ends, and the rest.
#[derive(Clone)]
pub struct Wish {
    pub common_name: &'static str,
    pub name: &'static str,
    pub from: i64,
    pub until: i64,
    pub purposes: Vec<ExtendedKeyUsagePurpose>,
    pub must_staple: bool,
    pub issuer_location: bool,
    pub authority: bool,
}

impl Wish {
    pub fn of(name: &'static str) -> Self {
        Self {
            common_name: name,
            name,
            from: -400,
            until: 90,
            purposes: Vec::new(),
            must_staple: false,
            issuer_location: false,
            authority: false,
        }
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::new(vec![self.name.to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.common_name);
        let at = |days| time::OffsetDateTime::from_unix_timestamp(now() + days * DAY).unwrap();
        (params.not_before, params.not_after) = (at(self.from), at(self.until));
        params.extended_key_usages.clone_from(&self.purposes);
        if self.must_staple {
            let content = vec![0x30, 3, 2, 1, 5];
            let oid = &[1, 3, 6, 1, 5, 5, 7, 1, 24];
            params.custom_extensions.push(CustomExtension::from_oid_content(oid, content));
        }
        if self.issuer_location {
            // AccessDescription: caIssuers at http://ca.test/.
            let url = b"http://ca.test/";
            let mut one = vec![6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, url.len() as u8];
            one.extend(url);
            let mut content = vec![0x30, one.len() as u8 + 2, 0x30, one.len() as u8];
            content.extend(one);
            let oid = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
            params.custom_extensions.push(CustomExtension::from_oid_content(oid, content));
        }
        if self.authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages =
                vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        }
        params
    }

    pub fn self_signed(&self) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = self.params();
        let made = params.self_signed(&key).unwrap();
        Identity { params, key, der: made.der().clone(), pem: made.pem() }
    }

    pub fn signed_by(&self, issuer: &Identity) -> Identity {
        let key = KeyPair::generate().unwrap();
        let (made, params) = (self.params(), self.params());
        let issuer: Issuer<'_, &dyn SigningKey> = Issuer::from_params(&issuer.params, &issuer.key);
        let made = made.signed_by(&key, &issuer).unwrap();
        Identity { params, key, der: made.der().clone(), pem: made.pem() }
    }
}

/// An authority with this name.
pub fn authority(common_name: &'static str) -> Identity {
    let wish = Wish { common_name, authority: true, until: 3_650, ..Wish::of("ca.test") };
    wish.self_signed()
}

/// A verifier that trusts one root.
pub fn trusting(root: &Identity) -> Arc<dyn ServerCertVerifier> {
    let mut roots = RootCertStore::empty();
    roots.add(root.der.clone()).unwrap();
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap()
}
