//! Fuzzes `portcullis_fuzz::run("import_line", …)`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::run("import_line", data));
