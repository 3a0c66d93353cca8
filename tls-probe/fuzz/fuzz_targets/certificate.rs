#![no_main]

use tls_probe::certificate::{Chain, Facts, Presented, Staple};

// A certificate, a staple, and a chain of both halves: facts or an error.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(facts) = Facts::parse(bytes) {
        assert!(facts.names.len() <= Facts::MAX_NAMES);
    }
    let _ = Staple::parse(bytes);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let chain = Chain::judge(&Presented {
        chain: &[first, second, bytes],
        staple: bytes,
        name: "edge.test",
        now: 1_700_000_000,
        verdict: None,
        trusted: None,
    });
    assert!(!chain.because.is_empty() && chain.path_expiry() >= chain.earliest_expiry());
});
