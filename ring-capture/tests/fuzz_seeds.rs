//! The fuzz targets on their seeds, without a fuzzer: what one found once is not found again.

#![cfg(all(feature = "pcap", not(loom)))]

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
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            entry(&damaged);
        }
        seeds += 1;
    }
    assert!(seeds > 0);
}

#[test]
fn capture_files() {
    over_seeds("capture_file", entry::capture_file);
}

#[test]
fn packets() {
    over_seeds("packet", entry::packet);
}
