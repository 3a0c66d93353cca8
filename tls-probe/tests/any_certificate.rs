//! Whatever stands in place of a certificate: facts or an error, never a panic.

#![cfg(feature = "certificates")]

use proptest::{collection::vec, prelude::*, sample::Index};
use tls_probe::certificate::{Chain, Facts, Presented, Staple};

fn real() -> Vec<u8> {
    let names = ["edge.test".to_owned(), "192.0.2.1".to_owned()];
    rcgen::generate_simple_self_signed(names).unwrap().cert.der().to_vec()
}

proptest! {
    #[test]
    fn a_damaged_certificate(damage in vec((any::<Index>(), any::<u8>()), 1..8), cut in any::<Index>()) {
        let mut der = real();
        for (at, byte) in damage {
            let at = at.index(der.len());
            der[at] = byte;
        }
        let _ = Facts::parse(&der);
        let _ = Staple::parse(&der);
        der.truncate(cut.index(der.len()));
        prop_assert!(Facts::parse(&der).is_err());
        let chain = [der.clone(), der];
        let presented = Presented {
            chain: &chain,
            staple: &chain[0],
            name: "edge.test",
            now: 0,
            verdict: None,
            trusted: None,
        };
        let judged = Chain::judge(&presented);
        prop_assert_eq!(judged.class_label(), "unreadable");
        prop_assert!(judged.certificates.is_empty() && !judged.because.is_empty());
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..256)) {
        let _ = Staple::parse(&bytes);
        prop_assert!(Facts::parse(&bytes).is_err());
    }
}

#[test]
fn what_a_certificate_says_is_what_was_put_into_it() {
    let facts = Facts::parse(&real()).unwrap();
    assert_eq!(facts.names, ["edge.test", "192.0.2.1"]);
    assert_eq!(facts.key.to_string(), "ec-256");
    assert_eq!(facts.signature, "ecdsa-with-SHA256");
    assert!(facts.self_signed && facts.for_servers && !facts.must_staple && !facts.weak_signature);
    assert_eq!(facts.fingerprint().len(), 64);
    assert!(facts.not_before < facts.not_after);
}
