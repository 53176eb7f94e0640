//! Asking before what cannot be undone is done.

use std::io::{BufRead, IsTerminal, Write};

use crate::legible::escaped;

use super::CommandError;

/// Goes on where it was confirmed beforehand (`--yes`) or is on the terminal, by typing `yes`.
///
/// # Errors
/// [`CommandError::Refused`] for any other answer, and where nobody is there to ask.
pub(super) fn confirm(what: &str, confirmed: bool) -> Result<(), CommandError> {
    if confirmed {
        return Ok(());
    }
    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    if !(stdin.is_terminal() && stderr.is_terminal()) {
        return Err(CommandError::Refused(format!(
            "{what}. This cannot be undone: confirm it with --yes"
        )));
    }
    let failed = |cause| CommandError::Io {
        what: "asking for confirmation".to_owned(),
        cause,
    };
    let what = escaped(what);
    write!(stderr, "{what}. This cannot be undone. Type yes to go on: ").map_err(failed)?;
    stderr.flush().map_err(failed)?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(failed)?;
    if answer.trim() == "yes" {
        return Ok(());
    }
    Err(CommandError::Refused("nothing was done".to_owned()))
}
