//! Fuzzes `portcullis_fuzz::run("public_key", …)`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::run("public_key", data));
