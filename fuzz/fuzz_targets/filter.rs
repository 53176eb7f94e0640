//! Fuzzes `portcullis_fuzz::run("filter", …)`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::run("filter", data));
