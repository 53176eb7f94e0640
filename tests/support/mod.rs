//! What the tests that run the real binary share.

pub mod installation;
