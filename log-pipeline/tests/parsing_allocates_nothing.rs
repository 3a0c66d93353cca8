//! Parsing, and reading every field of what was parsed, takes no memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use log_pipeline::frame::Decoder;
use log_pipeline::parse::{Policy, parse};
use log_pipeline::timestamp::Timestamp;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn both_grammars_borrow() {
    let policy = Policy::default();
    for frame in [
        &br#"<165>1 2003-10-11T22:14:15.003Z host app 1 ID47 [a@1 x="3" y="4"][b z=""] text"#[..],
        b"<165>1 - - - - - [broken",
        b"<34>Oct 11 22:14:15 mymachine su[1]: failed",
        b"nothing known",
    ] {
        let count = allocations(|| {
            let message = parse(frame, Timestamp::default(), &policy);
            for element in message.structured_data.elements() {
                for param in element.params() {
                    std::hint::black_box((element.id(), param.name(), param.value()));
                }
            }
            std::hint::black_box(message);
        });
        assert_eq!(count, 0, "{}", String::from_utf8_lossy(frame));
    }
}

#[test]
fn forms_of_every_device_borrow() {
    let policy = Policy::default();
    for frame in include_str!("devices.txt").lines() {
        let count = allocations(|| {
            std::hint::black_box(parse(frame.as_bytes(), Timestamp::default(), &policy));
        });
        assert_eq!(count, 0, "{frame}");
    }
}

#[test]
fn fields_of_a_payload_borrow() {
    let frame = br#"<13>1 - h a - - - @cee: {"time":"2026-08-24T05:14:15Z","a":{"b":[1,{}],"c\n":"x"},"d":2.5}"#;
    let count = allocations(|| {
        let message = parse(frame, Timestamp::default(), &Policy::default());
        let payload = message.payload().expect("it is one");
        assert_eq!(payload.fields().count(), 4);
        std::hint::black_box((payload.value("a.b"), payload.timestamp()));
    });
    assert_eq!(count, 0);
}

#[test]
fn whole_frames_borrow() {
    let mut decoder = Decoder::default();
    let count = allocations(|| {
        let mut input = &b"<1>a\n5 <2>bc<3>d\r\n"[..];
        while let Some(frame) = decoder.next(&mut input) {
            std::hint::black_box(frame.bytes);
        }
    });
    assert_eq!((count, decoder.stats().frames), (0, 3));
}
