//! Each person's own API tokens: made within what policy allows, shown once, rotated, revoked.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::confirmation::Asked;
use crate::credentials::keys::{self, DEFAULT_OVERLAP_HOURS, MAX_OVERLAP_HOURS};
use crate::credentials::{Credential, CredentialError, Issued};
use crate::secret::SecretKind;
use crate::store::id::{CredentialId, InstanceId, ProductId};
use crate::store::product_instances::Instance;
use crate::store::products::Product;

use super::super::State;
use super::super::account::tokens::{
    NewToken, Options, issue_token, revoke_own_token, rotate_own_token,
};
use super::super::admin::keys::Rotation;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::new_key::separated;
use super::page::{Access, Page};
use super::parts::{
    Question, confirm, confirmation, field, field_with_hint, form, heading, secret, select,
};
use super::posted::{Confirmed, Posted};
use super::sign_in::Nothing;
use super::visitor::Visitor;

const MINE: (&str, &str) = ("/console/me", "Your account");
const NEW: &str = "/console/me/tokens/new";

pub(super) fn pages() -> Vec<Page> {
    let own = Access::SignedIn;
    vec![
        Page::at("/me/tokens/new")
            .get(own, show_form)
            .post(own, create),
        Page::at("/me/tokens/{id}/rotate")
            .get(own, ask_rotate)
            .post(own, rotate),
        Page::at("/me/tokens/{id}/revoke")
            .get(own, ask_revoke)
            .post(own, revoke),
    ]
}

#[derive(Deserialize)]
struct ForProduct {
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    product: Option<ProductId>,
}

/// Without scripts, the product is chosen first: its scopes and instances follow from it.
async fn show_form(
    visitor: Visitor,
    state: web::Data<State>,
    place: web::Query<ForProduct>,
) -> Result<HttpResponse, Failure> {
    let wanted = place.into_inner().product;
    let (person, now) = (visitor.person.id.clone(), visitor.now());
    let options = state
        .database
        .read(move |connection| Options::of(connection, &person, now))
        .await?;
    let policy = &options.policy;
    let asked = visitor.asked(&state)?;
    let chosen = options
        .products
        .iter()
        .find(|(product, _)| wanted.as_ref() == Some(&product.id));
    let content = html! {
        (heading("New API token", Some(MINE), &html! {}))
        @if policy.blocks_tokens() {
            p.note { "Your organisation's policy “" (policy.name) "” allows no API tokens." }
        } @else {
            @if !options.products.is_empty() {
                (product_choice(&options, chosen.map(|(product, _)| product)))
            }
            (token_form(&visitor, asked, chosen, options.most_days()))
        }
    };
    Ok(page(&visitor, Section::Mine, "New API token", &content))
}

fn product_choice(open: &Options, chosen: Option<&Product>) -> Markup {
    let mut options = vec![("", "Every product")];
    options.extend(
        open.products
            .iter()
            .map(|(product, _)| (product.id.as_str(), product.name.as_str())),
    );
    let present = chosen.map_or("", |product| product.id.as_str());
    html! {
        form.filters method="get" action=(NEW) {
            (field("Product", &select("product", present, &options)))
            button { "Choose" }
        }
    }
}

fn token_form(
    visitor: &Visitor,
    asked: Asked,
    chosen: Option<&(Product, Vec<Instance>)>,
    most: i64,
) -> Markup {
    // A form that is refused is shown by the address it was sent to: without the product, its fields would be gone.
    let action = chosen.map_or_else(
        || NEW.to_owned(),
        |(product, _)| format!("{NEW}?product={}", product.id),
    );
    form(
        visitor,
        &action,
        &html! {
            (field("Name", &html! { input name="name" maxlength="200" required autocomplete="off"; }))
            @if let Some((product, instances)) = chosen {
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
            (confirmation(asked))
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

async fn create(
    sent: Confirmed<WantedToken>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let Confirmed { visitor, form } = sent;
    let wanted = NewToken {
        name: form.name,
        product_id: form.product,
        instance_ids: form.instances,
        scopes: form.scopes,
        allowed_networks: separated(&form.allowed_networks),
        expires_in_days: form.expires_in_days,
    };
    let issued = issue_token(&state, &visitor.person, wanted).await?;
    Ok(issued_page(
        &visitor,
        &issued.credential.name,
        "Your new token",
        &issued,
    ))
}

/// A token that was just issued, with its secret, this once.
fn issued_page(
    visitor: &Visitor,
    heading_text: &str,
    title: &str,
    issued: &Issued,
) -> HttpResponse {
    let content = html! {
        (heading(heading_text, Some(MINE), &html! {}))
        (secret("API token", issued.secret.expose(), issued.credential.expires_at))
        p { a.button href="/console/me" { "I have copied it" } }
    };
    page(visitor, Section::Mine, title, &content)
}

/// A token that is the visitor's own.
fn own_token(state: &State, visitor: &Visitor, id: &CredentialId) -> Result<Credential, Failure> {
    let token = state.database.read_now(|connection| {
        let token = keys::find(connection, SecretKind::UserToken, id)?;
        if token.owner_id.as_ref() == Some(&visitor.person.id) {
            Ok(token)
        } else {
            Err(CredentialError::NotFound("credential"))
        }
    })?;
    Ok(token)
}

async fn ask_rotate(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let token = own_token(&state, &visitor, &CredentialId::new(id.into_inner()))?;
    let question = Question {
        title: &format!("Rotate {}", token.name),
        back: MINE,
        consequences: html! {
            p {
                "1 successor with the same rights is issued, and shown once. This token goes on working until the "
                "overlap has passed since the first use of the successor, and never beyond its own end."
            }
        },
        fields: html! {
            (field_with_hint("Overlap in hours", "0 ends this token now.", &html! {
                input type="number" name="overlap_hours" min="0" max=(MAX_OVERLAP_HOURS)
                    value=(DEFAULT_OVERLAP_HOURS) required;
            }))
        },
        button: "Rotate",
        is_dangerous: false,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::Mine, "Rotate", &content))
}

#[derive(Deserialize)]
struct Overlap {
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    overlap_hours: Option<i64>,
}

async fn rotate(
    sent: Confirmed<Overlap>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let rotation = Rotation {
        overlap_hours: sent.form.overlap_hours,
        expires_in_days: None,
    };
    let (visitor, id) = (sent.visitor, CredentialId::new(id.into_inner()));
    let issued = rotate_own_token(&state, &visitor.person, id, rotation).await?;
    let title = format!("The successor of {}", issued.credential.name);
    Ok(issued_page(&visitor, &title, "Rotated", &issued))
}

async fn ask_revoke(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let token = own_token(&state, &visitor, &CredentialId::new(id.into_inner()))?;
    let question = Question {
        title: &format!("Revoke {}", token.name),
        back: MINE,
        consequences: html! { p { "1 token stops working at once, everywhere, and cannot be brought back." } },
        fields: html! {},
        button: "Revoke",
        is_dangerous: true,
    };
    // It is one's own, and can only be made to do less.
    let content = confirm(&visitor, Asked::Nothing, &question);
    Ok(page(&visitor, Section::Mine, "Revoke", &content))
}

async fn revoke(
    sent: Posted<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = CredentialId::new(id.into_inner());
    revoke_own_token(&state, &sent.visitor.person, id).await?;
    Ok(see_other("/console/me?done=token-revoked"))
}
