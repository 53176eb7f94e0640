//! Authentication policies: what they say, whom they name, and the revocation of all that their people have. How
//! they are changed is in `policy_change`, how they come and go in `policy_order`.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::bulk::{TokensOf, revoke_tokens};
use crate::policies::Scope;
use crate::policies::authentication::{
    self as rules, ApiTokens, PendingChange, Policy, SecondFactor, ServiceAccountCreators,
};
use crate::secret::SecretKind;
use crate::store::id::PolicyId;

use super::super::State;
use super::super::admin::endings::of_tokens_of_policy;
use super::super::admin::policies::members;
use super::super::problem::Problem;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::impact::of_kind;
use super::page::{Access, Page};
use super::parts::{
    Question, Typed as Narrowed, badge, confirm, empty, facts, field, filters, heading, none_left,
    pager, results, table as rows_of,
};
use super::posted::Confirmed;
use super::rows::{ROWS, first_rows};
use super::typed_name::{Typed, typed};
use super::visitor::Visitor;
use super::words::{counted, time};

pub(super) fn pages() -> Vec<Page> {
    let read = Access::With(Scope::PoliciesRead);
    let write = Access::With(Scope::PoliciesWrite);
    vec![
        Page::at("/policies").get(read, list),
        Page::at("/policies/{id}").get(read, show),
        Page::at("/policies/{id}/revoke-tokens")
            .get(write, ask_revoke)
            .post(write, revoke),
    ]
}

const LIST: &str = "/console/policies";

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    typed: web::Query<Narrowed>,
) -> Result<HttpResponse, Failure> {
    let now = visitor.now();
    let found = state
        .database
        .read(move |connection| rules::list(connection, now))
        .await?;
    let may_write = visitor.may(Scope::PoliciesWrite);
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .enumerate()
        .filter(|(_, policy)| typed.admits([policy.name.as_str()]))
        .map(|(index, policy)| {
            let settings = &policy.settings;
            vec![
                html! {
                    a href={ "/console/policies/" (policy.id) } { (policy.name) }
                    @if policy.is_default { small.muted { "holds for whoever no other names" } }
                },
                tokens(policy),
                html! { (counted(settings.max_token_days, "day", "days")) },
                second_factor(policy),
                html! { (counted(settings.session_hours, "hour", "hours")) },
                html! {
                    @if may_write && index > 0 && !policy.is_default {
                        a href={ "/console/policies/" (policy.id) "/raise" }
                            aria-label={ "Put earlier: " (policy.name) } { "Put earlier" }
                    }
                },
            ]
        })
        .collect();
    let content = html! {
        (heading("Policies", None, &html! {
            @if may_write { a.button href="/console/policies/new" { "New policy" } }
        }))
        (typed.form(LIST, &html! {}))
        (results(&html! {
            @if rows.is_empty() {
                (none_left(&typed, LIST, "There are none."))
            } @else {
                (rows_of(
                    "In the order of precedence: the first that names a person holds",
                    &["Name", "API tokens", "They live at most", "Second factor", "Sessions live", "Actions"],
                    &rows,
                ))
            }
        }))
    };
    Ok(page(&visitor, Section::Policies, "Policies", &content))
}

fn tokens(policy: &Policy) -> Markup {
    match policy.settings.api_tokens {
        ApiTokens::Allowed => badge("ok", "allowed"),
        ApiTokens::Blocked => badge("bad", "blocked"),
    }
}

fn second_factor(policy: &Policy) -> Markup {
    match policy.settings.second_factor {
        SecondFactor::Required => badge("ok", "required"),
        SecondFactor::Optional => badge("off", "optional"),
    }
}

async fn show(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
    place: web::Query<Place>,
) -> Result<HttpResponse, Failure> {
    let (id, now) = (PolicyId::new(id.into_inner()), visitor.now());
    let Place { q, cursor } = place.into_inner();
    let wanted = q.clone();
    let (policy, members) = state
        .database
        .read(move |connection| {
            let policy = rules::find(connection, &id, now)?;
            let cursor = cursor.as_deref();
            let members = members(connection, &id, Some(&wanted), cursor, ROWS + 1)?;
            Ok::<_, Problem>((policy, members))
        })
        .await?;
    let (members, next) = first_rows(members, |(_, cursor)| cursor.clone());
    let may_write = visitor.may(Scope::PoliciesWrite);
    let settings = &policy.settings;
    let off =
        |days: Option<i64>| days.map_or("never".to_owned(), |days| counted(days, "day", "days"));
    let rows: Vec<Vec<Markup>> = members
        .iter()
        .map(|(member, _)| {
            let part = if member.member_type == "User" { "people" } else { "groups" };
            let label = member.display_name.as_ref().or(member.user_name.as_ref());
            vec![
                html! { a href={ "/console/" (part) "/" (member.member_id) } { (label.unwrap_or(&member.member_id)) } },
                html! { (member.member_type) },
                html! {
                    @if may_write {
                        a href={ "/console/policies/" (policy.id) "/members/" (member.member_id) "/remove" }
                            aria-label={ "Remove " (label.unwrap_or(&member.member_id)) } { "Remove" }
                    }
                },
            ]
        })
        .collect();
    let address = format!("/console/policies/{}", policy.id);
    let content = html! {
        (heading(&policy.name, Some(("/console/policies", "Policies")), &html! {
            @if may_write {
                a.button href=(format!("{address}/change")) { "Change" }
                a.button.danger href=(format!("{address}/revoke-tokens")) { "Revoke all tokens" }
                @if !policy.is_default {
                    a.button.danger href=(format!("{address}/delete")) { "Delete" }
                }
            }
        }))
        @if let Some(pending) = &policy.pending {
            div.note {
                (waiting(pending))
                @if may_write {
                    p { a.button href=(format!("{address}/withdraw")) { "Withdraw it" } }
                }
            }
        }
        (facts(&[
            ("API tokens", tokens(&policy)),
            ("They live at most", html! { (counted(settings.max_token_days, "day", "days")) }),
            ("Second factor", second_factor(&policy)),
            ("Sessions live at most", html! { (counted(settings.session_hours, "hour", "hours")) }),
            ("Without being used", html! { (counted(settings.idle_minutes, "minute", "minutes")) }),
            ("Unused tokens end after", html! { (off(settings.inactivity_days)) }),
            ("Orphaned keys end after", html! { (off(settings.orphan_grace_days)) }),
            ("Service accounts are made by", html! {
                @match settings.service_account_creators {
                    ServiceAccountCreators::Admins => { "admins" },
                    ServiceAccountCreators::Nobody => { "nobody" },
                }
            }),
            ("Told of an expiry before", html! { (days_of(settings.expiry_notice_days.as_slice())) " days" }),
        ]))
        h2 { "Whom it names" }
        @if policy.is_default { p { "It holds for whoever no other policy names." } }
        @else if rows.is_empty() && q.trim().is_empty() { (empty("Nobody yet.", &html! {})) }
        @else {
            (filters(&address, &html! {
                (field("Name, address or external id begins with", &html! {
                    input type="search" name="q" value=(q) autocomplete="off" spellcheck="false";
                }))
            }))
            (results(&html! {
                @if rows.is_empty() {
                    (empty("Nobody whom it names is found by that.", &html! { a href=(address) { "Show everybody" } }))
                } @else {
                    (rows_of("People and groups", &["Name", "Kind", "Actions"], &rows))
                }
                (pager(&visitor, next.as_deref()))
            }))
        }
        @if may_write && !policy.is_default {
            p { a.button href=(format!("{address}/members/add")) { "Name somebody" } }
        }
    };
    Ok(page(&visitor, Section::Policies, &policy.name, &content))
}

#[derive(Deserialize)]
struct Place {
    #[serde(default)]
    q: String,
    cursor: Option<String>,
}

/// A change that waits for its date.
pub(super) fn waiting(pending: &PendingChange) -> Markup {
    let change = serde_json::to_value(&pending.change).unwrap_or_default();
    html! {
        p { "From " (time(pending.effective_at)) " on:" }
        ul {
            @for (name, value) in change.as_object().into_iter().flatten() {
                li { (name.replace('_', " ")) " " code { (value) } }
            }
            @if pending.shorten_existing { li { "tokens that live longer are cut to that" } }
        }
    }
}

/// Numbers of days, the farthest first.
pub(super) fn days_of(days: &[i64]) -> String {
    let texts: Vec<String> = days.iter().map(i64::to_string).collect();
    texts.join(", ")
}

/// The policy of this identifier.
pub(super) fn found(state: &State, visitor: &Visitor, id: &PolicyId) -> Result<Policy, Failure> {
    Ok(state
        .database
        .read_now(|connection| rules::find(connection, id, visitor.now()))?)
}

async fn ask_revoke(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = PolicyId::new(id.into_inner());
    let policy = found(&state, &visitor, &id)?;
    let now = visitor.now();
    let wanted = id.clone();
    let counts = state
        .database
        .read(move |connection| of_tokens_of_policy(connection, &wanted, now))
        .await?;
    let kind = SecretKind::UserToken.name();
    let count = counts.get(kind).copied().unwrap_or_default();
    let question = Question {
        title: &format!("Revoke all tokens of {}", policy.name),
        back: (&format!("/console/policies/{id}"), &policy.name),
        consequences: html! {
            p { strong { (of_kind(kind, count)) } " of the people for whom this policy holds "
                (if count == 1 { "ends" } else { "end" }) " at once and for good"
                @if policy.blocks_tokens() { ", though blocked already" }
                ". Unlike blocking, this cannot be undone." }
            p { "Sessions go on, and new tokens can be made." }
        },
        fields: typed("policy", &policy.name),
        button: "Revoke them all",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(
        &visitor,
        Section::Policies,
        "Revoke all tokens",
        &content,
    ))
}

async fn revoke(
    sent: Confirmed<Typed>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = PolicyId::new(id.into_inner());
    let policy = found(&state, &sent.visitor, &id)?;
    sent.form.check(&policy.name)?;
    let of = TokensOf::Policy(id.clone());
    sent.visitor
        .admin(Scope::PoliciesWrite)
        .write(&state, move |connection, admin| {
            revoke_tokens(connection, &of, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other(&format!(
        "/console/policies/{id}?done=tokens-revoked"
    )))
}
