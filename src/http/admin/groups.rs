//! Groups of every directory, and who is in them. They are changed by identity providers alone, over SCIM.

use actix_web::{HttpResponse, web};

use crate::lifecycle::{GROUP, USER};
use crate::policies::{PolicyError, Scope};
use crate::store::id::ResourceId;
use crate::store::memberships::{self, GroupMember};
use crate::store::resource_search::{self, Beginning, Within};
use crate::store::resources::{self, Resource};
use crate::store::{DatabaseConnection, Freshness};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::listed::{Narrowed, Searched, cursor_of, place_of};
use super::page::PageQuery;
use super::view::{GroupMemberView, GroupView};
use super::{Admin, AdminEndpoint, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let read = Scope::UsersRead;
    vec![
        AdminEndpoint::at("/groups").get(
            read,
            list,
            Operation::new("List groups")
                .explained(
                    "In the order in which they came; those that `search` finds in the order of what begins so.",
                )
                .lists::<GroupView>(),
        ),
        AdminEndpoint::at("/groups/{id}").get(
            read,
            show,
            Operation::new("Show a group").shows::<GroupView>(),
        ),
        AdminEndpoint::at("/groups/{id}/members").get(
            read,
            list_members,
            Operation::new("List who is in a group by itself")
                .explained("People and groups; not those who are in it through another group.")
                .lists::<GroupMemberView>(),
        ),
    ]
}

/// A group of whatever directory.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub(in super::super) fn find(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
) -> Result<Resource, PolicyError> {
    resources::find_any(connection, id)?
        .filter(|found| found.resource_type == GROUP)
        .ok_or(PolicyError::NotFound("group"))
}

async fn list(
    _: Admin,
    state: web::Data<State>,
    narrowed: web::Query<Narrowed>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let narrowed = narrowed.into_inner();
    let window = query.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read_with(Freshness::MayLag, move |connection| {
            narrowed.page(connection, GROUP, None, place.cursor(), place.fetch())
        })
        .await?;
    let page = window.page(
        found,
        |one| one.cursor.clone(),
        |one| view::group(&one.resource),
    );
    Ok(HttpResponse::Ok().json(page))
}

async fn show(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let group = state
        .database
        .read(move |connection| find(connection, &id))
        .await?;
    Ok(HttpResponse::Ok().json(view::group(&group)))
}

/// A member of a group, and the cursor with which the list goes on after it.
pub(in super::super) struct ListedMember {
    /// The member.
    pub(in super::super) member: GroupMember,
    /// What follows is asked for with this.
    pub(in super::super) cursor: String,
}

/// So many members of a group after a cursor: in the order of their identifiers, or, where some are looked for, of
/// what begins so.
///
/// # Errors
/// 400 for a cursor that is none of such a list; when the database fails.
pub(in super::super) fn members(
    connection: &mut DatabaseConnection,
    group: &Resource,
    search: Option<&str>,
    cursor: Option<&str>,
    fetch: i64,
) -> Result<Vec<ListedMember>, Problem> {
    let text = search.map(str::trim).unwrap_or_default();
    if text.is_empty() {
        let after = cursor.map(ResourceId::new);
        let found = memberships::page(connection, &group.id, after.as_ref(), fetch)?;
        let listed = found.into_iter().map(|member| ListedMember {
            cursor: member.id.to_string(),
            member,
        });
        return Ok(listed.collect());
    }
    let wanted = Beginning {
        directories: vec![group.directory_id.clone()],
        resource_types: vec![USER.to_owned(), GROUP.to_owned()],
        text: text.to_owned(),
        within: Some(Within::Group(group.id.clone())),
    };
    let after = cursor.map(place_of).transpose()?;
    let limit = usize::try_from(fetch).unwrap_or(usize::MAX);
    let found = resource_search::beginning(connection, &wanted, after.as_ref(), limit)?;
    let listed = found.into_iter().map(|(resource, place)| ListedMember {
        cursor: cursor_of(&place),
        member: GroupMember {
            display: resource.label().map(str::to_owned),
            id: resource.id,
            member_type: resource.resource_type,
        },
    });
    Ok(listed.collect())
}

async fn list_members(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    searched: web::Query<Searched>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let search = searched.into_inner().search;
    let window = query.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| {
            let group = find(connection, &id)?;
            let (search, cursor) = (search.as_deref(), place.cursor());
            members(connection, &group, search, cursor, place.fetch())
        })
        .await?;
    let page = window.page(
        found,
        |one| one.cursor.clone(),
        |one| view::group_member(&one.member),
    );
    Ok(HttpResponse::Ok().json(page))
}
