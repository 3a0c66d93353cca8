//! Just enough DER (X.690) to find fields in OCSP and LDAP responses.

/// A cursor over DER elements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Der<'a> {
    rest: &'a [u8],
}

/// Tag byte and contents.
pub(crate) type Element<'a> = (u8, &'a [u8]);

impl<'a> Der<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next element; `None` at the end, or where the bytes are no DER.
    pub(crate) fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.rest.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return None;
            }
            let (bytes, after) = rest.split_at_checked(count)?;
            rest = after;
            bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some((tag, contents))
    }

    /// The contents of the next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, contents)| contents)
    }

    /// The contents of the next element if it has this tag; otherwise nothing is consumed.
    pub(crate) fn optional(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.rest.first() != Some(&tag) {
            return None;
        }
        self.expect(tag)
    }
}

/// A GeneralizedTime as RFC 5280 §4.1.2.5.2 writes it, `YYYYMMDDHHMMSSZ`, in Unix seconds.
pub(crate) fn generalized_time(text: &[u8]) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    if digits.len() != 14 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0_i64, |n, digit| n * 10 + i64::from(digit - b'0'))
    };
    let (year, month, day) = (number(0..4), number(4..6), number(6..8));
    let (hour, minute, second) = (number(8..10), number(10..12), number(12..14));
    let sane = (1..=12).contains(&month) && (1..=31).contains(&day);
    let sane = sane && hour < 24 && minute < 60 && second <= 60;
    sane.then(|| days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar: years begin in March, so that the
/// leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_form_and_none_beyond_the_end() {
        let mut der = Der::new(&[2, 1, 5, 4, 0x81, 2, 7, 8, 0x30, 0x82, 0, 1, 9]);
        assert_eq!(der.next(), Some((2, &[5][..])));
        assert_eq!(der.optional(2), None);
        assert_eq!(der.expect(4), Some(&[7, 8][..]));
        assert_eq!(der.expect(0x30), Some(&[9][..]));
        assert_eq!(der.next(), None);
        for bad in [&[2][..], &[2, 2, 1], &[2, 0x80], &[2, 0x85, 0, 0, 0, 0, 1], &[2, 0x82, 1]] {
            assert_eq!(Der::new(bad).next(), None, "{bad:?}");
        }
    }

    #[test]
    fn times_of_the_calendar() {
        assert_eq!(generalized_time(b"19700101000000Z"), Some(0));
        assert_eq!(generalized_time(b"20240229120000Z"), Some(1_709_208_000));
        assert_eq!(generalized_time(b"20250131235959Z"), Some(1_738_367_999));
        assert_eq!(generalized_time(b"20251301000000Z"), None);
        assert_eq!(generalized_time(b"2025010100000Z"), None);
        assert_eq!(generalized_time(b"202501010000+1Z"), None);
    }
}
