#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| log_pipeline_fuzz::journal(bytes));
