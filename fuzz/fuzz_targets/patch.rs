//! Fuzzes `portcullis_fuzz::run("patch", …)`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::run("patch", data));
