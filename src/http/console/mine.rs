//! Each person's own: what they have of API tokens, their sessions, and the second factor.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::Credential;
use crate::credentials::confirmation::Asked;
use crate::credentials::open_sessions::{self, OpenSessions};
use crate::credentials::second_factor::{self, Standing as FactorStanding};
use crate::credentials::view::status;
use crate::policies::authentication;
use crate::secret::SecretKind;
use crate::store::StoreError;
use crate::store::credentials::{Search, newest};
use crate::store::id::CredentialId;
use crate::store::passwords::{self, SetBy};
use crate::store::products::{self, Product};

use super::super::State;
use super::super::account::second_factor::{recovery_codes_with, remove_with};
use super::super::account::sessions::{end_all_others, end_own};
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::keys::standing;
use super::my_password;
use super::page::{Access, Page};
use super::parts::{
    badge, confirmation, empty, facts, field, filters, form, heading, pager, results, table,
};
use super::person_sessions::from_field;
use super::posted::Posted;
use super::rows::{ROWS, first_rows};
use super::sign_in::{Code, Nothing, recovery_codes};
use super::visitor::Visitor;
use super::words::{ago, ago_or, time};

const MINE: &str = "/console/me";

pub(super) fn pages() -> Vec<Page> {
    let own = Access::SignedIn;
    vec![
        Page::at("/me").get(own, show),
        Page::at("/me/sessions").get(own, show_sessions),
        Page::at("/me/sessions/end-others")
            .on(own, show)
            .post(own, end_other_sessions),
        Page::at("/me/sessions/{id}/end")
            .on(own, show)
            .post(own, end_session),
        Page::at("/me/second-factor").get(own, show_second_factor),
        Page::at("/me/second-factor/remove")
            .on(own, show_second_factor)
            .post(own, remove_second_factor),
        Page::at("/me/second-factor/recovery-codes")
            .on(own, show_second_factor)
            .post(own, renew_recovery_codes),
    ]
}

#[derive(Deserialize)]
pub(super) struct Place {
    #[serde(default)]
    q: String,
    cursor: Option<String>,
}

/// What the page of one's own shows.
struct Own {
    tokens: Vec<Credential>,
    next: Option<String>,
    sessions: OpenSessions,
    products: Vec<Product>,
    factor: FactorStanding,
    policy: authentication::Policy,
    set_by: Option<SetBy>,
}

pub(super) async fn show(
    visitor: Visitor,
    state: web::Data<State>,
    place: web::Query<Place>,
) -> Result<HttpResponse, Failure> {
    let (person, now) = (visitor.person.id.clone(), visitor.now());
    let Place { q, cursor } = place.into_inner();
    let typed = Some(q.trim().trim_end_matches('…').to_owned()).filter(|text| !text.is_empty());
    let own = state
        .database
        .read(move |connection| {
            let tokens = Search {
                kinds: vec![SecretKind::UserToken],
                owner: Some(person.clone()),
                text: typed.clone(),
                ..Search::default()
            };
            let found = newest(connection, &tokens, cursor.as_deref(), ROWS + 1)?;
            let (tokens, next) = first_rows(found, |last| last.id.to_string());
            Ok::<_, StoreError>(Own {
                tokens,
                next,
                sessions: open_sessions::list_open(connection, &person, None, SESSIONS + 1, now)?,
                products: products::list(connection)?,
                factor: second_factor::standing(connection, &person, now)?,
                policy: authentication::effective(connection, &person, now)?,
                set_by: passwords::find(connection, &person)?.map(|stored| stored.set_by),
            })
        })
        .await?;
    let asked = visitor.asked(&state)?;
    let content = html! {
        (heading("Your account", None, &html! {
            @if !own.policy.blocks_tokens() {
                a.button.primary href="/console/me/tokens/new" { "New API token" }
            }
        }))
        (tokens_of(&visitor, &own, &q))
        h2 { "Password" }
        (my_password::told(own.set_by))
        h2 { "Second factor" }
        (factor_of(&visitor, &own.factor, asked))
        h2 { "Sessions" }
        (sessions_of(&visitor, &own.sessions))
    };
    Ok(page(&visitor, Section::Mine, "Your account", &content))
}

fn tokens_of(visitor: &Visitor, own: &Own, q: &str) -> Markup {
    let now = visitor.now();
    let product = |token: &Credential| {
        let id = token.product_id.as_ref()?;
        own.products
            .iter()
            .find(|product| product.id == *id)
            .map(|product| product.name.clone())
    };
    let rows: Vec<Vec<Markup>> = own
        .tokens
        .iter()
        .map(|token| {
            vec![
                html! { (token.name) small.muted { code { (token.prefix) "…" } } },
                html! { (product(token).as_deref().unwrap_or("every product")) },
                html! { @for scope in &token.scopes { code { (scope) } " " } },
                standing(token, now),
                ago(token.expires_at, now),
                ago_or(token.last_used_at, now, "never"),
                html! {
                    @if status(token, now) == "active" && !own.policy.blocks_tokens() {
                        a href={ "/console/me/tokens/" (token.id) "/rotate" }
                            aria-label={ "Rotate " (token.name) } { "Rotate" }
                        " "
                    }
                    @if token.revoked_at.is_none() {
                        a href={ "/console/me/tokens/" (token.id) "/revoke" }
                            aria-label={ "Revoke " (token.name) } { "Revoke" }
                    }
                },
            ]
        })
        .collect();
    html! {
        h2 { "API tokens" }
        @if own.policy.blocks_tokens() {
            p.note { "Your organisation's policy “" (own.policy.name) "” allows no API tokens: those you have do not work." }
        }
        @if rows.is_empty() && q.trim().is_empty() {
            (empty("You have no API tokens.", &html! {}))
        } @else {
            (filters("/console/me", &html! {
                (field("Name, or how it begins", &html! {
                    input type="search" name="q" value=(q) autocomplete="off" spellcheck="false";
                }))
            }))
            (results(&html! {
                @if rows.is_empty() {
                    (empty("No token is called so.", &html! { a href="/console/me" { "Show all" } }))
                } @else {
                    (table(
                        "The newest first",
                        &["Name", "For", "Scopes", "State", "Expires", "Last used", "Action"],
                        &rows,
                    ))
                }
                (pager(visitor, own.next.as_deref()))
            }))
        }
    }
}

fn factor_of(visitor: &Visitor, factor: &FactorStanding, asked: Asked) -> Markup {
    html! {
        (facts(&[
            ("Authenticator", html! {
                @match factor.enrolled_at {
                    Some(at) => { (badge("ok", "set up")) " " (time(at)) },
                    None => { (badge(if factor.is_required { "bad" } else { "off" }, "not set up")) },
                }
            }),
            ("Required by policy", html! { (if factor.is_required { "yes" } else { "no" }) }),
            ("Recovery codes left", html! { (factor.recovery_codes) }),
        ]))
        @if factor.enrolled_at.is_some() {
            p { a.button href="/console/me/second-factor" { "Change it" } }
        } @else {
            (form(visitor, "/console/second-factor/enrolment", &html! {
                (confirmation(asked))
                button { "Set up an authenticator" }
            }))
        }
    }
}

/// How many sessions the page of one's own shows.
const SESSIONS: i64 = 10;

fn sessions_of(visitor: &Visitor, open: &OpenSessions) -> Markup {
    html! {
        (session_table(visitor, open))
        @if open.next.is_some() { p { a href="/console/me/sessions" { "All of your sessions" } } }
        (end_others(visitor, open))
    }
}

fn end_others(visitor: &Visitor, open: &OpenSessions) -> Markup {
    let present = &visitor.person.caller.verified.credential.id;
    html! {
        @if open.next.is_some() || open.sessions.iter().any(|session| session.id != *present) {
            (form(visitor, "/console/me/sessions/end-others", &html! { button { "End all others" } }))
        }
    }
}

#[derive(Deserialize)]
struct Sessions {
    #[serde(default)]
    from: String,
    cursor: Option<String>,
}

async fn show_sessions(
    visitor: Visitor,
    state: web::Data<State>,
    place: web::Query<Sessions>,
) -> Result<HttpResponse, Failure> {
    let (person, now) = (visitor.person.id.clone(), visitor.now());
    let Sessions { from, cursor } = place.into_inner();
    let wanted = from.clone();
    let open = state
        .database
        .read(move |connection| {
            let (from, cursor) = (Some(wanted.as_str()), cursor.as_deref());
            open_sessions::list_open_from(connection, &person, from, cursor, ROWS + 1, now)
        })
        .await?;
    let content = html! {
        (heading("Your sessions", Some(("/console/me", "Your account")), &html! {}))
        (filters("/console/me/sessions", &from_field(&from)))
        (results(&html! {
            @if open.sessions.is_empty() { (empty("You are signed in from no such address.", &html! {})) }
            @else { (session_table(&visitor, &open)) }
            (pager(&visitor, open.next.as_deref()))
        }))
        (end_others(&visitor, &open))
    };
    Ok(page(&visitor, Section::Mine, "Your sessions", &content))
}

fn session_table(visitor: &Visitor, open: &OpenSessions) -> Markup {
    let now = visitor.now();
    let present = &visitor.person.caller.verified.credential.id;
    let rows: Vec<Vec<Markup>> = open
        .sessions
        .iter()
        .map(|session| {
            vec![
                html! {
                    (time(session.created_at))
                    @if session.id == *present { " " (badge("ok", "this one")) }
                },
                ago_or(session.last_used_at, now, "never"),
                html! { code { (session.last_used_ip.as_deref().unwrap_or_default()) } },
                ago(session.expires_at, now),
                html! {
                    @if session.id != *present {
                        (form(visitor, &format!("/console/me/sessions/{}/end", session.id), &html! {
                            button { "End it" }
                        }))
                    }
                },
            ]
        })
        .collect();
    html! {
        (table(
            if open.next.is_some() { "Where you are signed in; the newest" } else { "Where you are signed in" },
            &["Since", "Last used", "From", "Ends", "Action"],
            &rows,
        ))
    }
}

async fn end_session(
    sent: Posted<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = CredentialId::new(id.into_inner());
    end_own(&state, &sent.visitor.person, id).await?;
    Ok(see_other("/console/me?done=session-ended"))
}

async fn end_other_sessions(
    sent: Posted<Nothing>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    end_all_others(&state, &sent.visitor.person).await?;
    Ok(see_other("/console/me?done=sessions-ended"))
}

async fn show_second_factor(visitor: Visitor) -> Result<HttpResponse, Failure> {
    let code = html! {
        input name="code" autocomplete="one-time-code" spellcheck="false" required;
    };
    let content = html! {
        (heading("Second factor", Some(("/console/me", "Your account")), &html! {}))
        h2 { "New recovery codes" }
        p { "You get ten new ones, and those you have stop working." }
        (form(&visitor, "/console/me/second-factor/recovery-codes", &html! {
            (field("The code that your authenticator shows", &code))
            button { "Make new recovery codes" }
        }))
        h2 { "Remove it" }
        p { "Your password alone signs you in then, unless a policy asks you to set up another." }
        (form(&visitor, "/console/me/second-factor/remove", &html! {
            (field("The code that your authenticator shows, or a recovery code", &code))
            button.danger { "Remove the authenticator" }
        }))
    };
    Ok(page(&visitor, Section::Mine, "Second factor", &content))
}

async fn remove_second_factor(
    sent: Posted<Code>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    remove_with(&state, &sent.visitor.person, &sent.form.code).await?;
    Ok(see_other("/console/me?done=second-factor-removed"))
}

async fn renew_recovery_codes(
    sent: Posted<Code>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let codes = recovery_codes_with(&state, &sent.visitor.person, &sent.form.code).await?;
    let content = recovery_codes(&codes, MINE);
    Ok(page(
        &sent.visitor,
        Section::Mine,
        "Recovery codes",
        &content,
    ))
}
