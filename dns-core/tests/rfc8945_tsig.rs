//! RFC 8945: what is signed verifies, what is changed does not, and streams are signed on from message to
//! message.
#![cfg(feature = "zones")]

use std::sync::Arc;

use dns_core::tsig::{Algorithm, Checked, Conversation, Key, Keyring, TsigError};
use proptest::prelude::*;

const NOW: u64 = 1_700_000_000;

fn key(algorithm: Algorithm) -> Key {
    Key::new(&"site.key.".parse().expect("a name"), algorithm, b"a secret of some length")
}

fn ring(algorithm: Algorithm) -> (Keyring, Arc<Key>) {
    let mut ring = Keyring::default();
    let key = ring.add(key(algorithm));
    (ring, key)
}

/// A query for `corp. AXFR`.
fn message(id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let mut wire = vec![high, low, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    wire.extend(b"\x04corp\x00\x00\xfc\x00\x01");
    wire
}

fn signed(checked: Checked) -> (Vec<u8>, Conversation) {
    match checked {
        Checked::Signed { message, conversation } => (message, conversation),
        Checked::Unsigned => panic!("it is signed"),
    }
}

#[test]
fn a_request_and_its_stream_of_answers() {
    for algorithm in [Algorithm::HmacSha256, Algorithm::HmacSha384, Algorithm::HmacSha512] {
        let (ring, key) = ring(algorithm);
        let mut request = message(7);
        let mut asker = Conversation::request(&key, &mut request, NOW);
        let (plain, mut server) = signed(ring.verify(&request, NOW + 299).expect("it holds"));
        assert_eq!(plain, message(7));
        for number in 0..5 {
            let mut response = message(number);
            let len = response.len();
            server.sign(&mut response, NOW);
            assert_eq!(response.len(), len + server.overhead());
            assert_eq!(asker.verify(&response, NOW), Ok(message(number)));
            assert!(asker.is_settled());
        }
    }
}

#[test]
fn a_relay_may_change_the_id_only() {
    let (ring, key) = ring(Algorithm::HmacSha256);
    let mut request = message(7);
    Conversation::request(&key, &mut request, NOW);
    request[1] = 9;
    let (plain, _) = signed(ring.verify(&request, NOW).expect("the original id is in the record"));
    assert_eq!(plain, message(7));
}

#[test]
fn errors_are_those_of_section_5_2() {
    let (ring, key) = ring(Algorithm::HmacSha256);
    let mut request = message(7);
    let mut asker = Conversation::request(&key, &mut request, NOW);
    let mut response = message(7);

    let late = ring.verify(&request, NOW + 301).expect_err("too late");
    assert_eq!(late.error, TsigError::BadTime);
    late.mark(&mut response);
    assert_eq!(asker.clone().verify(&response, NOW), Err(TsigError::Refused(18)));

    let mut forged = request.clone();
    let code_at = forged.len() - 10;
    forged[code_at] ^= 1;
    let wrong = ring.verify(&forged, NOW).expect_err("forged");
    assert_eq!(wrong.error, TsigError::BadSig);
    let mut response = message(7);
    wrong.mark(&mut response);
    assert_eq!(asker.verify(&response, NOW), Err(TsigError::Refused(16)));

    let unknown = Keyring::default().verify(&request, NOW).expect_err("no keys");
    assert_eq!(unknown.error, TsigError::BadKey);
    let mut other = Keyring::default();
    other.add(self::key(Algorithm::HmacSha512));
    assert_eq!(other.verify(&request, NOW).expect_err("another").error, TsigError::BadKey);
    assert!(matches!(ring.verify(&message(1), NOW), Ok(Checked::Unsigned)));

    let mut twice = request.clone();
    Conversation::request(&key, &mut twice, NOW);
    assert_eq!(ring.verify(&twice, NOW).expect_err("two").error, TsigError::Malformed);
}

#[test]
fn messages_between_signatures_count_once_one_covers_them() {
    let (ring, key) = ring(Algorithm::HmacSha256);
    let mut request = message(7);
    let mut asker = Conversation::request(&key, &mut request, NOW);
    assert_eq!(asker.clone().verify(&message(1), NOW), Err(TsigError::Unsigned), "the first one");
    let (_, mut server) = signed(ring.verify(&request, NOW).expect("it holds"));
    let mut first = message(1);
    server.sign(&mut first, NOW);
    asker.verify(&first, NOW).expect("signed");
    for _ in 0..99 {
        asker.verify(&message(2), NOW).expect("one of those between");
        assert!(!asker.is_settled());
    }
    assert_eq!(asker.verify(&message(2), NOW), Err(TsigError::Unsigned), "RFC 8945 §5.3.1");
}

#[test]
fn streams_whose_order_was_changed_do_not_verify() {
    let (ring, key) = ring(Algorithm::HmacSha512);
    let mut request = message(7);
    let mut asker = Conversation::request(&key, &mut request, NOW);
    let (_, mut server) = signed(ring.verify(&request, NOW).expect("it holds"));
    let mut all = [message(1), message(2), message(3)];
    for message in &mut all {
        server.sign(message, NOW);
    }
    asker.verify(&all[0], NOW).expect("the first");
    assert_eq!(asker.clone().verify(&all[2], NOW), Err(TsigError::BadSig), "one left out");
    asker.verify(&all[1], NOW).expect("the second");
    assert_eq!(asker.clone().verify(&all[1], NOW), Err(TsigError::BadSig), "one twice");
    asker.verify(&all[2], NOW).expect("the third");
}

proptest! {
    #[test]
    fn no_octet_of_a_signed_request_may_change(at in 2usize..200, bit in 0u8..8) {
        let (ring, key) = ring(Algorithm::HmacSha256);
        let mut request = message(7);
        Conversation::request(&key, &mut request, NOW);
        let at = 2 + (at - 2) % (request.len() - 2);
        request[at] ^= 1 << bit;
        let changed = match ring.verify(&request, NOW) {
            Ok(Checked::Signed { message: plain, .. }) => plain != message(7),
            // The letter case of the key's name is no part of what is signed.
            _ => false,
        };
        prop_assert!(!changed);
    }

    #[test]
    fn any_octets_are_judged(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let (ring, key) = ring(Algorithm::HmacSha256);
        let _ = ring.verify(&octets, NOW);
        let mut request = message(7);
        let mut asker = Conversation::request(&key, &mut request, NOW);
        let _ = asker.verify(&octets, NOW);
        request.extend(&octets);
        let _ = ring.verify(&request, NOW);
    }
}
