//! Authentication policies: what they say, whom a change would hit, and the revocation of all that their people have.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::bulk::{TokensOf, revoke_tokens};
use crate::policies::authentication::{
    self as rules, ApiTokens, Policy, PolicyChange, Preview, Proposal, SecondFactor, SettingsChange,
};
use crate::policies::lifetime::MAX_DAYS;
use crate::policies::{PolicyError, Scope};
use crate::store::credentials::Counts;
use crate::store::id::PolicyId;
use crate::store::policies as table;

use super::super::State;
use super::answer::{Failure, see_other};
use super::directories::Typed;
use super::frame::{
    Question, Section, badge, confirm, confirmation, counted, empty, facts, field, form, heading,
    page, select, table as rows_of, time,
};
use super::impact::of_kind;
use super::keys::ROWS;
use super::page::{Access, Page};
use super::visitor::{Confirmed, Posted, Visitor};

pub(super) fn pages() -> Vec<Page> {
    let read = Access::With(Scope::PoliciesRead);
    let write = Access::With(Scope::PoliciesWrite);
    vec![
        Page::at("/policies").get(read, list),
        Page::at("/policies/{id}").get(read, show),
        Page::at("/policies/{id}/change")
            .get(write, show_form)
            .post(write, change),
        Page::at("/policies/{id}/preview").post(write, preview),
        Page::at("/policies/{id}/revoke-tokens")
            .get(write, ask_revoke)
            .post(write, revoke),
    ]
}

async fn list(visitor: Visitor, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let now = visitor.now();
    let found = state
        .database
        .read(move |connection| rules::list(connection, now))
        .await?;
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .map(|policy| {
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
            ]
        })
        .collect();
    let content = html! {
        (heading("Policies", None, &html! {}))
        (rows_of(
            "In the order of precedence: the first that names a person holds",
            &["Name", "API tokens", "They live at most", "Second factor", "Sessions live"],
            &rows,
        ))
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
) -> Result<HttpResponse, Failure> {
    let (id, now) = (PolicyId::new(id.into_inner()), visitor.now());
    let (policy, members) = state
        .database
        .read(move |connection| {
            let policy = rules::find(connection, &id, now)?;
            let members = table::members(connection, &id, None, ROWS)?;
            Ok::<_, PolicyError>((policy, members))
        })
        .await?;
    let settings = &policy.settings;
    let off =
        |days: Option<i64>| days.map_or("never".to_owned(), |days| counted(days, "day", "days"));
    let rows: Vec<Vec<Markup>> = members
        .iter()
        .map(|member| {
            let part = if member.member_type == "User" { "people" } else { "groups" };
            let label = member.display_name.as_ref().or(member.user_name.as_ref());
            vec![
                html! { a href={ "/console/" (part) "/" (member.member_id) } { (label.unwrap_or(&member.member_id)) } },
                html! { (member.member_type) },
            ]
        })
        .collect();
    let address = format!("/console/policies/{}", policy.id);
    let content = html! {
        (heading(&policy.name, Some(("/console/policies", "Policies")), &html! {
            @if visitor.may(Scope::PoliciesWrite) {
                a.button href=(format!("{address}/change")) { "Change" }
                a.button.danger href=(format!("{address}/revoke-tokens")) { "Revoke all tokens" }
            }
        }))
        @if let Some(pending) = &policy.pending {
            p.note { "Another setting holds from " (time(pending.effective_at)) " on." }
        }
        (facts(&[
            ("API tokens", tokens(&policy)),
            ("They live at most", html! { (counted(settings.max_token_days, "day", "days")) }),
            ("Second factor", second_factor(&policy)),
            ("Sessions live at most", html! { (counted(settings.session_hours, "hour", "hours")) }),
            ("Without being used", html! { (counted(settings.idle_minutes, "minute", "minutes")) }),
            ("Unused tokens end after", html! { (off(settings.inactivity_days)) }),
            ("Orphaned keys end after", html! { (off(settings.orphan_grace_days)) }),
        ]))
        h2 { "Whom it names" }
        @if policy.is_default { p { "It holds for whoever no other policy names." } }
        @else if rows.is_empty() { (empty("Nobody yet.", &html! {})) }
        @else { (rows_of("The first 50", &["Name", "Kind"], &rows)) }
    };
    Ok(page(&visitor, Section::Policies, &policy.name, &content))
}

/// The settings that the form has.
#[derive(Deserialize)]
struct Wanted {
    api_tokens: String,
    second_factor: String,
    max_token_days: i64,
    session_hours: i64,
    idle_minutes: i64,
    #[serde(default)]
    shorten_existing: bool,
}

const TOKENS: [(&str, &str); 2] = [("allowed", "Allowed"), ("blocked", "Blocked")];
const FACTOR: [(&str, &str); 2] = [("optional", "Optional"), ("required", "Required")];

impl Wanted {
    fn of(policy: &Policy) -> Self {
        let settings = &policy.settings;
        let blocked = settings.api_tokens == ApiTokens::Blocked;
        let required = settings.second_factor == SecondFactor::Required;
        Self {
            api_tokens: if blocked { "blocked" } else { "allowed" }.to_owned(),
            second_factor: if required { "required" } else { "optional" }.to_owned(),
            max_token_days: settings.max_token_days,
            session_hours: settings.session_hours,
            idle_minutes: settings.idle_minutes,
            shorten_existing: false,
        }
    }

    fn change(&self) -> PolicyChange {
        let tokens = if self.api_tokens == "blocked" {
            ApiTokens::Blocked
        } else {
            ApiTokens::Allowed
        };
        let factor = if self.second_factor == "required" {
            SecondFactor::Required
        } else {
            SecondFactor::Optional
        };
        PolicyChange {
            name: None,
            settings: SettingsChange {
                api_tokens: Some(tokens),
                second_factor: Some(factor),
                max_token_days: Some(self.max_token_days),
                session_hours: Some(self.session_hours),
                idle_minutes: Some(self.idle_minutes),
                ..SettingsChange::default()
            },
            shorten_existing: self.shorten_existing,
            effective_at: None,
        }
    }

    /// The same once more, for whoever has seen what it would hit.
    fn hidden(&self) -> Markup {
        html! {
            input type="hidden" name="api_tokens" value=(self.api_tokens);
            input type="hidden" name="second_factor" value=(self.second_factor);
            input type="hidden" name="max_token_days" value=(self.max_token_days);
            input type="hidden" name="session_hours" value=(self.session_hours);
            input type="hidden" name="idle_minutes" value=(self.idle_minutes);
            input type="hidden" name="shorten_existing" value=(self.shorten_existing);
        }
    }
}

fn found(state: &State, visitor: &Visitor, id: &PolicyId) -> Result<Policy, Failure> {
    Ok(state
        .database
        .read_now(|connection| rules::find(connection, id, visitor.now()))?)
}

async fn show_form(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let policy = found(&state, &visitor, &PolicyId::new(id.into_inner()))?;
    let present = Wanted::of(&policy);
    let number = |name: &str, value: i64, most: i64| {
        html! { input type="number" name=(name) value=(value) min="1" max=(most) required; }
    };
    let address = format!("/console/policies/{}", policy.id);
    let content = html! {
        (heading(&format!("Change {}", policy.name), Some((&address, &policy.name)), &html! {}))
        (form(&visitor, &format!("{address}/preview"), &html! {
            (field("API tokens", &select("api_tokens", &present.api_tokens, &TOKENS)))
            (field("They live at most so many days", &number("max_token_days", present.max_token_days, MAX_DAYS)))
            label.check {
                input type="checkbox" name="shorten_existing" value="true";
                span { "Cut those that there are to that" }
            }
            (field("Second factor", &select("second_factor", &present.second_factor, &FACTOR)))
            (field("Sessions live at most so many hours", &number("session_hours", present.session_hours, 8_760)))
            (field("And so many minutes without being used", &number("idle_minutes", present.idle_minutes, 525_600)))
            button.primary { "See whom it hits" }
        }))
    };
    Ok(page(&visitor, Section::Policies, "Change", &content))
}

/// Nothing is changed yet.
async fn preview(
    sent: Posted<Wanted>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let Posted {
        visitor,
        form: wanted,
    } = sent;
    let id = PolicyId::new(id.into_inner());
    let policy = found(&state, &visitor, &id)?;
    let (proposal, now) = (Proposal::Update(id, wanted.change()), visitor.now());
    let hit = state
        .database
        .read(move |connection| rules::preview(connection, &proposal, now))
        .await?;
    let address = format!("/console/policies/{}", policy.id);
    let asked = visitor.asked(&state)?;
    let content = html! {
        (heading(&format!("Change {}", policy.name), Some((&address, &policy.name)), &html! {}))
        (told(&hit))
        (form(&visitor, &format!("{address}/change"), &html! {
            (wanted.hidden())
            (confirmation(asked))
            div.buttons {
                button.primary { "Change it" }
                a.button href=(format!("{address}/change")) { "Back" }
            }
        }))
    };
    Ok(page(&visitor, Section::Policies, "Change", &content))
}

/// Whom and what a change hits.
fn told(hit: &Preview) -> Markup {
    let total = |counts: &Counts| -> i64 { counts.values().sum() };
    let lines = [
        (
            total(&hit.blocked),
            "API tokens stop working as long as it holds",
        ),
        (total(&hit.unblocked), "API tokens work again"),
        (total(&hit.shortened), "API tokens expire earlier"),
        (total(&hit.sessions_ended), "sessions end"),
        (
            total(&hit.inactive),
            "unused tokens are told of, then revoked",
        ),
        (total(&hit.orphans_due), "orphaned keys are revoked"),
        (
            hit.second_factor_required,
            "people need a second factor who did not",
        ),
    ];
    html! {
        p { "It hits " strong { (counted(hit.people, "person", "people")) } "." }
        ul.impact {
            @for (number, what) in lines.into_iter().filter(|(number, _)| *number > 0) {
                li { strong { (super::frame::grouped(number)) } " " (what) "." }
            }
        }
    }
}

async fn change(
    sent: Confirmed<Wanted>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = PolicyId::new(id.into_inner());
    let (change, wanted) = (sent.form.change(), id.clone());
    sent.visitor
        .admin(Scope::PoliciesWrite)
        .write(&state, move |connection, admin| {
            rules::update(connection, &wanted, &change, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other(&format!(
        "/console/policies/{id}?done=policy-changed"
    )))
}

async fn ask_revoke(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = PolicyId::new(id.into_inner());
    let policy = found(&state, &visitor, &id)?;
    let now = visitor.now();
    // What blocking would stop is what there is.
    let blocking = PolicyChange {
        name: None,
        settings: SettingsChange {
            api_tokens: Some(ApiTokens::Blocked),
            ..SettingsChange::default()
        },
        shorten_existing: false,
        effective_at: None,
    };
    let proposal = Proposal::Update(id.clone(), blocking);
    let hit = state
        .database
        .read(move |connection| rules::preview(connection, &proposal, now))
        .await?;
    let count: i64 = hit.blocked.values().sum();
    let question = Question {
        title: &format!("Revoke all tokens of {}", policy.name),
        back: (&format!("/console/policies/{id}"), &policy.name),
        consequences: html! {
            @if policy.blocks_tokens() {
                p { "Every API token of the people for whom this policy holds ends for good, the blocked ones too." }
            } @else {
                p { strong { (of_kind("user_token", count)) } " of the people for whom this policy holds "
                    (if count == 1 { "ends" } else { "end" }) " at once and for good. Unlike blocking, this cannot be undone." }
            }
            p { "Sessions go on, and new tokens can be made." }
        },
        fields: field(
            &format!("Type the name of the policy: {}", policy.name),
            &html! {
                input name="typed" required autocomplete="off" spellcheck="false";
            },
        ),
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
