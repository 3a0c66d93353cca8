//! The promise: what was acknowledged is delivered, in order, whatever dies and whenever.

use log_pipeline::wal::Sync;
use log_pipeline::wal::sim::{After, Fault, Sim};

use super::process::{Mutant, Outside, Step, config};

/// Two sinks at different paces, which read further than they have done.
fn script() -> Vec<Step> {
    let mut steps = Vec::new();
    for group in 0..20 {
        steps.push(Step::Append { source: group % 3, count: 3 });
        for (sink, every) in [(0, 1), (1, 5)] {
            if group % every == 0 {
                steps.push(Step::Read { sink, most: usize::MAX });
                if group % 2 == 0 {
                    steps.push(Step::Keep { sink, percent: 67 });
                }
                if group % 6 == 0 {
                    steps.push(Step::Sync { sink });
                }
            }
        }
    }
    steps
}

/// The first broken promise when the machine dies at every operation in turn.
fn crash_everywhere(
    sync: Sync,
    fault: Fault,
    mutant: Mutant,
    afters: &[After],
) -> (u64, Option<String>) {
    let prepare = |sim: &Sim| sim.fault(fault);
    crash_through(&script(), prepare, sync, mutant, afters)
}

fn crash_through(
    steps: &[Step],
    prepare: impl Fn(&Sim),
    sync: Sync,
    mutant: Mutant,
    afters: &[After],
) -> (u64, Option<String>) {
    let mut crashes = 0;
    for at in 0.. {
        let sim = Sim::default();
        prepare(&sim);
        sim.crash_at(at);
        let mut outside = Outside::default();
        if let Err(violation) = outside.live(&sim, config(sync), steps, mutant) {
            return (crashes, Some(format!("before operation {at}: {violation}")));
        }
        let crashed = sim.operations() >= at;
        for &after in afters {
            let after = match after {
                After::Torn(seed) => After::Torn(seed.wrapping_add(at)),
                after => after,
            };
            let mut outside = outside.clone();
            let next = outside.end(&sim, crashed, after);
            if let Err(violation) = outside.settle(&next, config(sync)) {
                return (crashes, Some(format!("{after:?} at operation {at}: {violation}")));
            }
            crashes += 1;
        }
        if !crashed {
            break;
        }
    }
    (crashes, None)
}

const ALL: [After; 6] = [
    After::Kill,
    After::PowerCut,
    After::Torn(1),
    After::Torn(7_777),
    After::Torn(123_456_789),
    After::Torn(987_654_321),
];

#[test]
fn nothing_acknowledged_is_lost_at_any_crash() {
    let (crashes, violation) = crash_everywhere(Sync::Durable, Fault::None, Mutant::None, &ALL);
    assert_eq!(violation, None);
    assert!(crashes > 500, "the script must have operations to crash at: {crashes}");
}

#[test]
fn nothing_acknowledged_is_lost_at_any_crash_on_a_full_disk() {
    // Room for the cursors and a segment and a half: segments end early, and again and again.
    let prepare = |sim: &Sim| sim.capacity(Some(14 << 10));
    let steps = [Step::Through { source: 1, count: 7 }; 6];
    let afters = [After::Kill, After::PowerCut, After::Torn(3), After::Torn(77)];
    let (crashes, violation) = crash_through(&steps, prepare, Sync::Durable, Mutant::None, &afters);
    assert_eq!(violation, None);
    assert!(crashes > 200, "{crashes}");
    let sim = Sim::default();
    prepare(&sim);
    let mut outside = Outside::default();
    outside.live(&sim, config(Sync::Durable), &steps, Mutant::None).unwrap();
    assert!(sim.refused() > 0, "the disk was never full");
}

#[test]
fn what_was_written_outlives_the_process_without_any_sync() {
    let (_, violation) = crash_everywhere(Sync::None, Fault::None, Mutant::None, &[After::Kill]);
    assert_eq!(violation, None);
}

#[test]
fn a_log_that_does_not_sync_is_caught() {
    for after in [After::PowerCut, After::Torn(1)] {
        let lies = Fault::SyncDataLies;
        let (_, violation) = crash_everywhere(Sync::Durable, lies, Mutant::None, &[after]);
        assert!(violation.is_some(), "{after:?}");
    }
}

#[test]
fn a_log_that_does_not_sync_its_directory_is_caught() {
    for after in [After::PowerCut, After::Torn(1)] {
        let lies = Fault::SyncDirLies;
        let (_, violation) = crash_everywhere(Sync::Durable, lies, Mutant::None, &[after]);
        assert!(violation.is_some(), "{after:?}");
    }
}

#[test]
fn an_early_acknowledgement_is_caught() {
    for after in ALL {
        let early = Mutant::AcknowledgesEarly;
        let (_, violation) = crash_everywhere(Sync::Durable, Fault::None, early, &[after]);
        assert!(violation.is_some(), "{after:?}");
    }
    // The same when it is the log that says "safe" after the write already.
    let (_, violation) =
        crash_everywhere(Sync::None, Fault::None, Mutant::None, &[After::PowerCut]);
    assert!(violation.is_some());
}

#[test]
fn a_cursor_moved_before_the_sink_is_done_is_caught() {
    for after in ALL {
        let early = Mutant::CommitsEarly;
        let (_, violation) = crash_everywhere(Sync::Durable, Fault::None, early, &[after]);
        let violation = violation.unwrap_or_else(|| panic!("{after:?}"));
        assert!(violation.contains("the cursor"), "{violation}");
    }
}
