//! The console in a real browser: the stories that people live through there, each page looked at by axe-core, and
//! screenshots of each in two widths and both themes.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test needs and does not get fails the test"
)]

mod console {
    pub mod browser;
    mod hands;
    pub mod house;
    mod pages;
    mod stories;
}
mod support;
