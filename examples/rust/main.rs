//! A small wiki that asks Portcullis about the token of each request. Nothing is remembered between requests, so
//! somebody who leaves is refused at their next one; and where Portcullis does not answer, nobody is let in.

use std::error::Error;
use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, get, put, web};
use serde::Deserialize;

/// How long Portcullis may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Where Portcullis is, and how this product asks it.
#[derive(Clone)]
struct Portcullis {
    agent: ureq::Agent,
    introspection: String,
    credential: String,
}

/// What Portcullis says of a token (RFC 7662 section 2.2).
#[derive(Deserialize)]
struct Introspected {
    active: bool,
    #[serde(default)]
    username: String,
    #[serde(default)]
    scope: String,
}

/// Why a request is refused.
enum Refusal {
    NoToken,
    NotActive,
    LacksScope(&'static str),
    /// Whether the token is good is not known, so it is not.
    NotKnown,
}

impl Portcullis {
    fn ask(&self, token: &str, client_ip: &str) -> Result<Introspected, ureq::Error> {
        self.agent
            .post(&self.introspection)
            .header("Authorization", format!("Bearer {}", self.credential))
            .send_form([("token", token), ("client_ip", client_ip)])?
            .body_mut()
            .read_json()
    }

    /// Who makes the request, where their token has the scope.
    async fn admit(&self, request: &HttpRequest, scope: &'static str) -> Result<String, Refusal> {
        let token = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or(Refusal::NoToken)?
            .to_owned();
        // Behind a proxy this would be the proxy's address: take what your proxy says instead.
        let client_ip = request
            .peer_addr()
            .map(|address| address.ip().to_string())
            .unwrap_or_default();
        let portcullis = self.clone();
        let introspected = web::block(move || portcullis.ask(&token, &client_ip))
            .await
            .map_err(|_| Refusal::NotKnown)?
            .map_err(|_| Refusal::NotKnown)?;
        if !introspected.active {
            return Err(Refusal::NotActive);
        }
        if !introspected.scope.split(' ').any(|has| has == scope) {
            return Err(Refusal::LacksScope(scope));
        }
        Ok(introspected.username)
    }
}

impl From<Refusal> for HttpResponse {
    fn from(refusal: Refusal) -> Self {
        let challenge = |answer: &mut actix_web::HttpResponseBuilder, value: String| {
            answer.insert_header((WWW_AUTHENTICATE, value)).finish()
        };
        match refusal {
            Refusal::NoToken => challenge(&mut Self::Unauthorized(), "Bearer".into()),
            Refusal::NotActive => challenge(
                &mut Self::Unauthorized(),
                "Bearer error=\"invalid_token\"".into(),
            ),
            Refusal::LacksScope(scope) => challenge(
                &mut Self::Forbidden(),
                format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\""),
            ),
            Refusal::NotKnown => Self::ServiceUnavailable()
                .insert_header((RETRY_AFTER, "1"))
                .finish(),
        }
    }
}

#[get("/healthz")]
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().finish()
}

#[get("/pages/{name}")]
async fn read(
    request: HttpRequest,
    name: web::Path<String>,
    portcullis: web::Data<Portcullis>,
) -> HttpResponse {
    match portcullis.admit(&request, "pages:read").await {
        Ok(user) => {
            HttpResponse::Ok().json(serde_json::json!({"page": name.into_inner(), "read_by": user}))
        }
        Err(refusal) => refusal.into(),
    }
}

#[put("/pages/{name}")]
async fn write(request: HttpRequest, portcullis: web::Data<Portcullis>) -> HttpResponse {
    match portcullis.admit(&request, "pages:write").await {
        Ok(_) => HttpResponse::NoContent().finish(),
        Err(refusal) => refusal.into(),
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let base_url = std::env::var("PORTCULLIS_URL")?;
    let credential = std::fs::read_to_string(std::env::var("PORTCULLIS_CREDENTIAL_FILE")?)?;
    let portcullis = Portcullis {
        agent: ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .build()
            .into(),
        introspection: format!("{base_url}/oauth2/introspect"),
        credential: credential.trim().to_owned(),
    };
    HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(portcullis.clone()))
            .service(healthz)
            .service(read)
            .service(write)
    })
    .bind(std::env::var("LISTEN")?)?
    .run()
    .await?;
    Ok(())
}
