#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ring_capture_fuzz::packet(bytes));
