#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dns_core_fuzz::zones::tsig(bytes));
