//! Roles: who has which, by hand or by a mapped group; granted and taken away with a preview.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::lifecycle;
use crate::policies::{Role, Scope};
use crate::store::id::ResourceId;
use crate::store::{StoreError, resources, roles};

use super::super::State;
use super::super::admin::roles::{grant_by, unassign_by};
use super::super::admin::users::find;
use super::answer::{Failure, see_other};
use super::frame::{
    Question, Section, badge, confirm, empty, field, heading, page, select, table, time,
};
use super::impact;
use super::page::{Access, Page};
use super::sign_in::Nothing;
use super::visitor::{Confirmed, Visitor};

pub(super) fn pages() -> Vec<Page> {
    let write = Access::With(Scope::RolesWrite);
    vec![
        Page::at("/roles").get(Access::With(Scope::RolesRead), list),
        Page::at("/roles/grant")
            .get(write, ask_grant)
            .post(write, grant),
        Page::at("/roles/{user}/{role}/take")
            .get(write, ask_take)
            .post(write, take),
    ]
}

async fn list(visitor: Visitor, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let (assignments, mappings, names) = state
        .database
        .read(|connection| {
            let assignments = roles::list_assignments(connection, None)?;
            let mappings = roles::list_mappings(connection, None)?;
            let mut ids: Vec<ResourceId> = assignments
                .iter()
                .map(|one| ResourceId::new(one.person_id.as_str()))
                .collect();
            ids.extend(mappings.iter().map(|one| one.group_id.clone()));
            let names = resources::labels(connection, &ids)?;
            Ok::<_, StoreError>((assignments, mappings, names))
        })
        .await?;
    let name = |id: &str| {
        names
            .get(&ResourceId::new(id))
            .cloned()
            .unwrap_or_else(|| id.to_owned())
    };
    let granted: Vec<Vec<Markup>> = assignments
        .iter()
        .map(|one| {
            vec![
                html! { a href={ "/console/people/" (one.person_id) } { (name(&one.person_id)) } },
                badge("warn", &one.role),
                time(Timestamp::from_millis(one.granted_at)),
                html! {
                    @if visitor.may(Scope::RolesWrite) {
                        a href={ "/console/roles/" (one.person_id) "/" (one.role) "/take" }
                            aria-label={ "Take away the role " (one.role) " from " (name(&one.person_id)) } { "Take away" }
                    }
                },
            ]
        })
        .collect();
    let mapped: Vec<Vec<Markup>> = mappings
        .iter()
        .map(|one| {
            vec![
                html! { a href={ "/console/groups/" (one.group_id) } { (name(one.group_id.as_str())) } },
                badge("warn", &one.role),
                time(one.created_at),
            ]
        })
        .collect();
    let content = html! {
        (heading("Roles", None, &html! {}))
        (table("Granted by hand", &["Person", "Role", "Since", "Action"], &granted))
        h2 { "Groups that give a role" }
        @if mapped.is_empty() { (empty("No group gives a role.", &html! {})) }
        @else { (table("Whoever is in one has its role", &["Group", "Role", "Since"], &mapped)) }
        p.muted { "Grant a role on the page of the person." }
    };
    Ok(page(&visitor, Section::Roles, "Roles", &content))
}

#[derive(Deserialize)]
struct Whose {
    user: ResourceId,
}

#[derive(Deserialize)]
struct Wanted {
    user: ResourceId,
    role: String,
}

async fn ask_grant(
    visitor: Visitor,
    state: web::Data<State>,
    whose: web::Query<Whose>,
) -> Result<HttpResponse, Failure> {
    let id = whose.into_inner().user;
    let person = state
        .database
        .read_now(|connection| find(connection, &id))?;
    let options: Vec<(&str, &str)> = [
        (Role::Auditor, "Auditor: sees everything, changes nothing"),
        (Role::Admin, "Admin: everything but the owner role"),
        (Role::Owner, "Owner: everything"),
    ]
    .into_iter()
    .filter(|(role, _)| visitor.rights.check_roles(&[*role]).is_ok())
    .map(|(role, label)| (role.name(), label))
    .collect();
    let name = person.label().unwrap_or("this person");
    let question = Question {
        title: &format!("Grant {name} a role"),
        back: (&format!("/console/people/{id}"), name),
        consequences: html! { p { "1 person may use the console and the admin interface from now on." } },
        fields: html! {
            input type="hidden" name="user" value=(id);
            (field("Role", &select("role", "auditor", &options)))
        },
        button: "Grant it",
        is_dangerous: false,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::Roles, "Grant a role", &content))
}

async fn grant(sent: Confirmed<Wanted>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let role = Role::from_name(&sent.form.role)?;
    let user = sent.form.user.clone();
    grant_by(sent.visitor.admin(Scope::RolesWrite), &state, user, role).await?;
    Ok(see_other(&format!(
        "/console/people/{}?done=role-granted",
        sent.form.user
    )))
}

async fn ask_take(
    visitor: Visitor,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (user, role) = path.into_inner();
    let (id, role) = (ResourceId::new(user), Role::from_name(&role)?);
    let person = state
        .database
        .read_now(|connection| find(connection, &id))?;
    let now = visitor.now();
    let impact = state
        .database
        .read(move |connection| lifecycle::impact_of_unassigning(connection, &id, role, now))
        .await?;
    let name = person.label().unwrap_or("this person");
    let question = Question {
        title: &format!("Take the role {} from {name}", role.name()),
        back: ("/console/roles", "Roles"),
        consequences: impact::told(&impact),
        fields: html! {},
        button: "Take it away",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::Roles, "Take a role away", &content))
}

async fn take(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (user, role) = path.into_inner();
    let (user, role) = (ResourceId::new(user), Role::from_name(&role)?);
    unassign_by(sent.visitor.admin(Scope::RolesWrite), &state, user, role).await?;
    Ok(see_other("/console/roles?done=role-taken"))
}
