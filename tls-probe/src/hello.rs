//! ClientHello and ServerHello, parsed by hand and borrowed from their bytes
//! (RFC 8446 §4.1, RFC 5246 §7.4.1, RFC 6066 §3, RFC 7301).

use thiserror::Error;

use crate::{
    names::{CipherSuite, ProtocolVersion},
    wire::Wire,
};

/// Why a hello could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HelloError {
    /// The body ends inside this field.
    #[error("the hello ends inside its {0}")]
    Truncated(&'static str),
}

impl HelloError {
    /// A word for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Truncated(_) => "truncated",
        }
    }
}

/// What a client offers.
#[derive(Debug, Clone, Copy)]
pub struct ClientHello<'a> {
    /// `legacy_version`: the highest version of a client that knows nothing of TLS 1.3.
    pub legacy_version: ProtocolVersion,
    /// The 32 random bytes.
    pub random: &'a [u8],
    /// The session to resume, or what TLS 1.3 fills this field with.
    pub session_id: &'a [u8],
    /// The name the client asks for (SNI), without its ECH-hidden counterpart.
    pub server_name: Option<&'a str>,
    /// A pre-shared key or ticket of TLS 1.3 is offered.
    pub psk: bool,
    /// Data is announced before the handshake's end (0-RTT).
    pub early_data: bool,
    /// Encrypted Client Hello is present: the name above is the outer one, or a filler.
    pub ech: bool,
    ciphers: &'a [u8],
    extensions: &'a [u8],
    alpn: &'a [u8],
    versions: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// Reads the body of a message of type 1.
    ///
    /// # Errors
    /// [`HelloError`] if a field runs past the end. A malformed extension is taken as absent: the
    /// server's answer tells what became of it.
    pub fn parse(body: &'a [u8]) -> Result<Self, HelloError> {
        let mut wire = Wire::new(body);
        let legacy_version = wire.u16().ok_or(HelloError::Truncated("version"))?;
        let random = wire.take(32).ok_or(HelloError::Truncated("random"))?;
        let session_id = wire.vector8().ok_or(HelloError::Truncated("session id"))?;
        let ciphers = wire.vector16().ok_or(HelloError::Truncated("cipher suites"))?;
        wire.vector8().ok_or(HelloError::Truncated("compression methods"))?;
        let mut hello = Self {
            legacy_version: ProtocolVersion(legacy_version),
            random,
            session_id,
            server_name: None,
            psk: false,
            early_data: false,
            ech: false,
            ciphers,
            // Before RFC 4366 hellos ended here.
            extensions: extension_block(wire)?,
            alpn: &[],
            versions: &[],
        };
        for (kind, data) in hello.extensions() {
            match kind {
                0 => hello.server_name = server_name(data),
                16 => hello.alpn = Wire::new(data).vector16().unwrap_or_default(),
                41 => hello.psk = true,
                42 => hello.early_data = true,
                43 => hello.versions = Wire::new(data).vector8().unwrap_or_default(),
                0xfe0d => hello.ech = true,
                _ => {}
            }
        }
        Ok(hello)
    }

    /// The cipher suites in the order of preference, GREASE included.
    pub fn ciphers(&self) -> impl Iterator<Item = CipherSuite> + use<'a> {
        pairs(self.ciphers).map(CipherSuite)
    }

    /// The contents of `supported_versions`, GREASE included; empty before TLS 1.3.
    pub fn versions(&self) -> impl Iterator<Item = ProtocolVersion> + use<'a> {
        pairs(self.versions).map(ProtocolVersion)
    }

    /// The application protocols offered, as bytes.
    pub fn alpn(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut wire = Wire::new(self.alpn);
        std::iter::from_fn(move || wire.vector8())
    }

    /// Type and data of every extension, in order.
    pub fn extensions(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        extensions(self.extensions)
    }
}

/// What a server chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerHello<'a> {
    /// The version of the connection: `supported_versions` where it is present.
    pub version: ProtocolVersion,
    /// The session id, in TLS 1.3 the client's own.
    pub session_id: &'a [u8],
    /// The cipher suite.
    pub cipher: CipherSuite,
    /// The application protocol; TLS 1.3 sends it encrypted.
    pub alpn: Option<&'a [u8]>,
    /// The client's pre-shared key was accepted (TLS 1.3 resumption).
    pub psk: bool,
    /// It is a HelloRetryRequest (RFC 8446 §4.1.4): the client shall say hello again.
    pub retry: bool,
}

impl<'a> ServerHello<'a> {
    /// Reads the body of a message of type 2.
    ///
    /// # Errors
    /// [`HelloError`] if a field runs past the end.
    pub fn parse(body: &'a [u8]) -> Result<Self, HelloError> {
        let mut wire = Wire::new(body);
        let version = wire.u16().ok_or(HelloError::Truncated("version"))?;
        let random = wire.take(32).ok_or(HelloError::Truncated("random"))?;
        // Drafts of TLS 1.3 before the 22nd had neither session id nor compression here.
        let short = (0x7f00..0x7f16).contains(&version);
        let session_id =
            if short { &[] } else { wire.vector8().ok_or(HelloError::Truncated("session id"))? };
        let cipher = wire.u16().ok_or(HelloError::Truncated("cipher suite"))?;
        if !short {
            wire.u8().ok_or(HelloError::Truncated("compression method"))?;
        }
        let mut hello = Self {
            version: ProtocolVersion(version),
            session_id,
            cipher: CipherSuite(cipher),
            alpn: None,
            psk: false,
            retry: random == RETRY,
        };
        for (kind, data) in extensions(extension_block(wire)?) {
            match kind {
                16 => hello.alpn = Wire::new(data).vector16().and_then(|l| Wire::new(l).vector8()),
                41 => hello.psk = true,
                43 => {
                    if let Some(chosen) = Wire::new(data).u16() {
                        hello.version = ProtocolVersion(chosen);
                    }
                }
                _ => {}
            }
        }
        Ok(hello)
    }
}

fn extension_block(mut wire: Wire<'_>) -> Result<&[u8], HelloError> {
    if wire.is_empty() {
        return Ok(&[]);
    }
    wire.vector16().ok_or(HelloError::Truncated("extensions"))
}

fn extensions(block: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut wire = Wire::new(block);
    std::iter::from_fn(move || Some((wire.u16()?, wire.vector16()?)))
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]]))
}

/// The first entry of type host_name (RFC 6066 §3).
fn server_name(data: &[u8]) -> Option<&str> {
    let mut list = Wire::new(Wire::new(data).vector16()?);
    while let Some(kind) = list.u8() {
        let name = list.vector16()?;
        if kind == 0 {
            return std::str::from_utf8(name).ok().filter(|n| !n.is_empty());
        }
    }
    None
}

/// SHA-256 of "HelloRetryRequest", the random of one.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn server_hello(random: [u8; 32]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend(random);
        body.extend([0, 0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 3, 4]);
        body
    }

    #[test]
    fn the_chosen_version_is_the_extension_s() {
        let body = server_hello([7; 32]);
        let hello = ServerHello::parse(&body).unwrap();
        assert_eq!(hello.version, ProtocolVersion::TLS13);
        assert_eq!(hello.cipher, CipherSuite(0x1301));
        assert!(!hello.retry);
        assert!(ServerHello::parse(&server_hello(RETRY)).unwrap().retry);
    }

    #[test]
    fn a_cut_hello_names_the_field_it_ends_in() {
        let body = server_hello([7; 32]);
        for cut in 0..body.len() {
            // Without extensions a hello is whole.
            assert_eq!(ServerHello::parse(&body[..cut]).is_ok(), cut == 38, "cut at {cut}");
        }
        assert_eq!(ClientHello::parse(&[3, 3, 0]).unwrap_err(), HelloError::Truncated("random"));
    }

    #[test]
    fn a_name_of_another_type_is_passed_over() {
        assert_eq!(server_name(&[0, 9, 5, 0, 1, b'x', 0, 0, 2, b'a', b'b']), Some("ab"));
        assert_eq!(server_name(&[0, 3, 0, 0, 9]), None);
    }
}
