//! What ends for everybody in a directory: their API tokens, or the directory itself.

use actix_web::{HttpResponse, web};
use maud::html;

use crate::credentials::bulk::TokensOf;
use crate::lifecycle;
use crate::policies::Scope;
use crate::secret::SecretKind;
use crate::store::id::DirectoryId;

use super::super::State;
use super::super::admin::directories::{find, remove_by};
use super::super::admin::endings;
use super::super::admin::revocation::revoke_by;
use super::answer::{Failure, see_other};
use super::directory_change::address;
use super::frame::{Section, page};
use super::impact;
use super::page::{Access, Page};
use super::parts::{Question, confirm};
use super::posted::Confirmed;
use super::typed_name::{Typed, typed};
use super::visitor::Visitor;

pub(super) fn pages() -> Vec<Page> {
    let write = Access::With(Scope::DirectoriesWrite);
    let revoking = Access::With(Scope::TokensRevoke);
    vec![
        Page::at("/directories/{id}/revoke-tokens")
            .get(revoking, ask_revoke)
            .post(revoking, revoke),
        Page::at("/directories/{id}/remove")
            .get(write, ask_remove)
            .post(write, remove),
    ]
}

async fn ask_revoke(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = DirectoryId::new(id.into_inner());
    let wanted = id.clone();
    let (directory, counts) = state
        .database
        .read(move |connection| endings::of_tokens_of_directory(connection, &wanted))
        .await?;
    let kind = SecretKind::UserToken.name();
    let count = counts.get(kind).copied().unwrap_or_default();
    let question = Question {
        title: &format!("Revoke all tokens of {}", directory.name),
        back: (&address(&id), &directory.name),
        consequences: html! {
            @if count == 0 { p { "Nobody in this directory has an API token, so that nothing ends." } }
            @else {
                p {
                    strong { (impact::of_kind(kind, count)) } " of the people of this directory "
                    (if count == 1 { "ends" } else { "end" }) " at once and for good, those that have expired among them."
                }
            }
            p { "Nobody is deprovisioned, sessions go on, and new tokens can be made." }
        },
        fields: typed("directory", &directory.name),
        button: "Revoke them all",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(
        &visitor,
        Section::Directories,
        "Revoke all tokens",
        &content,
    ))
}

async fn revoke(
    sent: Confirmed<Typed>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = DirectoryId::new(id.into_inner());
    let directory = state
        .database
        .read_now(|connection| find(connection, &id))?;
    sent.form.check(&directory.name)?;
    let place = address(&id);
    let admin = sent.visitor.admin(Scope::TokensRevoke);
    revoke_by(admin, &state, TokensOf::Directory(id)).await?;
    Ok(see_other(&format!("{place}?done=tokens-revoked")))
}

async fn ask_remove(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = DirectoryId::new(id.into_inner());
    let (wanted, now) = (id.clone(), visitor.now());
    let (directory, impact) = state
        .database
        .read(move |connection| {
            let directory = find(connection, &wanted).map_err(lifecycle::LifecycleError::from)?;
            let impact = lifecycle::impact_of_removing(connection, &wanted, now)?;
            Ok::<_, lifecycle::LifecycleError>((directory, impact))
        })
        .await?;
    let question = Question {
        title: &format!("Remove {}", directory.name),
        back: (&address(&id), &directory.name),
        consequences: html! {
            p { "The directory goes with everything in it, and its SCIM keys stop working." }
            (impact::told(&impact))
        },
        fields: typed("directory", &directory.name),
        button: "Remove the directory",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::Directories, "Remove", &content))
}

async fn remove(
    sent: Confirmed<Typed>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = DirectoryId::new(id.into_inner());
    let directory = state
        .database
        .read_now(|connection| find(connection, &id))?;
    sent.form.check(&directory.name)?;
    remove_by(sent.visitor.admin(Scope::DirectoriesWrite), &state, id).await?;
    Ok(see_other("/console/directories?done=directory-removed"))
}
