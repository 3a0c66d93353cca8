//! Memory follows the configuration and not the backlog, and reading copies a record once: out of
//! the page cache into the chunk that its payload borrows.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use log_pipeline::cursor::{Cursor, Start};
use log_pipeline::wal::{Config, Disk, Sync, Wal};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static TAKEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(layout.size(), Ordering::Relaxed);
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `pointer` came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const RECORD: usize = 1000;
const PENDING: usize = 1 << 20;
const CHUNK: usize = 256 << 10;

/// The most that was held at once, beyond what was held before, while appending and then reading so
/// many records; and the bytes that were allocated while reading.
fn peak(records: usize) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::default()
        .sync(Sync::None)
        .segment_bytes(2 << 20)
        .max_pending_bytes(PENDING)
        .chunk_bytes(CHUNK);
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let wal = Wal::open(Disk::open(folder.path()).unwrap(), config).unwrap();
    let mut cursors = ["a", "b", "c"].map(|name| Cursor::open(&wal, name, Start::Oldest).unwrap());
    let payload = vec![7; RECORD];
    for _ in 0..records {
        drop(wal.append(1, 0, &[&payload]).unwrap());
    }
    wal.close().unwrap();
    let taken = TAKEN.load(Ordering::Relaxed);
    for _ in 0..records {
        for cursor in &mut cursors {
            let record = cursor.try_next().unwrap().expect("as many as were appended");
            cursor.commit(record.position).unwrap();
        }
    }
    let taken = TAKEN.load(Ordering::Relaxed) - taken;
    (PEAK.load(Ordering::Relaxed) - before, taken)
}

#[test]
fn a_backlog_ten_times_as_long_takes_no_more_memory() {
    let (short, _) = peak(4_000);
    let (long, taken) = peak(40_000);
    // Records being gathered, the batch being written (each may double as it grows), and a chunk
    // and its successor for each cursor.
    let most = 4 * PENDING + 3 * 2 * CHUNK + (256 << 10);
    assert!(short < most && long < most, "{short} and {long} of {most}");
    let read = 3 * 40_000 * (RECORD + 32);
    assert!(taken < read * 11 / 10, "{taken} bytes were allocated to read {read}");
}
