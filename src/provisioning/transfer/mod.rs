//! Whole directories as lines of JSON, out of the database and into one. No files and no progress: those are the
//! command line's.
//!
//! A line is one resource in the form in which SCIM shows it. The members of a group follow in lines of their own,
//! after every resource that they could name, so that neither side ever holds a large group: such a line repeats
//! the `id` of the group. Whoever reads lines of others takes groups with all their members in one line too.

mod export;
mod import;
mod line;
mod matching;

pub use export::export;
pub use import::{Import, Refusal, Report};
pub use line::Line;
