//! PRI: facility and severity in one number (RFC 5424 §6.2.1, RFC 3164 §4.1.1).

/// The part of a system that speaks. Names are the keywords of `syslog.conf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Facility(u8);

/// How bad it is: 0 (emergency) to 7 (debug).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Severity(u8);

/// Facility × 8 + severity, 0 to 191.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pri(u8);

impl Facility {
    /// Kernel messages.
    pub const KERN: Self = Self(0);
    /// User-level messages.
    pub const USER: Self = Self(1);
    /// System daemons.
    pub const DAEMON: Self = Self(3);
    /// Security and authorization.
    pub const AUTH: Self = Self(4);
    /// Locally used, number 0; the other seven are `Facility::local(n)`.
    pub const LOCAL0: Self = Self(16);

    /// `local0` to `local7`; a larger number gives `local7`.
    pub fn local(number: u8) -> Self {
        Self(16 + number.min(7))
    }

    /// The facility's number in RFC 5424 table 1, 0 to 23.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The keyword, for example `authpriv`.
    pub fn name(self) -> &'static str {
        FACILITIES[usize::from(self.0)]
    }
}

impl Severity {
    /// System is unusable.
    pub const EMERGENCY: Self = Self(0);
    /// Act at once.
    pub const ALERT: Self = Self(1);
    /// Critical conditions.
    pub const CRITICAL: Self = Self(2);
    /// Error conditions.
    pub const ERROR: Self = Self(3);
    /// Warning conditions.
    pub const WARNING: Self = Self(4);
    /// Normal but significant.
    pub const NOTICE: Self = Self(5);
    /// Informational.
    pub const INFO: Self = Self(6);
    /// Debug.
    pub const DEBUG: Self = Self(7);

    /// The severity's number in RFC 5424 table 2, 0 to 7.
    pub fn number(self) -> u8 {
        self.0
    }

    /// By its keyword in `syslog.conf`, or the older `error`, `warn` and `panic`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = match name {
            "error" => "err",
            "warn" => "warning",
            "panic" => "emerg",
            other => other,
        };
        SEVERITIES.iter().position(|&known| known == name).map(|number| Self(number as u8))
    }

    /// The keyword, for example `err`.
    pub fn name(self) -> &'static str {
        SEVERITIES[usize::from(self.0)]
    }
}

impl Pri {
    /// `user.notice`, what a message without PRI is given (RFC 3164 §4.3.3).
    pub const USER_NOTICE: Self = Self(13);

    /// Joins the two halves.
    pub fn new(facility: Facility, severity: Severity) -> Self {
        Self(facility.0 * 8 + severity.0)
    }

    /// From the number itself; `None` above 191.
    pub fn from_number(number: u8) -> Option<Self> {
        (number <= GREATEST).then_some(Self(number))
    }

    /// The number between the angle brackets, 0 to 191.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Who speaks.
    pub fn facility(self) -> Facility {
        Facility(self.0 / 8)
    }

    /// How bad it is.
    pub fn severity(self) -> Severity {
        Severity(self.0 % 8)
    }

    /// From the keywords of `syslog.conf` with a point between them, such as `daemon.info`; also by
    /// the older names `error`, `warn`, `panic` and `security`.
    pub fn from_names(text: &str) -> Option<Self> {
        let (facility, severity) = text.split_once('.')?;
        let facility = if facility == "security" { "auth" } else { facility };
        let severity = Severity::from_name(severity)?;
        let facility = FACILITIES.iter().position(|&name| name == facility)?;
        Some(Self::new(Facility(facility as u8), severity))
    }

    /// Reads `<number>` at the start of `input` and gives the length it took. Up to three digits;
    /// leading zeros, which RFC 5424 §6.2.1 forbids, are read as the number they spell.
    ///
    /// `None` when the input does not begin with a PRI in range.
    pub fn parse(input: &[u8]) -> Option<(Self, usize)> {
        let rest = input.strip_prefix(b"<")?;
        let mut number = 0u16;
        for (index, &byte) in rest.iter().take(4).enumerate() {
            match byte {
                b'0'..=b'9' if index < 3 => number = number * 10 + u16::from(byte - b'0'),
                b'>' if index > 0 => {
                    let pri = Self::from_number(u8::try_from(number).ok()?)?;
                    return Some((pri, index + 2));
                }
                _ => return None,
            }
        }
        None
    }
}

const GREATEST: u8 = 191;

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clockd", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

const SEVERITIES: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_splits_and_joins() {
        for number in 0..=191 {
            let pri = Pri::from_number(number).unwrap();
            assert_eq!(Pri::new(pri.facility(), pri.severity()), pri);
            let text = format!("<{number}>x");
            assert_eq!(Pri::parse(text.as_bytes()), Some((pri, text.len() - 1)));
        }
        let pri = Pri::from_number(34).unwrap();
        assert_eq!((pri.facility().name(), pri.severity().name()), ("auth", "crit"));
    }

    #[test]
    fn names_are_numbers() {
        for number in 0..=191 {
            let pri = Pri::from_number(number).unwrap();
            let text = format!("{}.{}", pri.facility().name(), pri.severity().name());
            assert_eq!(Pri::from_names(&text), Some(pri));
        }
        assert_eq!(Pri::from_names("security.warn").map(Pri::number), Some(36));
        for bad in ["", ".", "daemon", "daemon.", "daemon.inf", "10.0", "host.info"] {
            assert_eq!(Pri::from_names(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_not_a_pri_is_refused() {
        for bad in ["", "<", "<>", "<192>", "<1234>", "<-1>", "<abc>", "34>", "<34", "<0034>"] {
            assert_eq!(Pri::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
