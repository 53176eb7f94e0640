//! The change of an authentication policy: what it shall say, whom that would hit, and then the change itself.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::policies::authentication::{
    self as rules, ApiTokens, Days, Policy, PolicyChange, Preview, Proposal, SecondFactor,
    ServiceAccountCreators, SettingsChange,
};
use crate::policies::lifetime::MAX_DAYS;
use crate::policies::{PolicyError, Scope};
use crate::store::credentials::Counts;
use crate::store::id::PolicyId;

use super::super::State;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::new_key::separated;
use super::page::{Access, Page};
use super::parts::{confirmation, field, field_with_hint, form, heading, select};
use super::policies::{days_of, found};
use super::posted::{Confirmed, Posted};
use super::visitor::Visitor;
use super::words::{counted, grouped};

pub(super) fn pages() -> Vec<Page> {
    let write = Access::With(Scope::PoliciesWrite);
    vec![
        Page::at("/policies/{id}/change")
            .get(write, show_form)
            // What is sent here has been seen before.
            .on(write, preview)
            .post(write, change),
        Page::at("/policies/{id}/preview")
            .on(write, show_form)
            .post(write, preview),
    ]
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
                li { strong { (grouped(number)) } " " (what) "." }
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
