//! A directory is changed: its name, and which identity provider's ways are understood; and what was forgiven that one
//! so far, by which one sees whether it is the right one.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::lifecycle;
use crate::policies::Scope;
use crate::store::directories::DirectoryKind;
use crate::store::id::DirectoryId;

use super::super::State;
use super::super::admin::directories::find;
use super::answer::{Failure, see_other};
use super::directories::{DIALECTS, Wanted};
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{confirmation, field, form, heading, select, table};
use super::posted::Confirmed;
use super::visitor::Visitor;
use super::words::{ago, grouped};

const WRITE: Scope = Scope::DirectoriesWrite;

pub(super) fn pages() -> Vec<Page> {
    let write = Access::With(WRITE);
    vec![
        Page::at("/directories/{id}/change")
            .get(write, show_form)
            .post(write, change),
    ]
}

/// The page of a directory.
pub(super) fn address(id: &DirectoryId) -> String {
    format!("/console/directories/{id}")
}

async fn show_form(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = DirectoryId::new(id.into_inner());
    let directory = state
        .database
        .read_now(|connection| find(connection, &id))?;
    let asked = visitor.asked(&state)?;
    let place = address(&id);
    let title = format!("Change {}", directory.name);
    let is_filled_by_provider = directory.kind == DirectoryKind::Scim;
    let content = html! {
        (heading(&title, Some((&place, &directory.name)), &html! {}))
        (form(&visitor, &format!("{place}/change"), &html! {
            (field("Name", &html! {
                input name="name" value=(directory.name) maxlength="200" required autocomplete="off";
            }))
            @if is_filled_by_provider {
                (field("Identity provider", &select("dialect", directory.dialect.name(), &DIALECTS)))
            } @else {
                input type="hidden" name="dialect" value=(directory.dialect.name());
            }
            (confirmation(asked))
            div.buttons {
                button.primary { "Change it" }
                a.button href=(place) { "Cancel" }
            }
        }))
    };
    Ok(page(&visitor, Section::Directories, &title, &content))
}

async fn change(
    sent: Confirmed<Wanted>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = DirectoryId::new(id.into_inner());
    let dialect = sent.form.dialect()?;
    let (name, directory) = (sent.form.name, id.clone());
    sent.visitor
        .admin(WRITE)
        .write(&state, move |connection, admin| {
            let (name, cause) = (Some(name.as_str()), admin.cause());
            lifecycle::update_directory(connection, &directory, name, Some(dialect), None, &cause)
        })
        .await?;
    Ok(see_other(&format!(
        "{}?done=directory-changed",
        address(&id)
    )))
}

/// How often each deviation was forgiven.
pub(super) fn forgiven(leniencies: &[(String, i64, i64)], now: Timestamp) -> Markup {
    let rows: Vec<Vec<Markup>> = leniencies
        .iter()
        .map(|(leniency, count, last_at)| {
            vec![
                html! { (leniency.replace('_', " ")) },
                html! { (grouped(*count)) },
                ago(Timestamp::from_millis(*last_at), now),
            ]
        })
        .collect();
    html! {
        @if !rows.is_empty() {
            h2 { "What was forgiven it" }
            (table(
                "Deviations from the RFCs that were understood all the same",
                &["Deviation", "How often", "Last"],
                &rows,
            ))
        }
    }
}
