//! One resource: create, read, replace, modify, delete (RFC 7644 sections 3.3 to 3.6, 3.11).

use std::sync::Arc;

use actix_web::http::header::{IF_MATCH, IF_NONE_MATCH};
use actix_web::{HttpResponse, web};
use serde_json::Value;

use crate::lifecycle::{GROUP, USER};
use crate::provisioning::{
    self, Context, Creation, Expected, Passwords, Payload, ProvisioningError, Written,
};
use crate::scim::leniency::Leniencies;
use crate::scim::list::projection_from_query;
use crate::scim::projection::Projection;
use crate::scim::schema::ResourceType;
use crate::scim::{ErrorKind, ScimError};
use crate::store::{DatabaseConnection, Freshness, StoreError, memberships};

use super::answer::{Failure, about, builder};
use super::{Exchange, request, stream};

/// `POST /Users` and the like.
pub async fn create(
    exchange: &mut Exchange,
    kind: &Arc<ResourceType>,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    let asked = Asked::read(exchange, body).await?;
    let mut leniencies = Leniencies::new(exchange.context.directory.dialect);
    let creation = Creation::prepare(
        &exchange.context,
        kind,
        None,
        asked.payload(),
        &mut leniencies,
    )?;
    if let Some(written) = exchange.create_at_once(&creation).await? {
        exchange.note(&written, &leniencies);
        return respond_with_new(exchange, kind, &asked, written).await;
    }
    let (context, group) = (exchange.context.clone(), Arc::clone(kind));
    let (projection, is_shown) = (asked.projection.clone(), !asked.is_minimal);
    let (written, shown, leniencies) = exchange
        .write(move |connection| {
            let mut leniencies = leniencies.clone();
            let written = creation.store(connection, &context, &mut leniencies)?;
            let shown = if is_shown && group.name == GROUP {
                show(connection, &context, &group, &projection, &written)?
            } else {
                Shown::Nothing
            };
            Ok((written, shown, leniencies))
        })
        .await?;
    exchange.note(&written, &leniencies);
    if is_shown && kind.name == GROUP {
        return respond(exchange, kind, written, shown, 201).await;
    }
    respond_with_new(exchange, kind, &asked, written).await
}

/// Answers with a resource that has just been created, and is no group.
async fn respond_with_new(
    exchange: &Exchange,
    kind: &Arc<ResourceType>,
    asked: &Asked,
    written: Written,
) -> Result<HttpResponse, Failure> {
    let shown = if asked.is_minimal {
        Shown::Nothing
    } else {
        let (context, projection) = (&exchange.context, &asked.projection);
        Shown::Text(context.representation_of_new(kind, projection, &written.resource)?)
    };
    respond(exchange, kind, written, shown, 201).await
}

/// `PUT /Users/{id}`
pub async fn replace(
    exchange: &mut Exchange,
    kind: &Arc<ResourceType>,
    id: &str,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    let (id, expected) = (id.to_owned(), if_match(exchange));
    let (written, shown) = write(
        exchange,
        kind,
        body,
        move |connection, context, kind, payload, leniencies| {
            provisioning::replace(
                connection,
                context,
                kind,
                &id,
                expected.as_ref(),
                payload,
                leniencies,
            )
        },
    )
    .await?;
    respond(exchange, kind, written, shown, 200).await
}

/// `PATCH /Users/{id}`
pub async fn patch(
    exchange: &mut Exchange,
    kind: &Arc<ResourceType>,
    id: &str,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    let (id, expected) = (id.to_owned(), if_match(exchange));
    let (written, shown) = write(
        exchange,
        kind,
        body,
        move |connection, context, kind, payload, leniencies| {
            provisioning::patch(
                connection,
                context,
                kind,
                &id,
                expected.as_ref(),
                payload,
                leniencies,
            )
        },
    )
    .await?;
    // A group of many members is answered without them, unless a part was asked for.
    if matches!(shown, Shown::Streamed) && projection(exchange)?.is_default() {
        return Ok(about(204, &exchange.context, kind, &written.resource).finish());
    }
    respond(exchange, kind, written, shown, 200).await
}

/// `DELETE /Users/{id}`
pub async fn delete(
    exchange: &mut Exchange,
    kind: &Arc<ResourceType>,
    id: &str,
) -> Result<HttpResponse, Failure> {
    let (id, expected) = (id.to_owned(), if_match(exchange));
    let (context, kind) = (exchange.context.clone(), Arc::clone(kind));
    exchange
        .write(move |connection| {
            provisioning::delete(connection, &context, &kind, &id, expected.as_ref())
        })
        .await?;
    Ok(builder(204).finish())
}

/// `GET /Users/{id}`
pub async fn read(
    exchange: &mut Exchange,
    kind: &Arc<ResourceType>,
    id: &str,
) -> Result<HttpResponse, Failure> {
    let projection = projection(exchange)?;
    let seen = request::expected(&exchange.request, &IF_NONE_MATCH);
    let context = &exchange.context;
    let is_group = kind.name == GROUP;
    // A look-up by key and a computed list of groups: quick enough for this thread. Members may be many.
    let (resource, text) = exchange.state.database.read_now(|connection| {
        let resource = provisioning::read(connection, context, kind, id)?;
        let is_seen = seen.as_ref().is_some_and(|seen| seen.holds(&resource));
        let text = if is_seen || is_group {
            None
        } else {
            Some(context.representation(connection, kind, &projection, &resource)?)
        };
        Ok::<_, ProvisioningError>((resource, text))
    })?;
    if seen.is_some_and(|seen| seen.holds(&resource)) {
        return Ok(about(304, context, kind, &resource).finish());
    }
    if let Some(text) = text {
        return Ok(about(200, context, kind, &resource).body(text));
    }
    let builder = about(200, context, kind, &resource);
    let (context, kind) = (context.clone(), Arc::clone(kind));
    stream::answer(
        exchange,
        Freshness::Current,
        builder,
        move |connection, output| {
            Ok(context.represent(connection, &kind, &projection, &resource, output)?)
        },
    )
    .await
}

/// `GET /Me` of a signed-in person; an identity provider is nobody.
pub async fn me(exchange: &mut Exchange) -> Result<HttpResponse, Failure> {
    let kind = exchange.context.registry.resource_type(USER).cloned();
    let (Some(person), Some(kind)) = (exchange.person.clone(), kind) else {
        return Err(ScimError::new(
            ErrorKind::NotImplemented,
            "a SCIM API key belongs to no person",
        )
        .into());
    };
    read(exchange, &kind, person.as_str()).await
}

/// How the answer to a write is made.
enum Shown {
    /// Here it is.
    Text(String),
    /// It is too much to be gathered.
    Streamed,
    /// None is wanted.
    Nothing,
}

type Operation = dyn Fn(
        &mut DatabaseConnection,
        &Context,
        &ResourceType,
        Payload<'_>,
        &mut Leniencies,
    ) -> Result<Written, ProvisioningError>
    + Send;

/// Runs an operation and represents the resource in the same transaction.
async fn write(
    exchange: &mut Exchange,
    kind: &Arc<ResourceType>,
    body: web::Payload,
    operation: impl Fn(
        &mut DatabaseConnection,
        &Context,
        &ResourceType,
        Payload<'_>,
        &mut Leniencies,
    ) -> Result<Written, ProvisioningError>
    + Send
    + 'static,
) -> Result<(Written, Shown), Failure> {
    let asked = Asked::read(exchange, body).await?;
    let (context, kind) = (exchange.context.clone(), Arc::clone(kind));
    let operation: Box<Operation> = Box::new(operation);
    let (written, shown, leniencies) = exchange
        .write(move |connection| {
            let mut leniencies = Leniencies::new(context.directory.dialect);
            let payload = asked.payload();
            let written = operation(connection, &context, &kind, payload, &mut leniencies)?;
            let shown = if asked.is_minimal {
                Shown::Nothing
            } else {
                show(connection, &context, &kind, &asked.projection, &written)?
            };
            Ok((written, shown, leniencies))
        })
        .await?;
    exchange.note(&written, &leniencies);
    Ok((written, shown))
}

/// What a request to write asks for.
struct Asked {
    projection: Projection,
    body: Value,
    passwords: Passwords,
    is_minimal: bool,
}

impl Asked {
    async fn read(exchange: &Exchange, body: web::Payload) -> Result<Self, Failure> {
        let projection = projection(exchange)?;
        let limit = usize::try_from(exchange.state.settings.limits.max_body).unwrap_or(usize::MAX);
        let body = request::json(&exchange.request, body, limit).await?;
        Ok(Self {
            projection,
            passwords: hash_passwords(&exchange.context, &body).await?,
            body,
            is_minimal: request::prefers_minimal(&exchange.request),
        })
    }

    fn payload(&self) -> Payload<'_> {
        Payload {
            body: &self.body,
            passwords: &self.passwords,
        }
    }
}

/// Hashing takes long and so has a thread of its own.
pub(super) async fn hash_passwords(context: &Context, body: &Value) -> Result<Passwords, Failure> {
    if !context.directory.password_allowed {
        return Ok(Passwords::default());
    }
    let (context, body) = (context.clone(), body.clone());
    let hashed = web::block(move || Passwords::prepare(&context, &body)).await;
    match hashed {
        Ok(hashed) => Ok(hashed?),
        Err(_) => Err(StoreError::Busy.into()),
    }
}

fn show(
    connection: &mut DatabaseConnection,
    context: &Context,
    kind: &ResourceType,
    projection: &Projection,
    written: &Written,
) -> Result<Shown, StoreError> {
    if kind.name == GROUP {
        let most = context.limits.max_members_in_answer;
        let members = memberships::count_up_to(connection, &written.resource.id, most + 1)?;
        if members > most {
            return Ok(Shown::Streamed);
        }
    }
    let text = context.representation(connection, kind, projection, &written.resource)?;
    Ok(Shown::Text(text))
}

async fn respond(
    exchange: &Exchange,
    kind: &Arc<ResourceType>,
    written: Written,
    shown: Shown,
    status: u16,
) -> Result<HttpResponse, Failure> {
    let context = &exchange.context;
    let mut builder = about(status, context, kind, &written.resource);
    match shown {
        Shown::Text(text) => Ok(builder.body(text)),
        Shown::Nothing => {
            let status = if status == 201 { 201 } else { 204 };
            let mut builder = about(status, context, kind, &written.resource);
            builder.insert_header(("preference-applied", "return=minimal"));
            Ok(builder.finish())
        }
        Shown::Streamed => {
            let projection = projection(exchange)?;
            let (context, kind) = (context.clone(), Arc::clone(kind));
            stream::answer(
                exchange,
                Freshness::Current,
                builder,
                move |connection, output| {
                    Ok(context.represent(
                        connection,
                        &kind,
                        &projection,
                        &written.resource,
                        output,
                    )?)
                },
            )
            .await
        }
    }
}

fn projection(exchange: &Exchange) -> Result<Projection, ScimError> {
    projection_from_query(&request::query(&exchange.request)?)
}

fn if_match(exchange: &Exchange) -> Option<Expected> {
    request::expected(&exchange.request, &IF_MATCH)
}
