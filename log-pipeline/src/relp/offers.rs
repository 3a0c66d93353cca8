//! What the two sides of a session tell each other when it opens.

/// Offers: lines of `name=value`. Unknown ones are passed over, as librelp asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offers {
    /// `relp_version`: 0, or 1 of newer librelp, which differs in nothing a session sees.
    pub version: Option<u32>,
    /// `relp_software`, at most 256 bytes of it.
    pub software: Option<String>,
    /// Whether `commands` has `syslog`; without it there is nothing to do.
    pub syslog: bool,
}

impl Offers {
    /// Reads the data of `open`, or of its answer after the first line.
    pub fn parse(data: &[u8]) -> Self {
        let mut offers = Self::default();
        for line in data.split(|&byte| byte == b'\n').take(MOST_OFFERS) {
            let line = String::from_utf8_lossy(&line[..line.len().min(MOST_LINE_BYTES)]);
            match line.split_once('=') {
                Some(("relp_version", value)) => offers.version = value.trim().parse().ok(),
                Some(("relp_software", value)) => {
                    offers.software = Some(value.chars().take(256).collect());
                }
                Some(("commands", value)) => {
                    offers.syslog = value.split(',').any(|command| command.trim() == "syslog");
                }
                _ => {}
            }
        }
        offers
    }

    /// What we offer, either side.
    pub(super) fn ours(version: u32) -> String {
        let release = env!("CARGO_PKG_VERSION");
        format!("relp_version={version}\nrelp_software=log-pipeline,{release}\ncommands=syslog")
    }
}

const MOST_OFFERS: usize = 32;
const MOST_LINE_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_of_librelp_are_read() {
        let data = b"relp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\ncommands=syslog,eventlog\nx";
        let offers = Offers::parse(data);
        assert_eq!((offers.version, offers.syslog), (Some(0), true));
        assert!(offers.software.unwrap().starts_with("librelp,1.11.0"));
        assert!(!Offers::parse(b"commands=eventlog").syslog);
        assert_eq!(Offers::parse(b"\xff\xff=\n=\n"), Offers::default());
    }
}
