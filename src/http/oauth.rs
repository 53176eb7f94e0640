//! What products ask: token introspection (RFC 7662).

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::credentials::access::{Access, Asker, access_at};
use crate::credentials::{Refusal, Verified, access_tokens, tokens, verify};
use crate::policies::rate_limits::Exceeded;
use crate::secret::{PlainSecret, SecretKind};
use crate::store::id::{InstanceId, ProductId};
use crate::store::{DatabaseConnection, StoreError, product_instances};

use super::caller::{
    AuthenticationFailure, Caller, authenticate, authenticate_secret, note_token_use,
    rate_limit_headers,
};
use super::openapi::{ApiEndpoint, Caller as ClientKind, Form, Operation};
use super::problem::{Chain, RETRY_SECONDS};
use super::{State, revocation, token};

pub(super) fn endpoints() -> Vec<ApiEndpoint> {
    vec![
        ApiEndpoint::at("/introspect").post(
            introspect,
            Operation::new("Ask about a token (RFC 7662)")
                .of(ClientKind::Product)
                .refused_as(Form::OAuth)
                .shows::<Introspected>(),
        ),
        token::endpoint(),
        revocation::endpoint(),
    ]
}

/// RFC 7662 section 2.1; a hint changes nothing, since a token says itself what it is.
#[derive(Deserialize, ToSchema)]
#[schema(as = IntrospectionRequest)]
struct Introspection {
    #[schema(required, nullable = false)]
    token: Option<String>,
    /// Ours: the address that the token was presented from. A token that is bound to networks is active
    /// only where this is given and within them.
    client_ip: Option<String>,
    /// Ours: the instance of the product that asks, where its credential is not bound to one. A token that is
    /// limited to instances is active only where this is given and among them.
    instance: Option<String>,
}

async fn introspect(
    request: HttpRequest,
    state: web::Data<State>,
    form: Result<web::Form<Introspection>, actix_web::Error>,
) -> HttpResponse {
    let client = match client(&request, &state).await {
        Ok(client) => client,
        Err(answer) => return answer,
    };
    let Ok(form) = form else {
        return error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "the body must be a form (application/x-www-form-urlencoded)",
        );
    };
    let Some(token) = &form.token else {
        return error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "the parameter token is missing",
        );
    };
    let asker = match asker(&client, form.instance.as_deref(), &state) {
        Ok(Some(asker)) => asker,
        Ok(None) => {
            return error(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "instance names none of this product, or not the one of this credential",
            );
        }
        Err(error) => return failed(&error),
    };
    let address = form.client_ip.as_deref().and_then(|text| {
        let address: IpAddr = text.parse().ok()?;
        Some(address.to_canonical())
    });
    let now = state.clock.now();
    let judged = state
        .database
        .read_now(|connection| judge(connection, token, &asker, &state.base_url, address, now));
    let answer = match judged {
        Ok(Some((verified, access))) => {
            if let Err(error) = note_token_use(&state, &verified, now, address).await {
                return failed(&error);
            }
            Introspected {
                active: true,
                token: Some(active(&verified, &access, &client, &state.base_url)),
            }
        }
        // Neither why, nor that another product may use it.
        Ok(None) => Introspected::default(),
        Err(Refusal::Store(error)) => return failed(&error),
        Err(refusal) => {
            state.metrics.count_refusal(refusal.name());
            Introspected::default()
        }
    };
    respond(StatusCode::OK).json(answer)
}

/// A token that was presented to a product: whether it stands, and what it allows there, if anything.
pub(super) fn judge(
    connection: &mut DatabaseConnection,
    token: &str,
    asker: &Asker,
    issuer: &str,
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<Option<(Verified, Access)>, Refusal> {
    if tokens::is_token(token) {
        let audience = asker.product.as_str();
        let verified = access_tokens::verify(connection, token, issuer, audience, address, now)?;
        return Ok(access_at(connection, &verified, asker)?.map(|access| (verified, access)));
    }
    let secret = PlainSecret::recognise(token)
        .filter(|secret| {
            matches!(
                secret.kind(),
                SecretKind::UserToken | SecretKind::ServiceAccountToken
            )
        })
        .ok_or(Refusal::Unknown)?;
    let verified = verify(connection, &secret, address, now)?;
    Ok(access_at(connection, &verified, asker)?.map(|access| (verified, access)))
}

/// Who asks: as the instance that the client's credential is bound to, or else the one it names. `None` where that
/// is no instance of its product, or another than it is bound to.
pub(super) fn asker(
    client: &Client,
    named: Option<&str>,
    state: &State,
) -> Result<Option<Asker>, StoreError> {
    let named = named.map(InstanceId::new);
    let is_known = match (&client.instance, &named) {
        (_, None) => true,
        (Some(bound), Some(named)) => bound == named,
        (None, Some(named)) => state
            .database
            .read_now(|connection| product_instances::find(connection, &client.product, named))?
            .is_some(),
    };
    Ok(is_known.then(|| Asker {
        product: client.product.clone(),
        instance: client.instance.clone().or(named),
    }))
}

/// RFC 7662 section 2.2; of a token that is not active nothing more is said.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = Introspection)]
struct Introspected {
    active: bool,
    #[serde(flatten)]
    #[schema(value_type = IntrospectedToken)]
    token: Option<IntrospectedToken>,
}

/// What is said of a token that is active.
#[derive(Serialize, ToSchema)]
struct IntrospectedToken {
    sub: Option<String>,
    username: Option<String>,
    /// What it allows, separated by spaces.
    #[schema(required = false)]
    scope: String,
    #[schema(required = false, nullable)]
    client_id: Option<String>,
    #[schema(required = false)]
    token_type: &'static str,
    #[schema(required = false)]
    exp: i64,
    #[schema(required = false)]
    iat: i64,
    #[schema(required = false)]
    iss: String,
    #[schema(required = false)]
    aud: ProductId,
    #[schema(required = false)]
    jti: String,
    /// Ours: the instances that it is limited to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    instances: Vec<InstanceId>,
}

fn active(
    verified: &Verified,
    access: &Access,
    client: &Client,
    issuer: &str,
) -> IntrospectedToken {
    let token = &verified.credential;
    let expires_at = verified.policy.as_ref().map_or(token.expires_at, |policy| {
        policy.token_end(token.created_at, token.expires_at)
    });
    let product = &client.product;
    let (subject, username) = identity(verified);
    // An access token is one of many that were issued from its key, and says of itself when and to whom.
    let (client_id, id, issued_at, expires_at) = match &verified.access_token {
        Some(own) => (subject, own.jti.as_str(), own.issued_at, own.expires_at),
        None => (
            Some(product.as_str()),
            token.id.as_str(),
            token.created_at,
            expires_at,
        ),
    };
    IntrospectedToken {
        sub: subject.map(str::to_owned),
        username: username.map(str::to_owned),
        scope: access.scopes.join(" "),
        client_id: client_id.map(str::to_owned),
        token_type: "Bearer",
        exp: expires_at.as_millis() / 1_000,
        iat: issued_at.as_millis() / 1_000,
        iss: issuer.to_owned(),
        aud: product.clone(),
        jti: id.to_owned(),
        // An instance is told of itself alone.
        instances: match &client.instance {
            Some(own) if !token.instance_ids.is_empty() => vec![own.clone()],
            _ => token.instance_ids.clone(),
        },
    }
}

/// Whom a token stands for: the identifier, and what they are called.
pub(super) fn identity(verified: &Verified) -> (Option<&str>, Option<&str>) {
    match (&verified.owner, &verified.service_account) {
        (Some(person), _) => (Some(person.id.as_str()), person.user_name.as_deref()),
        (None, Some(account)) => (Some(account.id.as_str()), Some(&account.address)),
        (None, None) => (None, None),
    }
}

/// A product that asks.
#[derive(Debug, Clone)]
pub(super) struct Client {
    /// The product.
    pub(super) product: ProductId,
    /// The instance that its credential is bound to.
    pub(super) instance: Option<InstanceId>,
}

impl Client {
    /// The product that a caller is, where it is one.
    pub(super) fn of(caller: Caller) -> Option<Self> {
        let credential = caller.verified.credential;
        if credential.kind != SecretKind::ProductCredential {
            return None;
        }
        Some(Self {
            product: credential.product_id?,
            instance: credential.instance_ids.into_iter().next(),
        })
    }
}

/// The product that asks, by bearer credential or by HTTP Basic with its id and credential (RFC 6749 section
/// 2.3.1).
async fn client(request: &HttpRequest, state: &State) -> Result<Client, HttpResponse> {
    let (caller, named) = client_caller(request, state).await?;
    match Client::of(caller) {
        Some(client) if named.is_none_or(|named| named == client.product.as_str()) => Ok(client),
        _ => Err(invalid_client(&AuthenticationFailure::Invalid)),
    }
}

/// Whoever presents a credential as a client does, and the client id that they give with it.
pub(super) async fn client_caller(
    request: &HttpRequest,
    state: &State,
) -> Result<(Caller, Option<String>), HttpResponse> {
    let basic = basic(request);
    let caller = match &basic {
        Some((_, secret)) => authenticate_secret(secret, request, state).await,
        None => authenticate(request, state).await,
    };
    match caller {
        Ok(caller) => Ok((caller, basic.map(|(client, _)| client))),
        Err(AuthenticationFailure::Store(error)) => Err(failed(&error)),
        Err(AuthenticationFailure::TooMany(exceeded)) => Err(too_many(&exceeded)),
        Err(failure) => Err(invalid_client(&failure)),
    }
}

fn basic(request: &HttpRequest) -> Option<(String, String)> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    let (client, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .ok()
            .map(std::borrow::Cow::into_owned)
    };
    Some((plain(client)?, plain(secret)?))
}

/// RFC 6749 section 5.2.
pub(super) fn invalid_client(failure: &AuthenticationFailure) -> HttpResponse {
    let mut answer = error(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        &failure.to_string(),
    );
    answer
        .headers_mut()
        .insert(WWW_AUTHENTICATE, failure.challenge());
    answer
}

pub(super) fn too_many(exceeded: &Exceeded) -> HttpResponse {
    let mut answer = error(
        StatusCode::TOO_MANY_REQUESTS,
        "temporarily_unavailable",
        "too many requests",
    );
    for (name, value) in rate_limit_headers("requests", exceeded) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// The database failed: 503 where the same may succeed a moment later.
pub(super) fn failed(cause: &StoreError) -> HttpResponse {
    if !cause.is_unavailable() {
        tracing::error!(cause = %Chain(cause), "a request about a token failed");
        return error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "the request could not be completed; the log of the server says why",
        );
    }
    tracing::warn!(cause = %Chain(cause), "the database is not available");
    let mut answer = error(
        StatusCode::SERVICE_UNAVAILABLE,
        "temporarily_unavailable",
        "the database cannot take the request now",
    );
    answer.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
    answer
}

/// Why a request is refused (RFC 6749 section 5.2).
#[derive(Serialize, ToSchema)]
pub(super) struct OAuthError {
    #[schema(example = "invalid_request")]
    error: String,
    /// One sentence for people.
    error_description: String,
}

pub(super) fn error(status: StatusCode, code: &str, description: &str) -> HttpResponse {
    respond(status).json(OAuthError {
        error: code.to_owned(),
        error_description: description.to_owned(),
    })
}

pub(super) fn respond(status: StatusCode) -> HttpResponseBuilder {
    let mut builder = HttpResponse::build(status);
    builder.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    builder
}
