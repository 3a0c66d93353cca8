//! After construction, pushing allocates nothing; nor does holding, scanning or dropping.

#![cfg(not(loom))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ring_capture::{Config, Meta, Ring, Window};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn pushing_and_scanning_allocate_nothing_per_record() {
    let config = Config::default().bytes(1 << 20).block_bytes(64 << 10);
    let (ring, mut producers) = Ring::new(&config).expect("a mebibyte");
    let count = if cfg!(miri) { 2_000 } else { 100_000 };

    let before = ALLOCATIONS.get();
    for number in 0..count {
        let meta = Meta { timestamp_ns: number, flow: number % 50, ..Meta::default() };
        producers[0].push(&meta, &[0; 300]).expect("nobody reads");
    }
    assert_eq!(ALLOCATIONS.get() - before, 0, "by pushing");

    let before = ALLOCATIONS.get();
    let mut scan = ring.scan(&Window::ALL, |_| true);
    let mut records = 0;
    while scan.next().is_some() {
        records += 1;
    }
    drop(scan);
    assert!(records > 1_000);
    assert_eq!(ALLOCATIONS.get() - before, 1, "by a scan: its cursors, once");
}

#[cfg(feature = "pcap")]
#[test]
fn reading_a_file_allocates_nothing_per_packet_and_reads_by_the_quarter_mebibyte() {
    use ring_capture::Direction;
    use ring_capture::file::CaptureFile;
    use ring_capture::pcapng::{Interface, Section, Writer};

    /// Counts how often it is asked.
    struct Asked<'a>(&'a [u8], &'a Cell<usize>);
    impl std::io::Read for Asked<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.1.set(self.1.get() + 1);
            self.0.read(into)
        }
    }

    let packets = 10_000;
    let mut writer = Writer::new(Vec::new(), &Section::default()).expect("memory");
    writer.interface(&Interface::default()).expect("memory");
    for number in 0..packets {
        let bytes = vec![7; number as usize % 1500];
        writer.packet(0, number, 1500, Direction::Inbound, &bytes, Some("why")).expect("memory");
    }
    let written = writer.finish().expect("memory");

    let asked = Cell::new(0);
    let mut file = CaptureFile::new(Asked(&written, &asked)).expect("a header");
    file.next().expect("sound").expect("a packet"); // And its interface before it.
    let before = ALLOCATIONS.get();
    let mut comments = 0;
    while file.next().expect("sound").is_some() {
        comments += usize::from(file.comment().is_some_and(|comment| comment == "why"));
    }
    assert_eq!(ALLOCATIONS.get() - before, 0, "by reading");
    assert_eq!(comments as u64 + 1, packets);
    // The first four bytes, what is left over of a record each time, and the end.
    assert!(asked.get() <= written.len() / (255 << 10) + 4, "{}", asked.get());
}
