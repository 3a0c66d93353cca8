#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| anomaly_fuzz::exposition(bytes));
