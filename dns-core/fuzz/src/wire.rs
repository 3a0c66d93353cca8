//! Messages as they come: queries read as others read them, answers patched, streams cut into messages.

use std::time::Duration;

use dns_core::Ttl;
use dns_core::answer::{Aging, Answer, Patch};
use dns_core::message::Frames;
use dns_core::question::{Query, Unusual};
use domain::base::Message as DomainMessage;
use domain::base::iana::Class as DomainClass;
use hickory_proto::op::{Message, MessageType, OpCode};
use hickory_proto::serialize::binary::BinEncodable;

/// Reads the bytes as a query, and holds what comes out to what hickory-proto and domain say.
pub fn query(bytes: &[u8]) {
    let theirs = Message::from_vec(bytes);
    match Query::parse(bytes) {
        Ok(ours) => {
            agrees_with_domain(&ours, bytes);
            match theirs {
                Ok(theirs) => agrees_with_hickory(&ours, &theirs),
                // It looks into the options, which the parser leaves to whoever knows them.
                Err(why) => {
                    assert!(ours.edns.is_some_and(|edns| !edns.options.is_empty()), "{why}");
                }
            }
        }
        Err(why) => {
            let Ok(theirs) = theirs else { return };
            match why {
                Unusual::Response => {
                    assert_eq!(theirs.metadata.message_type, MessageType::Response);
                }
                Unusual::Opcode(_) => assert_ne!(theirs.metadata.op_code, OpCode::Query),
                Unusual::Truncated => assert!(theirs.metadata.truncation),
                Unusual::Questions(count) => assert_eq!(theirs.queries.len(), usize::from(count)),
                Unusual::Short => panic!("octets are missing for us only"),
                _ => {}
            }
        }
    }
}

fn agrees_with_hickory(ours: &Query<'_>, theirs: &Message) {
    assert_eq!(theirs.queries.len(), 1);
    let question = &theirs.queries[0];
    assert_eq!(ours.id, theirs.metadata.id);
    assert_eq!(ours.name, question.name().to_bytes().expect("a name"));
    assert_eq!(ours.rtype.0, u16::from(question.query_type()));
    assert_eq!(ours.class.0, u16::from(question.query_class()));
    assert_eq!(ours.recursion_desired, theirs.metadata.recursion_desired);
    assert_eq!(ours.checking_disabled, theirs.metadata.checking_disabled);
    assert_eq!(ours.edns.is_some(), theirs.edns.is_some());
    if let (Some(ours), Some(theirs)) = (ours.edns, &theirs.edns) {
        assert_eq!(ours.dnssec_ok, theirs.flags().dnssec_ok);
        assert_eq!(ours.udp_size.max(512), theirs.max_payload());
    }
}

fn agrees_with_domain(ours: &Query<'_>, bytes: &[u8]) {
    let theirs = DomainMessage::from_octets(bytes).expect("a header");
    let question = theirs.sole_question().expect("one question");
    let name: domain::base::Name<Vec<u8>> = domain::base::ToName::to_name(question.qname());
    assert_eq!(ours.name, name.as_slice());
    assert_eq!(ours.rtype.0, question.qtype().to_int());
    assert_eq!(DomainClass::from_int(ours.class.0), question.qclass());
    let edns = theirs.opt();
    assert_eq!(ours.edns.is_some(), edns.is_some());
    if let (Some(ours), Some(theirs)) = (ours.edns, edns) {
        assert_eq!(ours.udp_size, theirs.udp_payload_size());
        assert_eq!(ours.dnssec_ok, theirs.dnssec_ok());
    }
}

/// Keeps the bytes behind the first four as an answer and hands it out in every way.
pub fn answer(bytes: &[u8]) {
    let Some((&[age, turn, size, pad], response)) = bytes.split_first_chunk() else { return };
    let Ok(answer) = Answer::from_response(response) else { return };
    let readable = Message::from_vec(response).is_ok();
    let Some(end) = (12..response.len()).find(|&at| Query::parse(&asked(response, at)).is_ok())
    else {
        return;
    };
    let (plain, mut with_edns) = (asked(response, end), asked(response, end));
    with_edns[11] = 1;
    with_edns.extend([0, 0, 41, 16, 0, 0, 0, 0x80, 0, 0, 0]);
    for wire in [plain, with_edns] {
        let query = Query::parse(&wire).expect("just read");
        assert!(answer.answers(&query));
        for aging in [
            Aging::Fixed,
            Aging::Aged(Duration::from_secs(u64::from(age) * 999)),
            Aging::Stale(Ttl::MINUTE),
        ] {
            let patch = Patch {
                aging,
                recursion_available: true,
                max_size: 512 + usize::from(size) * 300,
                udp_payload: 1_232,
                options: &[0, 15, 0, 2, 0, 3],
                pad_block: u16::from(pad),
                turn: u32::from(turn),
            };
            let mut out = vec![0; 70_000];
            let len = answer.write(&query, &patch, &mut out);
            assert!(len <= patch.max_size, "{len} octets");
            if len > 0 {
                assert_eq!(out[..2], wire[..2], "the asker's id");
                assert_eq!(out[12..12 + query.name.len()], *query.name);
                assert!(!readable || Message::from_vec(&out[..len]).is_ok(), "{:?}", &out[..len]);
            }
        }
        // No room at all is no reason to fall over.
        for room in 0..60 {
            assert!(
                answer.write(&query, &Patch { max_size: room, ..Patch::default() }, &mut [0; 60])
                    <= room
            );
        }
    }
    assert!(answer.addresses().len() <= response.len() / 4);
}

/// A query for the question of a response that ends at `end`.
fn asked(response: &[u8], end: usize) -> Vec<u8> {
    let mut wire = response[..end].to_vec();
    wire[2..12].copy_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    wire
}

/// Cuts the bytes behind the first into pieces of that size: the messages are those of the whole.
pub fn framing(bytes: &[u8]) {
    let Some((&size, stream)) = bytes.split_first() else { return };
    let messages = |size: usize| {
        let (mut frames, mut messages) = (Frames::default(), Vec::new());
        for piece in stream.chunks(size) {
            frames.push(piece);
            messages.extend(std::iter::from_fn(|| frames.next_message()));
        }
        messages
    };
    let whole = messages(stream.len().max(1));
    assert_eq!(messages(usize::from(size).max(1)), whole);
    assert!(whole.iter().map(|message| message.len() + 2).sum::<usize>() <= stream.len());
}
