//! Roles: who has which, by hand or by a mapped group; granted and taken away with a preview.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::lifecycle;
use crate::policies::{PolicyError, Role, Scope};
use crate::store::id::{ResourceId, RoleMappingId};
use crate::store::{StoreError, resources, roles};

use super::super::State;
use super::super::admin::endings::of_mapping;
use super::super::admin::roles::{grant_by, map_by, unassign_by, unmap_by};
use super::super::admin::users::find;
use super::answer::{Failure, see_other};
use super::chosen::named;
use super::frame::{Section, page};
use super::impact;
use super::page::{Access, Page};
use super::parts::{
    Question, Typed, badge, confirm, field, field_with_hint, heading, none_left, results, select,
    table,
};
use super::posted::Confirmed;
use super::sign_in::Nothing;
use super::visitor::{Visitor, query};
use super::words::{counted, time};

const LIST: &str = "/console/roles";

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
        Page::at("/roles/mappings/new")
            .get(write, ask_map)
            .post(write, map),
        Page::at("/roles/mappings/{id}/remove")
            .get(write, ask_unmap)
            .post(write, unmap),
    ]
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    typed: web::Query<Typed>,
) -> Result<HttpResponse, Failure> {
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
        .filter(|one| typed.admits([name(&one.person_id).as_str(), one.role.as_str()]))
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
        .filter(|one| typed.admits([name(one.group_id.as_str()).as_str(), one.role.as_str()]))
        .map(|one| {
            vec![
                html! { a href={ "/console/groups/" (one.group_id) } { (name(one.group_id.as_str())) } },
                badge("warn", &one.role),
                time(one.created_at),
                html! {
                    @if visitor.may(Scope::RolesWrite) {
                        a href={ "/console/roles/mappings/" (one.id) "/remove" }
                            aria-label={ "Remove the role of " (name(one.group_id.as_str())) } { "Remove" }
                    }
                },
            ]
        })
        .collect();
    let content = html! {
        (heading("Roles", None, &html! {}))
        (typed.form(LIST, &html! {}))
        (results(&html! {
            @if granted.is_empty() { (none_left(&typed, LIST, "Nobody has a role by hand.")) }
            @else { (table("Granted by hand", &["Person", "Role", "Since", "Action"], &granted)) }
            h2 { "Groups that give a role" }
            @if mapped.is_empty() { (none_left(&typed, LIST, "No group gives a role.")) }
            @else { (table("Whoever is in one has its role", &["Group", "Role", "Since", "Actions"], &mapped)) }
        }))
        @if visitor.may(Scope::RolesWrite) {
            p { a.button href="/console/roles/mappings/new" { "Let a group give a role" } }
        }
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

/// Which group, as it is called, is to give which role.
#[derive(Deserialize)]
struct WantedMapping {
    #[serde(default)]
    group: String,
    #[serde(default)]
    role: String,
}

/// Asks which group it is first, then whether it shall give the role. The owner role is nobody's to offer here.
async fn ask_map(
    visitor: Visitor,
    state: web::Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let wanted: WantedMapping = query(&request)?;
    if wanted.group.trim().is_empty() {
        return Ok(mapping_form(&visitor));
    }
    let role = Role::from_name(&wanted.role)?;
    let (group, people) = state
        .database
        .read(move |connection| {
            let group = named(connection, lifecycle::GROUP, &wanted.group)?;
            let people = of_mapping(connection, &group.id)?;
            Ok::<_, PolicyError>((group, people))
        })
        .await?;
    let name = group.label().unwrap_or("this group");
    let people = i64::try_from(people).unwrap_or(i64::MAX);
    let question = Question {
        title: &format!("Let {name} give the role {}", role.name()),
        back: ("/console/roles", "Roles"),
        consequences: html! {
            ul.impact {
                li {
                    strong { (counted(people, "person", "people")) } " in it "
                    (if people == 1 { "has" } else { "have" }) " the role from now on."
                }
                li { "So has whoever its identity provider puts into it later, and whoever it takes out has it no more." }
            }
        },
        fields: html! {
            input type="hidden" name="group" value=(group.id);
            input type="hidden" name="role" value=(role.name());
        },
        button: "Let it",
        is_dangerous: false,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::Roles, "Map a group", &content))
}

fn mapping_form(visitor: &Visitor) -> HttpResponse {
    let options: Vec<(&str, &str)> = [
        (Role::Auditor, "Auditor: sees everything, changes nothing"),
        (Role::Admin, "Admin: everything but the owner role"),
    ]
    .into_iter()
    .filter(|(role, _)| visitor.rights.check_roles(&[*role]).is_ok())
    .map(|(role, label)| (role.name(), label))
    .collect();
    let content = html! {
        (heading("Let a group give a role", Some(("/console/roles", "Roles")), &html! {}))
        form method="get" action="/console/roles/mappings/new" {
            (field_with_hint("Group", "Its name or its identifier.", &html! {
                input name="group" required autocomplete="off" spellcheck="false";
            }))
            (field("Role", &select("role", "auditor", &options)))
            button.primary { "See whom it hits" }
        }
    };
    page(visitor, Section::Roles, "Map a group", &content)
}

#[derive(Deserialize)]
struct Mapped {
    group: ResourceId,
    role: String,
}

async fn map(sent: Confirmed<Mapped>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let role = Role::from_name(&sent.form.role)?;
    let admin = sent.visitor.admin(Scope::RolesWrite);
    map_by(admin, &state, sent.form.group, role).await?;
    Ok(see_other("/console/roles?done=group-mapped"))
}

async fn ask_unmap(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (id, now) = (RoleMappingId::new(id.into_inner()), visitor.now());
    let impact = state
        .database
        .read(move |connection| lifecycle::impact_of_unmapping(connection, &id, now))
        .await?;
    let question = Question {
        title: "Let the group give the role no more",
        back: ("/console/roles", "Roles"),
        consequences: impact::told(&impact),
        fields: html! {},
        button: "Remove the mapping",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::Roles, "Remove a mapping", &content))
}

async fn unmap(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = RoleMappingId::new(id.into_inner());
    unmap_by(sent.visitor.admin(Scope::RolesWrite), &state, id).await?;
    Ok(see_other("/console/roles?done=group-unmapped"))
}
