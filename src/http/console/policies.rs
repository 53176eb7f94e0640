//! Authentication policies: what they say, whom a change of that would hit, and the revocation of all that their
//! people have. How they come and go is in `policy_order`.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::credentials::bulk::{TokensOf, revoke_tokens};
use crate::policies::authentication::{
    self as rules, ApiTokens, Days, PendingChange, Policy, PolicyChange, Preview, Proposal,
    SecondFactor, ServiceAccountCreators, SettingsChange,
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
    Question, Section, badge, confirm, confirmation, counted, empty, facts, field, field_with_hint,
    form, heading, page, pager, select, table as rows_of, time,
};
use super::impact::of_kind;
use super::keys::ROWS;
use super::new_key::separated;
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
    let may_write = visitor.may(Scope::PoliciesWrite);
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .enumerate()
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
                            aria-label={ "Put " (policy.name) " one place earlier" } { "Put earlier" }
                    }
                },
            ]
        })
        .collect();
    let content = html! {
        (heading("Policies", None, &html! {
            @if may_write { a.button href="/console/policies/new" { "New policy" } }
        }))
        (rows_of(
            "In the order of precedence: the first that names a person holds",
            &["Name", "API tokens", "They live at most", "Second factor", "Sessions live", "Actions"],
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
    place: web::Query<Place>,
) -> Result<HttpResponse, Failure> {
    let (id, now) = (PolicyId::new(id.into_inner()), visitor.now());
    let cursor = place.into_inner().cursor;
    let (policy, mut members) = state
        .database
        .read(move |connection| {
            let policy = rules::find(connection, &id, now)?;
            let members = table::members(connection, &id, cursor.as_deref(), ROWS + 1)?;
            Ok::<_, PolicyError>((policy, members))
        })
        .await?;
    let shown = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = members.len() > shown;
    members.truncate(shown);
    let next = members
        .last()
        .filter(|_| more)
        .map(|last| last.member_id.clone());
    let may_write = visitor.may(Scope::PoliciesWrite);
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
                html! {
                    @if may_write {
                        a href={ "/console/policies/" (policy.id) "/members/" (member.member_id) "/remove" }
                            aria-label={ "Name " (label.unwrap_or(&member.member_id)) " no more" } { "Remove" }
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
                    (form(&visitor, &format!("{address}/withdraw"), &html! { button { "Withdraw it" } }))
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
        @else if rows.is_empty() { (empty("Nobody yet.", &html! {})) }
        @else { (rows_of("People and groups", &["Name", "Kind", "Actions"], &rows)) }
        (pager(&visitor, next.as_deref()))
        @if may_write && !policy.is_default {
            p { a.button href=(format!("{address}/members/add")) { "Name somebody" } }
        }
    };
    Ok(page(&visitor, Section::Policies, &policy.name, &content))
}

#[derive(Deserialize)]
struct Place {
    cursor: Option<String>,
}

/// A change that waits for its date.
fn waiting(pending: &PendingChange) -> Markup {
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
fn days_of(days: &[i64]) -> String {
    let texts: Vec<String> = days.iter().map(i64::to_string).collect();
    texts.join(", ")
}

/// The settings that the form has. What is not sent stays.
#[derive(Deserialize)]
struct Wanted {
    name: Option<String>,
    service_account_creators: Option<ServiceAccountCreators>,
    /// Nothing turns it off.
    orphan_grace_days: Option<String>,
    /// The same.
    inactivity_days: Option<String>,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    inactivity_notice_days: Option<i64>,
    expiry_notice_days: Option<String>,
    /// From when on, in UTC; at once where there is nothing.
    #[serde(default)]
    effective_at: String,
    /// When the policy was last changed before its sender saw whom they hit.
    seen: Option<i64>,
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
            name: Some(policy.name.clone()),
            service_account_creators: Some(settings.service_account_creators),
            orphan_grace_days: Some(days_text(settings.orphan_grace_days)),
            inactivity_days: Some(days_text(settings.inactivity_days)),
            inactivity_notice_days: Some(settings.inactivity_notice_days),
            expiry_notice_days: Some(days_of(&settings.expiry_notice_days)),
            effective_at: String::new(),
            seen: None,
        }
    }

    /// What differs from what the policy says.
    fn change(&self, policy: &Policy) -> Result<PolicyChange, PolicyError> {
        let settings = &policy.settings;
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
        let name = self.name.as_deref().map(str::trim);
        let notice = self
            .expiry_notice_days
            .as_deref()
            .map(all_days)
            .transpose()?;
        let days = |text: Option<&str>, present: Option<i64>| {
            let new = text.map(days).transpose()?;
            Ok::<_, PolicyError>(new.filter(|new| *new != Days::from(present)))
        };
        Ok(PolicyChange {
            name: name.filter(|name| *name != policy.name).map(str::to_owned),
            settings: SettingsChange {
                api_tokens: other(Some(tokens), settings.api_tokens),
                second_factor: other(Some(factor), settings.second_factor),
                max_token_days: other(Some(self.max_token_days), settings.max_token_days),
                session_hours: other(Some(self.session_hours), settings.session_hours),
                idle_minutes: other(Some(self.idle_minutes), settings.idle_minutes),
                service_account_creators: other(
                    self.service_account_creators,
                    settings.service_account_creators,
                ),
                orphan_grace_days: days(
                    self.orphan_grace_days.as_deref(),
                    settings.orphan_grace_days,
                )?,
                inactivity_days: days(self.inactivity_days.as_deref(), settings.inactivity_days)?,
                inactivity_notice_days: other(
                    self.inactivity_notice_days,
                    settings.inactivity_notice_days,
                ),
                expiry_notice_days: notice.filter(|notice| *notice != settings.expiry_notice_days),
            },
            shorten_existing: self.shorten_existing,
            effective_at: self.date()?,
        })
    }

    fn date(&self) -> Result<Option<Timestamp>, PolicyError> {
        let text = self.effective_at.trim();
        if text.is_empty() {
            return Ok(None);
        }
        // A browser leaves the seconds out where they are none.
        let found = Timestamp::parse_rfc3339(&format!("{text}:00Z"))
            .or_else(|| Timestamp::parse_rfc3339(&format!("{text}Z")));
        let invalid = || PolicyError::Invalid(format!("{text:?} is no date and time"));
        found.map(Some).ok_or_else(invalid)
    }

    /// Nobody undoes what another has changed since they looked.
    fn check_seen(&self, policy: &Policy) -> Result<(), PolicyError> {
        match self.seen {
            Some(seen) if seen != policy.modified_at.as_millis() => Err(PolicyError::Conflict(
                "the policy was changed meanwhile: open the form again".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// The same once more, for whoever has seen what it would hit.
    fn hidden(&self, policy: &Policy) -> Markup {
        let texts = [
            ("name", &self.name),
            ("orphan_grace_days", &self.orphan_grace_days),
            ("inactivity_days", &self.inactivity_days),
            ("expiry_notice_days", &self.expiry_notice_days),
        ];
        html! {
            @for (name, text) in texts {
                @if let Some(text) = text { input type="hidden" name=(name) value=(text); }
            }
            @if let Some(creators) = self.service_account_creators {
                input type="hidden" name="service_account_creators" value=(creators_name(creators));
            }
            @if let Some(days) = self.inactivity_notice_days {
                input type="hidden" name="inactivity_notice_days" value=(days);
            }
            input type="hidden" name="effective_at" value=(self.effective_at);
            input type="hidden" name="seen" value=(policy.modified_at.as_millis());
            input type="hidden" name="api_tokens" value=(self.api_tokens);
            input type="hidden" name="second_factor" value=(self.second_factor);
            input type="hidden" name="max_token_days" value=(self.max_token_days);
            input type="hidden" name="session_hours" value=(self.session_hours);
            input type="hidden" name="idle_minutes" value=(self.idle_minutes);
            input type="hidden" name="shorten_existing" value=(self.shorten_existing);
        }
    }
}

fn other<T: PartialEq + Copy>(new: Option<T>, present: T) -> Option<T> {
    new.filter(|new| *new != present)
}

fn days_text(days: Option<i64>) -> String {
    days.map_or(String::new(), |days| days.to_string())
}

/// A number of days; nothing is never.
fn days(text: &str) -> Result<Days, PolicyError> {
    match text.trim() {
        "" => Ok(Days::Off),
        number => Ok(Days::After(one_number(number)?)),
    }
}

fn all_days(text: &str) -> Result<Vec<i64>, PolicyError> {
    let mut days: Vec<i64> = separated(text)
        .iter()
        .map(|number| one_number(number))
        .collect::<Result<_, _>>()?;
    days.sort_unstable_by(|one, other| other.cmp(one));
    days.dedup();
    Ok(days)
}

fn one_number(text: &str) -> Result<i64, PolicyError> {
    let invalid = |_| PolicyError::Invalid(format!("{text:?} is no number of days"));
    text.parse().map_err(invalid)
}

const CREATORS: [(&str, &str); 2] = [("admins", "Admins"), ("nobody", "Nobody")];

fn creators_name(creators: ServiceAccountCreators) -> &'static str {
    match creators {
        ServiceAccountCreators::Admins => "admins",
        ServiceAccountCreators::Nobody => "nobody",
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
            (field("Name", &html! {
                input name="name" value=(policy.name) maxlength="200" required autocomplete="off";
            }))
            (field("API tokens", &select("api_tokens", &present.api_tokens, &TOKENS)))
            (field("They live at most so many days", &number("max_token_days", present.max_token_days, MAX_DAYS)))
            label.check {
                input type="checkbox" name="shorten_existing" value="true";
                span { "Cut those that there are to that" }
            }
            (field("Second factor", &select("second_factor", &present.second_factor, &FACTOR)))
            (field("Sessions live at most so many hours", &number("session_hours", present.session_hours, 720)))
            (field("And so many minutes without being used", &number("idle_minutes", present.idle_minutes, 43_200)))
            (further_fields(&policy))
            button.primary { "See whom it hits" }
        }))
    };
    Ok(page(&visitor, Section::Policies, "Change", &content))
}

/// What is changed less often.
fn further_fields(policy: &Policy) -> Markup {
    let settings = &policy.settings;
    let creators = creators_name(settings.service_account_creators);
    let optional = |name: &str, value: Option<i64>, most: i64| {
        html! { input type="number" name=(name) value=(days_text(value)) min="1" max=(most); }
    };
    html! {
        (field("Service accounts are made by", &select("service_account_creators", creators, &CREATORS)))
        (field_with_hint("Orphaned keys end after so many days", "Never, where there is nothing.",
            &optional("orphan_grace_days", settings.orphan_grace_days, 365)))
        (field_with_hint("Unused tokens end after so many days", "Never, where there is nothing.",
            &optional("inactivity_days", settings.inactivity_days, 365)))
        (field("Their owners are told so many days before", &html! {
            input type="number" name="inactivity_notice_days" min="1" max="364" required
                value=(settings.inactivity_notice_days);
        }))
        (field_with_hint("Told of an expiry before", "Numbers of days, with spaces between.", &html! {
            input name="expiry_notice_days" value=(days_of(&settings.expiry_notice_days)) autocomplete="off";
        }))
        (field_with_hint(
            "From when on",
            "In UTC; at once, where there is nothing. A name changes at once only.",
            &html! { input type="datetime-local" name="effective_at"; },
        ))
    }
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
    let (proposal, now) = (Proposal::Update(id, wanted.change(&policy)?), visitor.now());
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
            (wanted.hidden(&policy))
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
pub(super) fn told(hit: &Preview) -> Markup {
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
    let (form, wanted) = (sent.form, id.clone());
    sent.visitor
        .admin(Scope::PoliciesWrite)
        .write(&state, move |connection, admin| {
            let policy = rules::find(connection, &wanted, admin.now)?;
            form.check_seen(&policy)?;
            let change = form.change(&policy)?;
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
