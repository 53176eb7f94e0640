//! A program that holds a private key: its service account, its assertions, and the tokens that it gets.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use portcullis::audit::Actor;
use portcullis::clock::Timestamp;
use portcullis::credentials::CredentialError;
use portcullis::credentials::service_accounts::{self, NewServiceAccount};
use portcullis::store::DatabaseConnection;
use portcullis::store::id::{ResourceId, ServiceAccountId};
use portcullis::store::service_accounts::ServiceAccount;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::server::{Answer, Client, TestServer};

const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Made once: it takes its time.
static RSA_KEY: LazyLock<String> = LazyLock::new(|| {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
    let der: aws_lc_rs::encoding::Pkcs8V1Der = pair.as_der().expect("it can be written");
    let body = STANDARD.encode(der.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
});

/// A pair of keys for one algorithm.
#[derive(Clone)]
pub struct Pair {
    pub algorithm: Algorithm,
    pub private: EncodingKey,
    pub jwk: Value,
}

impl Pair {
    pub fn generate(algorithm: Algorithm) -> Self {
        let random = SystemRandom::new();
        let private = match algorithm {
            Algorithm::ES256 => {
                let document =
                    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                        .expect("a key can be made");
                EncodingKey::from_ec_der(document.as_ref())
            }
            Algorithm::EdDSA => {
                let document = Ed25519KeyPair::generate().expect("a key can be made");
                let document: aws_lc_rs::encoding::Pkcs8V1Der =
                    document.as_der().expect("it can be written");
                EncodingKey::from_ed_der(document.as_ref())
            }
            _ => EncodingKey::from_rsa_pem(RSA_KEY.as_bytes()).expect("it can be read"),
        };
        let jwk = Jwk::from_encoding_key(&private, algorithm).expect("it has a public half");
        Self {
            algorithm,
            private,
            jwk: serde_json::to_value(jwk).expect("a JWK is JSON"),
        }
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&Header::new(self.algorithm), claims)
    }

    pub fn sign_with(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.private).expect("it can be signed")
    }
}

type Change = fn(
    &mut DatabaseConnection,
    &ServiceAccountId,
    &Actor,
    Timestamp,
) -> Result<ServiceAccount, CredentialError>;

/// A service account with one registered key.
pub struct Program<'a> {
    pub server: &'a TestServer,
    pub account: String,
    pub key: String,
    pub pair: Pair,
}

pub fn service_account(server: &TestServer) -> String {
    let new = NewServiceAccount {
        name: format!("Program {}", Uuid::now_v7()),
        purpose: "Tests.".to_owned(),
        owner: Some(ResourceId::new(server.admin_id.clone())),
    };
    let (now, actor) = (server.clock.now(), Actor::command_line());
    server
        .database
        .write_blocking(move |connection| {
            service_accounts::create(connection, &new, "services.example.org", &actor, now)
        })
        .expect("an account can be made")
        .id
        .to_string()
}

/// Sends a form.
pub fn post_form(client: &Client, path: &str, fields: &[(&str, &str)]) -> Answer {
    let pair = |(name, value): &(&str, &str)| {
        let value =
            percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
        format!("{name}={value}")
    };
    let body: Vec<String> = fields.iter().map(pair).collect();
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    client.request("POST", path, &headers, body.join("&").as_bytes())
}

impl<'a> Program<'a> {
    /// With scopes of the admin interface.
    pub fn for_admin(server: &'a TestServer, scopes: &[&str]) -> Self {
        Self::arrange(server, Algorithm::ES256, json!({"scopes": scopes}))
    }

    /// For SCIM with the first directory.
    pub fn for_scim(server: &'a TestServer) -> Self {
        let directory = json!({"directory_id": server.directory_id});
        Self::arrange(server, Algorithm::ES256, directory)
    }

    pub fn arrange(server: &'a TestServer, algorithm: Algorithm, further: Value) -> Self {
        let account = service_account(server);
        let pair = Pair::generate(algorithm);
        Self::with_pair(server, account, pair, further).expect("the key can be registered")
    }

    /// Registers a key; the status of the answer where that is refused.
    pub fn with_pair(
        server: &'a TestServer,
        account: String,
        pair: Pair,
        further: Value,
    ) -> Result<Self, u16> {
        let mut body = further;
        body["name"] = json!("Key");
        body["jwk"] = pair.jwk.clone();
        let path = format!("/service-accounts/{account}/keys");
        let answer = server.admin().post(&path, &body);
        if answer.status != 201 {
            return Err(answer.status);
        }
        Ok(Self {
            server,
            account,
            key: answer.id(),
            pair,
        })
    }

    pub fn seconds(&self) -> i64 {
        self.server.clock.now().as_millis() / 1_000
    }

    /// What a good assertion says.
    pub fn claims(&self) -> Value {
        let now = self.seconds();
        json!({
            "iss": self.account,
            "sub": self.account,
            "aud": format!("{}/oauth2/token", self.server.base_url),
            "iat": now,
            "exp": now + 120,
            "jti": Uuid::now_v7(),
        })
    }

    pub fn assertion(&self) -> String {
        self.pair.sign(&self.claims())
    }

    /// Client credentials with `private_key_jwt`.
    pub fn authenticate(&self, assertion: &str, further: &[(&str, &str)]) -> Answer {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", CLIENT_ASSERTION),
            ("client_assertion", assertion),
        ];
        let fields = [&fields[..], further].concat();
        post_form(&self.server.anonymous(), "/oauth2/token", &fields)
    }

    /// The JWT bearer grant.
    pub fn grant(&self, assertion: &str, further: &[(&str, &str)]) -> Answer {
        let fields = [("grant_type", JWT_BEARER), ("assertion", assertion)];
        let fields = [&fields[..], further].concat();
        post_form(&self.server.anonymous(), "/oauth2/token", &fields)
    }

    pub fn token(&self) -> String {
        self.authenticate(&self.assertion(), &[])
            .expect(200)
            .text_at("/access_token")
    }

    pub fn revoke_key(&self) {
        let path = format!("/service-accounts/{}/keys/{}", self.account, self.key);
        self.server.admin().delete(&path).expect(204);
    }

    pub fn disable(&self) {
        self.change(service_accounts::disable);
    }

    pub fn enable(&self) {
        self.change(service_accounts::enable);
    }

    fn change(&self, change: Change) {
        let id = ServiceAccountId::new(self.account.clone());
        let (now, actor) = (self.server.clock.now(), Actor::command_line());
        self.server
            .database
            .write_blocking(move |connection| change(connection, &id, &actor, now))
            .expect("the account can be changed");
    }
}
