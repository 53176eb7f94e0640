//! `/gateway/auth`: yes or no for reverse proxies (nginx `auth_request`, Traefik `forwardAuth`, Envoy
//! `ext_authz` over HTTP). The proxy passes the user's bearer token on and adds its product's credential; a yes
//! says in headers who the user is.
//!
//! What the proxy requires is in the query of its own configuration. Where the original path is appended, as
//! Envoy does, the query is the user's, and nothing in it counts.

use std::collections::HashMap;
use std::net::IpAddr;

use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, HeaderName, HeaderValue, WWW_AUTHENTICATE,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use utoipa::PartialSchema;
use utoipa::openapi::{HeaderBuilder, ResponseBuilder};

use crate::credentials::Refusal;

use super::State;
use super::caller::{
    AuthenticationFailure, authenticate_from, bearer, insufficient_scope, note_token_use, source_ip,
};
use super::oauth::{Client, asker, identity, judge};
use super::openapi::{Caller, Mounted, Operation, Taken, query_parameter};
use super::problem::{Problem, ProblemKind};

/// The credential of the product that the proxy stands before.
pub(super) const PRODUCT_CREDENTIAL: &str = "x-portcullis-product-credential";
/// Scopes that the proxy requires where it can add nothing to the query. Whoever else sends it makes it only
/// harder for themselves.
const REQUIRED_SCOPE: &str = "x-portcullis-required-scope";
const SUBJECT: HeaderName = HeaderName::from_static("x-portcullis-subject");
const USER: HeaderName = HeaderName::from_static("x-portcullis-user");
const SCOPES: HeaderName = HeaderName::from_static("x-portcullis-scopes");
const TOKEN_ID: HeaderName = HeaderName::from_static("x-portcullis-token-id");

/// What stands in a header as it is: visible ASCII but the percent sign. The rest is percent-encoded UTF-8.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/auth").to(auth))
        .service(web::resource("/auth/{original:.*}").to(auth_of_original));
}

/// What is said of it. It answers any method, and below it any path.
pub(super) fn operations() -> [Mounted; 1] {
    let described = |text: &str| {
        HeaderBuilder::new()
            .schema(Some(String::schema()))
            .description(Some(text))
            .build()
    };
    let taken = Taken::default().with([
        query_parameter(
            "scope",
            "Scopes that the token must have, separated by spaces",
        ),
        query_parameter("instance", "The instance of the product that asks"),
    ]);
    let operation = Operation::new("Say yes or no to a reverse proxy")
        .explained(
            "Answers any method, and any path below it as well; there the query does not count. \
             `X-Portcullis-Required-Scope` names further scopes.",
        )
        .of(Caller::Gateway)
        .answer(
            200,
            ResponseBuilder::new()
                .description("Yes; the headers say who the user is")
                .build(),
        )
        .with_headers(
            200,
            [
                (
                    "X-Portcullis-Subject",
                    described("The identifier of the user"),
                ),
                ("X-Portcullis-User", described("What the user is called")),
                (
                    "X-Portcullis-Scopes",
                    described("What the token allows, separated by spaces"),
                ),
                (
                    "X-Portcullis-Token-Id",
                    described("The identifier of the token"),
                ),
            ],
        );
    [Mounted::new(Method::GET, "/gateway/auth", taken, operation)]
}

/// What the proxy requires of the token.
#[derive(Debug, Default)]
struct Required {
    scopes: Vec<String>,
    instance: Option<String>,
}

async fn auth(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let required = Required::of_query(request.query_string())?;
    decide(&request, &state, required).await
}

async fn auth_of_original(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    decide(&request, &state, Required::default()).await
}

impl Required {
    fn of_query(query: &str) -> Result<Self, Problem> {
        let refused = |detail: &str| Problem::new(ProblemKind::InvalidRequest, detail);
        let mut parameters = HashMap::new();
        let pairs: web::Query<Vec<(String, String)>> =
            web::Query::from_query(query).map_err(|_| refused("the query could not be read"))?;
        for (name, value) in pairs.into_inner() {
            if !["scope", "instance"].contains(&name.as_str()) {
                return Err(refused("the query takes scope and instance"));
            }
            if parameters.insert(name, value).is_some() {
                return Err(refused("the query names something twice"));
            }
        }
        Ok(Self {
            scopes: words(parameters.get("scope").map_or("", String::as_str)),
            instance: parameters.remove("instance"),
        })
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

async fn decide(
    request: &HttpRequest,
    state: &State,
    mut required: Required,
) -> Result<HttpResponse, Problem> {
    let client = product(request, state).await?;
    for value in request.headers().get_all(REQUIRED_SCOPE) {
        let text = value.to_str().map_err(|_| not_permitted())?;
        required.scopes.extend(words(text));
    }
    let asker = asker(&client, required.instance.as_deref(), state)?.ok_or_else(|| {
        Problem::new(
            ProblemKind::Forbidden,
            "the instance is none of the product's, or not that of the gateway's credential",
        )
    })?;
    let token = user_token(request)?;
    let address = user_address(request, state);
    let now = state.clock.now();
    let judged = state
        .database
        .read_now(|connection| judge(connection, token, &asker, &state.base_url, address, now));
    let (verified, access) = match judged {
        Ok(Some(judged)) => judged,
        Ok(None) => return Err(AuthenticationFailure::Invalid.into()),
        Err(refusal) => {
            state.metrics.count_refusal(refusal.name());
            return Err(failure(refusal).into());
        }
    };
    note_token_use(state, &verified, now, address).await?;
    let missing = |scope: &&String| !access.scopes.contains(scope);
    if required.scopes.iter().any(|scope| missing(&scope)) {
        return Err(lacking(&required.scopes));
    }
    let (subject, user) = identity(&verified);
    let mut answer = HttpResponse::build(StatusCode::OK).finish();
    let headers = answer.headers_mut();
    for (name, text) in [
        (SUBJECT, subject.unwrap_or_default()),
        (USER, user.unwrap_or_default()),
        (TOKEN_ID, verified.credential.id.as_str()),
    ] {
        headers.insert(name, safe(text));
    }
    headers.insert(SCOPES, plain(&access.scopes.join(" ")));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// The product whose credential the proxy has added. It speaks for the proxy itself: the address that it may be
/// used from is the peer's.
async fn product(request: &HttpRequest, state: &State) -> Result<Client, Problem> {
    let credential = only(request, PRODUCT_CREDENTIAL).ok_or_else(not_permitted)?;
    let peer = request
        .peer_addr()
        .map(|address| address.ip().to_canonical());
    match authenticate_from(credential, peer, state).await {
        Ok(caller) => Client::of(caller).ok_or_else(not_permitted),
        Err(AuthenticationFailure::Store(error)) => Err(error.into()),
        Err(failure @ AuthenticationFailure::TooMany(_)) => Err(failure.into()),
        Err(failure) => {
            tracing::warn!(%failure, "a gateway's own credential does not authenticate");
            Err(not_permitted())
        }
    }
}

/// 403, and no 401: nothing that the user could present changes it.
fn not_permitted() -> Problem {
    Problem::new(
        ProblemKind::Forbidden,
        "the gateway must present the credential of its product, this once, in X-Portcullis-Product-Credential",
    )
}

/// The value of a header that is there once: of two, one could be the user's.
fn only<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let mut values = request.headers().get_all(name);
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn user_token(request: &HttpRequest) -> Result<&str, AuthenticationFailure> {
    if request.headers().get_all(AUTHORIZATION).count() > 1 {
        return Err(AuthenticationFailure::Invalid);
    }
    bearer(request).ok_or(AuthenticationFailure::Missing)
}

/// Where the user is: what a trusted proxy says. Of whoever speaks through one that is not trusted, or says
/// nothing, it is not known, so that a token which is limited to networks is refused.
fn user_address(request: &HttpRequest, state: &State) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    source_ip(request, state).filter(|source| *source != peer)
}

fn failure(refusal: Refusal) -> AuthenticationFailure {
    refusal.into()
}

fn lacking(scopes: &[String]) -> Problem {
    let scopes = scopes.join(" ");
    let problem = Problem::new(
        ProblemKind::InsufficientScope,
        "the token lacks a scope that this needs",
    );
    // What a header or a challenge cannot hold is no scope.
    let is_fit = scopes
        .bytes()
        .all(|byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
    match insufficient_scope(&scopes).filter(|_| is_fit) {
        Some(challenge) => problem.with_header(WWW_AUTHENTICATE, challenge),
        None => problem,
    }
}

fn safe(text: &str) -> HeaderValue {
    plain(&utf8_percent_encode(text, ENCODED).to_string())
}

/// Of text that is visible ASCII and spaces; anything else would be nothing.
fn plain(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_scope_and_instance_once_and_nothing_else() {
        let required = Required::of_query("scope=pages:read+pages:write&instance=x").unwrap();
        assert_eq!(required.scopes, ["pages:read", "pages:write"]);
        assert_eq!(required.instance.as_deref(), Some("x"));
        assert!(Required::of_query("").unwrap().scopes.is_empty());
        for bad in ["scope=a&scope=b", "scopes=a", "instance=x&instance=x"] {
            assert!(Required::of_query(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_header_says_of_a_user_is_visible_ascii() {
        for (text, expected) in [
            ("ada@example.org", "ada@example.org"),
            ("Ada Löv\r\nX: y", "Ada%20L%C3%B6v%0D%0AX:%20y"),
            ("100%", "100%25"),
        ] {
            assert_eq!(safe(text), expected, "{text}");
        }
    }
}
