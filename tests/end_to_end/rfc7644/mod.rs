//! RFC 7643, RFC 7644 and RFC 9865, section by section: one file for each group of sections.

mod discovery;
