//! The first page: what there is, and what needs attention.

use actix_web::{HttpResponse, web};
use maud::html;

use crate::policies::Scope;
use crate::store::directories;

use super::super::State;
use super::answer::{Failure, see_other};
use super::frame::{Section, heading, page, table};
use super::page::{Access, Page};
use super::visitor::Visitor;

pub(super) fn pages() -> Vec<Page> {
    vec![Page::at("/").get(Access::SignedIn, show)]
}

/// Those without a role go to what is their own.
async fn show(visitor: Visitor, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    if !visitor.may(Scope::DirectoriesRead) {
        return Ok(see_other("/console/me"));
    }
    let directories = state.database.read(directories::list).await?;
    let rows: Vec<_> = directories
        .iter()
        .map(|directory| {
            vec![
                html! { (directory.name) },
                html! { (directory.kind.name()) },
            ]
        })
        .collect();
    let content = html! {
        (heading("Overview", None, &html! {}))
        (table("Directories", &["Name", "Kind"], &rows))
    };
    Ok(page(&visitor, Section::Overview, "Overview", &content))
}
