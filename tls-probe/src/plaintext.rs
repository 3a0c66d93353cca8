//! What was spoken in clear before the hello, or instead of it: told by the first words of both sides.

use crate::names::Side;

/// A dialogue in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Plaintext {
    /// Mail between servers and from clients (RFC 3207).
    Smtp,
    /// Mailboxes (RFC 9051 §6.2.1).
    Imap,
    /// Mailboxes (RFC 2595 §4).
    Pop3,
    /// Files (RFC 4217).
    Ftp,
    /// Messages (RFC 6120 §5).
    Xmpp,
    /// The database's `SSLRequest`.
    Postgres,
    /// A directory (RFC 4511 §4.14).
    Ldap,
    /// The web in clear, most likely on a port meant for TLS.
    Http,
    /// Something else.
    Unknown,
}

impl Plaintext {
    /// A word for metrics: `smtp`, `imap`, `pop3`, `ftp`, `xmpp`, `postgres`, `ldap`, `http`, `unknown`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Ftp => "ftp",
            Self::Xmpp => "xmpp",
            Self::Postgres => "postgres",
            Self::Ldap => "ldap",
            Self::Http => "http",
            Self::Unknown => "unknown",
        }
    }
}

/// The first bytes of both sides before their first record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FirstWords {
    words: [[u8; KEPT]; 2],
    have: [u8; 2],
}

impl Default for FirstWords {
    fn default() -> Self {
        Self { words: [[0; KEPT]; 2], have: [0; 2] }
    }
}

impl FirstWords {
    /// More of a side's stream in clear. Allocates nothing.
    pub(crate) fn hear(&mut self, side: Side, bytes: &[u8]) {
        let have = usize::from(self.have[side as usize]);
        let new = bytes.len().min(KEPT - have);
        self.words[side as usize][have..have + new].copy_from_slice(&bytes[..new]);
        self.have[side as usize] += new as u8;
    }

    /// What it was; `None` when there were no words in clear.
    pub(crate) fn tell(&self) -> Option<Plaintext> {
        let [client, server] = [Side::Client, Side::Server]
            .map(|s| &self.words[s as usize][..self.have[s as usize].into()]);
        let is_record = |words: &[u8]| matches!(words, [20..=23, 3, ..]);
        if client.is_empty() && server.is_empty() || is_record(client) || is_record(server) {
            return None;
        }
        Some(told(client, server))
    }
}

fn told(client: &[u8], server: &[u8]) -> Plaintext {
    if client.starts_with(SSL_REQUEST) {
        return Plaintext::Postgres;
    }
    if holds(client, START_TLS_OID) {
        return Plaintext::Ldap;
    }
    if HTTP.iter().any(|method| client.starts_with(method)) || server.starts_with(b"HTTP/1.") {
        return Plaintext::Http;
    }
    if holds(client, b"<stream:stream")
        || holds(server, b"<stream:stream")
        || client.starts_with(b"<?xml")
    {
        return Plaintext::Xmpp;
    }
    if server.starts_with(b"* OK") || server.starts_with(b"* PREAUTH") {
        return Plaintext::Imap;
    }
    if server.starts_with(b"+OK") || starts_ignoring_case(client, b"STLS") {
        return Plaintext::Pop3;
    }
    let speaks = |words: &[&[u8]]| words.iter().any(|word| starts_ignoring_case(client, word));
    if speaks(&[b"EHLO", b"HELO", b"LHLO", b"STARTTLS"]) {
        return Plaintext::Smtp;
    }
    if speaks(&[b"AUTH TLS", b"AUTH SSL", b"USER ", b"FEAT"]) {
        return Plaintext::Ftp;
    }
    // A greeting alone: those who say which protocol it is are believed.
    match server {
        [b'2', b'2', b'0', b' ' | b'-', ..] if holds(server, b"SMTP") => Plaintext::Smtp,
        [b'2', b'2', b'0', b' ' | b'-', ..] if holds(server, b"FTP") => Plaintext::Ftp,
        _ => Plaintext::Unknown,
    }
}

fn holds(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

fn starts_ignoring_case(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Enough for the longest of the words above behind an XML declaration.
const KEPT: usize = 96;
/// Length 8, code 80877103.
const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];
const START_TLS_OID: &[u8] = b"1.3.6.1.4.1.1466.20037";
const HTTP: [&[u8]; 8] =
    [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ", b"CONNECT ", b"DELETE ", b"PRI * HTTP/2"];

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(client: &[u8], server: &[u8]) -> Option<Plaintext> {
        let mut words = FirstWords::default();
        // A byte at a time: however it came.
        for (side, said) in [(Side::Client, client), (Side::Server, server)] {
            for byte in said {
                words.hear(side, &[*byte]);
            }
        }
        words.tell()
    }

    #[test]
    fn each_is_told_by_its_first_words() {
        for (client, server, what) in [
            (
                &b"ehlo mail.example\r\n"[..],
                &b"220 mx.example ESMTP Postfix\r\n"[..],
                Plaintext::Smtp,
            ),
            (b"AUTH TLS\r\n", b"220 (vsFTPd 3.0.3)\r\n", Plaintext::Ftp),
            (b"a1 STARTTLS\r\n", b"* OK [CAPABILITY IMAP4rev1] ready\r\n", Plaintext::Imap),
            (b"STLS\r\n", b"+OK POP3 ready\r\n", Plaintext::Pop3),
            (b"<?xml version='1.0'?><stream:stream to='x'>", b"", Plaintext::Xmpp),
            (SSL_REQUEST, b"S", Plaintext::Postgres),
            (b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037", b"", Plaintext::Ldap),
            (b"GET / HTTP/1.1\r\n", b"", Plaintext::Http),
            (b"", b"220 ftp.example FTP server\r\n", Plaintext::Ftp),
            (b"hello", b"", Plaintext::Unknown),
        ] {
            assert_eq!(tell(client, server), Some(what), "{}", client.escape_ascii());
        }
    }

    #[test]
    fn records_are_no_words() {
        assert_eq!(tell(&[22, 3, 1, 0, 5], b""), None);
        assert_eq!(tell(b"", b""), None);
    }
}
