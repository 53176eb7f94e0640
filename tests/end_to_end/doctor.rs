//! `doctor` finds the usual mistakes and says what to do about each.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::process::Deployment;
use crate::server::DatabaseKind;

/// Makes two tests of one body, on a deployment that was set up on the database.
macro_rules! on_both {
    ($name:ident, |$deployment:ident| $body:block) => {
        mod $name {
            use super::*;

            fn test(kind: DatabaseKind) {
                let $deployment = Deployment::create(kind);
                $body
            }

            #[test]
            fn sqlite() {
                test(DatabaseKind::Sqlite);
            }

            #[test]
            fn postgres() {
                test(DatabaseKind::Postgres);
            }
        }
    };
}

/// The findings of one check.
fn of<'a>(findings: &'a [Value], check: &str) -> Vec<&'a Value> {
    let of_check: Vec<_> = findings
        .iter()
        .filter(|one| one["check"] == check)
        .collect();
    assert!(
        !of_check.is_empty(),
        "{check} is not looked at: {findings:?}"
    );
    of_check
}

/// The one finding of a check has this verdict, a detail that contains this, and says what to do unless it is good.
#[track_caller]
fn assert_finding(findings: &[Value], check: &str, verdict: &str, detail: &str) {
    let found = of(findings, check);
    let [found] = found.as_slice() else {
        panic!("{check}: {found:?}");
    };
    assert_eq!(found["verdict"], verdict, "{found}");
    assert!(
        found["detail"]
            .as_str()
            .unwrap_or_default()
            .contains(detail),
        "{found}"
    );
    assert_eq!(found["to_do"].is_string(), verdict != "good", "{found}");
}

on_both!(
    a_new_deployment_has_remarks_about_what_is_not_set_up_yet_and_no_problems,
    |deployment| {
        let findings = deployment.findings(&[]);
        for check in [
            "configuration",
            "public URL",
            "trusted proxies",
            "environment",
            "schemas",
            "master key",
            "database",
            "migrations",
            "sealed values",
            "clock",
            "counts",
            "expiry",
            "orphans",
            "audit chain",
        ] {
            assert_finding(&findings, check, "good", "");
        }
        assert_finding(&findings, "owners", "remark", "no owner has a password");
        assert_finding(&findings, "notices", "remark", "nobody is told");
        let kind = if deployment.database_url().starts_with("sqlite:") {
            "integrity"
        } else {
            "PostgreSQL settings"
        };
        assert_finding(&findings, kind, "good", "");
    }
);

on_both!(
    what_is_wrong_with_keys_owners_and_migrations_is_found,
    |deployment| {
        let other = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
        std::fs::write(&other, "0e".repeat(32)).expect("a file can be written");
        let path = other.display().to_string();
        let findings = deployment.findings(&["--master-key-file", &path]);
        let found = of(&findings, "master key");
        assert_eq!(found[1]["verdict"], "problem", "{found:?}");
        let (code, _) = deployment.try_run(&["doctor", "--master-key-file", &path]);
        assert_eq!(code, Some(1));
        std::fs::remove_file(other).expect("it was written");

        let mut connection = deployment.connect();
        connection
            .batch_execute(
                "UPDATE credentials SET expires_at = expires_at - 31536000000 + 86400000;
             UPDATE role_assignments SET role = 'auditor';",
            )
            .expect("the tables are there");
        let findings = deployment.findings(&[]);
        let expiring = of(&findings, "expiry");
        assert_eq!(expiring.len(), 2, "{expiring:?}");
        assert_finding(&findings, "owners", "problem", "nobody is an owner");

        diesel::sql_query(
            "DELETE FROM __diesel_schema_migrations WHERE version = '00000000000013'",
        )
        .execute(&mut connection)
        .expect("it was applied");
        let findings = deployment.findings(&[]);
        assert_finding(
            &findings,
            "migrations",
            "problem",
            "pending: 00000000000013",
        );
        connection
            .batch_execute(
                "INSERT INTO __diesel_schema_migrations (version) VALUES ('00000000000013');
             INSERT INTO __diesel_schema_migrations (version) VALUES ('99990000000000');",
            )
            .expect("the table is there");
        let findings = deployment.findings(&[]);
        assert_finding(&findings, "migrations", "problem", "99990000000000");
    }
);

#[test]
fn what_is_open_to_others_and_sent_unencrypted_is_found() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let directory = deployment.directory();
    let database = directory.join("portcullis.sqlite");
    let open = Permissions::from_mode(0o644);
    for path in [&database, &directory.join("master.key")] {
        std::fs::set_permissions(path, open.clone()).expect("it is ours");
    }
    let config = directory.join("portcullis.toml");
    std::fs::write(&config, "replica-url = \"postgres://u:p@127.0.0.1:1/x\"\n")
        .expect("it can be written");
    std::fs::set_permissions(&config, open).expect("it is ours");
    let config = config.display().to_string();
    let findings =
        deployment.findings(&["--listen", "0.0.0.0:8080", "--trusted-proxies", "0.0.0.0/0"]);
    assert_finding(&findings, "public URL", "problem", "unencrypted");
    assert_finding(&findings, "trusted proxies", "problem", "0.0.0.0/0");
    assert_finding(&findings, "master key", "problem", "readable by others");
    assert_finding(
        &findings,
        "files",
        "problem",
        "portcullis.sqlite can be read by others",
    );

    // The settings of the file do not fit the database: it is refused, with the line.
    let (code, error) = deployment.try_run(&["doctor", "--config", &config]);
    assert_eq!(code, Some(2), "{error}");
    assert!(
        error.contains("replica-url") && error.contains("line 1"),
        "{error}"
    );
}

#[test]
fn a_file_with_secrets_that_others_can_read_is_found() {
    let deployment = Deployment::create(DatabaseKind::Postgres);
    let config = deployment.directory().join("portcullis.toml");
    let replica = deployment.database_url();
    std::fs::write(&config, format!("replica-url = {}\n", json!(replica)))
        .expect("it can be written");
    std::fs::set_permissions(&config, Permissions::from_mode(0o640)).expect("it is ours");
    let path = config.display().to_string();
    let findings = deployment.findings(&["--config", &path]);
    assert_finding(
        &findings,
        "configuration file",
        "problem",
        "has replica-url",
    );
    // It is the primary itself.
    assert_finding(&findings, "replica", "remark", "it follows no other server");
    std::fs::set_permissions(&config, Permissions::from_mode(0o600)).expect("it is ours");
    let findings = deployment.findings(&["--config", &path]);
    assert_finding(&findings, "configuration file", "good", "");
}

#[test]
fn a_damaged_file_and_a_mail_server_that_is_away_are_found() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let mail = [
        "--smtp-url",
        "smtp://127.0.0.1:1?tls=none",
        "--mail-from",
        "portcullis@example.org",
    ];
    let findings = deployment.findings(&mail);
    assert_finding(&findings, "mail server", "problem", "refused");
    assert_finding(&findings, "notices", "good", "");

    deployment
        .connect()
        .batch_execute("PRAGMA wal_checkpoint(TRUNCATE);")
        .expect("it can be checkpointed");
    let path = deployment.directory().join("portcullis.sqlite");
    let mut bytes = std::fs::read(&path).expect("it can be read");
    // Pages of tables and indexes, and not the first, without which there would be no database.
    for page in bytes.chunks_mut(4096).skip(20).step_by(7) {
        page[8..200].fill(0xff);
    }
    std::fs::write(&path, bytes).expect("it can be written");
    let findings = deployment.findings(&[]);
    let is_found = findings.iter().any(|one| {
        (one["check"] == "integrity" || one["check"] == "database") && one["verdict"] == "problem"
    });
    assert!(is_found, "{findings:?}");
}
