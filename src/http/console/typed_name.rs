//! The name of what is about to end for many, typed by whoever ends it.

use maud::{Markup, html};
use serde::Deserialize;

use crate::policies::PolicyError;

use super::answer::Failure;
use super::parts::field;

/// The name of what is about to end, typed.
#[derive(Deserialize)]
pub(super) struct Typed {
    typed: String,
}

impl Typed {
    /// Refuses anything but that name.
    pub(super) fn check(&self, name: &str) -> Result<(), Failure> {
        if self.typed.trim() == name.trim() {
            return Ok(());
        }
        let error = PolicyError::Invalid(format!("type {name:?} to confirm; nothing was changed"));
        Err(error.into())
    }
}

/// The field in which a name is typed before something final.
pub(super) fn typed(what: &str, name: &str) -> Markup {
    field(
        &format!("Type the name of the {what}: {name}"),
        &html! { input name="typed" required autocomplete="off" spellcheck="false"; },
    )
}
