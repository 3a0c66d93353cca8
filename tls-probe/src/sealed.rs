//! What an encrypted record of TLS 1.3 holds, as far as its length betrays it (RFC 8446 §5.2): the content,
//! a byte that names its type, and the tag.

use crate::names::CipherSuite;

/// The lengths of encrypted records under one suite, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sealed {
    /// That of an alert.
    alert: u16,
    /// That of a Finished on its own.
    finished: u16,
}

impl Sealed {
    pub(crate) fn under(cipher: Option<CipherSuite>) -> Self {
        let tag = if cipher.is_some_and(CipherSuite::has_short_tag) { 8 } else { 16 };
        let finished = cipher.map_or(FINISHED, CipherSuite::finished_length);
        Self { alert: ALERT + 1 + tag, finished: finished + 1 + tag }
    }

    /// A record of an alert's length; a part of a message would have to be very small.
    pub(crate) fn like_an_alert(self, length: u16) -> bool {
        length == self.alert
    }

    /// Too short for any message that ends the client's flight.
    pub(crate) fn no_finished(self, length: u16) -> bool {
        length < self.finished
    }

    /// Of exactly the length of a Finished.
    pub(crate) fn bare_finished(self, length: u16) -> bool {
        length == self.finished
    }
}

const ALERT: u16 = 2;
/// Under an unknown suite: four bytes of header and the shortest of the hashes.
const FINISHED: u16 = 4 + 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_hash_makes_a_longer_finished_and_a_short_tag_a_shorter_one() {
        for (suite, alert, finished) in [(0x1301, 19, 53), (0x1302, 19, 69), (0x1305, 11, 45)] {
            let sealed = Sealed::under(Some(CipherSuite(suite)));
            assert!(sealed.like_an_alert(alert) && sealed.no_finished(alert));
            assert!(sealed.bare_finished(finished) && !sealed.no_finished(finished));
        }
        assert!(Sealed::under(None).bare_finished(53));
    }
}
