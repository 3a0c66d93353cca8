//! The fuzz targets about zones on their seeds, without a fuzzer: what one found once is not found again.
#![cfg(feature = "zones")]

#[path = "../fuzz/src/zones.rs"]
#[expect(unreachable_pub, reason = "where it is a crate of its own, it is reached")]
mod entry;
#[path = "../fuzz/src/site.rs"]
#[expect(unreachable_pub, reason = "where it is a crate of its own, it is reached")]
mod site;

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
            damaged[at] ^= 0x15;
            entry(&damaged);
        }
        seeds += 1;
    }
    assert!(seeds > 0);
}

#[test]
fn zone_files() {
    over_seeds("zone_file", entry::zone_file);
}

#[test]
fn site_files() {
    over_seeds("site_files", site::site_files);
}

#[test]
fn signatures() {
    over_seeds("tsig", entry::tsig);
}

#[test]
fn transfer_streams() {
    over_seeds("transfer_stream", entry::transfer_stream);
}

#[test]
fn transfer_requests() {
    over_seeds("transfer_request", entry::transfer_request);
}

#[test]
fn journals() {
    over_seeds("journal", entry::journal);
}
