//! Each person's own: API tokens, sessions, and the second factor.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::second_factor::{self, Standing as FactorStanding};
use crate::credentials::view::status;
use crate::credentials::{Credential, CredentialError, sessions};
use crate::policies::products::is_open_to;
use crate::policies::{authentication, lifetime};
use crate::secret::SecretKind;
use crate::store::credentials::{Search, Standing, newest};
use crate::store::id::{CredentialId, InstanceId, ProductId};
use crate::store::product_instances::{self, Instance};
use crate::store::products::{self, Product};
use crate::store::{DatabaseConnection, StoreError};

use super::super::State;
use super::super::account::second_factor::{recovery_codes_with, remove_with};
use super::super::account::{NewToken, Person, issue_token, revoke_own_token};
use super::answer::{Failure, see_other};
use super::frame::{
    Question, Section, ago, ago_or, badge, confirm, empty, facts, field, field_with_hint, form,
    heading, page, pager, secret, table, time,
};
use super::keys::{ROWS, first_of, standing};
use super::new_key::separated;
use super::page::{Access, Page};
use super::sign_in::{Code, Nothing, recovery_codes};
use super::visitor::{Posted, Visitor};

pub(super) fn pages() -> Vec<Page> {
    let own = Access::SignedIn;
    vec![
        Page::at("/me").get(own, show),
        Page::at("/me/tokens/new")
            .get(own, show_token_form)
            .post(own, create_token),
        Page::at("/me/tokens/{id}/revoke")
            .get(own, ask_revoke)
            .post(own, revoke_token),
        Page::at("/me/sessions/{id}/end").post(own, end_session),
        Page::at("/me/second-factor").get(own, show_second_factor),
        Page::at("/me/second-factor/remove").post(own, remove_second_factor),
        Page::at("/me/second-factor/recovery-codes").post(own, renew_recovery_codes),
    ]
}

#[derive(Deserialize)]
struct Place {
    cursor: Option<String>,
}

/// What the page of one's own shows.
struct Own {
    tokens: Vec<Credential>,
    next: Option<String>,
    sessions: Vec<Credential>,
    products: Vec<Product>,
    factor: FactorStanding,
    policy: authentication::Policy,
}

async fn show(
    visitor: Visitor,
    state: web::Data<State>,
    place: web::Query<Place>,
) -> Result<HttpResponse, Failure> {
    let (person, now) = (visitor.person.id.clone(), visitor.now());
    let cursor = place.into_inner().cursor;
    let own = state
        .database
        .read(move |connection| {
            let search = |kind, standing| Search {
                kinds: vec![kind],
                owner: Some(person.clone()),
                standing,
                ..Search::default()
            };
            let tokens = search(SecretKind::UserToken, None);
            let found = newest(connection, &tokens, cursor.as_deref(), ROWS + 1)?;
            let (tokens, next) = first_of(found);
            let open = search(SecretKind::Session, Some((Standing::Active, now)));
            let sessions = newest(connection, &open, None, ROWS)?;
            Ok::<_, StoreError>(Own {
                tokens,
                next,
                sessions: sessions
                    .into_iter()
                    .filter(|session| status(session, now) == "active")
                    .collect(),
                products: products::list(connection)?,
                factor: second_factor::standing(connection, &person, now)?,
                policy: authentication::effective(connection, &person, now)?,
            })
        })
        .await?;
    let content = html! {
        (heading("Your account", None, &html! {
            @if !own.policy.blocks_tokens() {
                a.button.primary href="/console/me/tokens/new" { "New API token" }
            }
        }))
        (tokens_of(&visitor, &own))
        h2 { "Second factor" }
        (factor_of(&visitor, &own.factor))
        h2 { "Sessions" }
        (sessions_of(&visitor, &own.sessions))
    };
    Ok(page(&visitor, Section::Mine, "Your account", &content))
}

fn tokens_of(visitor: &Visitor, own: &Own) -> Markup {
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
        @if rows.is_empty() {
            (empty("You have no API tokens.", &html! {}))
        } @else {
            (table(
                "The newest first",
                &["Name", "For", "Scopes", "State", "Expires", "Last used", "Action"],
                &rows,
            ))
            (pager(visitor, own.next.as_deref()))
        }
    }
}

fn factor_of(visitor: &Visitor, factor: &FactorStanding) -> Markup {
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
            (form(visitor, "/console/second-factor/enrolment", &html! { button { "Set up an authenticator" } }))
        }
    }
}

fn sessions_of(visitor: &Visitor, sessions: &[Credential]) -> Markup {
    let now = visitor.now();
    let present = &visitor.person.caller.verified.credential.id;
    let rows: Vec<Vec<Markup>> = sessions
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
    table(
        "Where you are signed in",
        &["Since", "Last used", "From", "Ends", "Action"],
        &rows,
    )
}

#[derive(Deserialize)]
struct ForProduct {
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    product: Option<ProductId>,
}

/// The products that a person may use.
fn open_products(
    connection: &mut DatabaseConnection,
    person: &Person,
) -> Result<Vec<Product>, StoreError> {
    let mut open = Vec::new();
    for product in products::list(connection)? {
        if is_open_to(connection, &product, &person.id)? {
            open.push(product);
        }
    }
    Ok(open)
}

/// Without scripts, the product is chosen first: its scopes and instances follow from it.
async fn show_token_form(
    visitor: Visitor,
    state: web::Data<State>,
    place: web::Query<ForProduct>,
) -> Result<HttpResponse, Failure> {
    let wanted = place.into_inner().product;
    let (person, now, named) = (visitor.person.clone(), visitor.now(), wanted.clone());
    let (open, instances, policy) = state
        .database
        .read(move |connection| {
            let open = open_products(connection, &person)?;
            let instances = match &named {
                Some(product) => product_instances::list(connection, product)?,
                None => Vec::new(),
            };
            let policy = authentication::effective(connection, &person.id, now)?;
            Ok::<_, StoreError>((open, instances, policy))
        })
        .await?;
    let chosen = open
        .iter()
        .find(|product| wanted.as_ref() == Some(&product.id));
    let content = html! {
        (heading("New API token", Some(("/console/me", "Your account")), &html! {}))
        @if policy.blocks_tokens() {
            p.note { "Your organisation's policy “" (policy.name) "” allows no API tokens." }
        } @else {
            @if !open.is_empty() { (product_choice(&open, chosen)) }
            (token_form(&visitor, chosen, &instances, policy.settings.max_token_days))
        }
    };
    Ok(page(&visitor, Section::Mine, "New API token", &content))
}

fn product_choice(open: &[Product], chosen: Option<&Product>) -> Markup {
    let mut options = vec![("", "Every product")];
    options.extend(
        open.iter()
            .map(|product| (product.id.as_str(), product.name.as_str())),
    );
    let present = chosen.map_or("", |product| product.id.as_str());
    html! {
        form.filters method="get" action="/console/me/tokens/new" {
            (field("Product", &super::frame::select("product", present, &options)))
            button { "Choose" }
        }
    }
}

fn token_form(
    visitor: &Visitor,
    chosen: Option<&Product>,
    instances: &[Instance],
    most_days: i64,
) -> Markup {
    let most = most_days.min(lifetime::MAX_DAYS);
    form(
        visitor,
        "/console/me/tokens/new",
        &html! {
            (field("Name", &html! { input name="name" maxlength="200" required autocomplete="off"; }))
            @if let Some(product) = chosen {
                input type="hidden" name="product" value=(product.id);
                @if !product.scopes.is_empty() {
                    fieldset {
                        legend { "What it may do in " (product.name) }
                        @for scope in &product.scopes {
                            label.check { input type="checkbox" name="scopes" value=(scope); code { (scope) } }
                        }
                    }
                }
                @if !instances.is_empty() {
                    fieldset {
                        legend { "Where it works; everywhere if you choose none" }
                        @for instance in instances {
                            label.check {
                                input type="checkbox" name="instances" value=(instance.id);
                                span { (instance.name) }
                            }
                        }
                    }
                }
            }
            (field_with_hint(
                "Expires after so many days",
                &format!("Your organisation's policy allows 1 to {most}."),
                &html! {
                    input type="number" name="expires_in_days" min="1" max=(most) value=(most.min(90)) required;
                },
            ))
            (field_with_hint(
                "Works from",
                "Networks such as 192.0.2.0/24, with spaces between; from anywhere where there are none.",
                &html! { input name="allowed_networks" autocomplete="off" spellcheck="false"; },
            ))
            button.primary { "Make the token" }
        },
    )
}

#[derive(Deserialize)]
struct WantedToken {
    name: String,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    product: Option<ProductId>,
    #[serde(default)]
    instances: Vec<InstanceId>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    allowed_networks: String,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    expires_in_days: Option<i64>,
}

async fn create_token(
    sent: Posted<WantedToken>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let Posted { visitor, form } = sent;
    let wanted = NewToken {
        name: form.name,
        product_id: form.product,
        instance_ids: form.instances,
        scopes: form.scopes,
        allowed_networks: separated(&form.allowed_networks),
        expires_in_days: form.expires_in_days,
    };
    let issued = issue_token(&state, visitor.person.clone(), wanted).await?;
    let token = &issued.credential;
    let content = html! {
        (heading(&token.name, Some(("/console/me", "Your account")), &html! {}))
        (secret("API token", issued.secret.expose(), token.expires_at))
        p { a.button href="/console/me" { "I have copied it" } }
    };
    Ok(page(&visitor, Section::Mine, "Your new token", &content))
}

async fn ask_revoke(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = CredentialId::new(id.into_inner());
    let token = state.database.read_now(|connection| {
        let token = crate::credentials::keys::find(connection, SecretKind::UserToken, &id)?;
        if token.owner_id.as_ref() == Some(&visitor.person.id) {
            Ok(token)
        } else {
            Err(CredentialError::NotFound("credential"))
        }
    })?;
    let question = Question {
        title: &format!("Revoke {}", token.name),
        back: ("/console/me", "Your account"),
        consequences: html! { p { "1 token stops working at once, everywhere, and cannot be brought back." } },
        fields: html! {},
        button: "Revoke",
        is_dangerous: true,
    };
    // It is one's own, and can only be made to do less.
    let nothing = crate::credentials::confirmation::Asked::Nothing;
    let content = confirm(&visitor, nothing, &question);
    Ok(page(&visitor, Section::Mine, "Revoke", &content))
}

async fn revoke_token(
    sent: Posted<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = CredentialId::new(id.into_inner());
    revoke_own_token(&state, sent.visitor.person, id).await?;
    Ok(see_other("/console/me?done=token-revoked"))
}

async fn end_session(
    sent: Posted<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = CredentialId::new(id.into_inner());
    let Person { id: person, caller } = sent.visitor.person;
    state
        .database
        .write(move |connection| {
            let (actor, now) = (&caller.actor, caller.requested_at);
            sessions::end_own(connection, &person, &id, actor, now)
        })
        .await?;
    Ok(see_other("/console/me?done=session-ended"))
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
    let content = recovery_codes(&codes);
    Ok(page(
        &sent.visitor,
        Section::Mine,
        "Recovery codes",
        &content,
    ))
}
