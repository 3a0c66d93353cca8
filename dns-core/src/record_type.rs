//! Record types and classes by number, name and RFC 3597 form.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A record type by its number (IANA DNS parameters); any number is valid (RFC 3597).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

/// A class by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class(pub u16);

impl Class {
    /// The Internet.
    pub const IN: Class = Class(1);
}

/// A text that names no record type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("unknown record type: write TYPE and its number (RFC 3597)")]
pub struct UnknownType;

impl UnknownType {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        "unknown_type"
    }
}

macro_rules! types {
    ($($name:ident = $number:literal, $doc:literal;)*) => {
        impl RecordType {
            $(#[doc = $doc] pub const $name: RecordType = RecordType($number);)*

            /// The mnemonic, when we know it.
            pub const fn mnemonic(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }

        const KNOWN: &[RecordType] = &[$(RecordType::$name),*];
    };
}

types! {
    A = 1, "IPv4 address (RFC 1035).";
    NS = 2, "Authoritative server (RFC 1035).";
    MD = 3, "Mail destination (RFC 1035, obsolete).";
    MF = 4, "Mail forwarder (RFC 1035, obsolete).";
    CNAME = 5, "Canonical name of an alias (RFC 1035).";
    SOA = 6, "Start of a zone of authority (RFC 1035).";
    MB = 7, "Mailbox (RFC 1035, experimental).";
    MG = 8, "Mail group (RFC 1035, experimental).";
    MR = 9, "Mail rename (RFC 1035, experimental).";
    NULL = 10, "Anything (RFC 1035, experimental).";
    WKS = 11, "Well-known services (RFC 1035, obsolete).";
    PTR = 12, "Pointer, for reverse names (RFC 1035).";
    HINFO = 13, "Host information (RFC 1035; the answer to ANY, RFC 8482).";
    MINFO = 14, "Mailbox information (RFC 1035, experimental).";
    MX = 15, "Mail exchange (RFC 1035).";
    TXT = 16, "Text strings (RFC 1035).";
    RP = 17, "Responsible person (RFC 1183).";
    AFSDB = 18, "AFS cell database (RFC 1183).";
    X25 = 19, "X.25 address (RFC 1183).";
    ISDN = 20, "ISDN address (RFC 1183).";
    RT = 21, "Route through (RFC 1183).";
    SIG = 24, "Signature (RFC 2535; RRSIG took its place).";
    KEY = 25, "Key (RFC 2535; DNSKEY took its place).";
    PX = 26, "X.400 mapping (RFC 2163).";
    AAAA = 28, "IPv6 address (RFC 3596).";
    LOC = 29, "Location on Earth (RFC 1876).";
    SRV = 33, "Location of a service (RFC 2782).";
    NAPTR = 35, "Naming authority pointer (RFC 3403).";
    KX = 36, "Key exchanger (RFC 2230).";
    CERT = 37, "Certificate (RFC 4398).";
    DNAME = 39, "Redirection of a subtree (RFC 6672).";
    OPT = 41, "EDNS (RFC 6891); never in a zone.";
    APL = 42, "Address prefixes (RFC 3123).";
    DS = 43, "Delegation signer (RFC 4034).";
    SSHFP = 44, "SSH key fingerprint (RFC 4255).";
    IPSECKEY = 45, "IPsec key (RFC 4025).";
    RRSIG = 46, "Signature (RFC 4034).";
    NSEC = 47, "Denial of existence (RFC 4034).";
    DNSKEY = 48, "Zone key (RFC 4034).";
    DHCID = 49, "DHCP client's identifier (RFC 4701).";
    NSEC3 = 50, "Hashed denial of existence (RFC 5155).";
    NSEC3PARAM = 51, "Parameters of NSEC3 (RFC 5155).";
    TLSA = 52, "Certificate association (RFC 6698).";
    SMIMEA = 53, "S/MIME certificate association (RFC 8162).";
    HIP = 55, "Host identity (RFC 8005).";
    CDS = 59, "Child's DS (RFC 7344).";
    CDNSKEY = 60, "Child's DNSKEY (RFC 7344).";
    OPENPGPKEY = 61, "OpenPGP key (RFC 7929).";
    CSYNC = 62, "Child-to-parent synchronisation (RFC 7477).";
    ZONEMD = 63, "Digest of the zone (RFC 8976).";
    SVCB = 64, "Service binding (RFC 9460).";
    HTTPS = 65, "Service binding for HTTPS (RFC 9460).";
    SPF = 99, "Retired by RFC 7208; same shape as TXT.";
    NID = 104, "Node identifier (RFC 6742).";
    L32 = 105, "Locator of 32 bits (RFC 6742).";
    L64 = 106, "Locator of 64 bits (RFC 6742).";
    LP = 107, "Locator's name (RFC 6742).";
    EUI48 = 108, "Hardware address of 48 bits (RFC 7043).";
    EUI64 = 109, "Hardware address of 64 bits (RFC 7043).";
    TSIG = 250, "Transaction signature (RFC 8945); never in a zone.";
    IXFR = 251, "Incremental transfer (RFC 1995); a question only.";
    AXFR = 252, "Whole transfer (RFC 5936); a question only.";
    ANY = 255, "All types; a question only (RFC 8482).";
    URI = 256, "Uniform resource identifier (RFC 7553).";
    CAA = 257, "Certification authorities allowed (RFC 8659).";
    AVC = 258, "Application visibility and control; same shape as TXT.";
    DLV = 32_769, "Lookaside validation (RFC 4431, retired by RFC 8749).";
}

impl RecordType {
    /// Whether it is a question type or a pseudo-record and never data (RFC 6895 §3.1).
    pub const fn is_meta(self) -> bool {
        matches!(self.0, 0 | 41 | 128..=255)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(name) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl FromStr for RecordType {
    type Err = UnknownType;

    /// A mnemonic in either case, or `TYPE` and a number (RFC 3597 §5).
    fn from_str(text: &str) -> Result<RecordType, UnknownType> {
        if let Some(number) = text.get(..4).filter(|p| p.eq_ignore_ascii_case("TYPE")) {
            return text[number.len()..].parse().map(RecordType).map_err(|_| UnknownType);
        }
        let known = |t: &&RecordType| t.mnemonic().is_some_and(|m| m.eq_ignore_ascii_case(text));
        KNOWN.iter().find(known).copied().ok_or(UnknownType)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mnemonics_and_numbers_come_back() {
        for number in 0..=u16::MAX {
            assert_eq!(RecordType(number).to_string().parse(), Ok(RecordType(number)));
        }
        assert_eq!("ptr".parse(), Ok(RecordType::PTR));
        assert_eq!("type65280".parse(), Ok(RecordType(65280)));
        assert_eq!("TYPE".parse::<RecordType>(), Err(UnknownType));
        assert_eq!("BOGUS".parse::<RecordType>(), Err(UnknownType));
    }
}
