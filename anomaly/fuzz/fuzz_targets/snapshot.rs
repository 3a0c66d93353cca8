#![no_main]

#[path = "../src/snapshot.rs"]
mod snapshot;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| snapshot::snapshot(bytes));
