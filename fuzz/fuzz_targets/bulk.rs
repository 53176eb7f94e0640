//! Fuzzes `portcullis_fuzz::run("bulk", …)`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::run("bulk", data));
