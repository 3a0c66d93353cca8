//! EDNS options (RFC 6891 §6.1.2): what askers want, and what answers say. On the stack.

/// The name of the server (RFC 5001).
pub(crate) const NSID: u16 = 3;
/// A cookie (RFC 7873).
pub(crate) const COOKIE: u16 = 10;
/// How long a connection may be idle (RFC 7828).
pub(crate) const TCP_KEEPALIVE: u16 = 11;
/// Octets that mean nothing (RFC 7830).
pub(crate) const PADDING: u16 = 12;
/// An extended error (RFC 8914).
pub(crate) const EXTENDED_ERROR: u16 = 15;

/// Why an answer is what it is, beyond its response code (RFC 8914 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExtendedError(pub u16);

impl ExtendedError {
    /// An expired answer, because a fresh one could not be had.
    pub const STALE_ANSWER: ExtendedError = ExtendedError(3);
    /// The question failed a moment ago and is not asked again yet.
    pub const CACHED_ERROR: ExtendedError = ExtendedError(13);
    /// The server is too busy to ask others.
    pub const NOT_READY: ExtendedError = ExtendedError(14);
    /// The operator's policy keeps the answer back: a private suffix, or a private address behind a public
    /// name.
    pub const BLOCKED: ExtendedError = ExtendedError(15);
    /// The asker may not ask this.
    pub const PROHIBITED: ExtendedError = ExtendedError(18);
    /// An expired denial.
    pub const STALE_NXDOMAIN: ExtendedError = ExtendedError(19);
    /// Nothing here knows the name, and nobody else is asked.
    pub const NOT_AUTHORITATIVE: ExtendedError = ExtendedError(20);
    /// No server that could know gave an answer.
    pub const NO_REACHABLE_AUTHORITY: ExtendedError = ExtendedError(22);
    /// The network failed on the way to the servers.
    pub const NETWORK_ERROR: ExtendedError = ExtendedError(23);
}

/// What an asker's options ask for. The first of a kind counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    pub(crate) nsid: bool,
    pub(crate) padding: bool,
    pub(crate) cookie: Option<&'a [u8]>,
    /// A time is for servers to say: a client's has no octets (RFC 7828 §3.2.1).
    pub(crate) keepalive: Option<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    /// Reads a list of options; it ends where it is malformed.
    pub(crate) fn read(options: &'a [u8]) -> Wanted<'a> {
        let mut wanted = Wanted::default();
        for (code, data) in each(options) {
            match code {
                NSID => wanted.nsid = true,
                PADDING => wanted.padding = true,
                TCP_KEEPALIVE => wanted.keepalive = wanted.keepalive.or(Some(data)),
                COOKIE if wanted.cookie.is_none() => wanted.cookie = Some(data),
                _ => {}
            }
        }
        wanted
    }
}

/// The options of a list, until it ends or is malformed.
pub(crate) fn each(mut options: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (&[c1, c2, l1, l2], rest) = options.split_first_chunk()?;
        let (data, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l1, l2])))?;
        options = rest;
        Some((u16::from_be_bytes([c1, c2]), data))
    })
}

/// Options being written. Most answers have none: their place is not even cleared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options(Option<Written>);

#[derive(Clone, Copy, Debug)]
struct Written {
    octets: [u8; ROOM],
    len: usize,
}

impl Options {
    pub(crate) const fn new() -> Options {
        Options(None)
    }

    /// Adds an option; one that does not fit is left out.
    pub(crate) fn push(&mut self, code: u16, data: &[u8]) {
        let written = self.0.get_or_insert(Written { octets: [0; ROOM], len: 0 });
        let end = written.len + 4 + data.len();
        if let Some(place) = written.octets.get_mut(written.len..end) {
            place[..2].copy_from_slice(&code.to_be_bytes());
            place[2..4].copy_from_slice(&(data.len() as u16).to_be_bytes());
            place[4..].copy_from_slice(data);
            written.len = end;
        }
    }

    /// Adds an extended error (RFC 8914 §2), without text.
    pub(crate) fn push_error(&mut self, error: ExtendedError) {
        self.push(EXTENDED_ERROR, &error.0.to_be_bytes());
    }

    pub(crate) fn as_octets(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |written| &written.octets[..written.len])
    }
}

/// A cookie (28), an extended error (6), an idle time (6) and a name of the server (4 + [`MAX_NSID`]).
const ROOM: usize = 44 + MAX_NSID;
/// The longest name of a server that is told.
pub(crate) const MAX_NSID: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_they_were_written_and_what_does_not_fit_stays_out() {
        let mut options = Options::new();
        options.push(COOKIE, &[7; 8]);
        options.push(NSID, &[]);
        options.push(PADDING, &[0; 500]);
        options.push_error(ExtendedError::STALE_ANSWER);
        let wanted = Wanted::read(options.as_octets());
        let cookie = Some(&[7; 8][..]);
        assert_eq!(wanted, Wanted { nsid: true, cookie, ..Wanted::default() });
        assert_eq!(each(options.as_octets()).last(), Some((EXTENDED_ERROR, &[0, 3][..])));
        for cut in 0..options.as_octets().len() {
            let _ = Wanted::read(&options.as_octets()[..cut]);
        }
    }
}
