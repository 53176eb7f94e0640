//! The name of what is about to end for many, or how many it is, typed by whoever ends it.

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
        Err(not_typed(&format!("{name:?}")))
    }
}

/// Refuses anything but this number.
pub(super) fn check_number(typed: &str, number: usize) -> Result<(), Failure> {
    if typed.trim() == number.to_string() {
        return Ok(());
    }
    Err(not_typed(&number.to_string()))
}

fn not_typed(wanted: &str) -> Failure {
    PolicyError::Invalid(format!("type {wanted} to confirm; nothing was changed")).into()
}

/// The field in which a name is typed before something final.
pub(super) fn typed(what: &str, name: &str) -> Markup {
    field(
        &format!("Type the name of the {what}: {name}"),
        &html! { input name="typed" required autocomplete="off" spellcheck="false"; },
    )
}

/// The field in which is typed how many of something are about to end for good.
pub(super) fn typed_number(of_what: &str, number: usize) -> Markup {
    field(
        &format!("Type the number of {of_what}: {number}"),
        &html! { input name="typed" inputmode="numeric" required autocomplete="off"; },
    )
}
