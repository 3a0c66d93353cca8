//! The fuzz targets for messages on their seeds, without a fuzzer, and on what chance makes of them.

#[path = "../fuzz/src/wire.rs"]
#[expect(unreachable_pub, reason = "where it is a crate of its own, it is reached")]
mod wire;

use std::path::Path;

use proptest::prelude::*;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let files = std::fs::read_dir(folder).expect("the seeds are part of the crate");
    let read = |seed: std::io::Result<std::fs::DirEntry>| {
        std::fs::read(seed.expect("an entry").path()).expect("a seed")
    };
    let seeds: Vec<_> = files.map(read).collect();
    assert!(!seeds.is_empty());
    seeds
}

/// Its name and what it does.
type Target = (&'static str, fn(&[u8]));

fn over_seeds(target: &str, entry: fn(&[u8])) {
    for bytes in seeds(target) {
        entry(&bytes);
        for cut in 0..bytes.len() {
            entry(&bytes[..cut]);
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                entry(&damaged);
            }
        }
    }
}

#[test]
fn queries_are_read_as_others_read_them() {
    over_seeds("query", wire::query);
}

#[test]
fn answers_are_patched_whatever_they_are() {
    over_seeds("answer", wire::answer);
}

#[test]
fn streams_are_cut_into_the_same_messages() {
    over_seeds("framing", wire::framing);
}

proptest! {
    #[test]
    fn damaged_seeds_break_nothing(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        tail in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let targets: [Target; 3] =
            [("query", wire::query), ("answer", wire::answer), ("framing", wire::framing)];
        for (target, entry) in targets {
            let seeds = seeds(target);
            let mut bytes = seeds[which.index(seeds.len())].clone();
            for (at, octet) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *octet;
            }
            bytes.extend(&tail);
            entry(&bytes);
        }
    }
}
