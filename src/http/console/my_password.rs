//! One's own password: changed by whoever shows the old one, or said whose it is to change.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::passwords::{MIN_LENGTH, NOT_OURS};
use crate::credentials::second_factor;
use crate::store::StoreError;
use crate::store::passwords::{self, SetBy};

use super::super::State;
use super::super::account::password::change_password;
use super::super::problem::Problem;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{field, field_with_hint, form, heading};
use super::posted::Posted;
use super::sign_in::with_session;
use super::visitor::Visitor;
use super::words::sentence;

const PLACE: &str = "/console/me/password";

pub(super) fn pages() -> Vec<Page> {
    let own = Access::SignedIn;
    vec![Page::at("/me/password").get(own, show).post(own, change)]
}

/// What the page of one's own says of the password.
pub(super) fn told(set_by: Option<SetBy>) -> Markup {
    html! {
        @if set_by == Some(SetBy::IdentityProvider) { p { (sentence(NOT_OURS)) } }
        @else { p { a.button href=(PLACE) { "Change your password" } } }
    }
}

async fn show(visitor: Visitor, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let (person, now) = (visitor.person.id.clone(), visitor.now());
    let (set_by, has_code) = state
        .database
        .read(move |connection| {
            let stored = passwords::find(connection, &person)?;
            let factor = second_factor::standing(connection, &person, now)?;
            Ok::<_, StoreError>((
                stored.map(|stored| stored.set_by),
                factor.enrolled_at.is_some(),
            ))
        })
        .await?;
    let password = |name: &str, autocomplete: &str| {
        html! { input type="password" name=(name) autocomplete=(autocomplete) required; }
    };
    let content = html! {
        (heading("Change your password", Some(("/console/me", "Your account")), &html! {}))
        @if set_by == Some(SetBy::IdentityProvider) {
            p.note { (sentence(NOT_OURS)) }
        } @else {
            p { "Your other sessions end, and this one goes on under a new secret. Your API tokens go on working." }
            (form(&visitor, PLACE, &html! {
                (field("The password that you have", &password("password", "current-password")))
                (field_with_hint(
                    "New password",
                    &format!("At least {MIN_LENGTH} characters; a few words that only you would put together are good."),
                    &password("new_password", "new-password"),
                ))
                (field("The same again", &password("repeated", "new-password")))
                @if has_code {
                    (field("The code of your authenticator, or a recovery code", &html! {
                        input name="code" autocomplete="one-time-code" spellcheck="false" required;
                    }))
                }
                div.buttons {
                    button.primary { "Change it" }
                    a.button href="/console/me" { "Cancel" }
                }
            }))
        }
    };
    Ok(page(
        &visitor,
        Section::Mine,
        "Change your password",
        &content,
    ))
}

#[derive(Deserialize)]
struct Wanted {
    password: String,
    new_password: String,
    repeated: String,
    code: Option<String>,
}

async fn change(sent: Posted<Wanted>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let Wanted {
        password,
        new_password,
        repeated,
        code,
    } = sent.form;
    if new_password != repeated {
        return Err(Failure::Problem(Problem::invalid_value(
            "the two new passwords are not the same",
        )));
    }
    let person = &sent.visitor.person;
    let changed = change_password(&state, person, password, new_password, code).await?;
    let answer = see_other("/console/me?done=password-changed");
    Ok(with_session(&state, &changed.session.secret, answer))
}
