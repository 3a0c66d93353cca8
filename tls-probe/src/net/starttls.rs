//! The dialogues that end in TLS: SMTP (RFC 3207), IMAP and POP3 (RFC 2595), FTP (RFC 4217), XMPP
//! (RFC 6120), PostgreSQL (its protocol's SSLRequest), LDAP (RFC 4511 §4.14).
//!
//! A [`Dialogue`] knows neither socket nor clock: bytes go in, and it says what to send.

use std::str::FromStr;

use thiserror::Error;

use crate::der::Der;

/// A protocol that changes to TLS when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Mail between servers and from clients.
    Smtp,
    /// Reading mail.
    Imap,
    /// Fetching mail.
    Pop3,
    /// Files.
    Ftp,
    /// Messages, client to server.
    Xmpp,
    /// A database.
    Postgres,
    /// A directory.
    Ldap,
}

impl Protocol {
    /// All there are.
    pub const ALL: [Self; 7] =
        [Self::Smtp, Self::Imap, Self::Pop3, Self::Ftp, Self::Xmpp, Self::Postgres, Self::Ldap];

    /// `smtp`, `imap`, `pop3`, `ftp`, `xmpp`, `postgres` or `ldap`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Ftp => "ftp",
            Self::Xmpp => "xmpp",
            Self::Postgres => "postgres",
            Self::Ldap => "ldap",
        }
    }

    /// The port it is registered for.
    pub fn port(self) -> u16 {
        match self {
            Self::Smtp => 25,
            Self::Imap => 143,
            Self::Pop3 => 110,
            Self::Ftp => 21,
            Self::Xmpp => 5222,
            Self::Postgres => 5432,
            Self::Ldap => 389,
        }
    }
}

impl FromStr for Protocol {
    type Err = StarttlsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|one| one.label() == text).ok_or(StarttlsError::NoSuchProtocol)
    }
}

/// Why a connection did not change to TLS.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StarttlsError {
    /// There is no protocol of this name.
    #[error("not one of smtp, imap, pop3, ftp, xmpp, postgres, ldap")]
    NoSuchProtocol,
    /// The server said no, or what its protocol does not say here.
    #[error("the server answers `{0}`")]
    Refused(String),
    /// The server does not offer it.
    #[error("the server does not offer TLS")]
    NotOffered,
    /// The answer has no end within bounds.
    #[error("the answer is longer than {MAX_ANSWER} bytes")]
    TooLong,
    /// Bytes in clear after the word to begin: somebody put them there (CVE-2011-0411).
    #[error("bytes in clear follow the word to begin TLS")]
    Surplus,
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
}

impl StarttlsError {
    /// A word for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NoSuchProtocol => "no_such_protocol",
            Self::Refused(_) => "refused",
            Self::NotOffered => "not_offered",
            Self::TooLong => "too_long",
            Self::Surplus => "surplus",
            Self::Closed => "closed",
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Send this.
    Send(Vec<u8>),
    /// Read, and hand what came to [`Dialogue::input`].
    Read,
    /// Begin TLS.
    Ready,
}

/// One dialogue under way.
#[derive(Debug, Clone)]
pub struct Dialogue {
    script: std::vec::IntoIter<Act>,
    awaited: Option<Answer>,
    unread: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Act {
    Say(Vec<u8>),
    Hear(Answer),
}

/// An answer that lets the dialogue go on.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// Lines with this code, the last with a space behind it.
    Code(&'static str),
    /// The same, and one of the lines says STARTTLS.
    CodeOffering(&'static str),
    /// Lines up to one that begins so.
    Line(&'static str),
    /// Of an IMAP command: lines up to the one with its tag, which goes on so.
    Tagged(&'static str, &'static str),
    /// A piece of XML that holds the first of these, not the second.
    Xml(&'static str, &'static str),
    /// One byte.
    Byte(u8),
    /// An LDAP extended response with result code 0.
    LdapSuccess,
}

impl Dialogue {
    /// Begins to speak `protocol` with the server of this name.
    pub fn new(protocol: Protocol, server: &str) -> Self {
        use Act::{Hear, Say};
        let say = |text: &str| Say(text.as_bytes().to_vec());
        let script = match protocol {
            Protocol::Smtp => vec![
                Hear(Answer::Code("220")),
                say("EHLO probe.invalid\r\n"),
                Hear(Answer::CodeOffering("250")),
                say("STARTTLS\r\n"),
                Hear(Answer::Code("220")),
            ],
            Protocol::Imap => vec![
                Hear(Answer::Line("* OK")),
                say("a1 STARTTLS\r\n"),
                Hear(Answer::Tagged("a1 ", "OK")),
            ],
            Protocol::Pop3 => {
                vec![Hear(Answer::Line("+OK")), say("STLS\r\n"), Hear(Answer::Line("+OK"))]
            }
            Protocol::Ftp => {
                vec![Hear(Answer::Code("220")), say("AUTH TLS\r\n"), Hear(Answer::Code("234"))]
            }
            Protocol::Xmpp => vec![
                Say(xmpp_open(server)),
                Hear(Answer::Xml("</stream:features>", "<stream:error")),
                say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
                Hear(Answer::Xml("<proceed", "<failure")),
            ],
            Protocol::Postgres => {
                vec![Say(vec![0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]), Hear(Answer::Byte(b'S'))]
            }
            Protocol::Ldap => vec![Say(ldap_start_tls()), Hear(Answer::LdapSuccess)],
        };
        Self { script: script.into_iter(), awaited: None, unread: Vec::new() }
    }

    /// Bytes that came.
    pub fn input(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// What to do next. After [`Next::Ready`] there is nothing more to ask.
    ///
    /// # Errors
    /// [`StarttlsError`] if the server does not want to, or does not speak the protocol.
    pub fn poll(&mut self) -> Result<Next, StarttlsError> {
        loop {
            if let Some(answer) = self.awaited {
                let Some(length) = answer.heard(&self.unread)? else {
                    if self.unread.len() > MAX_ANSWER {
                        return Err(StarttlsError::TooLong);
                    }
                    return Ok(Next::Read);
                };
                self.unread.drain(..length);
                self.awaited = None;
            }
            match self.script.next() {
                Some(Act::Say(what)) => return Ok(Next::Send(what)),
                Some(Act::Hear(answer)) => self.awaited = Some(answer),
                None if self.unread.is_empty() => return Ok(Next::Ready),
                None => return Err(StarttlsError::Surplus),
            }
        }
    }
}

impl Answer {
    /// How many bytes the answer takes, if it is all there.
    fn heard(self, bytes: &[u8]) -> Result<Option<usize>, StarttlsError> {
        match self {
            Self::Code(code) => last_line(bytes, |line| code_line(line, code)),
            Self::CodeOffering(code) => {
                let length = last_line(bytes, |line| code_line(line, code))?;
                let offers = |end: usize| {
                    let said = String::from_utf8_lossy(&bytes[..end]).to_ascii_uppercase();
                    said.lines().any(|line| line.get(4..).is_some_and(|w| w.trim() == "STARTTLS"))
                };
                if length.is_some_and(|end| !offers(end)) {
                    return Err(StarttlsError::NotOffered);
                }
                Ok(length)
            }
            Self::Line(start) => last_line(bytes, |line| {
                if line.starts_with(start) { Ok(true) } else { Err(refused(line.as_bytes())) }
            }),
            Self::Tagged(tag, good) => last_line(bytes, |line| match line.strip_prefix(tag) {
                Some(result) if result.starts_with(good) => Ok(true),
                Some(_) => Err(refused(line.as_bytes())),
                None => Ok(false),
            }),
            Self::Xml(good, bad) => xml(bytes, good, bad),
            Self::Byte(good) => match bytes.first() {
                None => Ok(None),
                Some(byte) if *byte == good => Ok(Some(1)),
                Some(b'N') => Err(StarttlsError::NotOffered),
                Some(_) => Err(refused(bytes)),
            },
            Self::LdapSuccess => ldap_success(bytes),
        }
    }
}

/// The end of the first line for which `is_last` is true.
fn last_line(
    bytes: &[u8],
    is_last: impl Fn(&str) -> Result<bool, StarttlsError>,
) -> Result<Option<usize>, StarttlsError> {
    let mut end = 0;
    while let Some(length) = bytes[end..].iter().position(|byte| *byte == b'\n') {
        let line = &bytes[end..end + length];
        end += length + 1;
        if is_last(&String::from_utf8_lossy(line))? {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// A reply line of SMTP (RFC 5321 §4.2.1) or FTP (RFC 959 §4.2).
fn code_line(line: &str, code: &str) -> Result<bool, StarttlsError> {
    let digits = line.len() >= 3 && line.as_bytes()[..3].iter().all(u8::is_ascii_digit);
    match line.get(3..4) {
        // FTP's inner lines may begin with anything.
        _ if !digits => Ok(false),
        Some("-") => Ok(false),
        _ if line.starts_with(code) => Ok(true),
        _ => Err(refused(line.as_bytes())),
    }
}

fn xml(bytes: &[u8], good: &str, bad: &str) -> Result<Option<usize>, StarttlsError> {
    let text = String::from_utf8_lossy(bytes);
    if text.contains(bad) {
        return Err(refused(bytes));
    }
    let Some(at) = find(bytes, good.as_bytes()) else { return Ok(None) };
    if good.starts_with("</") && !text.contains("urn:ietf:params:xml:ns:xmpp-tls") {
        return Err(StarttlsError::NotOffered);
    }
    // An element that is only begun may have its end still to come.
    let rest = &bytes[at..];
    Ok(rest.iter().position(|byte| *byte == b'>').map(|end| at + end + 1))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn ldap_success(bytes: &[u8]) -> Result<Option<usize>, StarttlsError> {
    let &[tag, first, ..] = bytes else { return Ok(None) };
    if tag != 0x30 {
        return Err(refused(bytes));
    }
    // Active Directory writes lengths in four bytes where one would do.
    let count = usize::from(first.saturating_sub(0x80));
    if count > 4 {
        return Err(StarttlsError::TooLong);
    }
    let Some(length) = bytes.get(2..2 + count) else { return Ok(None) };
    let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    let length = if count == 0 { usize::from(first) } else { length };
    let total = length.saturating_add(2 + count);
    if total > MAX_ANSWER {
        return Err(StarttlsError::TooLong);
    }
    let Some(message) = bytes.get(..total) else { return Ok(None) };
    let code = (|| {
        let mut message = Der::new(Der::new(message).expect(0x30)?);
        message.expect(0x02)?;
        // ExtendedResponse, its resultCode first.
        Der::new(message.expect(0x78)?).expect(0x0a)
    })();
    match code {
        Some([0]) => Ok(Some(total)),
        Some([code]) => Err(StarttlsError::Refused(format!("result code {code}"))),
        _ => Err(refused(bytes)),
    }
}

fn refused(answer: &[u8]) -> StarttlsError {
    let line = answer.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let printable = |c: &char| !c.is_control();
    StarttlsError::Refused(
        String::from_utf8_lossy(line).chars().filter(printable).take(120).collect(),
    )
}

fn xmpp_open(server: &str) -> Vec<u8> {
    // A host name has none of XML's signs; what has is left out.
    let to: String = server.chars().filter(|c| !"<>&'\"".contains(*c)).collect();
    format!(
        "<?xml version='1.0'?><stream:stream to='{to}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    .into_bytes()
}

/// An ExtendedRequest with the object identifier of StartTLS.
fn ldap_start_tls() -> Vec<u8> {
    let oid = b"1.3.6.1.4.1.1466.20037";
    let mut out = vec![0x30, 5 + 2 + oid.len() as u8, 0x02, 1, 1, 0x77, 2 + oid.len() as u8, 0x80];
    out.push(oid.len() as u8);
    out.extend(oid);
    out
}

/// The most that is kept of an answer: SMTP's longest lists of extensions are a tenth of it.
pub const MAX_ANSWER: usize = 16 * 1024;
