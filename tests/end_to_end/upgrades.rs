//! Databases of every earlier version, with data in them, are migrated by the binary and work: the data is there,
//! what authenticated does, what had ended has, and the audit chain goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use portcullis::config::MasterKey;
use portcullis::credentials::passwords;
use portcullis::sealed::Sealer;
use portcullis::secret::{PlainSecret, SecretKind};
use portcullis::store::DatabaseConnection;
use serde_json::json;

use crate::process::Deployment;
use crate::server::{Client, DatabaseKind, MASTER_KEY};

const PASSWORD: &str = "correct horse battery staple";
const ADA: &str = "01900000-0000-7000-8000-000000000011";
const GRACE: &str = "01900000-0000-7000-8000-000000000012";
/// Made by the server, in which no file has a row: the chain of audit events.
const MADE_BY_THE_SERVER: [&str; 2] = ["audit_chain", "audit_anchors"];
/// The version from which on something is there.
const AUTHORITY: usize = 2;
const RECORDS: usize = 3;
const SERVICE_ACCOUNTS: usize = 5;

/// The names of what a directory of this package holds, in order.
fn names(directory: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{directory}: {error}"));
    let names: BTreeSet<String> = entries
        .map(|entry| {
            entry
                .expect("it can be read")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.into_iter().collect()
}

fn read(path: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The migrations, each as its number and its name: `1`, `resources`.
fn migrations() -> Vec<(usize, String)> {
    let parts = |name: &String| {
        let (number, name) = name.split_once('_').expect("it has a number and a name");
        (number.parse().expect("it is a number"), name.to_owned())
    };
    names("migrations/sqlite").iter().map(parts).collect()
}

fn fixture(number: usize, name: &str) -> String {
    format!("{number:02}_{name}.sql")
}

#[test]
fn every_migration_has_a_file_of_rows() {
    let expected: Vec<String> = migrations()
        .iter()
        .map(|(number, name)| fixture(*number, name))
        .chain(["README.md".to_owned()])
        .collect();
    assert_eq!(names("tests/upgrades"), expected);
}

/// An index that was made beside writers and broke off is there, and of no use: the next start makes it anew.
#[test]
fn an_index_that_was_left_behind_is_made_again() {
    let secrets = Secrets::make();
    let deployment = of_version(14, DatabaseKind::Postgres, &secrets);
    // Neither is what its migration makes, one broke off.
    deployment
        .connect()
        .batch_execute(
            "CREATE INDEX deliveries_failed ON deliveries (channel);
             CREATE INDEX notices_by_kind ON notices (kind);
             UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'notices_by_kind'::regclass;",
        )
        .expect("they can be made");
    deployment.run(&["migrate"]);
    let query = "SELECT COUNT(*) AS count FROM pg_index WHERE indisvalid AND pg_get_indexdef(indexrelid) IN (
        'CREATE INDEX deliveries_failed ON public.deliveries USING btree (id) WHERE (state = ''failed''::text)',
        'CREATE INDEX notices_by_kind ON public.notices USING btree (kind, id)')";
    let found: Count = diesel::sql_query(query)
        .get_result(&mut deployment.connect())
        .expect("they can be asked for");
    assert_eq!(found.count, 2);
}

/// The secrets whose hashes are in a database, by their marks.
struct Secrets {
    by_mark: BTreeMap<&'static str, PlainSecret>,
    password: String,
    sealer: Sealer,
}

impl Secrets {
    fn make() -> Self {
        let kinds = [
            ("scim_key", SecretKind::ScimKey),
            ("revoked_scim_key", SecretKind::ScimKey),
            ("expired_scim_key", SecretKind::ScimKey),
            ("api_key", SecretKind::AdminKey),
            ("support_key", SecretKind::AdminKey),
            ("user_token", SecretKind::UserToken),
            ("limited_token", SecretKind::UserToken),
            ("product_credential", SecretKind::ProductCredential),
            ("service_account_token", SecretKind::ServiceAccountToken),
            ("reading_token", SecretKind::ServiceAccountToken),
            ("session", SecretKind::Session),
        ];
        let make = |(mark, kind)| {
            (
                mark,
                PlainSecret::generate(kind).expect("there are random numbers"),
            )
        };
        let password = passwords::hash(PASSWORD).expect("it is long enough");
        let key = MasterKey::parse(MASTER_KEY).expect("it has 64 digits");
        Self {
            by_mark: kinds.into_iter().map(make).collect(),
            password: password.as_str().to_owned(),
            sealer: Sealer::new(&key, None),
        }
    }

    fn get(&self, mark: &str) -> &str {
        self.by_mark[mark].expose()
    }

    /// The statements of a file, with what stands for its marks.
    fn fill_in(&self, statements: &str, kind: DatabaseKind) -> String {
        let mut filled = statements.replace("{password}", &format!("'{}'", self.password));
        for (mark, secret) in &self.by_mark {
            let digits: Vec<String> = secret
                .hash()
                .as_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let hash = digits.concat();
            let literal = match kind {
                DatabaseKind::Sqlite => format!("X'{hash}'"),
                DatabaseKind::Postgres => format!("'\\x{hash}'::bytea"),
            };
            filled = filled.replace(&format!("{{{mark}}}"), &literal);
        }
        while let Some((before, rest)) = filled.split_once("{sealed:") {
            let (mark, after) = rest.split_once('}').expect("it ends");
            let (purpose, id) = mark.split_once(':').expect("it names a row");
            let sealed = self
                .sealer
                .seal(purpose, id, b"something")
                .expect("it can be sealed");
            filled = format!("{before}'{}'{after}", sealed.as_str());
        }
        filled
    }
}

/// A database as the release of a version left it.
fn of_version(version: usize, kind: DatabaseKind, secrets: &Secrets) -> Deployment {
    let deployment = Deployment::empty(kind);
    let side = match kind {
        DatabaseKind::Sqlite => "sqlite",
        DatabaseKind::Postgres => "postgres",
    };
    let mut connection = deployment.connect();
    let mut run = |what: &str, statements: &str| {
        connection
            .batch_execute(statements)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
    };
    run(
        "the table of migrations",
        "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
         run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);",
    );
    for (number, name) in migrations().into_iter().take(version) {
        let migration = format!("migrations/{side}/{number:014}_{name}/up.sql");
        run(&migration, &read(&migration));
        let file = format!("tests/upgrades/{}", fixture(number, &name));
        run(&file, &secrets.fill_in(&read(&file), kind));
        run(
            "the note of a migration",
            &format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{number:014}');"),
        );
    }
    let key = deployment.directory().join("master.key");
    fs::write(&key, MASTER_KEY).expect("it can be written");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("it is ours");
    deployment
}

#[derive(diesel::QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// How many rows each table has.
fn rows(connection: &mut DatabaseConnection) -> BTreeMap<String, i64> {
    let query = match connection {
        DatabaseConnection::Sqlite(_) => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        }
        DatabaseConnection::Postgres(_) => {
            "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public'"
        }
    };
    let tables: Vec<Table> = diesel::sql_query(query)
        .load(connection)
        .expect("they can be listed");
    let mut rows = BTreeMap::new();
    for Table { name } in tables {
        let query = format!("SELECT COUNT(*) AS count FROM {name}");
        let count: Count = diesel::sql_query(query)
            .get_result(connection)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        rows.insert(name, count.count);
    }
    rows.remove("__diesel_schema_migrations");
    rows
}

fn every_version_becomes_the_latest(kind: DatabaseKind) {
    let latest = migrations().len();
    let secrets = Secrets::make();
    for version in 1..=latest {
        let deployment = of_version(version, kind, &secrets);
        let before = rows(&mut deployment.connect());
        deployment.run(&["migrate"]);
        let after = rows(&mut deployment.connect());
        for (table, count) in &before {
            assert_eq!(
                after.get(table),
                Some(count),
                "{table}, from version {version}"
            );
        }
        if version == latest {
            let empty: Vec<_> = after
                .iter()
                .filter(|(table, count)| {
                    **count == 0 && !MADE_BY_THE_SERVER.contains(&table.as_str())
                })
                .collect();
            assert!(empty.is_empty(), "no file has a row of {empty:?}");
        }
        assert_works(&deployment, version, &secrets);
    }
}

fn assert_works(deployment: &Deployment, version: usize, secrets: &Secrets) {
    let process = deployment.serve();
    let key = deployment.run(&[
        "scim-key",
        "create",
        "--directory",
        "Default",
        "--name",
        "new",
    ]);
    let new = key["secret"].as_str().expect("it is shown");
    let old = (version >= AUTHORITY).then(|| secrets.get("scim_key"));
    for key in old.into_iter().chain([new]) {
        let scim = process.client("/scim/v2", key);
        let user = scim.get(&format!("/Users/{ADA}")).expect(200).body;
        assert_eq!(
            user["userName"], "Ada@example.org",
            "from version {version}"
        );
        assert_eq!(
            user["emails"],
            json!([{"value": "ada@example.org", "type": "work"}])
        );
        assert_eq!(user["groups"][0]["display"], "Platform");
        let found = scim
            .get("/Users?filter=emails.value%20eq%20%22ada@example.org%22")
            .expect(200);
        assert_eq!(found.body["totalResults"], 1);
        let grace = scim.get(&format!("/Users/{GRACE}")).expect(200).body;
        assert_eq!(grace["active"], false);
        assert_eq!(scim.get("/Users").expect(200).body["totalResults"], 2);
    }
    if version >= AUTHORITY {
        assert_authority_works(&process.base_url, secrets, version);
    }
    let findings = deployment.findings(&[]);
    for check in ["migrations", "sealed values", "counts", "master key"] {
        let found = findings.iter().find(|finding| finding["check"] == check);
        let verdict = found.map(|finding| &finding["verdict"]);
        assert_eq!(
            verdict,
            Some(&json!("good")),
            "{check}, from version {version}: {findings:?}"
        );
    }
    deployment.run(&["audit", "verify"]);
    if version >= RECORDS {
        let events = deployment.run(&["audit", "list"]);
        assert!(
            events.to_string().contains("user.deprovisioned"),
            "from version {version}"
        );
    }
}

/// What worked at that version does, and what had ended has.
fn assert_authority_works(base_url: &str, secrets: &Secrets, version: usize) {
    let client =
        |base: &str, mark: &str| Client::new(&format!("{base_url}{base}"), Some(secrets.get(mark)));
    client("/admin/v1", "api_key").get("/users").expect(200);
    // Who could read people could read their sessions, before that had a scope of its own.
    let sessions = format!("/users/{ADA}/sessions");
    client("/admin/v1", "api_key").get(&sessions).expect(200);
    client("/scim/v2", "revoked_scim_key")
        .get("/Users")
        .expect(401);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let active = |mark: &str| {
        let body = format!("token={}", secrets.get(mark));
        let product = client("", "product_credential");
        let answer = product.request("POST", "/oauth2/introspect", &form, body.as_bytes());
        answer.expect(200).body["active"] == true
    };
    assert!(active("user_token"), "from version {version}");
    if version >= SERVICE_ACCOUNTS {
        assert!(active("service_account_token"), "from version {version}");
        client("/admin/v1", "reading_token")
            .get(&sessions)
            .expect(200);
    }
    let who = json!({"directory": "local", "user_name": "admin", "password": PASSWORD});
    let session = Client::new(base_url, None)
        .post("/account/v1/session", &who)
        .expect(201);
    let admin = Client::new(
        &format!("{base_url}/admin/v1"),
        Some(&session.text_at("/token")),
    );
    admin.get("/audit-events").expect(200);
}

mod databases_of_every_earlier_version_become_the_latest_with_all_that_is_in_them {
    use super::*;

    #[test]
    fn sqlite() {
        every_version_becomes_the_latest(DatabaseKind::Sqlite);
    }

    #[test]
    fn postgres() {
        every_version_becomes_the_latest(DatabaseKind::Postgres);
    }
}
