//! A deleted person is forgotten for good, before their time: what that removes and what stays, asked first.

use actix_web::{HttpResponse, web};
use maud::html;

use crate::policies::Scope;
use crate::store::deleted_people::DeletedPerson;
use crate::store::id::ResourceId;

use super::super::State;
use super::super::admin::deleted_users::forget_by;
use super::super::admin::endings::{MANY, OnRecord, of_forgetting};
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{Question, confirm};
use super::people_in_and_out::LIST;
use super::posted::Confirmed;
use super::typed_name::{Typed, typed};
use super::visitor::Visitor;
use super::words::counted;

const WRITE: Scope = Scope::UsersWrite;

pub(super) fn pages() -> Vec<Page> {
    let write = Access::With(WRITE);
    vec![
        Page::at("/people/deleted/{id}/forget")
            .get(write, ask)
            .post(write, forget),
    ]
}

/// What is typed before they are forgotten.
fn name(deleted: &DeletedPerson) -> &str {
    let person = &deleted.resource;
    person.label().unwrap_or(person.id.as_str())
}

async fn found(
    visitor: &Visitor,
    state: &State,
    id: ResourceId,
) -> Result<(DeletedPerson, OnRecord), Failure> {
    let (days, now) = (state.settings.limits.recovery_days, visitor.now());
    let found = state
        .database
        .read(move |connection| of_forgetting(connection, &id, days, now))
        .await?;
    Ok(found)
}

/// So many, or more than are counted.
fn at_least(number: usize, one: &str, many: &str) -> String {
    let number = i64::try_from(number).unwrap_or(MANY);
    let told = counted(number, one, many);
    if number < MANY {
        told
    } else {
        format!("{told} or more")
    }
}

async fn ask(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let (deleted, on_record) = found(&visitor, &state, id).await?;
    let name = name(&deleted);
    let groups = i64::try_from(deleted.groups.len()).unwrap_or(i64::MAX);
    let question = Question {
        title: &format!("Forget {name}"),
        back: (LIST, "Deleted people"),
        consequences: html! {
            p { "1 person can be recovered by nobody any more." }
            ul.impact {
                li {
                    "Goes for good: everything that their identity provider has sent of them"
                    @if groups > 0 { ", and that they were in " strong { (counted(groups, "group", "groups")) } }
                    "."
                }
                li {
                    "Stays: " strong {
                        (at_least(on_record.events, "audit event", "audit events")) " and "
                        (at_least(on_record.receipts, "receipt", "receipts"))
                    }
                    ", which name them as they were called then, and their name on the keys that they made. Audit "
                    "events are kept for as long as the server is set to keep them."
                }
            }
            p { "Should your identity provider make them anew, they are somebody else here, with another identifier." }
        },
        fields: typed("person", name),
        button: "Forget them for good",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::People, "Forget", &content))
}

async fn forget(
    sent: Confirmed<Typed>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let (deleted, _) = found(&sent.visitor, &state, id.clone()).await?;
    sent.form.check(name(&deleted))?;
    forget_by(sent.visitor.admin(WRITE), &state, id).await?;
    Ok(see_other(&format!("{LIST}?done=person-forgotten")))
}
