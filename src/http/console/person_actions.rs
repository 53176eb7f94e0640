//! What is done with one person: deprovisioned after a preview, reactivated, given a link to set a password, and
//! their tokens revoked.

use actix_web::{HttpResponse, web};
use maud::html;

use crate::credentials::keys as credential_keys;
use crate::lifecycle;
use crate::policies::Scope;
use crate::provisioning::people::set_active;
use crate::secret::SecretKind;
use crate::store::id::ResourceId;
use crate::store::resources::Resource;

use super::super::State;
use super::super::admin::endings;
use super::super::admin::users::{deprovision_by, find, password_link_by, reset_second_factor_by};
use super::super::admin::view::setup_url;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::impact;
use super::page::{Access, Page};
use super::parts::{Question, confirm, heading, secret};
use super::posted::Confirmed;
use super::sign_in::Nothing;
use super::visitor::Visitor;
use super::words::counted;

pub(super) fn pages() -> Vec<Page> {
    let write = Access::With(Scope::UsersWrite);
    let revoke = Access::With(Scope::TokensRevoke);
    vec![
        Page::at("/people/{id}/deprovision")
            .get(write, ask_deprovision)
            .post(write, deprovision),
        Page::at("/people/{id}/reactivate")
            .get(write, ask_reactivate)
            .post(write, reactivate),
        Page::at("/people/{id}/password-link")
            .get(write, ask_link)
            .post(write, make_link),
        Page::at("/people/{id}/reset-second-factor")
            .get(write, ask_reset)
            .post(write, reset),
        Page::at("/people/{id}/revoke-tokens")
            .get(revoke, ask_revoke_tokens)
            .post(revoke, revoke_tokens),
    ]
}

fn found(state: &State, id: &ResourceId) -> Result<Resource, Failure> {
    Ok(state.database.read_now(|connection| find(connection, id))?)
}

async fn ask_deprovision(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let person = found(&state, &id)?;
    let (wanted, now) = (id.clone(), visitor.now());
    let impact = state
        .database
        .read(move |connection| lifecycle::impact_of_leaving(connection, &wanted, now))
        .await?;
    let name = person.label().unwrap_or("this person");
    let question = Question {
        title: &format!("Deprovision {name}"),
        back: (&format!("/console/people/{id}"), name),
        consequences: html! {
            p { (name) " becomes inactive, and cannot sign in any more." }
            (impact::told(&impact))
            @if impact.roles_resting.is_empty() {
                p { "Reactivating them later brings none of this back." }
            } @else {
                p { "Reactivating them later brings nothing else of this back." }
            }
        },
        fields: html! {},
        button: "Deprovision",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::People, "Deprovision", &content))
}

async fn deprovision(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    deprovision_by(sent.visitor.admin(Scope::UsersWrite), &state, id.clone()).await?;
    Ok(see_other(&format!(
        "/console/people/{id}?done=deprovisioned"
    )))
}

async fn ask_reactivate(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let wanted = id.clone();
    let returning = state
        .database
        .read(move |connection| lifecycle::impact_of_returning(connection, &wanted))
        .await?;
    let name = returning.person.label().unwrap_or("this person");
    let question = Question {
        title: &format!("Reactivate {name}"),
        back: (&format!("/console/people/{id}"), name),
        consequences: html! {
            p { (name) " may sign in and make tokens again. No token, session or key of before works again." }
            @if !returning.roles.is_empty() {
                ul.impact {
                    @for role in &returning.roles {
                        li {
                            "They have the role " strong { (role.role) } " again at once, which "
                            (impact::giving(role)) "."
                        }
                    }
                }
            }
        },
        fields: html! {},
        button: "Reactivate",
        is_dangerous: false,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::People, "Reactivate", &content))
}

async fn reactivate(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let (surroundings, wanted) = (state.surroundings(), id.clone());
    sent.visitor
        .admin(Scope::UsersWrite)
        .write(&state, move |connection, admin| {
            set_active(connection, &surroundings, &wanted, true, &admin.cause())
        })
        .await?;
    Ok(see_other(&format!("/console/people/{id}?done=reactivated")))
}

async fn ask_link(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let person = found(&state, &id)?;
    let name = person.label().unwrap_or("this person");
    let question = Question {
        title: &format!("A password link for {name}"),
        back: (&format!("/console/people/{id}"), name),
        consequences: html! {
            p {
                "Whoever has the link sets a password with it, once, and can sign in as " (name)
                ". Give it to them alone. Earlier links of theirs stop working."
            }
        },
        fields: html! {},
        button: "Make the link",
        is_dangerous: false,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::People, "Password link", &content))
}

async fn make_link(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let visitor = sent.visitor;
    let id = ResourceId::new(id.into_inner());
    let person = found(&state, &id)?;
    let issued = password_link_by(visitor.admin(Scope::UsersWrite), &state, id.clone()).await?;
    let name = person.label().unwrap_or("this person");
    let address = format!("/console/people/{id}");
    let link = setup_url(&state.base_url, issued.secret.expose());
    let content = html! {
        (heading(&format!("A password link for {name}"), Some((&address, name)), &html! {}))
        (secret("Link", &link, issued.credential.expires_at))
        p { a.button href=(address) { "I have copied it" } }
    };
    Ok(page(&visitor, Section::People, "Password link", &content))
}

async fn ask_reset(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let (wanted, now) = (id.clone(), visitor.now());
    let (person, reset) = state
        .database
        .read(move |connection| endings::of_second_factor(connection, &wanted, now))
        .await?;
    let (sessions, codes) = (reset.sessions, reset.recovery_codes);
    let name = person.label().unwrap_or("this person");
    let question = Question {
        title: &format!("Reset the second factor of {name}"),
        back: (&format!("/console/people/{id}"), name),
        consequences: html! {
            p {
                "1 authenticator and " (counted(codes, "recovery code", "recovery codes"))
                " count no more, and every session of " (name) " ends: "
                @if sessions == endings::MANY { "at least " } (impact::of_kind("session", sessions)) ". "
                @if reset.is_required { "Their policy asks them to set up another when they sign in with their password." }
                @else { "Their password alone signs them in then." }
            }
            p { "Make sure that it is them who asks." }
        },
        fields: html! {},
        button: "Reset it",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::People, "Second factor", &content))
}

async fn reset(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    reset_second_factor_by(sent.visitor.admin(Scope::UsersWrite), &state, id.clone()).await?;
    Ok(see_other(&format!(
        "/console/people/{id}?done=second-factor-reset"
    )))
}

async fn ask_revoke_tokens(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let wanted = id.clone();
    let (person, counts) = state
        .database
        .read(move |connection| endings::of_tokens_of_person(connection, &wanted))
        .await?;
    let kind = SecretKind::UserToken.name();
    let count = counts.get(kind).copied().unwrap_or_default();
    let name = person.label().unwrap_or("this person");
    let question = Question {
        title: &format!("Revoke the tokens of {name}"),
        back: (&format!("/console/people/{id}"), name),
        consequences: html! {
            p { (impact::of_kind(kind, count)) " of " (name) " " (if count == 1 { "ends" } else { "end" })
                " at once and for good, those that have expired among them. Their sessions go on." }
        },
        fields: html! {},
        button: "Revoke tokens",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::People, "Revoke tokens", &content))
}

async fn revoke_tokens(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let wanted = id.clone();
    sent.visitor
        .admin(Scope::TokensRevoke)
        .write(&state, move |connection, admin| {
            find(connection, &wanted)?;
            credential_keys::revoke_tokens_of(connection, &wanted, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other(&format!(
        "/console/people/{id}?done=tokens-revoked"
    )))
}
