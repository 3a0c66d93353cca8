//! DNS cookies (RFC 7873) as all servers of a site can share them (RFC 9018): proof that an asker receives at
//! the address it sends from, without remembering anybody.

use std::net::IpAddr;
use std::time::Duration;

use siphasher::sip::SipHasher24;

/// What server cookies are made with. Servers that answer at one address share it (RFC 9018 §5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CookieSecret(pub [u8; 16]);

impl std::fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieSecret")
    }
}

#[cfg(feature = "server")]
impl CookieSecret {
    /// A new one that nobody can guess.
    ///
    /// # Panics
    /// When the system has no random numbers to give.
    pub fn random() -> CookieSecret {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).expect("the system gives random numbers");
        CookieSecret(secret)
    }
}

/// The secret in use, and the one before it, whose cookies are still taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookies {
    pub(crate) current: CookieSecret,
    pub(crate) previous: Option<CookieSecret>,
}

/// What an asker's cookie is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No cookie option, or cookies are not spoken here.
    Absent,
    /// Not the length of a cookie: the query is malformed (RFC 7873 §5.2.2).
    Malformed,
    /// A client's half, with no or an old or a wrong server's half.
    Unproven([u8; 24]),
    /// Our own, given lately to this address.
    Proven([u8; 24]),
}

impl Cookies {
    /// Judges the data of a cookie option, `now` since the Unix epoch. The cookie to answer with comes
    /// along.
    pub(crate) fn judge(&self, now: Duration, client: IpAddr, cookie: &[u8]) -> Verdict {
        let Some((half, server)) =
            cookie.split_first_chunk::<8>().map(|(half, rest)| (*half, rest))
        else {
            return Verdict::Malformed;
        };
        if !matches!(server.len(), 0 | 8..=32) {
            return Verdict::Malformed;
        }
        let fresh = || self.current.cookie(now.as_secs() as u32, client, half);
        let Some(made) = server_time(server) else { return Verdict::Unproven(fresh()) };
        // Serial arithmetic: the field is 32 bits (RFC 9018 §4.3).
        let age = (now.as_secs() as u32).wrapping_sub(made) as i32;
        let ours = |secret: &CookieSecret| secret.cookie(made, client, half) == *cookie;
        if !(-AHEAD..=LIFE).contains(&age) {
            return Verdict::Unproven(fresh());
        }
        if ours(&self.current) {
            let same = age < RENEWAL;
            return Verdict::Proven(if same {
                self.current.cookie(made, client, half)
            } else {
                fresh()
            });
        }
        match self.previous {
            Some(previous) if ours(&previous) => Verdict::Proven(fresh()),
            _ => Verdict::Unproven(fresh()),
        }
    }
}

impl CookieSecret {
    /// Client and server cookie (RFC 9018 §4): version 1, three reserved octets, seconds, hash.
    fn cookie(&self, secs: u32, client: IpAddr, half: [u8; 8]) -> [u8; 24] {
        let mut input = [0; 32];
        input[..8].copy_from_slice(&half);
        input[8] = VERSION;
        input[12..16].copy_from_slice(&secs.to_be_bytes());
        let len = match client.to_canonical() {
            IpAddr::V4(v4) => {
                input[16..20].copy_from_slice(&v4.octets());
                20
            }
            IpAddr::V6(v6) => {
                input[16..].copy_from_slice(&v6.octets());
                32
            }
        };
        let hash = SipHasher24::new_with_key(&self.0).hash(&input[..len]);
        let mut cookie = [0; 24];
        cookie[..16].copy_from_slice(&input[..16]);
        cookie[16..].copy_from_slice(&hash.to_le_bytes());
        cookie
    }
}

/// When a server cookie of the interoperable kind was made.
fn server_time(server: &[u8]) -> Option<u32> {
    match server {
        [VERSION, _, _, _, a, b, c, d, rest @ ..] if rest.len() == 8 => {
            Some(u32::from_be_bytes([*a, *b, *c, *d]))
        }
        _ => None,
    }
}

const VERSION: u8 = 1;
/// Seconds a cookie is taken for, is given again for, and may lie in the future (RFC 9018 §4.3).
const LIFE: i32 = 3_600;
const RENEWAL: i32 = 1_800;
const AHEAD: i32 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: [u8; 8] = [0x24, 0x64, 0xc4, 0xab, 0xcf, 0x10, 0xc9, 0x57];
    const SECRET: CookieSecret = CookieSecret([
        0xe5, 0xe9, 0x73, 0xe5, 0xa6, 0xb2, 0xa4, 0x3f, 0x48, 0xe7, 0xdc, 0x84, 0x9e, 0x37, 0xbf,
        0xcf,
    ]);
    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 100));

    fn judge(cookies: Cookies, secs: u64, cookie: &[u8]) -> Verdict {
        cookies.judge(Duration::from_secs(secs), CLIENT, cookie)
    }

    /// RFC 9018, appendix A.1.
    #[test]
    fn the_rfc_s_cookie_comes_out_and_is_taken_back() {
        let cookies = Cookies { current: SECRET, previous: None };
        let Verdict::Unproven(cookie) = judge(cookies, 1_559_731_985, &HALF) else { panic!() };
        let hash = [0x1f, 0x81, 0x30, 0xc3, 0xee, 0xe2, 0x94, 0x80];
        assert_eq!(cookie[8..16], [1, 0, 0, 0, 0x5c, 0xf7, 0x9f, 0x11]);
        assert_eq!(cookie[16..], hash);
        assert_eq!(judge(cookies, 1_559_731_985, &cookie), Verdict::Proven(cookie));
    }

    #[test]
    fn cookies_age_change_hands_badly_and_outlive_a_change_of_secret() {
        let cookies = Cookies { current: SECRET, previous: None };
        let Verdict::Unproven(cookie) = judge(cookies, 10_000, &HALF) else { panic!() };
        let later = judge(cookies, 12_000, &cookie);
        assert!(matches!(later, Verdict::Proven(new) if new != cookie), "renewed");
        assert!(matches!(judge(cookies, 13_601, &cookie), Verdict::Unproven(_)), "too old");
        assert!(matches!(judge(cookies, 9_699, &cookie), Verdict::Unproven(_)), "of the future");
        let other = "198.51.100.101".parse().expect("an address");
        let now = Duration::from_secs(10_000);
        assert!(matches!(cookies.judge(now, other, &cookie), Verdict::Unproven(_)), "another's");
        let next = Cookies { current: CookieSecret([7; 16]), previous: Some(SECRET) };
        assert!(matches!(judge(next, 10_000, &cookie), Verdict::Proven(new) if new != cookie));
        for len in 0..=41 {
            let malformed = judge(cookies, 0, &vec![0; len]) == Verdict::Malformed;
            assert_eq!(malformed, !(len == 8 || (16..=40).contains(&len)), "{len}");
        }
    }
}
