//! The keys that access tokens are signed with, and their rotation.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::signing_keys as rules;
use crate::policies::Scope;

use super::super::State;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{Question, Typed, badge, confirm, heading, none_left, results, table};
use super::posted::Confirmed;
use super::visitor::Visitor;
use super::words::time;

pub(super) fn pages() -> Vec<Page> {
    let write = Access::With(Scope::SigningKeysWrite);
    vec![
        Page::at("/signing-keys").get(Access::With(Scope::SigningKeysRead), list),
        Page::at("/signing-keys/rotate")
            .get(write, ask_rotate)
            .post(write, rotate),
    ]
}

const LIST: &str = "/console/signing-keys";

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    typed: web::Query<Typed>,
) -> Result<HttpResponse, Failure> {
    let keys = state.database.read_now(rules::list)?;
    let now = visitor.now();
    let rows: Vec<Vec<Markup>> = keys
        .iter()
        .filter(|key| typed.admits([key.id.as_str(), &key.algorithm, rules::status(key, now)]))
        .map(|key| {
            let status = rules::status(key, now);
            vec![
                html! { code { (key.id) } },
                html! { (key.algorithm) },
                badge(if status == "active" { "ok" } else { "off" }, status),
                time(key.activates_at),
                html! { @if let Some(at) = key.retires_at { (time(at)) } @else { span.muted { "not yet" } } },
                html! { @if let Some(at) = key.ends_at { (time(at)) } @else { span.muted { "not yet" } } },
            ]
        })
        .collect();
    let content = html! {
        (heading("Signing keys", None, &html! {
            @if visitor.may(Scope::SigningKeysWrite) { a.button href="/console/signing-keys/rotate" { "Rotate" } }
        }))
        p.muted { "Access tokens are signed with them. They are rotated by themselves." }
        (typed.form(LIST, &html! {}))
        (results(&html! {
            @if rows.is_empty() {
                (none_left(&typed, LIST, "There are none yet: the first is made when a token is first asked for."))
            } @else {
                (table(
                    "Published at /.well-known/jwks.json",
                    &["Identifier", "Algorithm", "State", "Signs from", "Signs until", "Ends"],
                    &rows,
                ))
            }
        }))
    };
    Ok(page(
        &visitor,
        Section::SigningKeys,
        "Signing keys",
        &content,
    ))
}

async fn ask_rotate(visitor: Visitor, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let question = Question {
        title: "Rotate the signing keys",
        back: ("/console/signing-keys", "Signing keys"),
        consequences: html! {
            p { "1 new key is made and published; the present one signs until products have had time to see it." }
        },
        fields: html! {
            label.check {
                input type="checkbox" name="compromised" value="true";
                span { "The present keys are compromised: they end now, and with them every access token that they signed" }
            }
        },
        button: "Rotate them",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::SigningKeys, "Rotate", &content))
}

#[derive(Deserialize)]
struct Rotation {
    #[serde(default)]
    compromised: bool,
}

async fn rotate(
    sent: Confirmed<Rotation>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let (sealer, compromised) = (state.sealer.clone(), sent.form.compromised);
    sent.visitor
        .admin(Scope::SigningKeysWrite)
        .write(&state, move |connection, admin| {
            rules::rotate(connection, &sealer, compromised, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other("/console/signing-keys?done=signing-keys-rotated"))
}
