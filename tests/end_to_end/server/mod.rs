//! A server in this process, set up on a database of its own, with a clock that can be moved.
//!
//! No test lives here; [`on_both_databases!`] makes the tests of one body.

mod client;
mod database;
mod postgres;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use portcullis::audit::Actor;
use portcullis::clock::Clock;
use portcullis::config::{Limits, LogFormat, MasterKey, Notifications, ServerSettings, Settings};
use portcullis::credentials::{self, NewCredential};
use portcullis::http::{self, State};
use portcullis::lifecycle::{self, Cause};
use portcullis::policies::{Role, Scope, roles};
use portcullis::provisioning::people::{self, NewPerson};
use portcullis::scim::leniency::Dialect;
use portcullis::scim::schema::Registry;
use portcullis::secret::SecretKind;
use portcullis::store::directories::DirectoryKind;
use portcullis::store::id::{DirectoryId, ResourceId};
use portcullis::store::{Database, DatabaseUrl};
use tokio::sync::oneshot;

pub use client::{Answer, Client};
pub use database::{DatabaseKind, TestDatabase, databases, postgres_url};
pub use postgres::OwnPostgres;

/// The user name of the person who made the first keys.
pub const ADMIN: &str = "admin@example.org";
/// The name of the first directory.
pub const DIRECTORY: &str = "Identity provider";
const CONNECTIONS: u32 = 8;
/// How long a request may take before the test fails instead of hanging.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The master key of every test server.
pub const MASTER_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Makes two tests of one body: `name::sqlite` and `name::postgres`.
///
/// A third argument changes the settings before the server starts.
macro_rules! on_both_databases {
    ($(#[$attribute:meta])* $name:ident, |$server:ident| $body:block) => {
        on_both_databases!($(#[$attribute])* $name, |$server| $body, |_| {});
    };
    ($(#[$attribute:meta])* $name:ident, |$server:ident| $body:block, $settings:expr) => {
        fn $name(kind: crate::server::DatabaseKind) {
            let server = crate::server::TestServer::start_with(kind, $settings);
            let $server = &server;
            $body
        }

        $(#[$attribute])*
        mod $name {
            use crate::server::DatabaseKind;

            #[test]
            fn sqlite() {
                super::$name(DatabaseKind::Sqlite);
            }

            #[test]
            fn postgres() {
                super::$name(DatabaseKind::Postgres);
            }
        }
    };
}

/// A running server and what its first-run set-up gave; stopped, and its database removed, when dropped.
pub struct TestServer {
    /// Which database it runs on.
    pub kind: DatabaseKind,
    /// Without a slash at its end.
    pub base_url: String,
    /// The base of the SCIM interface, without a slash at its end.
    pub scim_base: String,
    /// The SCIM key of the first directory.
    pub scim_key: String,
    /// An admin API key with every scope.
    pub admin_key: String,
    /// The first directory, which the SCIM key is bound to; it forgives what can be understood.
    pub directory_id: String,
    /// The person in the local directory who made both keys.
    pub admin_id: String,
    /// The server's clock.
    pub clock: Clock,
    /// The server's database.
    pub database: Database,
    /// What every handler of the server knows.
    pub state: State,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Dropped last; a further node has none of its own.
    test_database: Option<TestDatabase>,
}

impl TestServer {
    /// Starts one with the settings that are the defaults.
    pub fn start(kind: DatabaseKind) -> Self {
        Self::start_with(kind, |_| {})
    }

    /// Starts one with changed settings.
    pub fn start_with(kind: DatabaseKind, change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_on(TestDatabase::create(kind), change, Work::Everything)
    }

    /// Starts one on a database that is there already.
    pub fn start_on_database(
        test_database: TestDatabase,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::start_on(test_database, change, Work::Everything)
    }

    /// Starts one that answers requests and does nothing beside them, on a database that may be prepared.
    pub fn start_answering(
        test_database: TestDatabase,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::start_on(test_database, change, Work::RequestsAlone)
    }

    fn start_on(
        test_database: TestDatabase,
        change: impl FnOnce(&mut Settings),
        work: Work,
    ) -> Self {
        let kind = test_database.kind();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port can be listened on");
        let address = listener.local_addr().expect("it has an address");
        let mut settings = Settings {
            data_dir: test_database.directory.clone(),
            database_url: String::new(),
            replica_url: None,
            listen: address,
            public_url: None,
            schemas: None,
            log_format: LogFormat::Text,
            log: "info".to_owned(),
            trusted_proxies: Vec::new(),
            indexed_attributes: vec!["emails.value".to_owned()],
            service_account_domain: "service-accounts.invalid".to_owned(),
            master_key: MasterKey::parse(MASTER_KEY),
            previous_master_key: None,
            // Tests of other things are not slowed down; those of the rates set their own.
            notifications: Notifications::default(),
            server: ServerSettings::default(),
            limits: Limits {
                scim_key_rate: 0,
                api_key_rate: 0,
                session_rate: 0,
                service_account_rate: 0,
                unknown_credential_rate: 0,
                shutdown_seconds: 1,
                ..Limits::default()
            },
        };
        change(&mut settings);
        let database = Database::migrate_and_open(test_database.url.clone(), CONNECTIONS)
            .expect("the database can be migrated")
            .with_limits(&settings.limits);
        let database = match &settings.replica_url {
            Some(url) => database.with_replica(DatabaseUrl::Postgres(url.clone())),
            None => Ok(database),
        }
        .expect("the replica can be used");
        let base_url = settings.base_url(address);
        let clock = Clock::system();
        let state = State::new(
            database.clone(),
            Arc::new(registry(settings.schemas.as_deref())),
            Arc::new(settings),
            clock.clone(),
            &MasterKey::parse(MASTER_KEY).expect("64 digits"),
            &base_url,
        );
        let first = set_up(&state);
        let (stop, thread) = serve(state.clone(), listener, work);
        Self {
            kind,
            scim_base: format!("{base_url}/scim/v2"),
            base_url,
            scim_key: first.scim_key,
            admin_key: first.admin_key,
            directory_id: first.directory.to_string(),
            admin_id: first.admin.to_string(),
            clock,
            database,
            state,
            stop: Some(stop),
            thread: Some(thread),
            test_database: Some(test_database),
        }
    }

    /// Starts a further node on the database of another, which must outlive it.
    pub fn start_beside(first: &Self) -> Self {
        Self::start_beside_with(first, first.clock.clone())
    }

    /// The same with a clock of its own.
    pub fn start_beside_with(first: &Self, clock: Clock) -> Self {
        let test_database = first.test_database.as_ref();
        let url = test_database.expect("it is the first").url.clone();
        let database =
            Database::migrate_and_open(url, CONNECTIONS).expect("the database can be opened");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port can be listened on");
        let address = listener.local_addr().expect("it has an address");
        // Clients know all nodes by one URL.
        let state = State::new(
            database.clone(),
            first.state.registry.clone(),
            first.state.settings.clone(),
            clock.clone(),
            &MasterKey::parse(MASTER_KEY).expect("64 digits"),
            &first.base_url,
        );
        let (stop, thread) = serve(state.clone(), listener, Work::Everything);
        let base_url = format!("http://{address}");
        Self {
            kind: first.kind,
            scim_base: format!("{base_url}/scim/v2"),
            base_url,
            scim_key: first.scim_key.clone(),
            admin_key: first.admin_key.clone(),
            directory_id: first.directory_id.clone(),
            admin_id: first.admin_id.clone(),
            clock,
            database,
            state,
            stop: Some(stop),
            thread: Some(thread),
            test_database: None,
        }
    }

    /// Speaks to the SCIM interface with the first directory's key.
    pub fn scim(&self) -> Client {
        Client::new(&self.scim_base, Some(&self.scim_key))
    }

    /// Speaks to the SCIM interface with another key.
    pub fn scim_with(&self, key: &str) -> Client {
        Client::new(&self.scim_base, Some(key))
    }

    /// Speaks to the admin interface with the admin API key.
    pub fn admin(&self) -> Client {
        Client::new(
            &format!("{}/admin/v1", self.base_url),
            Some(&self.admin_key),
        )
    }

    /// Speaks to any path of the server with a bearer token.
    pub fn with_token(&self, token: &str) -> Client {
        Client::new(&self.base_url, Some(token))
    }

    /// Speaks to any path of the server without saying who asks.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.base_url, None)
    }

    /// Makes a directory and a SCIM key for it: its id and the key.
    pub fn new_directory(&self, dialect: Dialect) -> (String, String) {
        let name = format!("Directory {}", ResourceId::generate());
        let admin = ResourceId::new(self.admin_id.clone());
        let now = self.clock.now();
        self.database
            .write_blocking(move |connection| {
                let cause = cause(actor(Some(admin.clone())), now);
                let kind = DirectoryKind::Scim;
                let directory =
                    lifecycle::create_directory(connection, &name, kind, dialect, false, &cause)
                        .expect("a directory can be made");
                let key = scim_key(connection, &directory.id, &cause);
                Ok::<_, portcullis::store::StoreError>((directory.id.to_string(), key))
            })
            .expect("the database works")
    }
}

/// What a server does.
#[derive(Clone, Copy)]
enum Work {
    Everything,
    RequestsAlone,
}

fn serve(state: State, listener: TcpListener, work: Work) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        // A sender that is gone means the same.
        let stop = async move {
            let _ = stopped.await;
        };
        let system = actix_web::rt::System::new();
        match work {
            Work::Everything => system.block_on(http::serve(state, listener, stop)),
            Work::RequestsAlone => system.block_on(http::answer(state, listener, stop)),
        }
        .expect("the server serves");
    });
    (stop, thread)
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let outcome = thread.join();
            if !std::thread::panicking() {
                outcome.expect("the server has not panicked");
            }
        }
    }
}

/// What the first-run set-up gives.
struct First {
    directory: DirectoryId,
    admin: ResourceId,
    scim_key: String,
    admin_key: String,
}

/// The first-run set-up: a local directory with an owner, a directory for an identity provider, and the
/// keys that the owner makes.
fn set_up(state: &State) -> First {
    let surroundings = state.surroundings();
    let now = state.clock.now();
    state
        .database
        .write_blocking(move |connection| {
            let nobody = cause(actor(None), now);
            for (name, kind) in [
                ("Local", DirectoryKind::Local),
                (DIRECTORY, DirectoryKind::Scim),
            ] {
                let dialect = Dialect::Lenient;
                lifecycle::create_directory(connection, name, kind, dialect, false, &nobody)
                    .expect("a directory can be made");
            }
            let person = NewPerson {
                user_name: ADMIN.to_owned(),
                display_name: Some("Admin".to_owned()),
                email: None,
            };
            let admin = people::create_local(connection, &surroundings, &person, &nobody)
                .expect("a local person can be made")
                .id;
            roles::assign(connection, &admin, Role::Owner, &nobody.actor, now)
                .expect("a role can be granted");
            let cause = cause(actor(Some(admin.clone())), now);
            let directory = portcullis::store::directories::find_by_name(connection, DIRECTORY)?
                .expect("it was made above")
                .id;
            let mut key = NewCredential::new(SecretKind::AdminKey, "First admin API key");
            key.scopes = Scope::ALL.map(|scope| scope.name().to_owned()).to_vec();
            let admin_key = credentials::issue(connection, &key, &cause.actor, now)
                .expect("an admin API key can be issued")
                .secret
                .expose()
                .to_owned();
            Ok::<_, portcullis::store::StoreError>(First {
                scim_key: scim_key(connection, &directory, &cause),
                directory,
                admin,
                admin_key,
            })
        })
        .expect("the database works")
}

fn scim_key(
    connection: &mut portcullis::store::DatabaseConnection,
    directory: &DirectoryId,
    cause: &Cause,
) -> String {
    let mut key = NewCredential::new(SecretKind::ScimKey, "SCIM key");
    key.directory_id = Some(directory.clone());
    credentials::issue(connection, &key, &cause.actor, cause.now)
        .expect("a SCIM key can be issued")
        .secret
        .expose()
        .to_owned()
}

fn actor(person_id: Option<ResourceId>) -> Actor {
    Actor {
        person_id,
        ..Actor::command_line()
    }
}

fn cause(actor: Actor, now: portcullis::clock::Timestamp) -> Cause {
    Cause {
        actor,
        requested_at: now,
        now,
    }
}

/// The built-in schemas, and the JSON files of a directory.
fn registry(directory: Option<&Path>) -> Registry {
    let mut documents = Vec::new();
    if let Some(directory) = directory {
        let entries = std::fs::read_dir(directory).expect("the schemas can be listed");
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.expect("the schemas can be listed").path())
            .collect();
        paths.sort();
        for path in paths {
            let text = std::fs::read_to_string(&path).expect("a schema can be read");
            documents.push((path.display().to_string(), text));
        }
    }
    Registry::load(&documents).expect("the schemas can be taken")
}
