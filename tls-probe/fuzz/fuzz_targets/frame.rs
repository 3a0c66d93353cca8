#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tls_probe_fuzz::frame(bytes));
