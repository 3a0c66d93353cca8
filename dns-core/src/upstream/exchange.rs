//! One query to one server: how it is written, and whether what comes back answers it.

use crate::answer::{Answer, AnswerError, Kind};
use crate::message::{CD, HEADER, QR, RD, Rcode, TC, put_u16, u16_at};
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
    /// It does not belong to this query at all.
    Foreign,
}

impl Exchange {
    /// Writes the query: `payload` octets over UDP are on offer when `edns` is set.
    pub(crate) fn new(
        question: &Question,
        id: u16,
        spelling: Spelling,
        edns: bool,
        payload: u16,
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
        if edns {
            put_u16(&mut wire, 10, 1);
            wire.push(0);
            wire.extend(RecordType::OPT.0.to_be_bytes());
            wire.extend(payload.to_be_bytes());
            wire.extend([0, 0, if question.dnssec_ok { 0x80 } else { 0 }, 0, 0, 0]);
        }
        (Exchange { id, question: sent, edns }, wire)
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
    Exchange::new(question, 0, Spelling::Plain, false, 0).1
}

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

    const A_RECORD: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];

    #[test]
    fn a_query_reads_back_as_what_was_asked() {
        let mut asked = question();
        asked.dnssec_ok = true;
        let (_, wire) = Exchange::new(&asked, 0x1234, Spelling::Mixed(0b1011), true, 1232);
        let query = Query::parse(&wire).expect("a plain query");
        assert_eq!((query.id, query.recursion_desired, query.dnssec_ok()), (0x1234, true, true));
        assert_eq!(query.name, b"\x03WWw\x07Example\x03com\x00");
        assert_eq!(query.edns.expect("OPT").udp_size, 1232);
    }

    #[test]
    fn only_the_answer_to_the_very_query_counts() {
        let (exchange, wire) = Exchange::new(&question(), 7, Spelling::Mixed(5), true, 1232);
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
        let (exchange, wire) = Exchange::new(&question(), 7, Spelling::Plain, true, 1232);
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
}
