//! What the pages say: each is in the book, each link inside the repository leads somewhere, and each command is
//! run as it stands there, on both databases, or says why it is not.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test needs and does not get fails the test"
)]

#[path = "../support/mod.rs"]
mod support;

mod blocks;
mod commands;
mod links;
mod named_tests;
mod page;
mod settings;
