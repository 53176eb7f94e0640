//! Backups that are taken under writes, and restorations after which nothing works that may have ended since.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::people::USER_SCHEMA;
use crate::process::{Deployment, Process};
use crate::server::{Client, DatabaseKind, postgres_url};

const PASSWORD: &str = "correct horse battery staple";

/// What there is before the backup, and what authenticates.
struct Before {
    deployment: Deployment,
    process: Process,
    /// A session of the break-glass admin.
    session: String,
    /// A key that is revoked after the backup.
    revoked_later: String,
    /// A person who leaves after the backup.
    leaver: String,
    /// People whose creation was answered.
    people: Vec<String>,
}

impl Before {
    fn arrange(kind: DatabaseKind) -> Self {
        let deployment = Deployment::create(kind);
        let process = deployment.serve();
        let session = come_in(&process, deployment.first("setup_url"));
        let directory = deployment.first("directory_id").to_owned();
        let admin = process.client("/admin/v1", deployment.first("admin_api_key"));
        let path = format!("/directories/{directory}/scim-keys");
        let key = admin
            .post(&path, &json!({"name": "leaked later"}))
            .expect(201);
        let scim = process.client("/scim/v2", deployment.first("scim_key"));
        let leaver = create(&scim, "leaver@example.org");
        let people = (0..20)
            .map(|number| create(&scim, &format!("person-{number}@example.org")))
            .collect();
        Self {
            revoked_later: key.text_at("/secret"),
            deployment,
            process,
            session,
            leaver,
            people,
        }
    }

    fn scim(&self) -> Client {
        self.process
            .client("/scim/v2", self.deployment.first("scim_key"))
    }

    /// Does something while somebody writes all the time.
    fn under_writes<T>(&self, work: impl FnOnce() -> T) -> T {
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let scim = self.scim();
                let mut number = 0;
                while !is_done.load(Ordering::Relaxed) {
                    create(&scim, &format!("meanwhile-{number}@example.org"));
                    number += 1;
                }
            });
            let outcome = work();
            is_done.store(true, Ordering::Relaxed);
            outcome
        })
    }

    /// What a backup does not know: a leaver, and a key that is revoked.
    fn go_on(&self) {
        let admin = self
            .process
            .client("/admin/v1", self.deployment.first("admin_api_key"));
        self.scim()
            .delete(&format!("/Users/{}", self.leaver))
            .expect(204);
        let keys = admin.get("/scim-keys").expect(200);
        let keys = keys.body["items"].as_array().cloned().unwrap_or_default();
        let key = keys.iter().find(|key| key["name"] == "leaked later");
        let id = key
            .and_then(|key| key["id"].as_str())
            .expect("it is listed");
        admin.delete(&format!("/scim-keys/{id}")).expect(204);
        self.process
            .client("/scim/v2", &self.revoked_later)
            .get("/Users")
            .expect(401);
    }

    /// Every secret that worked when the backup was taken, with a path that it may ask for.
    fn secrets(&self) -> [(&str, &str); 4] {
        [
            ("/scim/v2/Users", self.deployment.first("scim_key")),
            ("/scim/v2/Users", &self.revoked_later),
            ("/admin/v1/users", self.deployment.first("admin_api_key")),
            ("/account/v1/tokens", &self.session),
        ]
    }

    fn master_key(&self) -> PathBuf {
        self.deployment.directory().join("master.key")
    }
}

/// Sets the password by a link, and signs in.
fn come_in(process: &Process, setup_url: &str) -> String {
    let (_, link) = setup_url.split_once("link=").expect("it has a link");
    let anybody = Client::new(&process.base_url, None);
    let password = json!({"link": link, "password": PASSWORD});
    anybody.post("/account/v1/password", &password).expect(204);
    sign_in(&anybody).expect(201).text_at("/token")
}

fn sign_in(anybody: &Client) -> crate::server::Answer {
    let who = json!({"directory": "local", "user_name": "admin", "password": PASSWORD});
    anybody.post("/account/v1/session", &who)
}

fn create(scim: &Client, user_name: &str) -> String {
    let user = json!({"schemas": [USER_SCHEMA], "userName": user_name, "active": true});
    scim.post("/Users", &user).expect(201).id()
}

/// Nothing that worked when the backup was taken does, and an owner comes in by the link alone.
fn assert_nothing_came_back(before: &Before, restored: &Deployment, report: &Value) {
    assert_eq!(report["revoked"]["scim_key"], 2, "{report}");
    assert_eq!(report["revoked"]["api_key"], 1, "{report}");
    assert_eq!(report["revoked"]["session"], 1, "{report}");
    assert_eq!(report["passwords_removed"], 1, "{report}");
    let process = restored.serve();
    let anybody = Client::new(&process.base_url, None);
    for (path, secret) in before.secrets() {
        process.client("", secret).get(path).expect(401);
    }
    sign_in(&anybody).expect(401);
    let setup_url = report["setup_url"].as_str().expect("there is an owner");
    let session = come_in(&process, setup_url);
    let admin = process.client("/admin/v1", &session);
    let events = admin
        .get("/audit-events?action=deployment.restored")
        .expect(200);
    let detail = &events.body["items"][0]["detail"];
    assert_eq!(detail["revoked"], report["revoked"]);
    assert_eq!(detail["backup_taken_at"], report["backup_taken_at"]);
    let notices = admin.get("/notices").expect(200);
    let kinds = notices.body["items"].as_array().into_iter().flatten();
    assert!(
        kinds
            .clone()
            .any(|notice| notice["kind"] == "deployment_restored"),
        "{}",
        notices.body
    );

    let directory = before.deployment.first("directory_id");
    let key = restored.run(&[
        "scim-key",
        "create",
        "--directory",
        directory,
        "--name",
        "new",
    ]);
    let scim = process.client("/scim/v2", key["secret"].as_str().expect("it is shown"));
    for person in before.people.iter().chain([&before.leaver]) {
        let user = scim.get(&format!("/Users/{person}")).expect(200);
        assert_eq!(user.body["active"], true);
    }
    let findings = restored.findings(&[]);
    let of_restoration = findings.iter().find(|one| one["check"] == "restoration");
    assert_eq!(
        of_restoration.expect("it is remarked on")["verdict"],
        "remark"
    );
    let of_counts = findings.iter().find(|one| one["check"] == "counts");
    assert_eq!(of_counts.expect("they are looked at")["verdict"], "good");
    restored.run(&["audit", "verify"]);
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_backup_under_writes_is_whole_and_after_its_restoration_nothing_works_that_may_have_ended() {
    let before = Before::arrange(DatabaseKind::Sqlite);
    let restored = Deployment::empty(DatabaseKind::Sqlite);
    let file = before.deployment.directory().join("backups");
    std::fs::create_dir(&file).expect("a directory can be made");
    let file = file.join("portcullis.backup");
    let report = before.under_writes(|| before.deployment.run(&["backup", &text(&file)]));
    assert!(report["resources"].as_i64() >= Some(22), "{report}");
    let mode = file.metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let beside = std::fs::read_dir(file.parent().expect("it is in a directory"));
    assert_eq!(beside.expect("it can be listed").count(), 1);
    let (code, error) = before.deployment.try_run(&["backup", &text(&file)]);
    assert_eq!(code, Some(1));
    assert!(error.contains("is not overwritten"), "{error}");
    before.go_on();

    let (code, error) = restored.try_run(&["restore", &text(&file)]);
    assert_eq!(code, Some(1));
    assert!(error.contains("does not hold the master key"), "{error}");
    std::fs::copy(before.master_key(), restored.directory().join("master.key"))
        .expect("it can be copied");
    let answer = restored.run(&["restore", &text(&file)]);
    assert_eq!(answer["backup_taken_at"], report["taken_at"]);
    let (code, error) = restored.try_run(&["restore", &text(&file)]);
    assert_eq!(code, Some(1));
    assert!(error.contains("portcullis.sqlite is there"), "{error}");
    assert_nothing_came_back(&before, &restored, &answer);
}

#[test]
fn what_is_known_not_to_have_ended_can_be_kept_but_no_session() {
    let before = Before::arrange(DatabaseKind::Sqlite);
    let restored = Deployment::empty(DatabaseKind::Sqlite);
    let file = before.deployment.directory().join("portcullis.backup");
    before.deployment.run(&["backup", &text(&file)]);
    std::fs::copy(before.master_key(), restored.directory().join("master.key"))
        .expect("it can be copied");
    let answer = restored.run(&["restore", &text(&file), "--keep", "scim-keys,passwords"]);
    let expected = json!({"api_key": 1, "session": 1});
    assert_eq!(
        (&answer["revoked"], &answer["passwords_removed"]),
        (&expected, &json!(0))
    );
    assert_eq!(answer["setup_url"], Value::Null);
    let process = restored.serve();
    let expected = [200, 200, 401, 401];
    for ((path, secret), status) in before.secrets().into_iter().zip(expected) {
        process.client("", secret).get(path).expect(status);
    }
    sign_in(&Client::new(&process.base_url, None)).expect(201);
}

#[test]
fn what_cannot_be_restored_is_refused_and_leaves_nothing_behind() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let directory = deployment.directory();
    let whole = directory.join("whole.backup");
    deployment.run(&["backup", &text(&whole)]);
    let changed = |name: &str, statements: &str| {
        let path = directory.join(name);
        std::fs::copy(&whole, &path).expect("it can be copied");
        portcullis::store::DatabaseUrl::Sqlite(path.clone())
            .connect()
            .and_then(|mut connection| Ok(connection.batch_execute(statements)?))
            .expect("it can be changed");
        text(&path)
    };
    let newer = changed(
        "newer.backup",
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990000000000');
         PRAGMA journal_mode = DELETE;",
    );
    let other_key = changed(
        "other.backup",
        "UPDATE settings SET value = 'another' WHERE name = 'master_key_check'; PRAGMA journal_mode = DELETE;",
    );
    // Would let whoever made it in as an owner, in the moment of the restoration.
    let triggered = changed(
        "triggered.backup",
        "CREATE TRIGGER audit AFTER INSERT ON audit_events BEGIN
             UPDATE credentials SET revoked_at = NULL;
         END;
         PRAGMA journal_mode = DELETE;",
    );
    let viewed = changed(
        "viewed.backup",
        "ALTER TABLE settings RENAME TO kept;
         CREATE VIEW settings AS SELECT name, value FROM kept;
         PRAGMA journal_mode = DELETE;",
    );
    // Would be read before anything else, and never come to an end.
    let endless = changed(
        "endless.backup",
        "ALTER TABLE __diesel_schema_migrations RENAME TO kept;
         CREATE VIEW __diesel_schema_migrations AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
             SELECT i AS version, i AS run_on FROM n;
         PRAGMA journal_mode = DELETE;",
    );
    let damaged = directory.join("damaged.backup");
    let mut bytes = std::fs::read(&whole).expect("it can be read");
    for page in bytes.chunks_mut(4096).skip(3).step_by(5) {
        page[8..200].fill(0xff);
    }
    std::fs::write(&damaged, bytes).expect("it can be written");
    let nonsense = directory.join("nonsense.backup");
    std::fs::write(&nonsense, "not a database").expect("it can be written");

    let target = Deployment::empty(DatabaseKind::Sqlite);
    std::fs::copy(
        directory.join("master.key"),
        target.directory().join("master.key"),
    )
    .expect("it can be copied");
    let cases = [
        (newer, "newer release"),
        (other_key, "the master key is not the one"),
        (triggered, "run statements here: trigger audit"),
        (viewed, "view settings"),
        (
            endless,
            "notes its migrations in something that is no table",
        ),
        (text(&damaged), ""),
        (text(&nonsense), ""),
        (text(&directory.join("absent")), "there is no file"),
    ];
    for (file, message) in cases {
        let (code, error) = target.try_run(&["restore", &file]);
        assert!(code == Some(1) || code == Some(2), "{file}: {error}");
        assert!(error.contains(message), "{file}: {error}");
        let left = std::fs::read_dir(target.directory()).expect("it can be listed");
        assert_eq!(left.count(), 1, "{file}");
    }
}

#[test]
fn postgres_is_backed_up_by_its_own_tools_and_then_nothing_works_that_may_have_ended() {
    let before = Before::arrange(DatabaseKind::Postgres);
    let restored = Deployment::empty(DatabaseKind::Postgres);
    let (code, error) = before
        .deployment
        .try_run(&["backup", "/tmp/portcullis.backup"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("pg_dump"), "{error}");

    let file = text(&before.deployment.directory().join("portcullis.dump"));
    before.under_writes(|| {
        let url = before.deployment.database_url();
        postgres_tool(
            "pg_dump",
            &["--format=custom", "--file", &file, "--dbname", &url],
        );
    });
    before.go_on();
    let url = restored.database_url();
    postgres_tool(
        "pg_restore",
        &["--exit-on-error", "--no-owner", "--dbname", &url, &file],
    );
    std::fs::copy(before.master_key(), restored.directory().join("master.key"))
        .expect("it can be copied");
    let (code, error) = restored.try_run(&["restore", "--by-other-means"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("confirm it with --yes"), "{error}");
    let events = restored.run(&["audit", "list"]);
    assert!(
        !events.to_string().contains("deployment.restored"),
        "{events}"
    );
    let answer = restored.run(&["restore", "--by-other-means", "--yes"]);
    assert!(answer["backup_taken_at"].is_string(), "{answer}");
    assert_nothing_came_back(&before, &restored, &answer);
}

/// Runs a tool of the PostgreSQL that the tests are given.
fn postgres_tool(name: &str, arguments: &[&str]) {
    assert!(postgres_url().starts_with("postgres"));
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut directories: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
    directories.sort();
    let path = directories
        .iter()
        .rev()
        .map(|directory| directory.join(name));
    let path = path.into_iter().find(|path| path.exists());
    let output = Command::new(path.unwrap_or_else(|| PathBuf::from(name)))
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
