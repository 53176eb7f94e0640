//! `POST /oauth2/token`: an access token for an assertion, by client credentials with `private_key_jwt`
//! (RFC 7523 section 2.2) or as a grant of its own (section 2.1).

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, PRAGMA, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::credentials::access_tokens::{self, ExchangeError, Terms, Wanted};
use crate::credentials::assertions::{self, AssertionError};
use crate::credentials::{CredentialError, public_keys};
use crate::policies::Scope;

use super::caller::source_ip;
use super::oauth::{error, failed, respond, too_many};
use super::openapi::{ApiEndpoint, Form, Operation};
use super::{State, problem};

/// Where tokens are given, below the base URL.
const TOKEN_PATH: &str = "/oauth2/token";
const CLIENT_CREDENTIALS: &str = "client_credentials";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(super) fn endpoint() -> ApiEndpoint {
    ApiEndpoint::at("/token").post(
        token,
        Operation::new("Get an access token for an assertion (RFC 7523)")
            .explained(
                "With `client_credentials`, `client_assertion` authenticates (`private_key_jwt`); with the JWT bearer \
                 grant, `assertion` does.",
            )
            .refused_as(Form::OAuth)
            .shows::<Granted>()
            .refuses(&[401, 429, 500, 503]),
    )
}

/// The parameters of both grants; one that is sent twice is refused with the form (RFC 6749 section 3.2).
#[derive(Deserialize, ToSchema)]
struct TokenRequest {
    /// `client_credentials` or `urn:ietf:params:oauth:grant-type:jwt-bearer`
    #[schema(required, nullable = false)]
    grant_type: Option<String>,
    /// All that the key has where nothing is said.
    scope: Option<String>,
    /// The product that it is for (RFC 8707).
    resource: Option<String>,
    audience: Option<String>,
    client_id: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
    assertion: Option<String>,
}

/// An access token (RFC 6749 section 5.1).
#[derive(Serialize, ToSchema)]
#[schema(as = AccessToken)]
struct Granted {
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    scope: String,
}

/// A refusal of RFC 6749 section 5.2.
struct Refused {
    code: &'static str,
    description: String,
}

impl Refused {
    fn new(code: &'static str, description: &impl ToString) -> Self {
        Self {
            code,
            description: description.to_string(),
        }
    }

    fn invalid_request(description: &str) -> Self {
        Self::new("invalid_request", &description)
    }

    fn response(self) -> HttpResponse {
        if self.code != "invalid_client" {
            return error(StatusCode::BAD_REQUEST, self.code, &self.description);
        }
        let mut answer = error(StatusCode::UNAUTHORIZED, self.code, &self.description);
        let challenge =
            HeaderValue::from_static("Bearer realm=\"portcullis\", error=\"invalid_client\"");
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        answer
    }
}

impl TokenRequest {
    /// The assertion, and the name of the error when it is not good.
    fn assertion(&self) -> Result<(&str, &'static str), Refused> {
        match self.grant_type.as_deref() {
            None => Err(Refused::invalid_request(
                "the parameter grant_type is missing",
            )),
            Some(CLIENT_CREDENTIALS) => self.client_assertion(),
            Some(JWT_BEARER) if self.client_assertion.is_some() => Err(Refused::invalid_request(
                "with this grant the assertion authenticates too: leave client_assertion out",
            )),
            Some(JWT_BEARER) => self
                .assertion
                .as_deref()
                .map(|assertion| (assertion, "invalid_grant"))
                .ok_or_else(|| Refused::invalid_request("the parameter assertion is missing")),
            Some(_) => Err(Refused::new(
                "unsupported_grant_type",
                &format_args!("grant_type must be {CLIENT_CREDENTIALS} or {JWT_BEARER}"),
            )),
        }
    }

    fn client_assertion(&self) -> Result<(&str, &'static str), Refused> {
        let Some(assertion) = &self.client_assertion else {
            return Err(Refused::new(
                "invalid_client",
                &"authenticate with private_key_jwt: client_assertion_type and client_assertion",
            ));
        };
        if self.client_assertion_type.as_deref() != Some(CLIENT_ASSERTION) {
            return Err(Refused::invalid_request(&format!(
                "client_assertion_type must be {CLIENT_ASSERTION}"
            )));
        }
        Ok((assertion, "invalid_client"))
    }

    /// Both names that are in use for it (RFC 8707 has `resource`).
    fn wanted(&self) -> Result<Wanted, Refused> {
        if self.resource.is_some() && self.audience.is_some() && self.resource != self.audience {
            return Err(Refused::new(
                "invalid_target",
                &"resource and audience name different things: send one of them",
            ));
        }
        Ok(Wanted {
            scope: self.scope.clone(),
            resource: self.resource.clone().or_else(|| self.audience.clone()),
        })
    }
}

async fn token(
    request: HttpRequest,
    state: web::Data<State>,
    form: Result<web::Form<TokenRequest>, actix_web::Error>,
) -> HttpResponse {
    let form = form.map(web::Form::into_inner).map_err(|_| {
        Refused::invalid_request(
            "the body must be a form (application/x-www-form-urlencoded) that has each parameter once",
        )
    });
    let outcome = match form {
        Ok(_) if request.headers().contains_key(AUTHORIZATION) => Err(Refused::new(
            "invalid_client",
            &"authenticate with private_key_jwt alone, without an Authorization header",
        )),
        Ok(form) => give(&request, &state, &form).await,
        Err(refused) => Err(refused),
    };
    match outcome {
        Ok(answer) => answer,
        Err(refused) => {
            state.metrics.count_refusal(refused.code);
            let is_guess = matches!(refused.code, "invalid_client" | "invalid_grant");
            let address = source_ip(&request, &state).filter(|_| is_guess);
            match state.rate_limits.admit_unknown(address) {
                Ok(()) => refused.response(),
                Err(exceeded) => too_many(&exceeded),
            }
        }
    }
}

async fn give(
    request: &HttpRequest,
    state: &State,
    form: &TokenRequest,
) -> Result<HttpResponse, Refused> {
    let (text, code) = form.assertion()?;
    let wanted = form.wanted()?;
    let now = state.clock.now();
    let endpoint = format!("{}{TOKEN_PATH}", state.base_url);
    let checked = state.database.read_now(|connection| {
        assertions::check(connection, text, &[&endpoint, &state.base_url], now)
    });
    let assertion = match checked {
        Ok(assertion) => assertion,
        Err(error) => return refused(code, error),
    };
    let named = form.client_id.as_deref();
    if named.is_some_and(|client| client != assertion.account.as_str()) {
        return Err(Refused::new(
            code,
            &"client_id is not the service account that the assertion is from",
        ));
    }
    let (terms, sealer, address) = (
        terms(state),
        state.sealer.clone(),
        source_ip(request, state),
    );
    let used = assertion.clone();
    let granted = state
        .database
        .write(move |connection| {
            access_tokens::exchange(connection, &sealer, &terms, &used, &wanted, address, now)
        })
        .await;
    match granted {
        Ok(granted) => {
            state.last_use.note(&assertion.key, now, address);
            Ok(respond(StatusCode::OK)
                .insert_header((PRAGMA, HeaderValue::from_static("no-cache")))
                .json(Granted {
                    access_token: granted.token,
                    token_type: "Bearer",
                    expires_in: granted.expires_in,
                    scope: granted.scope,
                }))
        }
        Err(ExchangeError::Assertion(error)) => refused(code, error),
        Err(error @ ExchangeError::Scope(_)) => Err(Refused::new("invalid_scope", &error)),
        Err(error @ ExchangeError::Resource(_)) => Err(Refused::new("invalid_target", &error)),
    }
}

fn refused(code: &'static str, error: AssertionError) -> Result<HttpResponse, Refused> {
    match error {
        AssertionError::Refused(description) => Err(Refused::new(code, &description)),
        AssertionError::Failed(CredentialError::Store(error)) => Ok(failed(&error)),
        AssertionError::Failed(error) => {
            tracing::error!(cause = %problem::Chain(&error), "an access token could not be made");
            Ok(super::oauth::error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "the access token could not be made",
            ))
        }
    }
}

fn terms(state: &State) -> Terms {
    let limits = &state.settings.limits;
    Terms {
        issuer: state.base_url.to_string(),
        lifetime_seconds: i64::from(limits.access_token_seconds),
        signing_key_days: i64::from(limits.signing_key_days),
    }
}

/// RFC 8414 section 2: what this server does, and nothing that it does not.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthorizationServerMetadata)]
pub(super) struct Metadata {
    issuer: String,
    token_endpoint: String,
    jwks_uri: String,
    scopes_supported: Vec<&'static str>,
    response_types_supported: [&'static str; 0],
    grant_types_supported: [&'static str; 2],
    token_endpoint_auth_methods_supported: [&'static str; 1],
    token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: [&'static str; 1],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: [&'static str; 1],
}

/// What this server offers.
pub(super) async fn metadata(state: web::Data<State>) -> HttpResponse {
    let base = &state.base_url;
    let mut scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    scopes.push(crate::credentials::registered_keys::SCIM_SCOPE);
    HttpResponse::Ok().json(Metadata {
        issuer: base.to_string(),
        token_endpoint: format!("{base}{TOKEN_PATH}"),
        jwks_uri: format!("{base}/.well-known/jwks.json"),
        scopes_supported: scopes,
        response_types_supported: [],
        grant_types_supported: [CLIENT_CREDENTIALS, JWT_BEARER],
        token_endpoint_auth_methods_supported: ["private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported: public_keys::ALGORITHMS.to_vec(),
        introspection_endpoint: format!("{base}/oauth2/introspect"),
        introspection_endpoint_auth_methods_supported: ["client_secret_basic"],
        revocation_endpoint: format!("{base}/oauth2/revoke"),
        revocation_endpoint_auth_methods_supported: ["client_secret_basic"],
    })
}
