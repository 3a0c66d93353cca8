//! One query to one server: how it is written, and whether what comes back answers it.

#[cfg(feature = "server")]
use std::time::Duration;

use crate::answer::{Answer, AnswerError, Kind};
use crate::edns::{COOKIE, PADDING, TCP_KEEPALIVE, each};
use crate::message::{CD, HEADER, QR, RD, Rcode, RecordAt, TC, put_u16, records, u16_at};
use crate::name::equal_ignoring_case;
use crate::question::Question;
use crate::record_type::RecordType;

/// What must come back for an answer to be the answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    id: u16,
    /// The question section as it was sent, letters mixed (0x20).
    question: Box<[u8]>,
    edns: bool,
    /// The client's half of the cookie that went along, and whether the server has its half already.
    cookie: Option<([u8; 8], bool)>,
}

/// What goes into the OPT record of a query.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offer<'a> {
    /// Octets taken over UDP.
    pub(crate) payload: u16,
    /// Our half of a cookie and the server's, when it has given one (RFC 7873 §5.1).
    pub(crate) cookie: Option<([u8; 8], &'a [u8])>,
    /// Whether the query is padded (RFC 8467 §4.1), for those on the path who can see its size only.
    pub(crate) padded: bool,
    /// Whether the server is asked how long the connection may be idle (RFC 7828 §3.2.1).
    pub(crate) keepalive: bool,
}

/// How the letters of a name are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// In lower case.
    Plain,
    /// Mixed by these bits (draft-vixie-dnsext-dns0x20): a forger has to guess them as well.
    Mixed(u64),
}

/// What came back.
#[derive(Debug)]
pub(crate) enum Reply {
    /// An answer, positive or negative, to be kept and given.
    Answer(Answer),
    /// Half an answer: ask again over TCP.
    Truncated,
    /// The server does not know EDNS: ask again without.
    NoEdns,
    /// The server will not or cannot.
    Failed(Rcode),
    /// It points elsewhere or makes no sense: not what a resolver answers.
    Useless,
    /// The server wants the cookie it has given along (RFC 7873 §5.3).
    BadCookie,
    /// It does not belong to this query at all.
    Foreign,
}

impl Exchange {
    /// Writes the query, with an OPT record when there is an `offer`.
    pub(crate) fn new(
        question: &Question,
        id: u16,
        spelling: Spelling,
        offer: Option<Offer<'_>>,
    ) -> (Exchange, Vec<u8>) {
        let mut wire = vec![0; HEADER];
        put_u16(&mut wire, 0, id);
        put_u16(&mut wire, 2, RD | if question.checking_disabled { CD } else { 0 });
        put_u16(&mut wire, 4, 1);
        wire.extend(question.name.as_wire());
        spell(&mut wire[HEADER..], spelling);
        wire.extend(question.rtype.0.to_be_bytes());
        wire.extend(question.class.0.to_be_bytes());
        let sent: Box<[u8]> = wire[HEADER..].into();
        if let Some(offer) = &offer {
            write_opt(&mut wire, offer, question.dnssec_ok);
        }
        let cookie = offer.and_then(|offer| offer.cookie);
        let cookie = cookie.map(|(half, server)| (half, !server.is_empty()));
        (Exchange { id, question: sent, edns: offer.is_some(), cookie }, wire)
    }

    /// What `response` is to this query. It must repeat the id and the question to the letter: RFC 5452
    /// §9 and 0x20.
    pub(crate) fn read(&self, response: &[u8]) -> Reply {
        let (Ok(id), Ok(flags), Ok(questions)) =
            (u16_at(response, 0), u16_at(response, 2), u16_at(response, 4))
        else {
            return Reply::Foreign;
        };
        if id != self.id || flags & QR == 0 {
            return Reply::Foreign;
        }
        let rcode = Rcode(flags as u8 & 15);
        let asked = response.get(HEADER..HEADER + self.question.len());
        if questions == 0 {
            // Some servers that fail to read EDNS repeat nothing.
            return if self.edns && rcode == Rcode::FORMERR {
                Reply::NoEdns
            } else {
                Reply::Useless
            };
        }
        if questions != 1 || asked != Some(&*self.question) {
            return self.almost(asked);
        }
        if let Some((half, known)) = self.cookie {
            match cookie_of(response) {
                Some(cookie) if !cookie.starts_with(&half) => return Reply::Foreign,
                Some(_) if rcode == BADCOOKIE.1 && extended(response) == BADCOOKIE.0 => {
                    return Reply::BadCookie;
                }
                // It had one to give before: this may be somebody else.
                None if known => return Reply::Truncated,
                _ => {}
            }
        }
        match rcode {
            Rcode::FORMERR | Rcode::NOTIMP if self.edns => return Reply::NoEdns,
            Rcode::NOERROR | Rcode::NXDOMAIN => {}
            failed => return Reply::Failed(failed),
        }
        if flags & TC != 0 {
            return Reply::Truncated;
        }
        match Answer::from_response(response) {
            Ok(answer) if matches!(answer.kind(), Kind::Referral | Kind::Failure) => Reply::Useless,
            Ok(answer) => Reply::Answer(answer),
            Err(AnswerError::Truncated) => Reply::Truncated,
            Err(_) => Reply::Useless,
        }
    }

    /// The server's half of the cookie in a response that [`read`](Self::read) takes to be genuine.
    pub(crate) fn server_cookie<'r>(&self, response: &'r [u8]) -> Option<&'r [u8]> {
        let (half, _) = self.cookie?;
        cookie_of(response)?.strip_prefix(&half).filter(|server| (8..=32).contains(&server.len()))
    }

    /// Whether the server had a cookie to give before.
    pub(crate) fn expects_cookie(&self) -> bool {
        self.cookie.is_some_and(|(_, known)| known)
    }

    /// A server that folds case answers the right question with the wrong letters: over UDP that is what
    /// a forger's guess looks like too, so it is asked again over TCP.
    fn almost(&self, asked: Option<&[u8]>) -> Reply {
        match asked {
            Some(asked) if equal_ignoring_case(asked, &self.question) => Reply::Truncated,
            _ => Reply::Foreign,
        }
    }
}

/// A query of this process to itself.
#[cfg(feature = "server")]
pub(crate) fn wire_query(question: &Question) -> Vec<u8> {
    Exchange::new(question, 0, Spelling::Plain, None).1
}

fn write_opt(wire: &mut Vec<u8>, offer: &Offer<'_>, dnssec_ok: bool) {
    put_u16(wire, 10, 1);
    wire.push(0);
    wire.extend(RecordType::OPT.0.to_be_bytes());
    wire.extend(offer.payload.to_be_bytes());
    wire.extend([0, 0, if dnssec_ok { 0x80 } else { 0 }, 0]);
    let len_at = wire.len();
    wire.extend([0, 0]);
    if let Some((half, server)) = offer.cookie {
        wire.extend(COOKIE.to_be_bytes());
        wire.extend((half.len() as u16 + server.len() as u16).to_be_bytes());
        wire.extend(half);
        wire.extend(server);
    }
    if offer.keepalive {
        wire.extend(TCP_KEEPALIVE.to_be_bytes());
        wire.extend([0, 0]);
    }
    if offer.padded {
        let octets = (wire.len() + 4).next_multiple_of(PAD_BLOCK) - wire.len() - 4;
        wire.extend(PADDING.to_be_bytes());
        wire.extend((octets as u16).to_be_bytes());
        wire.resize(wire.len() + octets, 0);
    }
    let len = wire.len() - len_at - 2;
    put_u16(wire, len_at, len as u16);
}

/// The OPT record of a response, when it can be walked so far.
fn opt_of(response: &[u8]) -> Option<RecordAt> {
    records(response).ok()?.flatten().find(|record| record.rtype == RecordType::OPT)
}

fn cookie_of(response: &[u8]) -> Option<&[u8]> {
    let options = response.get(opt_of(response)?.rdata)?;
    each(options).find_map(|(code, data)| (code == COOKIE).then_some(data))
}

/// How long the server lets a connection be idle, when it says so (RFC 7828 §3.1: in tenths of a second).
#[cfg(feature = "server")]
pub(crate) fn keepalive_of(response: &[u8]) -> Option<Duration> {
    let options = response.get(opt_of(response)?.rdata)?;
    let (_, data) = each(options).find(|(code, _)| *code == TCP_KEEPALIVE)?;
    let tenths = u16::from_be_bytes(data.try_into().ok()?);
    Some(Duration::from_millis(100) * tenths.into())
}

/// The upper eight bits of the response code (RFC 6891 §6.1.3).
fn extended(response: &[u8]) -> u8 {
    opt_of(response).and_then(|opt| response.get(opt.ttl_at).copied()).unwrap_or(0)
}

/// Queries on encrypted transports are padded to a multiple of so many octets (RFC 8467 §4.1).
const PAD_BLOCK: usize = 128;
/// Response code 23 (RFC 7873 §8) as OPT and header have it.
const BADCOOKIE: (u8, Rcode) = (1, Rcode(7));

fn spell(name: &mut [u8], spelling: Spelling) {
    let Spelling::Mixed(mut bits) = spelling else { return };
    let mut left = 64;
    // Length octets are below 64, so no letters.
    for octet in name.iter_mut().filter(|octet| octet.is_ascii_lowercase()) {
        if bits & 1 == 1 {
            octet.make_ascii_uppercase();
        }
        bits >>= 1;
        left -= 1;
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::Query;

    fn question() -> Question {
        Question::new(&"www.example.com.".parse().expect("a name"), RecordType::A)
    }

    fn response(query: &[u8], flags: u16, records: &[u8], counts: [u16; 3]) -> Vec<u8> {
        let end = HEADER + question().name.as_wire().len() + 4;
        let mut wire = query[..end].to_vec();
        put_u16(&mut wire, 2, QR | flags);
        for (at, count) in [6, 8, 10].into_iter().zip(counts) {
            put_u16(&mut wire, at, count);
        }
        wire.extend(records);
        wire
    }

    const OFFER: Option<Offer<'_>> =
        Some(Offer { payload: 1_232, cookie: None, padded: false, keepalive: false });
    const A_RECORD: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];

    #[test]
    fn a_query_reads_back_as_what_was_asked() {
        let mut asked = question();
        asked.dnssec_ok = true;
        let (_, wire) = Exchange::new(&asked, 0x1234, Spelling::Mixed(0b1011), OFFER);
        let query = Query::parse(&wire).expect("a plain query");
        assert_eq!((query.id, query.recursion_desired, query.dnssec_ok()), (0x1234, true, true));
        assert_eq!(query.name, b"\x03WWw\x07Example\x03com\x00");
        assert_eq!(query.edns.expect("OPT").udp_size, 1232);
    }

    #[test]
    fn only_the_answer_to_the_very_query_counts() {
        let (exchange, wire) = Exchange::new(&question(), 7, Spelling::Mixed(5), OFFER);
        let good = response(&wire, 0, &A_RECORD, [1, 0, 0]);
        assert!(matches!(exchange.read(&good), Reply::Answer(_)));
        let changed = |at: usize, to: u8| {
            let mut wire = good.clone();
            wire[at] = to;
            exchange.read(&wire)
        };
        assert!(matches!(changed(1, 8), Reply::Foreign), "another id");
        assert!(matches!(changed(13, b'w'), Reply::Truncated), "another spelling: over TCP");
        assert!(matches!(changed(13, b'x'), Reply::Foreign), "another name");
        assert!(matches!(changed(2, 0), Reply::Foreign), "a query");
        for cut in 0..good.len() {
            assert!(!matches!(exchange.read(&good[..cut]), Reply::Answer(_)), "{cut}");
        }
    }

    #[test]
    fn what_is_no_answer_says_what_to_do() {
        let (exchange, wire) = Exchange::new(&question(), 7, Spelling::Plain, OFFER);
        let read =
            |flags, records: &[u8], counts| exchange.read(&response(&wire, flags, records, counts));
        assert!(matches!(read(TC, &[], [0; 3]), Reply::Truncated));
        assert!(matches!(read(1, &[], [0; 3]), Reply::NoEdns));
        assert!(matches!(read(2, &[], [0; 3]), Reply::Failed(Rcode::SERVFAIL)));
        assert!(matches!(read(5, &[], [0; 3]), Reply::Failed(Rcode::REFUSED)));
        let mut referral = A_RECORD;
        (referral[3], referral[11]) = (2, 2);
        let referral = [&referral[..12], &[0xc0, 12]].concat();
        assert!(matches!(read(0, &referral, [0, 1, 0]), Reply::Useless), "a referral");
    }

    #[test]
    fn a_padded_query_tells_only_its_block() {
        let offer = Offer { padded: true, ..Offer::default() };
        let (_, wire) = Exchange::new(&question(), 7, Spelling::Plain, Some(offer));
        assert_eq!(wire.len(), 128);
        assert!(Query::parse(&wire).is_ok());
    }

    #[test]
    fn cookies_are_learnt_kept_and_missed() {
        let half = *b"client-7";
        let offer = |server| {
            Some(Offer { payload: 1_232, cookie: Some((half, server)), ..Offer::default() })
        };
        let answered = |wire: &[u8], flags, extended, cookie: &[u8]| {
            let mut opt = vec![0, 0, 41, 4, 208, extended, 0, 0, 0, 0, cookie.len() as u8 + 4];
            opt.extend([0, 10, 0, cookie.len() as u8]);
            opt.extend(cookie);
            let records = [&A_RECORD[..], &opt].concat();
            response(wire, flags, &records, [1, 0, 1])
        };
        let (first, wire) = Exchange::new(&question(), 7, Spelling::Plain, offer(b""));
        let good = answered(&wire, 0, 0, b"client-7server-half");
        assert!(matches!(first.read(&good), Reply::Answer(_)));
        assert_eq!(first.server_cookie(&good), Some(&b"server-half"[..]));
        assert!(matches!(
            first.read(&answered(&wire, 0, 0, b"client-8server-half")),
            Reply::Foreign
        ));
        assert!(matches!(
            first.read(&answered(&wire, 7, 1, b"client-7server-half")),
            Reply::BadCookie
        ));
        let plain = response(&wire, 0, &A_RECORD, [1, 0, 0]);
        assert!(matches!(first.read(&plain), Reply::Answer(_)), "no cookies spoken");
        let (second, wire) = Exchange::new(&question(), 7, Spelling::Plain, offer(b"server-half"));
        assert!(Query::parse(&wire).is_ok());
        let plain = response(&wire, 0, &A_RECORD, [1, 0, 0]);
        assert!(matches!(second.read(&plain), Reply::Truncated), "over TCP, to be sure");
    }
}
