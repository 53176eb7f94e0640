//! Many deleted people, chosen in their list: recovered or forgotten for good together, after a question.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::lifecycle::recovery;
use crate::policies::Scope;
use crate::store::deleted_people::DeletedPerson;
use crate::store::id::ResourceId;

use super::super::State;
use super::super::admin::many_deleted::{forget_by, recover_by};
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{Question, confirm};
use super::people_in_and_out::{Filter, LIST, shown_list};
use super::posted::Confirmed;
use super::typed_name::{check_number, typed_number};
use super::visitor::{Visitor, query};
use super::words::{counted, sentence};

const WRITE: Scope = Scope::UsersWrite;
const NONE_CHOSEN: &str = "choose at least one person";

pub(super) fn pages() -> Vec<Page> {
    let write = Access::With(WRITE);
    vec![
        Page::at("/people/deleted/recover")
            .get(write, ask_recover)
            .post(write, recover),
        Page::at("/people/deleted/forget")
            .get(write, ask_forget)
            .post(write, forget),
    ]
}

/// Who was chosen, and how many they are, typed, where that is asked.
#[derive(Deserialize)]
struct Chosen {
    #[serde(default)]
    id: Vec<ResourceId>,
    #[serde(default)]
    typed: String,
}

/// Those who were chosen; nobody, where nobody was.
async fn chosen(
    visitor: &Visitor,
    state: &State,
    request: &HttpRequest,
) -> Result<Vec<DeletedPerson>, Failure> {
    let Chosen { id: ids, .. } = query(request)?;
    let (days, now) = (state.settings.limits.recovery_days, visitor.now());
    let found = state
        .database
        .read(move |connection| {
            ids.iter()
                .map(|id| recovery::find_deleted(connection, id, days, now))
                .collect::<Result<Vec<_>, _>>()
        })
        .await?;
    Ok(found)
}

/// The list again, where nobody was chosen in it.
async fn none_chosen(visitor: &Visitor, state: &State) -> Result<HttpResponse, Failure> {
    let told = html! { p role="alert" { (sentence(NONE_CHOSEN)) } };
    let mut response = shown_list(visitor, state, Filter::default(), &told).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

/// Who they are, and what is sent with the form.
fn named(people: &[DeletedPerson]) -> Markup {
    html! {
        ul {
            @for deleted in people {
                @let person = &deleted.resource;
                li {
                    (person.label().unwrap_or("without a name"))
                    @if let Some(user_name) = &person.user_name { ", " (user_name) }
                }
            }
        }
    }
}

fn fields(people: &[DeletedPerson], is_typed: bool) -> Markup {
    html! {
        @for deleted in people { input type="hidden" name="id" value=(deleted.resource.id); }
        @if is_typed { (typed_number("people", people.len())) }
    }
}

fn number_of(people: &[DeletedPerson]) -> String {
    let number = i64::try_from(people.len()).unwrap_or(i64::MAX);
    counted(number, "deleted person", "deleted people")
}

/// What is asked before something is done with those who were chosen.
struct Deed {
    /// Begins the title; who they are follows.
    verb: &'static str,
    /// What comes of it, with the people named in it.
    consequences: fn(&[DeletedPerson]) -> Markup,
    /// Whether their number is to be typed, since it is for good.
    is_dangerous: bool,
    button: &'static str,
}

/// The question about those who were chosen, or the list again where nobody was.
async fn ask(
    visitor: &Visitor,
    state: &State,
    request: &HttpRequest,
    deed: Deed,
) -> Result<HttpResponse, Failure> {
    let people = chosen(visitor, state, request).await?;
    if people.is_empty() {
        return none_chosen(visitor, state).await;
    }
    let title = format!("{} {}", deed.verb, number_of(&people));
    let question = Question {
        title: &title,
        back: (LIST, "Deleted people"),
        consequences: (deed.consequences)(&people),
        fields: fields(&people, deed.is_dangerous),
        button: deed.button,
        is_dangerous: deed.is_dangerous,
    };
    let content = confirm(visitor, visitor.asked(state)?, &question);
    Ok(page(visitor, Section::People, &title, &content))
}

async fn ask_recover(
    visitor: Visitor,
    state: web::Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let deed = Deed {
        verb: "Recover",
        consequences: |people| {
            html! {
                p {
                    "They come back with the same identifiers, inactive, into their groups as far as these are still "
                    "there and give no role. No token, session or key of before works again. All of them come back, or "
                    "none."
                }
                (named(people))
                p { "Your identity provider may delete them again, as long as they are not assigned there." }
            }
        },
        is_dangerous: false,
        button: "Recover",
    };
    ask(&visitor, &state, &request, deed).await
}

async fn ask_forget(
    visitor: Visitor,
    state: web::Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let deed = Deed {
        verb: "Forget",
        consequences: |people| {
            html! {
                p {
                    "Nobody can recover them any more: everything that their identity providers have sent of them goes "
                    "for good. Audit events and receipts stay, and name them as they were called then."
                }
                (named(people))
            }
        },
        is_dangerous: true,
        button: "Forget them for good",
    };
    ask(&visitor, &state, &request, deed).await
}

async fn recover(
    sent: Confirmed<Chosen>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    if sent.form.id.is_empty() {
        return none_chosen(&sent.visitor, &state).await;
    }
    recover_by(sent.visitor.admin(WRITE), &state, sent.form.id).await?;
    Ok(see_other(&format!("{LIST}?done=people-recovered")))
}

async fn forget(sent: Confirmed<Chosen>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    if sent.form.id.is_empty() {
        return none_chosen(&sent.visitor, &state).await;
    }
    check_number(&sent.form.typed, sent.form.id.len())?;
    forget_by(sent.visitor.admin(WRITE), &state, sent.form.id).await?;
    Ok(see_other(&format!("{LIST}?done=people-forgotten")))
}
