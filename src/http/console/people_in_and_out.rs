//! People whom admins make in the local directory, and those whom an identity provider has deleted, recovered.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::lifecycle::recovery;
use crate::policies::Scope;
use crate::provisioning::people::{self as rules, NewPerson};
use crate::store::directories;
use crate::store::id::{DirectoryId, ResourceId};

use super::super::State;
use super::super::admin::deleted_users::Narrowed;
use super::super::problem::Problem;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{
    Question, confirm, empty, field, field_with_hint, filters, form, heading, none_like_that,
    pager, results, select, table,
};
use super::people::name_of;
use super::posted::{Confirmed, Posted};
use super::receipts;
use super::rows::{ROWS, first_rows};
use super::sign_in::Nothing;
use super::visitor::Visitor;
use super::words::{ago, counted, time};

/// Where the deleted are.
pub(super) const LIST: &str = "/console/people/deleted";

pub(super) fn pages() -> Vec<Page> {
    let (read, write) = (
        Access::With(Scope::UsersRead),
        Access::With(Scope::UsersWrite),
    );
    vec![
        Page::at("/people/new")
            .get(write, show_new)
            .post(write, create),
        Page::at("/people/deleted").get(read, list),
        Page::at("/people/deleted/{id}/recover")
            .get(write, ask_recover)
            .post(write, recover),
    ]
}

async fn show_new(visitor: Visitor) -> Result<HttpResponse, Failure> {
    let content = html! {
        (heading("New local person", Some(("/console/people", "People")), &html! {}))
        p { "Those of other directories come from their identity providers." }
        (form(&visitor, "/console/people/new", &html! {
            (field_with_hint("User name", "What they sign in with.", &html! {
                input name="user_name" maxlength="200" required autocomplete="off" autocapitalize="none" spellcheck="false";
            }))
            (field("Name", &html! { input name="display_name" maxlength="200" autocomplete="off"; }))
            (field_with_hint("E-mail", "Where notices for them are sent; it may be left out.", &html! {
                input type="email" name="email" autocomplete="off" spellcheck="false";
            }))
            button.primary { "Make the person" }
        }))
    };
    Ok(page(
        &visitor,
        Section::People,
        "New local person",
        &content,
    ))
}

#[derive(Deserialize)]
struct Wanted {
    user_name: String,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    email: Option<String>,
}

async fn create(sent: Posted<Wanted>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let Wanted {
        user_name,
        display_name,
        email,
    } = sent.form;
    let new = NewPerson {
        user_name,
        display_name,
        email,
    };
    let surroundings = state.surroundings();
    let person = sent
        .visitor
        .admin(Scope::UsersWrite)
        .write(&state, move |connection, admin| {
            rules::create_local(connection, &surroundings, &new, &admin.cause())
        })
        .await?;
    Ok(see_other(&format!(
        "/console/people/{}?done=person-made",
        person.id
    )))
}

#[derive(Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    directory: Option<DirectoryId>,
    #[serde(default)]
    q: String,
    cursor: Option<String>,
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    shown_list(&visitor, &state, filter.into_inner(), &html! {}).await
}

/// `told` is what is said above it.
pub(super) async fn shown_list(
    visitor: &Visitor,
    state: &State,
    filter: Filter,
    told: &Markup,
) -> Result<HttpResponse, Failure> {
    let (days, now) = (state.settings.limits.recovery_days, visitor.now());
    let Filter {
        directory,
        q,
        cursor,
    } = filter;
    let wanted = Narrowed {
        directory_id: directory.as_ref().map(ToString::to_string),
        search: Some(q.clone()),
    };
    let is_narrow = directory.is_some() || !q.trim().is_empty();
    let (found, known) = state
        .database
        .read(move |connection| {
            let since = recovery::since(days, now);
            let found = wanted.page(connection, since, cursor.as_deref(), ROWS + 1)?;
            Ok::<_, Problem>((found, directories::list(connection)?))
        })
        .await?;
    let (found, next) = first_rows(found, |last| last.cursor.clone());
    let may_change = visitor.may(Scope::UsersWrite);
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .map(|one| {
            let deleted = &one.deleted;
            let person = &deleted.resource;
            let name = person.label().unwrap_or("without a name");
            let mut row = vec![
                html! { (name) small.muted { (person.user_name.as_deref().unwrap_or_default()) } },
                html! { (name_of(&known, &person.directory_id)) },
                html! { (ago(deleted.deleted_at, now)) small.muted { (time(deleted.deleted_at)) } },
                html! { (deleted.actor_name.as_deref().unwrap_or(&deleted.actor_kind)) },
                ago(deleted.deleted_at.plus_days(i64::from(days)), now),
                html! {
                    @if visitor.may(Scope::AuditRead) {
                        a href=(receipts::address_of(&person.id)) aria-label={ "Receipts of " (name) } { "Receipts" } " "
                    }
                    @if visitor.may(Scope::UsersWrite) {
                        a href={ (LIST) "/" (person.id) "/recover" } aria-label={ "Recover " (name) } { "Recover" } " "
                        a href={ (LIST) "/" (person.id) "/forget" } aria-label={ "Forget " (name) } { "Forget" }
                    }
                },
            ];
            if may_change {
                let choose = html! {
                    label.check {
                        input type="checkbox" name="id" value=(person.id) aria-label={ "Choose " (name) };
                    }
                };
                row.insert(0, choose);
            }
            row
        })
        .collect();
    let mut columns = vec!["Name", "Directory", "Deleted", "By", "Forgotten", "Action"];
    if may_change {
        columns.insert(0, "Choose");
    }
    let mut options = vec![("", "Every directory")];
    options.extend(known.iter().map(|one| (one.id.as_str(), one.name.as_str())));
    let chosen = directory.as_ref().map_or("", DirectoryId::as_str);
    let content = html! {
        (heading("Deleted people", Some(("/console/people", "People")), &html! {}))
        (told)
        p.muted {
            "Whoever was deleted can be recovered for " (counted(i64::from(days), "day", "days"))
            ": inactive, with the same identifier, in their groups but those that give a role, and with nothing to "
            "sign in with."
        }
        (filters(LIST, &html! {
            (field("Begins with, of a name or user name", &html! {
                input type="search" name="q" value=(q) autocomplete="off" spellcheck="false";
            }))
            (field("Directory", &select("directory", chosen, &options)))
        }))
        (results(&html! {
            @if rows.is_empty() && is_narrow { (none_like_that(LIST)) }
            @else if rows.is_empty() { (empty("Nobody was deleted who could be recovered.", &html! {})) }
            @else {
                @let caption = if q.trim().is_empty() {
                    "In the order of their identifiers"
                } else {
                    "In the order of what begins so"
                };
                @if may_change {
                    form method="get" action={ (LIST) "/recover" } {
                        label.check data-script hidden { input type="checkbox" data-all; span { "All on this page" } }
                        (table(caption, &columns, &rows))
                        div.buttons {
                            button.primary { "Recover those chosen" }
                            button.danger formaction={ (LIST) "/forget" } { "Forget" }
                        }
                    }
                } @else { (table(caption, &columns, &rows)) }
            }
            (pager(visitor, next.as_deref()))
        }))
    };
    Ok(page(visitor, Section::People, "Deleted people", &content))
}

async fn ask_recover(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let (days, now) = (state.settings.limits.recovery_days, visitor.now());
    let deleted = state
        .database
        .read_now(|connection| recovery::find_deleted(connection, &id, days, now))?;
    let name = deleted.resource.label().unwrap_or("this person");
    let question = Question {
        title: &format!("Recover {name}"),
        back: (LIST, "Deleted people"),
        consequences: html! {
            p {
                "1 person comes back with the same identifier, inactive, into "
                (counted(i64::try_from(deleted.groups.len()).unwrap_or(i64::MAX), "group", "groups"))
                " as far as these are still there and give no role. No token, session or key of before works again."
            }
            p { "Your identity provider may delete them again, as long as they are not assigned there." }
        },
        fields: html! {},
        button: "Recover",
        is_dangerous: false,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::People, "Recover", &content))
}

async fn recover(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let (days, wanted) = (state.settings.limits.recovery_days, id.clone());
    let surroundings = state.surroundings();
    sent.visitor
        .admin(Scope::UsersWrite)
        .write(&state, move |connection, admin| {
            rules::recover(connection, &surroundings, &wanted, days, &admin.cause())
        })
        .await?;
    Ok(see_other(&format!("/console/people/{id}?done=recovered")))
}
