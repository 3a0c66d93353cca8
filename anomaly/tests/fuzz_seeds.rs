//! The fuzz targets on their seeds, without a fuzzer: what one found once is not found again.

#![cfg(feature = "feeds")]

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "where it is a crate of its own, it is reached")]
mod entry;

use std::path::Path;

fn over_seeds(target: &str, entry: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seeds = 0;
    for seed in std::fs::read_dir(folder).expect("the seeds are part of the crate") {
        let bytes = std::fs::read(seed.expect("an entry").path()).expect("a seed");
        entry(&bytes);
        for cut in 0..bytes.len() {
            entry(&bytes[..cut]);
        }
        for at in 0..bytes.len() {
            for flip in [0xff, 0x01, 0x20] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                entry(&damaged);
            }
        }
        seeds += 1;
    }
    assert!(seeds > 0);
}

#[test]
fn expositions() {
    over_seeds("exposition", entry::exposition);
}

#[test]
fn datagrams() {
    over_seeds("statsd", entry::statsd);
}

#[test]
fn matchers() {
    over_seeds("matchers", entry::matchers);
}
