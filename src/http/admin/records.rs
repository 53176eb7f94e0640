//! What is on record beside audit events: SCIM requests and the leniencies they needed. Newest first.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::policies::Scope;
use crate::store::id::DirectoryId;
use crate::store::scim_requests;

use super::super::State;
use super::super::background;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::directories::find as find_directory;
use super::page::PageQuery;
use super::view::{LeniencyCountView, ScimRequestView};
use super::{Admin, AdminEndpoint, page, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![
        AdminEndpoint::at("/directories/{id}/scim-requests").get(
            Scope::AuditRead,
            list_requests,
            Operation::new("List the recent SCIM requests of a directory")
                .lists::<ScimRequestView>(),
        ),
        AdminEndpoint::at("/directories/{id}/leniencies").get(
            Scope::DirectoriesRead,
            list_leniencies,
            Operation::new("List what was forgiven the identity provider of a directory")
                .lists::<LeniencyCountView>(),
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct Requests {
    /// Only those that were refused or failed
    #[serde(default)]
    failed: bool,
}

async fn list_requests(
    _: Admin,
    state: web::Data<State>,
    directory: web::Path<String>,
    query: web::Query<Requests>,
    place: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let directory = DirectoryId::new(directory.into_inner());
    background::flush_request_log(&state).await;
    let window = place.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| {
            find_directory(connection, &directory)?;
            let (cursor, fetch) = (place.cursor(), place.fetch());
            let found = scim_requests::list(connection, &directory, query.failed, cursor, fetch)?;
            Ok::<_, crate::policies::PolicyError>(found)
        })
        .await?;
    Ok(HttpResponse::Ok().json(window.page(
        found,
        |request| request.id.clone(),
        view::scim_request,
    )))
}

async fn list_leniencies(
    _: Admin,
    state: web::Data<State>,
    directory: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let directory = DirectoryId::new(directory.into_inner());
    background::flush_request_log(&state).await;
    let found = state
        .database
        .read(move |connection| {
            find_directory(connection, &directory)?;
            let found = scim_requests::list_leniencies(connection, &directory)?;
            Ok::<_, crate::policies::PolicyError>(found)
        })
        .await?;
    Ok(page::whole(
        found.iter().map(view::leniency_count).collect(),
    ))
}
