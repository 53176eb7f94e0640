//! Policies come and go: made, put before others, told whom they name, deleted; each with a preview of whom that
//! hits.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::lifecycle::{GROUP, USER};
use crate::policies::authentication::{self as rules, NewPolicy, Policy, Proposal, SettingsChange};
use crate::policies::{PolicyError, Scope};
use crate::store::id::{PolicyId, ResourceId};
use crate::store::resources::{self, Resource};

use super::super::State;
use super::answer::{Failure, see_other};
use super::chosen::named;
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{Question, confirm, field, field_with_hint, form, heading, select};
use super::policies::waiting;
use super::policy_change::told;
use super::posted::{Confirmed, Posted};
use super::sign_in::Nothing;
use super::visitor::{Visitor, query};

const LIST: (&str, &str) = ("/console/policies", "Policies");

pub(super) fn pages() -> Vec<Page> {
    let write = Access::With(Scope::PoliciesWrite);
    vec![
        // Before the pages of one policy: `new` is no identifier.
        Page::at("/policies/new")
            .get(write, show_new)
            .post(write, create),
        Page::at("/policies/{id}/raise")
            .get(write, ask_raise)
            .post(write, raise),
        Page::at("/policies/{id}/delete")
            .get(write, ask_delete)
            .post(write, delete),
        Page::at("/policies/{id}/withdraw")
            .get(write, ask_withdraw)
            .post(write, withdraw),
        Page::at("/policies/{id}/members/add")
            .get(write, ask_add)
            .post(write, add),
        Page::at("/policies/{id}/members/{member}/remove")
            .get(write, ask_remove)
            .post(write, remove),
    ]
}

fn address(id: &PolicyId) -> String {
    format!("/console/policies/{id}")
}

async fn show_new(visitor: Visitor) -> Result<HttpResponse, Failure> {
    let content = html! {
        (heading("New policy", Some(LIST), &html! {}))
        p {
            "It names nobody yet, and comes after the others. Give it its settings and those whom it names next; "
            "each shows you first whom it hits."
        }
        (form(&visitor, "/console/policies/new", &html! {
            (field("Name", &html! { input name="name" maxlength="200" required autocomplete="off"; }))
            button.primary { "Make the policy" }
        }))
    };
    Ok(page(&visitor, Section::Policies, "New policy", &content))
}

#[derive(Deserialize)]
struct NameOf {
    name: String,
}

async fn create(sent: Posted<NameOf>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let new = NewPolicy {
        name: sent.form.name,
        settings: SettingsChange::default(),
        members: Vec::new(),
    };
    let policy = sent
        .visitor
        .admin(Scope::PoliciesWrite)
        .write(&state, move |connection, admin| {
            rules::create(connection, &new, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other(&address(&policy.id)))
}

/// What is asked before something that hits people is done.
struct Change<'a> {
    title: &'a str,
    proposal: Proposal,
    further: Markup,
    fields: Markup,
    button: &'a str,
    is_dangerous: bool,
}

/// Shows whom a change would hit, and asks.
async fn ask(
    visitor: &Visitor,
    state: &State,
    policy: &Policy,
    change: Change<'_>,
) -> Result<HttpResponse, Failure> {
    let (proposal, now) = (change.proposal, visitor.now());
    let hit = state
        .database
        .read(move |connection| rules::preview(connection, &proposal, now))
        .await?;
    let question = Question {
        title: change.title,
        back: (&address(&policy.id), &policy.name),
        consequences: html! { (told(&hit)) (change.further) },
        fields: change.fields,
        button: change.button,
        is_dangerous: change.is_dangerous,
    };
    let content = confirm(visitor, visitor.asked(state)?, &question);
    Ok(page(visitor, Section::Policies, change.title, &content))
}

fn found(state: &State, visitor: &Visitor, id: String) -> Result<Policy, Failure> {
    let id = PolicyId::new(id);
    Ok(state
        .database
        .read_now(|connection| rules::find(connection, &id, visitor.now()))?)
}

/// The order in which this policy comes one place earlier, and which it comes before then.
fn raised(all: &[Policy], id: &PolicyId) -> Result<(Vec<PolicyId>, String), PolicyError> {
    let named: Vec<&Policy> = all.iter().filter(|policy| !policy.is_default).collect();
    let place = named
        .iter()
        .position(|policy| policy.id == *id)
        .ok_or(PolicyError::NotFound("policy"))?;
    let before = place
        .checked_sub(1)
        .and_then(|before| named.get(before))
        .ok_or_else(|| PolicyError::Conflict("the policy comes first already".to_owned()))?;
    let mut order: Vec<PolicyId> = named.iter().map(|policy| policy.id.clone()).collect();
    order.swap(place - 1, place);
    Ok((order, before.name.clone()))
}

async fn ask_raise(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let policy = found(&state, &visitor, id.into_inner())?;
    let all = state
        .database
        .read_now(|connection| rules::list(connection, visitor.now()))?;
    let (order, before) = raised(&all, &policy.id)?;
    let change = Change {
        title: &format!("Put {} before {before}", policy.name),
        proposal: Proposal::Reorder(order.clone()),
        further: html! {},
        // The order that was seen: whoever has changed it meanwhile is not undone.
        fields: html! { @for id in &order { input type="hidden" name="order" value=(id); } },
        button: "Put it there",
        is_dangerous: false,
    };
    ask(&visitor, &state, &policy, change).await
}

#[derive(Deserialize)]
struct Order {
    #[serde(default)]
    order: Vec<PolicyId>,
}

async fn raise(
    sent: Confirmed<Order>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = PolicyId::new(id.into_inner());
    let seen = sent.form.order;
    sent.visitor
        .admin(Scope::PoliciesWrite)
        .write(&state, move |connection, admin| {
            let (order, _) = raised(&rules::list(connection, admin.now)?, &id)?;
            if order != seen {
                return Err(PolicyError::Conflict(
                    "the order was changed meanwhile: look again whom it hits".to_owned(),
                ));
            }
            rules::reorder(connection, &order, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other("/console/policies?done=policies-ordered"))
}

async fn ask_delete(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let policy = found(&state, &visitor, id.into_inner())?;
    let change = Change {
        title: &format!("Delete {}", policy.name),
        proposal: Proposal::Delete(policy.id.clone()),
        further: html! { p { "For those whom it names, the next policy that does holds then." } },
        fields: html! {},
        button: "Delete it",
        is_dangerous: true,
    };
    ask(&visitor, &state, &policy, change).await
}

async fn delete(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = PolicyId::new(id.into_inner());
    sent.visitor
        .admin(Scope::PoliciesWrite)
        .write(&state, move |connection, admin| {
            rules::delete(connection, &id, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other("/console/policies?done=policy-deleted"))
}

async fn ask_withdraw(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let policy = found(&state, &visitor, id.into_inner())?;
    let pending = policy
        .pending
        .as_ref()
        .ok_or_else(|| PolicyError::Conflict("no change waits for its date".to_owned()))?;
    let title = format!("Withdraw the change of {}", policy.name);
    let question = Question {
        title: &title,
        back: (&address(&policy.id), &policy.name),
        consequences: html! {
            (waiting(pending))
            p { "It will not come to be: what holds now goes on." }
        },
        fields: html! {},
        button: "Withdraw it",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::Policies, &title, &content))
}

async fn withdraw(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = PolicyId::new(id.into_inner());
    let policy = id.clone();
    sent.visitor
        .admin(Scope::PoliciesWrite)
        .write(&state, move |connection, admin| {
            rules::withdraw(connection, &policy, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other(&format!(
        "{}?done=change-withdrawn",
        address(&id)
    )))
}

/// Whom the policy is to name, as they are called.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    member: String,
}

const KINDS: [(&str, &str); 2] = [("group", "A group"), ("person", "A person")];

/// Asks who it is first, then whether they shall be named.
async fn ask_add(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let policy = found(&state, &visitor, id.into_inner())?;
    let wanted: Named = query(&request)?;
    if wanted.member.trim().is_empty() {
        return Ok(member_form(&visitor, &policy));
    }
    let kind = if wanted.kind == "person" { USER } else { GROUP };
    let member = state
        .database
        .read_now(|connection| named(connection, kind, &wanted.member))?;
    let name = label(&member);
    let change = Change {
        title: &format!("Name {name} in {}", policy.name),
        proposal: Proposal::Members {
            id: policy.id.clone(),
            add: vec![member.id.clone()],
            remove: Vec::new(),
        },
        further: html! {},
        fields: html! { input type="hidden" name="member" value=(member.id); },
        button: "Name them",
        is_dangerous: false,
    };
    ask(&visitor, &state, &policy, change).await
}

fn member_form(visitor: &Visitor, policy: &Policy) -> HttpResponse {
    let place = address(&policy.id);
    let title = format!("Whom {} names", policy.name);
    let content = html! {
        (heading(&title, Some((&place, &policy.name)), &html! {}))
        form method="get" action=(format!("{place}/members/add")) {
            (field("Who", &select("kind", "group", &KINDS)))
            (field_with_hint("Called", "A name, a user name or an identifier.", &html! {
                input name="member" required autocomplete="off" spellcheck="false";
            }))
            button.primary { "See whom it hits" }
        }
    };
    page(visitor, Section::Policies, &title, &content)
}

fn label(member: &Resource) -> String {
    member
        .label()
        .map_or_else(|| member.id.to_string(), str::to_owned)
}

#[derive(Deserialize)]
struct Member {
    member: ResourceId,
}

async fn add(
    sent: Confirmed<Member>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = PolicyId::new(id.into_inner());
    let (policy, member) = (id.clone(), sent.form.member);
    sent.visitor
        .admin(Scope::PoliciesWrite)
        .write(&state, move |connection, admin| {
            rules::add_member(connection, &policy, &member, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other(&format!("{}?done=members-changed", address(&id))))
}

async fn ask_remove(
    visitor: Visitor,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (id, member) = path.into_inner();
    let policy = found(&state, &visitor, id)?;
    let member = ResourceId::new(member);
    let known = state
        .database
        .read_now(|connection| resources::find_any(connection, &member))?;
    let name = known.as_ref().map_or_else(|| member.to_string(), label);
    let change = Change {
        title: &format!("Name {name} no more in {}", policy.name),
        proposal: Proposal::Members {
            id: policy.id.clone(),
            add: Vec::new(),
            remove: vec![member],
        },
        further: html! {},
        fields: html! {},
        button: "Name them no more",
        is_dangerous: true,
    };
    ask(&visitor, &state, &policy, change).await
}

async fn remove(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (id, member) = path.into_inner();
    let (id, member) = (PolicyId::new(id), ResourceId::new(member));
    let policy = id.clone();
    sent.visitor
        .admin(Scope::PoliciesWrite)
        .write(&state, move |connection, admin| {
            rules::remove_member(connection, &policy, &member, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other(&format!("{}?done=members-changed", address(&id))))
}
