//! The command line: one file per command group.

use std::process::ExitCode;

/// Runs the command that the arguments name and gives the exit code.
#[must_use]
pub fn run() -> ExitCode {
    ExitCode::SUCCESS
}
