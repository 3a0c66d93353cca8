//! The fuzz targets hold for the seeds they start from, and for these cut and altered everywhere.

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "where it is a crate of its own, it is reached")]
mod entry;

fn with_each_seed(folder: &str, target: fn(&[u8])) {
    let folder = format!("{}/fuzz/seeds/{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut seeds = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        target(&seed);
        for at in 0..seed.len() {
            target(&seed[..at]);
            for change in [1, 0x80, 0xff] {
                let mut altered = seed.clone();
                altered[at] ^= change;
                target(&altered);
            }
        }
        seeds += 1;
    }
    assert!(seeds > 0);
}

#[test]
fn frame_seeds() {
    with_each_seed("frame", entry::frame);
}

#[test]
fn parse_seeds() {
    with_each_seed("parse", entry::parse);
}

#[test]
fn payload_seeds() {
    with_each_seed("payload", entry::payload);
}

#[test]
fn journal_seeds() {
    with_each_seed("journal", entry::journal);
}

#[test]
fn recovery_seeds() {
    with_each_seed("recovery", entry::recovery);
}

#[test]
fn relp_seeds() {
    with_each_seed("relp", entry::relp);
}

#[test]
fn route_seeds() {
    with_each_seed("route", entry::route);
}
