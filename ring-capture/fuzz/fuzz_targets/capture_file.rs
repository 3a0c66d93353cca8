#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ring_capture_fuzz::capture_file(bytes));
