//! What the bodies share: schemas with every type of attribute, and a small database, made once for a process.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::audit::Actor;
use portcullis::clock::{Clock, Timestamp};
use portcullis::credentials::public_keys::PublicKey;
use portcullis::credentials::service_accounts::NewServiceAccount;
use portcullis::credentials::{NewCredential, registered_keys, service_accounts};
use portcullis::provisioning::{self, Context, Limits, Passwords, Payload};
use portcullis::scim::leniency::{Dialect, Leniencies};
use portcullis::scim::schema::{Registry, ResourceType};
use portcullis::secret::SecretKind;
use portcullis::store::directories::{self, Directory, DirectoryKind};
use portcullis::store::id::{DirectoryId, ResourceId, ServiceAccountId};
use portcullis::store::{DatabaseConnection, DatabaseUrl, migrate};
use serde_json::{Map, Value, json};

pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The built-in schemas, and an extension with the types and mutabilities of attribute that they lack.
pub static REGISTRY: LazyLock<Arc<Registry>> = LazyLock::new(|| {
    let documents = [(
        "work.json".to_owned(),
        include_str!("work_schema.json").to_owned(),
    )];
    Arc::new(Registry::load(&documents).expect("the extension can be taken"))
});

/// The resource type of this name.
pub fn resource_type(name: &str) -> &'static Arc<ResourceType> {
    REGISTRY.resource_type(name).expect("it is built in")
}

/// Whatever the identity provider, forgiven.
pub fn lenient() -> Leniencies {
    Leniencies::new(Dialect::Lenient)
}

/// A resource: its identifier, and all that an answer could show of it.
pub type Known = (String, Map<String, Value>);

/// A directory with a few people and groups, and a service account with a key.
pub struct World {
    connection: Mutex<DatabaseConnection>,
    pub context: Context,
    pub users: Vec<Known>,
    pub groups: Vec<Known>,
    /// Its key signs what [`World::sign`] is given.
    pub account: ServiceAccountId,
    key: Ed25519KeyPair,
}

pub static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// When everything happens.
pub const NOW_MILLIS: i64 = 1_800_000_000_000;

impl World {
    pub fn connection(&self) -> MutexGuard<'_, DatabaseConnection> {
        // What a body has found wrong is no fault of the connection.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// `signed` and its signature, as a JWS (RFC 7515 section 3.1).
    pub fn sign(&self, signed: &str) -> String {
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn new() -> Self {
        let place = std::env::temp_dir().join(format!("portcullis-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&place).expect("a temporary directory");
        let url = format!("sqlite:{}", place.join("database").display());
        let url = DatabaseUrl::parse(&url).expect("an address");
        migrate::run(&url).expect("the tables can be made");
        let mut connection = url.connect().expect("a connection");
        let now = Timestamp::from_millis(NOW_MILLIS);
        let context = context(&mut connection, now);
        create(&mut connection, &context);
        let users = read_all(&mut connection, &context, "User");
        let groups = read_all(&mut connection, &context, "Group");
        let owner = users.first().map(|(id, _)| ResourceId::new(id.clone()));
        let (account, key) = account(&mut connection, owner, now);
        // The connection keeps what it has opened, and nothing is left behind.
        std::fs::remove_dir_all(&place).expect("the directory is there");
        Self {
            connection: Mutex::new(connection),
            context,
            users,
            groups,
            account,
            key,
        }
    }
}

fn context(connection: &mut DatabaseConnection, now: Timestamp) -> Context {
    let directory = Directory {
        id: DirectoryId::generate(),
        name: "Identity provider".to_owned(),
        kind: DirectoryKind::Scim,
        dialect: Dialect::Lenient,
        password_allowed: false,
        created_at: now,
        modified_at: now,
    };
    directories::insert(connection, &directory).expect("there is none yet");
    Context {
        registry: Arc::clone(&REGISTRY),
        limits: Arc::new(Limits {
            default_page_size: 100,
            max_page_size: 1_000,
            max_patch_operations: 100,
            max_bulk_operations: 1_000,
            max_bulk_payload: 1_048_576,
            max_members_in_answer: 1_000,
            statement_time_limit_millis: 60_000,
            cursor_timeout_seconds: 600,
        }),
        indexed_attributes: Arc::new(vec!["emails.value".to_owned()]),
        base_url: "https://scim.example.org/scim/v2".into(),
        cursor_key: b"of nobody's interest".as_slice().into(),
        directory,
        actor: Actor::system(),
        clock: Clock::system(),
        requested_at: now,
    }
}

fn create(connection: &mut DatabaseConnection, context: &Context) {
    let population: Vec<Value> =
        serde_json::from_str(include_str!("population.json")).expect("it is JSON");
    for body in population {
        let kind = if body.get("userName").is_some() {
            "User"
        } else {
            "Group"
        };
        let id = body.get("id").and_then(Value::as_str).map(ResourceId::new);
        provisioning::create(
            connection,
            context,
            resource_type(kind),
            id,
            Payload {
                body: &body,
                passwords: &Passwords::default(),
            },
            &mut lenient(),
        )
        .expect("the population can be created");
    }
}

fn read_all(connection: &mut DatabaseConnection, context: &Context, kind: &str) -> Vec<Known> {
    let kind = resource_type(kind);
    super::filter::select(connection, context, kind, None)
        .iter()
        .map(|resource| {
            let projection = portcullis::scim::projection::Projection::default();
            let text = context
                .representation(connection, kind, &projection, resource)
                .expect("it can be read");
            let whole = serde_json::from_str(&text).expect("it is JSON");
            (resource.id.to_string(), whole)
        })
        .collect()
}

fn account(
    connection: &mut DatabaseConnection,
    owner: Option<ResourceId>,
    now: Timestamp,
) -> (ServiceAccountId, Ed25519KeyPair) {
    let system = Actor::system();
    let new = NewServiceAccount {
        name: "A program".to_owned(),
        purpose: "It signs".to_owned(),
        owner,
    };
    let account = service_accounts::create(connection, &new, "programs.invalid", &system, now)
        .expect("an account");
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed");
    let point = URL_SAFE_NO_PAD.encode(key.public_key());
    let public = PublicKey::from_jwk(&json!({"kty": "OKP", "crv": "Ed25519", "x": point}))
        .expect("a public key");
    let new = NewCredential {
        service_account_id: Some(account.id.clone()),
        scopes: vec!["users:read".to_owned()],
        ..NewCredential::new(SecretKind::ServiceAccountKey, "its key")
    };
    registered_keys::register(connection, &new, &public, &system, now).expect("it is the first");
    (account.id, key)
}
