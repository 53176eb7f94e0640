//! What is done with orphaned keys, one or many at once: adopted, rotated or revoked, after a question that says what
//! comes of it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::orphans::chosen as chosen_keys;
use crate::credentials::{Credential, CredentialError};
use crate::store::id::CredentialId;

use super::super::State;
use super::super::admin::keys::Rotation;
use super::super::admin::orphans::{WRITE as WRITING, adopt_by, revoke_by, rotate_by};
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::kinds::Kind;
use super::orphans::{Filter, LIST, WRITE, shown_list};
use super::page::Page;
use super::parts::{Question, confirm, heading, secret_of};
use super::posted::Confirmed;
use super::typed_name::{check_number, typed_number};
use super::visitor::{Visitor, query};
use super::words::{counted, sentence};

const NONE_CHOSEN: &str = "choose at least one key";

pub(super) fn pages() -> Vec<Page> {
    vec![
        Page::at("/orphans/adopt")
            .get(WRITE, ask_adopt)
            .post(WRITE, adopt),
        Page::at("/orphans/rotate")
            .get(WRITE, ask_rotate)
            .post(WRITE, rotate),
        Page::at("/orphans/revoke")
            .get(WRITE, ask_revoke)
            .post(WRITE, revoke),
    ]
}

/// Which keys something is done with.
#[derive(Deserialize)]
struct Chosen {
    #[serde(default)]
    id: Vec<CredentialId>,
}

/// The keys to be revoked, and how many they are, typed, where they are more than one.
#[derive(Deserialize)]
struct Ended {
    #[serde(default)]
    id: Vec<CredentialId>,
    #[serde(default)]
    typed: String,
}

/// What is asked before something is done with several keys.
struct Several {
    verb: &'static str,
    /// Whether it is final; of more than one key their number is typed then.
    is_dangerous: bool,
    /// Whether it can be done with a kind at all.
    takes: fn(Kind) -> bool,
    consequences: fn(i64) -> Markup,
}

const ADOPT: Several = Several {
    verb: "Adopt",
    is_dangerous: false,
    takes: |_| true,
    consequences: |count| {
        html! {
            p { (counted(count, "key becomes", "keys become")) " yours: should you leave, they are flagged again." }
        }
    },
};
const ROTATE: Several = Several {
    verb: "Rotate",
    is_dangerous: false,
    takes: |kind| kind.is_key,
    consequences: |count| {
        html! {
            p { (counted(count, "successor is", "successors are")) " issued in your name, and shown once." }
            p { "What there is goes on working for 24 hours after the first use of its successor." }
        }
    },
};
const REVOKE: Several = Several {
    verb: "Revoke",
    is_dangerous: true,
    takes: |_| true,
    consequences: |count| {
        html! {
            p { (counted(count, "key stops", "keys stop")) " working at once, everywhere, and for good." }
        }
    },
};

async fn ask_adopt(
    visitor: Visitor,
    state: web::Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    ask(&visitor, &state, &request, &ADOPT).await
}

async fn ask_rotate(
    visitor: Visitor,
    state: web::Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    ask(&visitor, &state, &request, &ROTATE).await
}

async fn ask_revoke(
    visitor: Visitor,
    state: web::Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    ask(&visitor, &state, &request, &REVOKE).await
}

/// The list again, where nothing was chosen in it.
async fn none_chosen(visitor: &Visitor, state: &State) -> Result<HttpResponse, Failure> {
    let told = html! { p role="alert" { (sentence(NONE_CHOSEN)) } };
    let mut response = shown_list(visitor, state, Filter::default(), &told).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

async fn ask(
    visitor: &Visitor,
    state: &State,
    request: &HttpRequest,
    several: &Several,
) -> Result<HttpResponse, Failure> {
    let chosen: Chosen = query(request)?;
    if chosen.id.is_empty() {
        return none_chosen(visitor, state).await;
    }
    let (ended, left): (Vec<_>, Vec<_>) = state
        .database
        .read_now(|connection| chosen_keys(connection, &chosen.id, &visitor.rights))?
        .into_iter()
        .filter_map(|key| Some((Kind::of_credential(&key)?, key)))
        .partition(|(_, key)| key.revoked_at.is_some());
    if left.is_empty() {
        return Err(CredentialError::Conflict(
            "what was chosen has been revoked before: choose something else".to_owned(),
        )
        .into());
    }
    let (found, left_out): (Vec<_>, Vec<_>) = left
        .into_iter()
        .partition(|(kind, _)| (several.takes)(*kind));
    if found.is_empty() {
        return Err(CredentialError::Conflict(
            "a public key has no secret that could be rotated: choose something else, or replace it on its own page"
                .to_owned(),
        )
        .into());
    }
    let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let title = format!(
        "{} {}",
        several.verb,
        counted(count, "orphaned key", "orphaned keys")
    );
    let content = confirm(
        visitor,
        visitor.asked(state)?,
        &Question {
            title: &title,
            back: (LIST, "Orphaned keys"),
            consequences: html! {
                ((several.consequences)(count))
                (listed(&found))
                @if !left_out.is_empty() {
                    p { "Left out, since a public key has no secret that could be rotated; replace it on its own page:" }
                    (listed(&left_out))
                }
                @if !ended.is_empty() {
                    p { "Left out, since they were revoked before:" }
                    (listed(&ended))
                }
            },
            fields: html! {
                @for (_, key) in &found { input type="hidden" name="id" value=(key.id); }
                @if several.is_dangerous && found.len() > 1 { (typed_number("keys", found.len())) }
            },
            button: several.verb,
            is_dangerous: several.is_dangerous,
        },
    );
    Ok(page(visitor, Section::Orphans, &title, &content))
}

fn listed(keys: &[(Kind, Credential)]) -> Markup {
    html! {
        ul { @for (kind, key) in keys { li { (key.name) ", " (kind.one) ", " code { (key.prefix) "…" } } } }
    }
}

async fn adopt(sent: Confirmed<Chosen>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    if sent.form.id.is_empty() {
        return none_chosen(&sent.visitor, &state).await;
    }
    adopt_by(sent.visitor.admin(WRITING), &state, sent.form.id).await?;
    Ok(see_other("/console/orphans?done=keys-adopted"))
}

async fn revoke(sent: Confirmed<Ended>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    if sent.form.id.is_empty() {
        return none_chosen(&sent.visitor, &state).await;
    }
    if sent.form.id.len() > 1 {
        check_number(&sent.form.typed, sent.form.id.len())?;
    }
    revoke_by(sent.visitor.admin(WRITING), &state, sent.form.id).await?;
    Ok(see_other("/console/orphans?done=keys-revoked"))
}

async fn rotate(sent: Confirmed<Chosen>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let visitor = sent.visitor;
    let ids = sent.form.id;
    if ids.is_empty() {
        return none_chosen(&visitor, &state).await;
    }
    let issued = rotate_by(visitor.admin(WRITING), &state, ids, Rotation::default()).await?;
    let content = html! {
        (heading("The successors", Some((LIST, "Orphaned keys")), &html! {}))
        @for one in &issued {
            h2 { (one.credential.name) }
            (secret_of(one))
        }
        p { a.button href=(LIST) { "I have copied them" } }
    };
    Ok(page(&visitor, Section::Orphans, "Rotated", &content))
}
