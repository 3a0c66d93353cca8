//! The fuzz target of snapshots, without a fuzzer: every byte of a real one damaged in turn.
#![cfg(all(feature = "alerts", feature = "snapshots"))]

#[path = "../fuzz/src/snapshot.rs"]
#[expect(unreachable_pub, reason = "where it is a crate of its own, it is reached")]
mod entry;

#[test]
fn every_byte_damaged_in_turn() {
    let [alerts, told] = entry::alarmed();
    for whole in [entry::learned(), alerts, told] {
        entry::snapshot(&whole);
        for at in 0..whole.len() {
            for flip in [0xff, 0x40] {
                let mut damaged = whole.clone();
                damaged[at] ^= flip;
                entry::snapshot(&damaged);
            }
        }
        for length in 0..whole.len() {
            entry::snapshot(&whole[..length]);
        }
    }
}

#[test]
#[ignore = "writes the seeds of the fuzz target anew, after a change of the format"]
fn write_the_seed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/snapshot");
    std::fs::create_dir_all(&folder).expect("a folder in the crate");
    let [alerts, told] = entry::alarmed();
    for (name, bytes) in [("learned", entry::learned()), ("alerts", alerts), ("told", told)] {
        std::fs::write(folder.join(name), bytes).expect("a seed");
    }
}
