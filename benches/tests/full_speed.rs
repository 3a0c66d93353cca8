//! At full speed and under triggers, a recording is what was sent, or says that it may not be.

use std::time::Duration;

use popkit_benches::soak::{Schedule, Soak};

#[test]
fn every_recording_is_what_was_sent() {
    let soak = Soak {
        schedule: Schedule::new(2, 8),
        ring_bytes: 32 << 20,
        lasting: Duration::from_secs(3),
        trigger_every: Duration::from_millis(20),
    };
    let outcome = soak.run().expect("32 MiB");
    assert_eq!(outcome.flaws, Vec::<String>::new());
    assert_eq!(outcome.dropped, 0, "one reader holds one block");
    // How many there are is the machine's affair; that there are some is ours.
    assert!(outcome.identical > 0, "{outcome:?}");
    assert_eq!(outcome.recordings, outcome.identical + outcome.incomplete);
    let resident: Vec<u64> = outcome.resident.iter().map(|(_, bytes)| *bytes).collect();
    assert!(resident.iter().all(|bytes| *bytes < 200 << 20), "{resident:?}");
}
