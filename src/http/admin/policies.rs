//! Authentication policies: list, make, change, order, whom they name, and what a change would hit.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::lifecycle::{GROUP, USER};
use crate::policies::authentication::{self as rules, Preview, Proposal};
use crate::policies::{PolicyError, Scope};
use crate::store::id::{PolicyId, ResourceId};
use crate::store::policies::{self as table, PolicyMember};
use crate::store::resource_search::{self, Beginning, Within};
use crate::store::{DatabaseConnection, directories};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::listed::{Searched, cursor_of, place_of};
use super::page::PageQuery;
use super::policy_bodies::{NewPolicyBody, PolicyChangeBody};
use super::policy_view::{ExplanationView, MemberView, PolicyView};
use super::{Admin, AdminEndpoint, created, page, policy_view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let (read, write) = (Scope::PoliciesRead, Scope::PoliciesWrite);
    let mut endpoints = Vec::from(previews());
    endpoints.extend([
        AdminEndpoint::at("/policies")
            .get(
                read,
                list,
                Operation::new("List authentication policies in their order of precedence")
                    .lists::<PolicyView>(),
            )
            .post(
                write,
                create,
                Operation::new("Make a policy")
                    .explained("It comes last in the order, before the default one.")
                    .creates::<PolicyView>()
                    .refuses(&[404, 409]),
            ),
        AdminEndpoint::at("/policies/reorder").post(
            write,
            reorder,
            Operation::new("Change the order of precedence")
                .lists::<PolicyView>()
                .refuses(&[404]),
        ),
        AdminEndpoint::at("/policies/{id}")
            .get(
                read,
                show,
                Operation::new("Show a policy").shows::<PolicyView>(),
            )
            .patch(
                write,
                update,
                Operation::new("Change a policy, at once or from an instant on")
                    .shows::<PolicyView>()
                    .refuses(&[409]),
            )
            .delete(
                write,
                delete,
                Operation::new("Delete a policy").ends().refuses(&[409]),
            ),
        AdminEndpoint::at("/policies/{id}/pending").delete(
            write,
            withdraw,
            Operation::new("Withdraw a change that does not hold yet").shows::<PolicyView>(),
        ),
        AdminEndpoint::at("/policies/{id}/members")
            .get(
                read,
                list_members,
                Operation::new("List whom a policy names").lists::<MemberView>(),
            )
            .post(
                write,
                add_member,
                Operation::new("Name a person or a group in a policy")
                    .creates::<MemberView>()
                    .answers_with::<MemberView>(200, "It named them before")
                    .refuses(&[409]),
            ),
        AdminEndpoint::at("/policies/{id}/members/{member}").delete(
            write,
            remove_member,
            Operation::new("Name a person or a group no more")
                .ends()
                .refuses(&[409]),
        ),
        AdminEndpoint::at("/users/{id}/policy").get(
            read,
            explain,
            Operation::new("Show which policy holds for a person, and why")
                .shows::<ExplanationView>(),
        ),
    ]);
    endpoints
}

/// Nothing is changed by a dry run, but whoever asks must be one who could change it or audit it.
fn previews() -> [AdminEndpoint; 5] {
    let read = Scope::PoliciesRead;
    let shown = |summary| Operation::new(summary).shows::<Preview>();
    [
        AdminEndpoint::at("/policies/preview").post(
            read,
            preview_creation,
            shown("Show whom making a policy would hit").refuses(&[404, 409]),
        ),
        AdminEndpoint::at("/policies/reorder/preview").post(
            read,
            preview_order,
            shown("Show whom another order of precedence would hit").refuses(&[404]),
        ),
        AdminEndpoint::at("/policies/{id}/preview").post(
            read,
            preview_change,
            shown("Show whom changing a policy would hit").refuses(&[409]),
        ),
        AdminEndpoint::at("/policies/{id}/delete/preview").post(
            read,
            preview_deletion,
            shown("Show whom deleting a policy would hit").refuses(&[409]),
        ),
        AdminEndpoint::at("/policies/{id}/members/preview").post(
            read,
            preview_members,
            shown("Show whom naming others in a policy would hit").refuses(&[409]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PolicyOrder)]
struct Order {
    /// All policies but the default one.
    order: Vec<PolicyId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPolicyMember)]
struct NewMember {
    member_id: ResourceId,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PolicyMemberChange)]
struct MemberChange {
    #[serde(default)]
    add: Vec<ResourceId>,
    #[serde(default)]
    remove: Vec<ResourceId>,
}

async fn list(admin: Admin, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let found = state
        .database
        .read(move |connection| rules::list(connection, admin.now))
        .await?;
    Ok(page::whole(found.iter().map(policy_view::policy).collect()))
}

async fn create(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<NewPolicyBody>,
) -> Result<HttpResponse, Problem> {
    let new = body.into_inner().read()?;
    let policy = admin
        .write(&state, move |connection, admin| {
            rules::create(connection, &new, &admin.actor, admin.now)
        })
        .await?;
    Ok(created(
        "policies",
        policy.id.as_str(),
        policy_view::policy(&policy),
    ))
}

async fn show(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = PolicyId::new(id.into_inner());
    let policy = state
        .database
        .read_now(|connection| rules::find(connection, &id, admin.now))?;
    Ok(HttpResponse::Ok().json(policy_view::policy(&policy)))
}

async fn update(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<PolicyChangeBody>,
) -> Result<HttpResponse, Problem> {
    let id = PolicyId::new(id.into_inner());
    let change = body.into_inner().read()?;
    let policy = admin
        .write(&state, move |connection, admin| {
            rules::update(connection, &id, &change, &admin.actor, admin.now)
        })
        .await?;
    Ok(HttpResponse::Ok().json(policy_view::policy(&policy)))
}

async fn withdraw(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = PolicyId::new(id.into_inner());
    let policy = admin
        .write(&state, move |connection, admin| {
            rules::withdraw(connection, &id, &admin.actor, admin.now)
        })
        .await?;
    Ok(HttpResponse::Ok().json(policy_view::policy(&policy)))
}

async fn delete(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = PolicyId::new(id.into_inner());
    admin
        .write(&state, move |connection, admin| {
            rules::delete(connection, &id, &admin.actor, admin.now)
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn reorder(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<Order>,
) -> Result<HttpResponse, Problem> {
    let order = body.into_inner().order;
    let found = admin
        .write(&state, move |connection, admin| {
            rules::reorder(connection, &order, &admin.actor, admin.now)
        })
        .await?;
    Ok(page::whole(found.iter().map(policy_view::policy).collect()))
}

async fn list_members(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    searched: web::Query<Searched>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let id = PolicyId::new(id.into_inner());
    let search = searched.into_inner().search;
    let window = query.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| {
            rules::find(connection, &id, admin.now)?;
            members(
                connection,
                &id,
                search.as_deref(),
                place.cursor(),
                place.fetch(),
            )
        })
        .await?;
    Ok(HttpResponse::Ok().json(window.page(
        found,
        |(_, cursor)| cursor.clone(),
        |(member, _)| policy_view::member(member),
    )))
}

/// So many of those whom a policy names after a cursor, each with the cursor that follows it: in the order of their
/// identifiers, or, where some are looked for, of what begins so.
///
/// # Errors
/// 400 for a cursor that is none of such a list; when the database fails.
pub(in super::super) fn members(
    connection: &mut DatabaseConnection,
    policy: &PolicyId,
    search: Option<&str>,
    cursor: Option<&str>,
    fetch: i64,
) -> Result<Vec<(PolicyMember, String)>, Problem> {
    let text = search.map(str::trim).unwrap_or_default();
    if text.is_empty() {
        let found = table::members(connection, policy, cursor, fetch)?;
        let listed = found.into_iter().map(|member| {
            let cursor = member.member_id.clone();
            (member, cursor)
        });
        return Ok(listed.collect());
    }
    let directories = directories::list(connection)?;
    let wanted = Beginning {
        directories: directories.into_iter().map(|one| one.id).collect(),
        resource_types: vec![USER.to_owned(), GROUP.to_owned()],
        text: text.to_owned(),
        within: Some(Within::Policy(policy.clone())),
    };
    let after = cursor.map(place_of).transpose()?;
    let limit = usize::try_from(fetch).unwrap_or(usize::MAX);
    let found = resource_search::beginning(connection, &wanted, after.as_ref(), limit)?;
    let ids: Vec<ResourceId> = found.iter().map(|(one, _)| one.id.clone()).collect();
    let mut named: HashMap<String, PolicyMember> = table::members_among(connection, policy, &ids)?
        .into_iter()
        .map(|member| (member.member_id.clone(), member))
        .collect();
    let listed = found.into_iter().filter_map(|(resource, place)| {
        Some((named.remove(resource.id.as_str())?, cursor_of(&place)))
    });
    Ok(listed.collect())
}

/// 201 where the policy names them now, 200 where it did before.
async fn add_member(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<NewMember>,
) -> Result<HttpResponse, Problem> {
    let id = PolicyId::new(id.into_inner());
    let member = body.into_inner().member_id;
    let collection = format!("policies/{id}/members");
    let (added, found) = admin
        .write(&state, move |connection, admin| {
            let added = rules::add_member(connection, &id, &member, &admin.actor, admin.now)?;
            let found = table::naming(connection, &member)?
                .into_iter()
                .find(|found| found.policy_id == id.as_str() && found.member_id == member.as_str())
                .ok_or(PolicyError::NotFound("user or group"))?;
            Ok::<_, PolicyError>((added, found))
        })
        .await?;
    let shown = policy_view::member(&found);
    if added {
        return Ok(created(&collection, &found.member_id, shown));
    }
    Ok(HttpResponse::Ok().json(shown))
}

async fn remove_member(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (id, member) = path.into_inner();
    let (id, member) = (PolicyId::new(id), ResourceId::new(member));
    admin
        .write(&state, move |connection, admin| {
            rules::remove_member(connection, &id, &member, &admin.actor, admin.now)
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn explain(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let shown = state
        .database
        .read(move |connection| {
            let explanation = rules::explain(connection, &id, admin.now)?;
            Ok::<_, PolicyError>(policy_view::explanation(id.as_str(), &explanation))
        })
        .await?;
    Ok(HttpResponse::Ok().json(shown))
}

async fn preview(
    admin: Admin,
    state: web::Data<State>,
    proposal: Proposal,
) -> Result<HttpResponse, Problem> {
    let found = state
        .database
        .read(move |connection| rules::preview(connection, &proposal, admin.now))
        .await?;
    Ok(HttpResponse::Ok().json(found))
}

async fn preview_creation(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<NewPolicyBody>,
) -> Result<HttpResponse, Problem> {
    preview(admin, state, Proposal::Create(body.into_inner().read()?)).await
}

async fn preview_change(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<PolicyChangeBody>,
) -> Result<HttpResponse, Problem> {
    let id = PolicyId::new(id.into_inner());
    preview(
        admin,
        state,
        Proposal::Update(id, body.into_inner().read()?),
    )
    .await
}

async fn preview_deletion(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = PolicyId::new(id.into_inner());
    preview(admin, state, Proposal::Delete(id)).await
}

async fn preview_order(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<Order>,
) -> Result<HttpResponse, Problem> {
    preview(admin, state, Proposal::Reorder(body.into_inner().order)).await
}

async fn preview_members(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<MemberChange>,
) -> Result<HttpResponse, Problem> {
    let MemberChange { add, remove } = body.into_inner();
    let id = PolicyId::new(id.into_inner());
    preview(admin, state, Proposal::Members { id, add, remove }).await
}
