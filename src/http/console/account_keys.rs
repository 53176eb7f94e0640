//! What authenticates a service account: its tokens, made; its public keys, registered, and replaced by others with
//! the same rights.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use crate::credentials::public_keys::PublicKey;
use crate::credentials::registered_keys::SCIM_SCOPE;
use crate::credentials::{Credential, CredentialError, NewCredential, service_accounts as rules};
use crate::policies::{Scope, networks};
use crate::secret::SecretKind;
use crate::store::directories::{self, DirectoryKind};
use crate::store::id::{CredentialId, DirectoryId, InstanceId, ProductId, ServiceAccountId};
use crate::store::product_instances::{self, Instance};
use crate::store::products::{self, Product};
use crate::store::{DatabaseConnection, StoreError};

use super::super::State;
use super::super::admin::keys::issue_within_rights;
use super::super::admin::service_account_keys::{find, register_within_rights, revoke_by};
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::new_key::{common_fields, expiry_field, separated};
use super::one_key::new_key_page;
use super::page::{Access, Page};
use super::parts::{confirmation, field, field_with_hint, form, heading, select};
use super::posted::Confirmed;
use super::service_accounts::{address, found};
use super::visitor::Visitor;

const WRITE: Scope = Scope::ServiceAccountsWrite;

pub(super) fn pages() -> Vec<Page> {
    let write = Access::With(WRITE);
    vec![
        Page::at("/service-accounts/{id}/tokens/new")
            .get(write, show_new_token)
            .post(write, create_token),
        Page::at("/service-accounts/{id}/keys/new")
            .get(write, show_new)
            .post(write, register),
        Page::at("/service-accounts/{id}/keys/{key}/replace")
            .get(write, show_replacement)
            .post(write, replace),
    ]
}

async fn show_new_token(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let account = found(&state, &ServiceAccountId::new(id.into_inner()))?;
    let known = products_seen(&state, &visitor)?;
    let mut options = vec![("", "The admin interface")];
    options.extend(
        known
            .iter()
            .map(|(product, _)| (product.id.as_str(), product.name.as_str())),
    );
    let place = address(&account.id);
    let asked = visitor.asked(&state)?;
    let content = html! {
        (heading("New service account token", Some((&place, &account.name)), &html! {}))
        (form(&visitor, &format!("{place}/tokens/new"), &html! {
            (common_fields("Build server"))
            (field("For", &select("product", "", &options)))
            (instance_boxes(&known))
            (field_with_hint(
                "Scopes",
                "With spaces between: scopes of the product, or of the admin interface, such as users:read.",
                &html! { input name="scopes" autocomplete="off" spellcheck="false"; },
            ))
            (confirmation(asked))
            button.primary { "Make the token" }
        }))
    };
    Ok(page(
        &visitor,
        Section::ServiceAccounts,
        "New service account token",
        &content,
    ))
}

/// The products with their instances, where the visitor may see them.
fn products_seen(
    state: &State,
    visitor: &Visitor,
) -> Result<Vec<(Product, Vec<Instance>)>, Failure> {
    if !visitor.may(Scope::ProductsRead) {
        return Ok(Vec::new());
    }
    Ok(state.database.read_now(products_with_instances)?)
}

fn products_with_instances(
    connection: &mut DatabaseConnection,
) -> Result<Vec<(Product, Vec<Instance>)>, StoreError> {
    let mut known = Vec::new();
    for product in products::list(connection)? {
        let instances = product_instances::list(connection, &product.id)?;
        known.push((product, instances));
    }
    Ok(known)
}

/// A box for each instance of each product.
fn instance_boxes(known: &[(Product, Vec<Instance>)]) -> Markup {
    html! {
        @if known.iter().any(|(_, instances)| !instances.is_empty()) {
            fieldset {
                legend { "Only at these instances of the product; at all, where none is chosen" }
                @for (product, instances) in known {
                    @for instance in instances {
                        label.check {
                            input type="checkbox" name="instances" value=(instance.id);
                            span { (product.name) ": " (instance.name) }
                        }
                    }
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct WantedToken {
    name: String,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    product: Option<ProductId>,
    #[serde(default)]
    instances: Vec<InstanceId>,
    #[serde(default)]
    scopes: String,
    expires_in_days: i64,
    #[serde(default)]
    allowed_networks: String,
}

async fn create_token(
    sent: Confirmed<WantedToken>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (visitor, wanted) = (sent.visitor, sent.form);
    let new = NewCredential {
        service_account_id: Some(ServiceAccountId::new(id.into_inner())),
        product_id: wanted.product,
        instance_ids: wanted.instances,
        scopes: separated(&wanted.scopes),
        allowed_networks: networks::parse(&separated(&wanted.allowed_networks))?,
        expires_in_days: Some(wanted.expires_in_days),
        ..NewCredential::new(SecretKind::ServiceAccountToken, &wanted.name)
    };
    let issued = issue_within_rights(&state, new, visitor.admin(WRITE)).await?;
    new_key_page(&visitor, Section::ServiceAccounts, &issued)
}

/// The public halves that a text has: PEM, a JWK, or a set of them. What holds a private key is refused.
fn public_keys(text: &str) -> Result<Vec<PublicKey>, CredentialError> {
    let text = text.trim();
    if !text.starts_with('{') {
        return Ok(vec![PublicKey::from_pem(text)?]);
    }
    let value: Value = serde_json::from_str(text).map_err(|_| {
        CredentialError::Invalid("the public key begins as JSON, and is none".to_owned())
    })?;
    if value.get("keys").is_some() {
        return PublicKey::from_key_set(&value);
    }
    Ok(vec![PublicKey::from_jwk(&value)?])
}

fn key_field() -> Markup {
    field_with_hint(
        "Public key",
        "As PEM, or as a JWK or a set of them: ES256, EdDSA or RS256. The private half stays where the program runs.",
        &html! {
            textarea name="public_key" rows="7" required spellcheck="false" autocomplete="off"
                placeholder="-----BEGIN PUBLIC KEY-----" {}
        },
    )
}

async fn show_new(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let account = found(&state, &ServiceAccountId::new(id.into_inner()))?;
    let known = products_seen(&state, &visitor)?;
    let directories = if visitor.may(Scope::ScimKeysWrite) {
        state.database.read(directories::list).await?
    } else {
        Vec::new()
    };
    let mut purposes = vec![(String::new(), "The admin interface".to_owned())];
    purposes.extend(known.iter().map(|(product, _)| {
        let label = format!("Product: {}", product.name);
        (format!("product:{}", product.id), label)
    }));
    let scim = directories
        .iter()
        .filter(|directory| directory.kind == DirectoryKind::Scim);
    purposes.extend(scim.map(|directory| {
        let label = format!("SCIM, with the directory {}", directory.name);
        (format!("directory:{}", directory.id), label)
    }));
    let purposes: Vec<(&str, &str)> = purposes
        .iter()
        .map(|(value, label)| (value.as_str(), label.as_str()))
        .collect();
    let place = address(&account.id);
    let asked = visitor.asked(&state)?;
    let content = html! {
        (heading("New public key", Some((&place, &account.name)), &html! {}))
        p {
            "With the private half the program signs who it is, and gets access tokens that work for five minutes: "
            "no secret of it is ever here."
        }
        (form(&visitor, &format!("{place}/keys/new"), &html! {
            (common_fields("Nightly export"))
            (key_field())
            (field("For", &select("purpose", "", &purposes)))
            (instance_boxes(&known))
            (field_with_hint(
                "Scopes",
                "With spaces between: scopes of the product, or of the admin interface, such as users:read; none for SCIM.",
                &html! { input name="scopes" autocomplete="off" spellcheck="false"; },
            ))
            (confirmation(asked))
            button.primary { "Register the key" }
        }))
    };
    Ok(page(
        &visitor,
        Section::ServiceAccounts,
        "New public key",
        &content,
    ))
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
    expires_in_days: i64,
    #[serde(default)]
    allowed_networks: String,
    public_key: String,
    /// Nothing, `product:` or `directory:` with an identifier.
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    instances: Vec<InstanceId>,
    #[serde(default)]
    scopes: String,
}

async fn register(
    sent: Confirmed<Wanted>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (wanted, account) = (sent.form, ServiceAccountId::new(id.into_inner()));
    let place = address(&account);
    let keys = public_keys(&wanted.public_key)?;
    let (product, directory) = match wanted.purpose.split_once(':') {
        Some(("product", id)) => (Some(ProductId::new(id)), None),
        Some(("directory", id)) => (None, Some(DirectoryId::new(id))),
        _ if wanted.purpose.is_empty() => (None, None),
        _ => {
            return Err(CredentialError::Invalid("choose what the key is for".to_owned()).into());
        }
    };
    let new = NewCredential {
        service_account_id: Some(account),
        product_id: product,
        directory_id: directory,
        instance_ids: wanted.instances,
        scopes: separated(&wanted.scopes),
        allowed_networks: networks::parse(&separated(&wanted.allowed_networks))?,
        expires_in_days: Some(wanted.expires_in_days),
        ..NewCredential::new(SecretKind::ServiceAccountKey, &wanted.name)
    };
    sent.visitor
        .admin(WRITE)
        .write(&state, move |connection, admin| {
            register_within_rights(connection, &new, &keys, admin)
        })
        .await?;
    Ok(see_other(&format!("{place}?done=key-registered")))
}

fn place(path: web::Path<(String, String)>) -> (ServiceAccountId, CredentialId) {
    let (account, key) = path.into_inner();
    (ServiceAccountId::new(account), CredentialId::new(key))
}

async fn show_replacement(
    visitor: Visitor,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (account, id) = place(path);
    let (account, key) = state.database.read_now(|connection| {
        let found = rules::find(connection, &account)?;
        Ok::<_, CredentialError>((found, find(connection, &account, &id)?))
    })?;
    let place = address(&account.id);
    let title = format!("Replace {}", key.name);
    let asked = visitor.asked(&state)?;
    let content = html! {
        (heading(&title, Some((&place, &account.name)), &html! {}))
        p { "Another public key is registered with the same name and rights." }
        (form(&visitor, &format!("{place}/keys/{id}/replace"), &html! {
            (key_field())
            (expiry_field())
            label.check {
                input type="checkbox" name="revoke" value="true";
                span { "Revoke the old one, and the access tokens that were issued for it, at once" }
            }
            p.muted { "Where it is not revoked now, both work until you revoke it: change the program first." }
            (confirmation(asked))
            div.buttons {
                button.primary { "Register the key" }
                a.button href=(place) { "Cancel" }
            }
        }))
    };
    Ok(page(&visitor, Section::ServiceAccounts, &title, &content))
}

#[derive(Deserialize)]
struct Replacement {
    public_key: String,
    expires_in_days: i64,
    #[serde(default)]
    revoke: bool,
}

async fn replace(
    sent: Confirmed<Replacement>,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (account, id) = place(path);
    let wanted = sent.form;
    let keys = public_keys(&wanted.public_key)?;
    let place = address(&account);
    let (revokes, days) = (wanted.revoke, wanted.expires_in_days);
    sent.visitor
        .admin(WRITE)
        .write(&state, move |connection, admin| {
            let old = find(connection, &account, &id)?;
            register_within_rights(connection, &same_rights(old, days), &keys, admin)?;
            if revokes {
                revoke_by(connection, &account, &id, admin)?;
            }
            Ok::<_, CredentialError>(())
        })
        .await?;
    let done = if revokes {
        "key-replaced"
    } else {
        "key-registered"
    };
    Ok(see_other(&format!("{place}?done={done}")))
}

fn same_rights(old: Credential, expires_in_days: i64) -> NewCredential {
    let is_scim = old.directory_id.is_some();
    NewCredential {
        service_account_id: old.service_account_id,
        product_id: old.product_id,
        directory_id: old.directory_id,
        instance_ids: old.instance_ids,
        // What is bound to a directory is given this scope, and takes no other.
        scopes: old
            .scopes
            .into_iter()
            .filter(|scope| !(is_scim && scope == SCIM_SCOPE))
            .collect(),
        allowed_networks: old.allowed_networks,
        expires_in_days: Some(expires_in_days),
        ..NewCredential::new(SecretKind::ServiceAccountKey, &old.name)
    }
}
