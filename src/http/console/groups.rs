//! Groups, and who is in them, page by page.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::lifecycle::{GROUP, USER};
use crate::policies::Scope;
use crate::store::id::ResourceId;
use crate::store::{directories, roles};

use super::super::State;
use super::super::admin::groups::{find, members};
use super::super::problem::Problem;
use super::answer::Failure;
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{badge, empty, facts, field, filters, heading, pager, results, table};
use super::people::{Filter, name_of};
use super::rows::{ROWS, first_rows};
use super::visitor::Visitor;
use super::words::time;

pub(super) fn pages() -> Vec<Page> {
    let read = Access::With(Scope::UsersRead);
    vec![
        Page::at("/groups").get(read, list),
        Page::at("/groups/{id}").get(read, show),
    ]
}

#[derive(Deserialize)]
struct Place {
    #[serde(default)]
    q: String,
    cursor: Option<String>,
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    let filter = filter.into_inner();
    let wanted = filter.clone();
    let listed = state
        .database
        .read(move |connection| wanted.page(connection, GROUP))
        .await?;
    let rows: Vec<Vec<Markup>> = listed
        .found
        .iter()
        .map(|group| {
            vec![
                html! { a href={ "/console/groups/" (group.id) } { (group.label().unwrap_or("without a name")) } },
                html! { (name_of(&listed.directories, &group.directory_id)) },
                time(group.modified_at),
            ]
        })
        .collect();
    let content = html! {
        (heading("Groups", None, &html! {}))
        (filter.form("/console/groups", "Name or external id begins with", &listed.directories))
        (results(&html! {
            @if rows.is_empty() { (empty("There is no such group.", &html! {})) }
            @else { (table("Groups", &["Name", "Directory", "Changed"], &rows)) }
            (pager(&visitor, listed.next.as_deref()))
        }))
    };
    Ok(page(&visitor, Section::Groups, "Groups", &content))
}

async fn show(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
    place: web::Query<Place>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let Place { q, cursor } = place.into_inner();
    let typed = q.clone();
    let (group, directory, mapped, members) = state
        .database
        .read(move |connection| {
            let group = find(connection, &id)?;
            let directory = directories::find(connection, &group.directory_id)?;
            let mapped: Vec<String> = roles::list_mappings(connection, Some(&group.directory_id))?
                .into_iter()
                .filter(|mapping| mapping.group_id == group.id)
                .map(|mapping| mapping.role)
                .collect();
            let cursor = cursor.as_deref();
            let members = members(connection, &group, Some(&typed), cursor, ROWS + 1)?;
            Ok::<_, Problem>((group, directory, mapped, members))
        })
        .await?;
    let (members, next) = first_rows(members, |last| last.cursor.clone());
    let rows: Vec<Vec<Markup>> = members
        .iter()
        .map(|listed| {
            let member = &listed.member;
            let part = if member.member_type == USER { "people" } else { "groups" };
            vec![
                html! {
                    a href={ "/console/" (part) "/" (member.id) } { (member.display.as_deref().unwrap_or(member.id.as_str())) }
                },
                html! { (member.member_type) },
            ]
        })
        .collect();
    let is_narrow = !q.trim().is_empty();
    let address = format!("/console/groups/{}", group.id);
    let title = group.label().unwrap_or("Group").to_owned();
    let content = html! {
        (heading(&title, Some(("/console/groups", "Groups")), &html! {}))
        (facts(&[
            ("Directory", html! { (directory.as_ref().map_or("", |directory| directory.name.as_str())) }),
            ("Gives the role", html! {
                @if mapped.is_empty() { span.muted { "none" } }
                @for role in &mapped { (badge("warn", role)) " " }
            }),
            ("Changed", html! { (time(group.modified_at)) }),
        ]))
        h2 { "Members" }
        (filters(&address, &html! {
            (field("Name, address or external id begins with", &html! {
                input type="search" name="q" value=(q) autocomplete="off" spellcheck="false";
            }))
        }))
        (results(&html! {
            @if rows.is_empty() && !is_narrow { (empty("Nobody is in it.", &html! {})) }
            @else if rows.is_empty() {
                (empty("Nobody in it is found by that.", &html! { a href=(address) { "Show everybody" } }))
            }
            @else {
                (table(
                    if is_narrow { "In the order of what begins so" } else { "In the order of their ids" },
                    &["Name", "Kind"],
                    &rows,
                ))
            }
            (pager(&visitor, next.as_deref()))
        }))
    };
    Ok(page(&visitor, Section::Groups, &title, &content))
}
