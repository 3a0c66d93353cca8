//! After construction a detector, and a fleet whose series are known and calm, allocate nothing.

mod noise;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use anomaly::{Config, Detector, Sample, Season};
use noise::{Noise, at};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged; counting allocates nothing, since
// the thread-local is const-initialised and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

/// Noise, gaps, a spike, a shift that is adopted, a flatline.
fn value(noise: &mut Noise, i: u32) -> f64 {
    match i {
        500 => 90.0,
        700..710 => f64::NAN,
        1000..1400 => 40.0 + noise.normal(),
        1600..1700 => 7.0,
        _ => noise.normal(),
    }
}

#[test]
fn a_detector_from_its_first_sample_on() {
    let mut noise = Noise(3);
    let config = Config::default()
        .season(Season::new(Duration::from_mins(5), 30))
        .missing_after(Duration::from_secs(5));
    let mut detector = Detector::new(config);
    let counted = allocations(|| {
        for i in 0..3000 {
            detector.observe(Sample::new(at(f64::from(i)), value(&mut noise, i)));
        }
    });
    assert_eq!(counted, 0);
    assert!(detector.stats().alarms >= 4 && detector.stats().adopted >= 1, "all kinds took part");
    assert_ne!(allocations(|| drop(Box::new(1))), 0, "the counter counts");
}

#[cfg(feature = "alerts")]
#[test]
fn a_fleet_of_known_calm_series() {
    use anomaly::{Fleet, Labels, Policy};
    let mut noise = Noise(3);
    let mut fleet = Fleet::new(Config::default(), Policy::default());
    let series: Vec<Labels> = ["a", "b", "c"].map(|name| Labels::new([("name", name)])).into();
    let mut counted = 0;
    for i in 0..1000 {
        for labels in &series {
            let sample = Sample::new(at(f64::from(i)), noise.normal());
            let here = allocations(|| {
                fleet.observe(labels, sample);
            });
            counted += if i == 0 { 0 } else { here };
        }
        let ticked = allocations(|| fleet.handle_timeout(at(f64::from(i))));
        counted += ticked;
    }
    assert_eq!(counted, 0);
}
