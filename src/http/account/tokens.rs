//! One's own API tokens: made within what policy allows, listed, rotated, revoked.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::credentials::view::CredentialView;
use crate::credentials::{Issued, NewCredential, issue, keys};
use crate::policies::authentication::{Policy, effective};
use crate::policies::products::is_open_to;
use crate::policies::{lifetime, networks};
use crate::secret::SecretKind;
use crate::store::credentials::{self as table, Selection};
use crate::store::id::{CredentialId, InstanceId, ProductId, ResourceId};
use crate::store::product_instances::{self, Instance};
use crate::store::products::{self, Product};
use crate::store::{DatabaseConnection, StoreError};

use super::super::State;
use super::super::admin::keys::Rotation;
use super::super::admin::optional_json::OptionalJson;
use super::super::admin::page::PageQuery;
use super::super::admin::view::{self, IssuedView};
use super::super::openapi::{ApiEndpoint, Caller, Operation};
use super::super::problem::Problem;
use super::Person;

pub(super) fn endpoints() -> Vec<ApiEndpoint> {
    let own = |summary| Operation::new(summary).of(Caller::Person);
    vec![
        ApiEndpoint::at("/tokens")
            .get(
                list,
                own("List one's API tokens").lists::<CredentialView>(),
            )
            .post(
                create,
                own("Make an API token for a product")
                    .answers_with::<IssuedView>(201, "It was made")
                    .refuses(&[404, 409]),
            ),
        ApiEndpoint::at("/token-options").get(
            show_options,
            own("Show what an API token of one's own may be made for").shows::<OptionsView>(),
        ),
        ApiEndpoint::at("/tokens/{id}").delete(
            revoke,
            own("Revoke one of one's API tokens").ends(),
        ),
        ApiEndpoint::at("/tokens/{id}/rotate").post(
            rotate,
            own("Make the successor of one of one's API tokens")
                .explained(
                    "It has the same rights. The old one goes on working for `overlap_hours` after the first use of \
                     the new one, 24 where nothing is said, and never beyond its own end.",
                )
                .answers_with::<IssuedView>(201, "It was made")
                .refuses(&[404, 409]),
        ),
    ]
}

/// What a person asks for who wants an API token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUserToken)]
pub(in super::super) struct NewToken {
    /// What they call it.
    pub(in super::super) name: String,
    /// The product that it is for.
    pub(in super::super) product_id: Option<ProductId>,
    /// The instances of the product that it is limited to.
    #[serde(default)]
    pub(in super::super) instance_ids: Vec<InstanceId>,
    /// What it may be used for.
    #[serde(default)]
    pub(in super::super) scopes: Vec<String>,
    /// Where it may be used from.
    #[serde(default)]
    pub(in super::super) allowed_networks: Vec<String>,
    /// How long it lives.
    #[schema(minimum = 1, maximum = 365)]
    pub(in super::super) expires_in_days: Option<i64>,
}

/// What an API token of a person may be made for.
pub(in super::super) struct Options {
    /// What their policy says.
    pub(in super::super) policy: Policy,
    /// The products that they may use, each with its instances.
    pub(in super::super) products: Vec<(Product, Vec<Instance>)>,
}

impl Options {
    /// What is open to a person at an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub(in super::super) fn of(
        connection: &mut DatabaseConnection,
        person: &ResourceId,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut open = Vec::new();
        for product in products::list(connection)? {
            if is_open_to(connection, &product, person)? {
                let instances = product_instances::list(connection, &product.id)?;
                open.push((product, instances));
            }
        }
        Ok(Self {
            policy: effective(connection, person, now)?,
            products: open,
        })
    }

    /// After how many days a token has expired at the latest.
    pub(in super::super) fn most_days(&self) -> i64 {
        self.policy.settings.max_token_days.min(lifetime::MAX_DAYS)
    }
}

/// What an API token of one's own may be made for.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenOptions)]
struct OptionsView {
    /// Whether the policy that holds for one allows API tokens at all.
    allowed: bool,
    /// What that policy is called.
    policy: String,
    /// The most that `expires_in_days` may be.
    max_expires_in_days: i64,
    /// What a token may be for; for every one of them where it names none.
    products: Vec<ProductOption>,
}

/// A product that a token may be for.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenProductOption)]
struct ProductOption {
    id: ProductId,
    name: String,
    /// What a token for it may be used for.
    scopes: Vec<String>,
    /// To what a token for it may be limited.
    instances: Vec<InstanceOption>,
}

/// An instance that a token may be limited to.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenInstanceOption)]
struct InstanceOption {
    id: InstanceId,
    name: String,
}

async fn show_options(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    let now = person.caller.requested_at;
    let options = state
        .database
        .read(move |connection| Options::of(connection, &person.id, now))
        .await?;
    let product = |(product, instances): &(Product, Vec<Instance>)| ProductOption {
        id: product.id.clone(),
        name: product.name.clone(),
        scopes: product.scopes.clone(),
        instances: instances
            .iter()
            .map(|instance| InstanceOption {
                id: instance.id.clone(),
                name: instance.name.clone(),
            })
            .collect(),
    };
    Ok(HttpResponse::Ok().json(OptionsView {
        allowed: !options.policy.blocks_tokens(),
        policy: options.policy.name.clone(),
        max_expires_in_days: options.most_days(),
        products: options.products.iter().map(product).collect(),
    }))
}

async fn list(
    request: HttpRequest,
    state: web::Data<State>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    let selection = Selection {
        kinds: vec![SecretKind::UserToken],
        owner: Some(person.id),
        ..Selection::default()
    };
    let window = query.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| table::list(connection, &selection, place.cursor(), place.fetch()))
        .await?;
    let now = person.caller.requested_at;
    Ok(HttpResponse::Ok().json(window.page(
        found,
        |token| token.id.to_string(),
        |token| view::credential(token, now),
    )))
}

async fn create(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<NewToken>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    let now = person.caller.requested_at;
    let issued = issue_token(&state, &person, body.into_inner()).await?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(view::issued(&issued, now)))
}

/// Issues an API token of a person, within what their policy allows.
pub(in super::super) async fn issue_token(
    state: &State,
    person: &Person,
    wanted: NewToken,
) -> Result<Issued, Problem> {
    let new = NewCredential {
        owner_id: Some(person.id.clone()),
        product_id: wanted.product_id,
        instance_ids: wanted.instance_ids,
        scopes: wanted.scopes,
        allowed_networks: networks::parse(&wanted.allowed_networks)?,
        expires_in_days: wanted.expires_in_days,
        ..NewCredential::new(SecretKind::UserToken, &wanted.name)
    };
    let issued = person
        .write(state, move |connection, person| {
            let (actor, now) = (&person.caller.actor, person.caller.requested_at);
            issue(connection, &new, actor, now)
        })
        .await?;
    Ok(issued)
}

async fn rotate(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
    OptionalJson(rotation): OptionalJson<Rotation>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    let now = person.caller.requested_at;
    let id = CredentialId::new(id.into_inner());
    let issued = rotate_own_token(&state, &person, id, rotation).await?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(view::issued(&issued, now)))
}

/// Issues the successor of a token that is the person's own.
pub(in super::super) async fn rotate_own_token(
    state: &State,
    person: &Person,
    id: CredentialId,
    rotation: Rotation,
) -> Result<Issued, Problem> {
    let issued = person
        .write(state, move |connection, person| {
            keys::rotate_token(
                connection,
                &person.id,
                &id,
                rotation.overlap_hours,
                rotation.expires_in_days,
                &person.caller.actor,
                person.caller.requested_at,
            )
        })
        .await?;
    Ok(issued)
}

async fn revoke(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    revoke_own_token(&state, &person, CredentialId::new(id.into_inner())).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Revokes a token that is the person's own.
pub(in super::super) async fn revoke_own_token(
    state: &State,
    person: &Person,
    id: CredentialId,
) -> Result<(), Problem> {
    person
        .write(state, move |connection, person| {
            keys::revoke_token(
                connection,
                &person.id,
                &id,
                "revoked_by_owner",
                &person.caller.actor,
                person.caller.requested_at,
            )
        })
        .await?;
    Ok(())
}
