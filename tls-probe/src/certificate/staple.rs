//! The stapled OCSP response (RFC 6960 §4.2): whose status, and until when.
//!
//! Only its fields are read. Whether its signature is the authority's is for a verifier to say.

use thiserror::Error;

use crate::der::{Der, generalized_time};

/// What a response says of the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificateStatus {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked,
    /// The responder does not know it.
    Unknown,
}

impl CertificateStatus {
    /// `good`, `revoked` or `unknown`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
        }
    }
}

/// The first single response of a staple.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staple {
    /// What it says.
    pub status: CertificateStatus,
    /// From when it holds, in Unix seconds.
    pub this_update: i64,
    /// Until when; `None` if newer information is always available.
    pub next_update: Option<i64>,
}

/// Why a staple tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StapleError {
    /// The responder could not answer (RFC 6960 §4.2.1), with its status.
    #[error("the responder answers with status {0}")]
    Unsuccessful(u8),
    /// The bytes are no basic OCSP response.
    #[error("no basic OCSP response")]
    Malformed,
}

impl StapleError {
    /// A word for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unsuccessful(_) => "unsuccessful",
            Self::Malformed => "malformed",
        }
    }
}

impl Staple {
    /// Reads an `OCSPResponse`.
    ///
    /// # Errors
    /// [`StapleError`] if the responder did not answer, or not in this form.
    pub fn parse(response: &[u8]) -> Result<Self, StapleError> {
        let malformed = StapleError::Malformed;
        let mut outer = Der::new(Der::new(response).expect(SEQUENCE).ok_or(malformed)?);
        match outer.expect(ENUMERATED).ok_or(malformed)? {
            [0] => {}
            [status] => return Err(StapleError::Unsuccessful(*status)),
            _ => return Err(malformed),
        }
        Self::successful(&mut outer).ok_or(malformed)
    }

    fn successful(outer: &mut Der<'_>) -> Option<Self> {
        let mut bytes = Der::new(Der::new(outer.expect(CONTEXT_0)?).expect(SEQUENCE)?);
        if bytes.expect(OID)? != BASIC {
            return None;
        }
        let mut basic = Der::new(Der::new(bytes.expect(OCTETS)?).expect(SEQUENCE)?);
        let mut data = Der::new(basic.expect(SEQUENCE)?);
        data.optional(CONTEXT_0); // version
        data.next()?; // responder
        data.expect(TIME)?; // produced at
        let mut single = Der::new(Der::new(data.expect(SEQUENCE)?).expect(SEQUENCE)?);
        single.expect(SEQUENCE)?; // certificate
        let status = match single.next()?.0 {
            0x80 => CertificateStatus::Good,
            0xa1 => CertificateStatus::Revoked,
            0x82 => CertificateStatus::Unknown,
            _ => return None,
        };
        let this_update = generalized_time(single.expect(TIME)?)?;
        let next_update = match single.optional(CONTEXT_0) {
            Some(next) => Some(generalized_time(Der::new(next).expect(TIME)?)?),
            None => None,
        };
        Some(Self { status, this_update, next_update })
    }

    /// Whether it holds at this time, in Unix seconds. A clock may differ by five minutes.
    pub fn is_fresh(&self, now: i64) -> bool {
        self.this_update <= now.saturating_add(SKEW)
            && self.next_update.is_none_or(|next| now <= next.saturating_add(SKEW))
    }
}

const SEQUENCE: u8 = 0x30;
const ENUMERATED: u8 = 0x0a;
const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const TIME: u8 = 0x18;
const CONTEXT_0: u8 = 0xa0;
/// id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1.
const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
/// As OpenSSL's programs allow.
const SKEW: i64 = 300;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let contents = parts.concat();
        let mut out = vec![tag, 0x82];
        out.extend((contents.len() as u16).to_be_bytes());
        out.extend(contents);
        out
    }

    /// A response of 2024-05-01 that holds for a week.
    pub(in crate::certificate) fn response(status: &[u8]) -> Vec<u8> {
        let id = element(SEQUENCE, &[]);
        let this = element(TIME, &[b"20240501000000Z"]);
        let next = element(CONTEXT_0, &[&element(TIME, &[b"20240508000000Z"])]);
        let single = element(SEQUENCE, &[&id, status, &this, &next]);
        let produced = element(TIME, &[b"20240501000001Z"]);
        let responder = element(0xa2, &[&element(OCTETS, &[&[7; 20]])]);
        let responses = element(SEQUENCE, &[&single]);
        let data = element(SEQUENCE, &[&responder, &produced, &responses]);
        let basic = element(SEQUENCE, &[&data]);
        let bytes = element(SEQUENCE, &[&element(OID, &[BASIC]), &element(OCTETS, &[&basic])]);
        element(SEQUENCE, &[&[ENUMERATED, 1, 0], &element(CONTEXT_0, &[&bytes])])
    }

    #[test]
    fn status_and_times_are_found() {
        let staple = Staple::parse(&response(&[0x80, 0])).expect("well formed");
        assert_eq!(staple.status, CertificateStatus::Good);
        let week = 7 * 86_400;
        assert_eq!(staple.next_update, Some(staple.this_update + week));
        assert!(staple.is_fresh(staple.this_update) && staple.is_fresh(staple.this_update + week));
        assert!(!staple.is_fresh(staple.this_update + week + 301));
        assert!(!staple.is_fresh(staple.this_update - 301));
        let revoked = Staple::parse(&response(&[0xa1, 0])).expect("well formed");
        assert_eq!(revoked.status, CertificateStatus::Revoked);
    }

    #[test]
    fn a_cut_response_is_malformed_and_a_refusal_named() {
        let whole = response(&[0x80, 0]);
        for cut in 0..whole.len() {
            assert_eq!(Staple::parse(&whole[..cut]), Err(StapleError::Malformed), "cut at {cut}");
        }
        let later = [SEQUENCE, 3, ENUMERATED, 1, 3];
        assert_eq!(Staple::parse(&later), Err(StapleError::Unsuccessful(3)));
    }
}
