#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dns_core_fuzz::site::site_files(bytes));
