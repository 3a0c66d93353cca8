//! Why a probe did not succeed: a closed set.

use std::io;

use rustls::{AlertDescription, Error};

use crate::{certificate::Fault, report::Report};

/// The class of a failed probe, from the name to the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The name has no address, or none of the family asked for.
    DnsNotFound,
    /// The resolver did not answer in time.
    DnsTimeout,
    /// The resolver could not be asked, or failed.
    DnsFailed,
    /// The host refused the connection.
    TcpRefused,
    /// The host did not answer in time.
    TcpTimeout,
    /// There is no way there, or the connection failed otherwise.
    TcpUnreachable,
    /// The server would not change to TLS, or did not speak the protocol.
    StarttlsRefused,
    /// It did not answer the request to change to TLS in time.
    StarttlsTimeout,
    /// The server speaks no TLS.
    NotTls,
    /// The handshake was not over in time.
    TlsTimeout,
    /// The connection was reset during the handshake.
    TlsReset,
    /// The connection was closed during the handshake.
    TlsClosed,
    /// There is no protocol version both sides would speak.
    TlsVersion,
    /// There is no cipher suite, group or signature scheme both sides would use.
    TlsParameters,
    /// There is no application protocol both sides would speak.
    TlsAlpn,
    /// The server does not know the name.
    TlsServerName,
    /// The server asks for a client certificate, or refused the one it got.
    TlsClientCertificate,
    /// The server refused with another alert.
    TlsAlert,
    /// The server broke the protocol.
    TlsProtocol,
    /// The certificate does not validate, for this reason.
    Certificate(Fault),
}

impl Failure {
    /// A word for metrics and reports; for a certificate the fault's own.
    pub fn label(self) -> &'static str {
        match self {
            Self::DnsNotFound => "dns_not_found",
            Self::DnsTimeout => "dns_timeout",
            Self::DnsFailed => "dns_failed",
            Self::TcpRefused => "tcp_refused",
            Self::TcpTimeout => "tcp_timeout",
            Self::TcpUnreachable => "tcp_unreachable",
            Self::StarttlsRefused => "starttls_refused",
            Self::StarttlsTimeout => "starttls_timeout",
            Self::NotTls => "not_tls",
            Self::TlsTimeout => "tls_timeout",
            Self::TlsReset => "tls_reset",
            Self::TlsClosed => "tls_closed",
            Self::TlsVersion => "tls_version",
            Self::TlsParameters => "tls_parameters",
            Self::TlsAlpn => "tls_alpn",
            Self::TlsServerName => "tls_server_name",
            Self::TlsClientCertificate => "tls_client_certificate",
            Self::TlsAlert => "tls_alert",
            Self::TlsProtocol => "tls_protocol",
            Self::Certificate(fault) => fault.label(),
        }
    }

    /// Why a TCP connection could not be opened.
    pub(super) fn of_connect(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::TcpRefused,
            io::ErrorKind::TimedOut => Self::TcpTimeout,
            _ => Self::TcpUnreachable,
        }
    }

    /// Why a handshake failed, with the report of it.
    pub(super) fn of_handshake(error: &io::Error, report: &Report) -> Self {
        let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
            return match error.kind() {
                io::ErrorKind::TimedOut => Self::TlsTimeout,
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::TlsReset,
                _ => Self::TlsClosed,
            };
        };
        match tls {
            Error::AlertReceived(alert) => Self::of_alert(*alert),
            Error::InvalidCertificate(_) => Self::Certificate(super::verifier::fault(tls)),
            Error::InvalidMessage(_) if !report.server_messages.contains(2) => Self::NotTls,
            Error::PeerIncompatible(why) => {
                use rustls::PeerIncompatible as Why;
                match why {
                    Why::ServerDoesNotSupportTls12Or13
                    | Why::ServerTlsVersionIsDisabledByOurConfig => Self::TlsVersion,
                    _ => Self::TlsParameters,
                }
            }
            Error::NoApplicationProtocol => Self::TlsAlpn,
            _ => Self::TlsProtocol,
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::ProtocolVersion => Self::TlsVersion,
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                Self::TlsParameters
            }
            AlertDescription::NoApplicationProtocol => Self::TlsAlpn,
            AlertDescription::UnrecognisedName => Self::TlsServerName,
            AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied => Self::TlsClientCertificate,
            _ => Self::TlsAlert,
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Failure {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.label())
    }
}
