//! Authentication policies: list, make, change, order, whom they name, and what a change would hit.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::policies::authentication::{
    self as rules, NewPolicy, PolicyChange, Proposal, SettingsChange,
};
use crate::policies::{PolicyError, Scope};
use crate::store::id::{PolicyId, ResourceId};
use crate::store::policies as table;

use super::super::State;
use super::super::problem::Problem;
use super::page::PageQuery;
use super::{Admin, AdminEndpoint, created, page, policy_view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![
        AdminEndpoint::at("/policies")
            .get(Scope::PoliciesRead, list)
            .post(Scope::PoliciesWrite, create),
        AdminEndpoint::at("/policies/reorder").post(Scope::PoliciesWrite, reorder),
        // Nothing is changed by a dry run, but whoever asks must be one who could change it or audit it.
        AdminEndpoint::at("/policies/preview").post(Scope::PoliciesRead, preview_creation),
        AdminEndpoint::at("/policies/reorder/preview").post(Scope::PoliciesRead, preview_order),
        AdminEndpoint::at("/policies/{id}")
            .get(Scope::PoliciesRead, show)
            .patch(Scope::PoliciesWrite, update)
            .delete(Scope::PoliciesWrite, delete),
        AdminEndpoint::at("/policies/{id}/preview").post(Scope::PoliciesRead, preview_change),
        AdminEndpoint::at("/policies/{id}/delete/preview")
            .post(Scope::PoliciesRead, preview_deletion),
        AdminEndpoint::at("/policies/{id}/pending").delete(Scope::PoliciesWrite, withdraw),
        AdminEndpoint::at("/policies/{id}/members")
            .get(Scope::PoliciesRead, list_members)
            .post(Scope::PoliciesWrite, add_member),
        AdminEndpoint::at("/policies/{id}/members/preview")
            .post(Scope::PoliciesRead, preview_members),
        AdminEndpoint::at("/policies/{id}/members/{member}")
            .delete(Scope::PoliciesWrite, remove_member),
        AdminEndpoint::at("/users/{id}/policy").get(Scope::PoliciesRead, explain),
    ]
}

type Body = web::Json<Map<String, Value>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    order: Vec<PolicyId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMember {
    member_id: ResourceId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberChange {
    #[serde(default)]
    add: Vec<ResourceId>,
    #[serde(default)]
    remove: Vec<ResourceId>,
}

/// Takes a member out of a body; one that is null is not there.
fn take<T: DeserializeOwned>(
    body: &mut Map<String, Value>,
    name: &str,
) -> Result<Option<T>, Problem> {
    let value = body.remove(name).unwrap_or_default();
    serde_json::from_value(value).map_err(|error| not_taken(name, &error))
}

fn not_taken(name: &str, error: &serde_json::Error) -> Problem {
    Problem::invalid_value(format!("{name} is not acceptable: {error}"))
}

/// What is left of a body once the rest is taken. The first that is wrong is named.
fn settings(body: Map<String, Value>) -> Result<SettingsChange, Problem> {
    for (name, value) in &body {
        let alone = Map::from_iter([(name.clone(), value.clone())]);
        let taken: Result<SettingsChange, _> = serde_json::from_value(Value::Object(alone));
        taken.map_err(|error| not_taken(name, &error))?;
    }
    serde_json::from_value(Value::Object(body)).map_err(|error| Problem::not_taken(&error))
}

fn new_policy(body: Body) -> Result<NewPolicy, Problem> {
    let mut body = body.into_inner();
    Ok(NewPolicy {
        name: take(&mut body, "name")?.unwrap_or_default(),
        members: take(&mut body, "members")?.unwrap_or_default(),
        settings: settings(body)?,
    })
}

fn policy_change(body: Body) -> Result<PolicyChange, Problem> {
    let mut body = body.into_inner();
    let effective_at = take::<String>(&mut body, "effective_at")?
        .map(|text| {
            Timestamp::parse_rfc3339(&text).ok_or_else(|| {
                Problem::invalid_value(format!(
                    "effective_at is {text:?}; write a time such as 2026-01-31T12:00:00Z"
                ))
            })
        })
        .transpose()?;
    Ok(PolicyChange {
        name: take(&mut body, "name")?,
        shorten_existing: take(&mut body, "shorten_existing")?.unwrap_or_default(),
        effective_at,
        settings: settings(body)?,
    })
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
    body: Body,
) -> Result<HttpResponse, Problem> {
    let new = new_policy(body)?;
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
    body: Body,
) -> Result<HttpResponse, Problem> {
    let id = PolicyId::new(id.into_inner());
    let change = policy_change(body)?;
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
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let id = PolicyId::new(id.into_inner());
    let window = query.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| {
            rules::find(connection, &id, admin.now)?;
            let found = table::members(connection, &id, place.cursor(), place.fetch())?;
            Ok::<_, PolicyError>(found)
        })
        .await?;
    Ok(HttpResponse::Ok().json(window.page(
        found,
        |member| member.member_id.clone(),
        policy_view::member,
    )))
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
    body: Body,
) -> Result<HttpResponse, Problem> {
    preview(admin, state, Proposal::Create(new_policy(body)?)).await
}

async fn preview_change(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let id = PolicyId::new(id.into_inner());
    preview(admin, state, Proposal::Update(id, policy_change(body)?)).await
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
